PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ALL := .venv/.installed-all
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO := runs/demo
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help setup tools demo test check docs clean

help:
	@echo "make demo   draw people, learn their parts from scratch, measure (5 minutes on 2 cores)"
	@echo "make test   all checks and tests"
	@echo "make docs   the documentation as a site, in site/"
	@echo "make setup  only the environment in .venv: what partpose needs, and its page"

setup: $(STAMP)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"partpose needs Python 3.11 or newer, this is {sys.version.split()[0]}; try make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

$(STAMP): pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[page,tensorboard]'
	@touch $@

tools: $(ALL)

# Of 16 000 modules the tests import a quarter: Python compiles these when it meets them
$(ALL): pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --no-compile -e '.[cluster,docs,page,tensorboard,test]'
	@touch $@ $(STAMP)

demo: setup
	rm -rf $(DEMO)
	$(BIN)/partpose figures runs/figures --people 40 --pictures 4000 --size 64 --background plain --seed 0
	$(BIN)/partpose train runs/figures --output $(DEMO) --preset figures --train.minutes 3.7
	$(BIN)/partpose predict $(DEMO) runs/figures --split test --output $(DEMO)/predictions
	$(BIN)/partpose evaluate $(DEMO) runs/figures --json $(DEMO)/evaluation.json
	$(BIN)/partpose show $(DEMO) runs/figures --output $(DEMO)/pictures
	@echo
	@echo "the model:         $(DEMO)"
	@echo "its error:         $(DEMO)/evaluation.json"
	@echo "what it sees:      $(DEMO)/pictures/parts.png part_maps.png reconstructions.png swap.png"
	@echo "keypoints:         $(DEMO)/predictions/figures.h5 and .csv"

# The tests start some hundred processes, and each would compile anew what it imports where that may not be kept
test: check
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(ALL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check

docs: $(ALL)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "the site: site/index.html"

clean:
	rm -rf site $(DEMO) runs/figures .pytest_cache .ruff_cache .hypothesis

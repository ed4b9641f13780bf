"""Whether any seed collapses."""

import json

import pytest
from kept import result


@pytest.mark.parametrize(
    ("changes", "collapsed"),
    [({}, False), ({"alive": 12}, True), ({"doubled": 12}, True), ({"static": 11}, False), ({"error": 9.7}, True)],
)
def test_when_a_run_has_collapsed(module, changes, collapsed):
    assert module("seeds").collapsed(result(**changes)) == collapsed


def test_one_seed_that_collapses_is_an_exit_code(tmp_path, call, module, capsys):
    """One of those that were asked for: what has collapsed elsewhere, or with other seeds, stands on the page alone."""
    machine = module("trials").machine("cpu")
    for seed, where in ((0, machine), (1, machine), (2, "another")):
        path = tmp_path / f"results/seeds/{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result(seed=seed, budget="1 minute", static=24 * (seed > 0), machine=where)))
    with pytest.raises(SystemExit, match="1"):
        call("seeds", "--table")
    assert "yes" in capsys.readouterr().out
    page = (tmp_path / "docs/results.md").read_text()
    assert f"| figures-plain | {machine} | 1 minute | 1 | 24 of 24 | 0 | 24 | 1.50 | 0.16 | yes |" in page
    assert "| figures-plain | another | 1 minute | 2 |" in page
    with pytest.raises(SystemExit, match="0"):
        call("seeds", "--table", "--seeds=0,2")
    assert "python benchmarks/seeds.py --sets figures-plain --minutes 1 --seeds 0,1\n" in page

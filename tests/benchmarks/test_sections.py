"""Sections of docs/results.md."""

import pytest


def test_a_section_is_replaced_and_all_else_is_left_alone(tmp_path, module):
    write = module("sections").write_section
    page = tmp_path / "results.md"
    write(page, "speed", "## Speed\n\n| a | b |")
    write(page, "accuracy", "## Accuracy\n\nold")
    page.write_text("# Numbers\n\nBy hand.\n" + page.read_text().split("\n\n", 1)[1])
    write(page, "other", "## Other")
    before = page.read_text()
    write(page, "accuracy", "## Accuracy\n\n\\1 new <b>\n")
    assert page.read_text() == before.replace("old", "\\1 new <b>")
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        "# Numbers", "## Accuracy", "## Speed", "## Other",
    ]  # fmt: skip
    assert "By hand." in before


def test_a_new_page_has_a_head(tmp_path, module):
    module("sections").write_section(tmp_path / "docs/results.md", "speed", "## Speed")
    assert (tmp_path / "docs/results.md").read_text().startswith("# Results\n")


@pytest.mark.parametrize("page", [["--page"], ["--page", "my page.md"], ["--page=other.md"]])
def test_the_command_of_a_section_writes_it_again(module, page):
    repeat = module("sections").repeat
    assert repeat("a.py", ["--half", *page]) == "python benchmarks/a.py --half --page docs/results.md"
    assert (
        repeat("a.py", ["--model", "my run", *page]) == "python benchmarks/a.py --model 'my run' --page docs/results.md"
    )
    assert repeat("a.py", [*page, "--rounds", "3"]) == "python benchmarks/a.py --rounds 3 --page docs/results.md"

"""What was passed over, and said."""

import json
from pathlib import Path


def listed(folder: Path) -> dict[str, str]:
    """`skipped.jsonl` as path → reason."""
    lines = (folder / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["path"]: entry["reason"] for entry in map(json.loads, lines)}


def assert_lists(found: dict[str, str], bad: dict[str, str]) -> None:
    for name, word in bad.items():
        assert any(path.endswith(name) and word in reason for path, reason in found.items()), (name, word)
    assert len(found) == len(bad)

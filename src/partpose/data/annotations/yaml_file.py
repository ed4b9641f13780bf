"""Settings that other tools keep beside their annotations."""

from pathlib import Path

import yaml

LARGEST = 1_000_000
"""Bytes; a larger file is no settings."""


def mapping(path: Path) -> dict:
    """What a YAML file holds, {} where it is missing, broken, too large or no mapping: it only adds to the annotations."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return held if isinstance(held, dict) else {}

"""Genuine annotation files of other tools, which not every checkout has."""

from pathlib import Path

import pytest


@pytest.fixture
def suite() -> Path:
    """The folder of genuine files beside the repository; its README says where they come from."""
    path = Path(__file__).resolve().parents[4] / "shared" / "formats_suite"
    if not path.is_dir():
        pytest.skip("no folder ../shared/formats_suite beside the repository")
    return path

"""Inputs of packs."""

from pathlib import Path

import pytest


@pytest.fixture
def mixed(picture_folder, clip) -> Path:
    """Twelve pictures and a video of 30 frames."""
    clip.rename(picture_folder / "clip.mp4")
    return picture_folder

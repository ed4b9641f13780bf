"""partpose's own annotated sets: `landmarks.csv`, and perhaps `keypoints.json`, beside the pictures."""

from pathlib import Path

from partpose.data.landmarks import KEYPOINTS, LANDMARKS, Landmarks, read_landmarks

NAME = "partpose"


def find(path: Path) -> list[Path]:
    """The landmarks.csv in a folder, or beside the keypoints.json that was named."""
    folder = path.parent if path.name in (LANDMARKS, KEYPOINTS) else path
    table = folder / LANDMARKS
    return [table] if table.is_file() else []


def read(path: Path, found: list[Path]) -> Landmarks:  # noqa: ARG001, every reader is given the user's path
    """The set as `read_landmarks` has it."""
    return read_landmarks(found[0].parent)

"""Models that come with partpose, by name."""

from importlib import resources
from pathlib import Path

from partpose.errors import PartposeError

CARD = "CARD.md"
"""In the folder of a shipped model: data, licence, error, limits."""


def shipped() -> list[str]:
    """The names of the models that are installed with the package."""
    folder = Path(str(resources.files("partpose") / "weights"))
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []


def to_change(model: str | Path) -> Path:
    """The folder of a model that something is to be kept in, as `resolve` finds it.

    Raises PartposeError as that, and for a shipped model, which serves all who use this installation.
    """
    folder = resolve(model)
    if folder.resolve().parent == Path(str(resources.files("partpose") / "weights")).resolve():
        raise PartposeError(
            f"{folder.name} comes with partpose and stays as it is: copy {folder} to a folder of your own, and name that"
        )
    return folder


def resolve(model: str | Path) -> Path:
    """The folder of a model given by path or by name; a path that exists wins.

    Raises:
        PartposeError: where there is neither, naming the shipped models.
    """
    if Path(model).is_dir():
        return Path(model)
    if Path(model).exists():
        raise PartposeError(f"{model} is a file: expected a model's folder, or the name of a shipped model")
    if str(model) in shipped():
        return Path(str(resources.files("partpose") / "weights" / str(model)))
    names = ", ".join(shipped()) or "none in this installation"
    raise PartposeError(f"no model folder {model}, and no shipped model of that name (there are: {names})")

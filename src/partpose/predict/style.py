"""`Style`: what is drawn of poses, as a user says it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from partpose.errors import PartposeError
from partpose.predict.finish import among

WORDS = ("ellipses", "trails", "skeleton", "names", "boxes")


@dataclass(frozen=True, kw_only=True)
class Style:
    """What is drawn besides a dot in the middle of every part. Raises `PartposeError` for what cannot be drawn."""

    draw: str = "ellipses"
    """What an overlay shows beside the parts' middles: any of ellipses,trails,skeleton,names,boxes, with commas."""
    trail: int = 15
    """How many frames of a video a trail goes back."""
    skeleton: str | None = None
    """The skeleton's lines, a:b,b:c by the parts' names or numbers, or a landmark map or keypoints.json that has them."""
    sheets: int = 1
    """How many contact sheets of 48 to make of a folder's pictures."""

    def __post_init__(self) -> None:
        among(WORDS, self.draw, "--draw")
        if self.trail < 1:
            raise PartposeError(f"--trail must be a number of frames, 1 or more, got {self.trail}")
        if self.sheets < 0:
            raise PartposeError(f"--sheets must be 0 or more, got {self.sheets}")

    @property
    def words(self) -> tuple[str, ...]:
        """What is drawn, one by one."""
        return among(WORDS, self.draw, "--draw")

    def edges(self, names: Sequence[str], known: Sequence[tuple[int, int]] = ()) -> tuple[tuple[int, int], ...]:
        """The skeleton's lines as pairs of places in `names`: those of `skeleton`, or `known` ones where it is None.

        Raises `PartposeError` where it is to be drawn but is not known, or is about other parts.
        """
        pairs = _named(self.skeleton, names) if self.skeleton is not None else tuple(known)
        if "skeleton" not in self.words and self.skeleton is None:
            return ()
        if not pairs:
            raise PartposeError("no skeleton is known: name its lines, --skeleton a:b,b:c, or a file that has them")
        return pairs


def _named(text: str, names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    in_file = text.lower().endswith(".json") or Path(text).is_file()
    pairs = _listed(text) if in_file else [tuple(pair.split(":")) for pair in text.split(",")]
    if wrong := [pair for pair in pairs if len(pair) != 2]:
        raise PartposeError(f"a line of the skeleton goes from a part to another, as a:b, got {':'.join(wrong[0])!r}")
    places = {str(k): k for k in range(len(names))} | {name: k for k, name in enumerate(names)}
    if unknown := [end for pair in pairs for end in pair if end.strip() not in places]:
        few = f"{', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
        raise PartposeError(f"the skeleton names {unknown[0]!r}, but the parts are {few} or their numbers from 0")
    return tuple((places[a.strip()], places[b.strip()]) for a, b in pairs)


def _listed(file: str) -> list[tuple[str, ...]]:
    """The skeleton of a landmark map or of a keypoints.json, by its landmarks' names."""
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8-sig"))
        names = content.get("keypoints") or content["names"]
        return [(str(names[a]), str(names[b])) for a, b in content.get("skeleton") or ()]
    except OSError as error:
        raise PartposeError(f"cannot read the skeleton {file}: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise PartposeError(f"{file} has no skeleton: expected a landmark map or a keypoints.json") from error

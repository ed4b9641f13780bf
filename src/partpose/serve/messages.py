"""What page and server say to each other, in JSON; the reference at /docs is made from this."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Pixels = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
Area = Annotated[FiniteFloat, Field(ge=-1e12, le=1e12)]
Point = tuple[Pixels, Pixels]
Matrix = tuple[tuple[Area, Area], tuple[Area, Area]]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Part(Message):
    """One part in one picture, in pixels of the original; the centre of its top-left pixel is (0, 0)."""

    mean: tuple[float, float]
    """x to the right, y down."""
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """The part's extent, square pixels."""
    confidence: float
    """From 0 to 1."""


class Frame(Message):
    """One picture, or one frame of a video."""

    index: int
    """Its place in the video, from 0."""
    time: float | None
    """Seconds from the start of the video; null for a picture."""
    width: int
    """Pixels of the original."""
    height: int
    """Pixels of the original."""
    square: tuple[float, float, float]
    """Left, top and side, in pixel edges, of the square of the original that the model sees and rebuilds."""
    parts: list[Part]
    """As the model found them."""


class Picture(Message):
    """What became of an uploaded file."""

    id: str
    """The key by which it is asked for from now on; whoever knows it can see the picture."""
    name: str
    """What the file is called."""
    kind: str
    """picture or video."""
    frames: list[Frame]
    """The frames that are looked at; of a picture only one."""


class Model(Message):
    """The model that this page is about, and what it takes."""

    name: str
    """What it is called: the last part of its path."""
    side: int
    """Side of the square that pictures are brought to and rebuilt at, pixels."""
    names: list[str]
    """One a part, all different, as in results: from the names that were given, else part_0, part_1, …"""
    given: dict[int, str]
    """Only the names that were given, by the number of the part."""
    colours: list[str]
    """One a part, #rrggbb."""
    limits: dict[str, float]
    """upload: bytes of a file. pixels: of a picture. frames: of a video. idle: seconds until what is not used is removed."""


class Names(Message):
    """Names for the parts."""

    model_config = ConfigDict(json_schema_extra={"example": {"names": {"0": "nose"}}})

    names: dict[int, str]
    """By the number of the part; a part that is left out, or whose name is empty, has none."""


class Moved(Message):
    """Where a part is to be instead, and of which extent; what is left out stays."""

    mean: Point | None = None
    """x and y, pixels of the original."""
    covariance: Matrix | None = None
    """2×2, symmetric and positive definite, square pixels of the original."""


class Look(Message):
    """Appearances of another picture."""

    picture: str
    """Its id."""
    frame: int = 0
    """Its frame, counted in the list of frames."""
    parts: list[int] | None = Field(None, max_length=1000)
    """The parts that wear them; all where there is no list."""


class Rebuild(Message):
    """What is changed before the picture is rebuilt; nothing at all gives the plain reconstruction."""

    model_config = ConfigDict(json_schema_extra={"example": {"moved": {"0": {"mean": [120, 80]}}}})

    moved: dict[int, Moved] = {}
    """By the number of the part."""
    looks: list[Look] = Field([], max_length=16)
    """One after the other."""


class Trouble(Message):
    """Why a request was not answered."""

    error: str
    """One line."""


TROUBLE: dict[int | str, dict[str, Any]] = {
    404: {"model": Trouble, "description": "there is no such picture, frame or part, or it was removed"},
    422: {"model": Trouble, "description": "the request makes no sense; the line says what was expected"},
    503: {"model": Trouble, "description": "too many are waiting"},
}

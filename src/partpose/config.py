"""Every setting of a run: what it means, its default, its limits. Presets are YAML files that set some of them.

The text under a setting is also its help on the command line (`partpose train --help`).
"""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from partpose.errors import PartposeError

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _none(value: Any) -> Any:
    return None if value in ("none", "null") else value


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSettings(Frozen):
    """What the network is."""

    architecture: Literal["compact", "lorenz2019"] = "compact"
    """compact: small convolutions made for CPUs. lorenz2019: the hourglasses and the generator of the original."""
    size: Annotated[int, Field(ge=32)] = 64
    """Side of a training view in pixels, a multiple of 16. Prediction sees the same scale, with the margin around it."""
    channels: Annotated[int, Field(ge=1, le=4)] = 3
    """Channels of a picture: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha."""
    parts: Annotated[int, Field(ge=1)] = 12
    """K, how many parts to learn."""
    appearance: Annotated[int, Field(ge=1)] = 16
    """D, the length of each part's appearance vector."""
    backbone: Literal["none", "imagenet"] = "none"
    """imagenet: the shape stream also reads the features of a network that was taught to name photographs, which stay as they
    are: for objects before scenes that change. Steps take 1.5 times as long on CPUs with bfloat16, twice as long on others."""
    facing: bool = False
    """For animals seen from the side, which face both ways: a part is the same one either way, as the head. Which way one faces
    is found without a label, from what the backbone sees; prediction takes twice as long. Left and right legs are then told by
    which is nearer."""
    width: Annotated[int, Field(ge=8)] = 32
    """Channels of the first layer; the deeper ones are multiples of it. 32 is fast on CPUs."""
    logit_scale: Positive = 3.0
    """Part maps start from normalised logits times this: maps that start flat stay flat."""
    gaussian_scale: Positive = 1.0
    """Scale of the precision's factor in the generator's Gaussians (0.8 in the original)."""
    background: Literal["none", "masked", "camera"] = "none"
    """masked: the generator paints a layer behind the object, from the picture with most of it hidden, so that no part has to
    explain it. camera: where there is a fixed camera, which is found by itself, the layer is what it sees, and objects are also
    shown before other scenes; else the same as masked."""
    dropout: Share = 0.0
    """Dropout before the part maps (0.2 in the original)."""

    @field_validator("size")
    @classmethod
    def _multiple_of_16(cls, size: int) -> int:
        if size % 16:
            raise ValueError(f"must be a multiple of 16, got {size}; try {round(size / 16) * 16 or 16}")
        return size

    @property
    def canvas(self) -> int:
        """Side of the picture that views are cut from: a quarter larger than a view, rounded up to a multiple of 16."""
        return -(-self.size * 5 // 64) * 16


class DataSettings(Frozen):
    """What goes in."""

    frames_per_video: Annotated[int, Field(ge=1)] = 1000
    """Frames taken from each video, spread evenly."""
    boxes: str | None = None
    """Where the objects are: a CSV with file or frame, x, y, w, h and perhaps id; or auto, for the one moving object of a
    fixed camera. Whatever is done with the model later looks with auto too where it was trained so; a CSV has to be given
    again."""
    pairs: Literal["none", "video"] = "none"
    """video: a part's appearance comes from another frame of the clip, not from the same one transformed."""
    margin: NotNegative = 0.25
    """Share of a box's side that is added around it, so that a view cut from the middle holds the object whole."""
    memory: Positive = 2.0
    """GiB of decoded pictures kept in memory; a larger set goes to a file in the run folder."""

    @field_validator("boxes", mode="before")
    @classmethod
    def _no_boxes(cls, boxes: Any) -> Any:
        return _none(boxes)


class TransformSettings(Frozen):
    """How the two views of a picture differ. Lengths are in halves of the canvas' side."""

    zoom: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the canvas that a view shows."""
    zoom_jitter: Share = 0.15
    """A view's zoom varies by up to this share."""
    rotation: NotNegative = 0.3
    """A view is turned by up to this, in radians (3.1416: any direction, for top views)."""
    offset: NotNegative = 0.15
    """A view's middle moves by up to this."""
    warp: NotNegative = 0.06
    """Control points of the thin-plate spline move by up to this."""
    mirror: bool = False
    """One of the two views is a mirror image half of the time: for objects that look like their mirror image. Not for people,
    whose left and right hands would then be one; for animals that face both ways there is model.facing."""
    keep_inside: bool = False
    """Views are moved and shrunk until they show nothing outside the picture. Else the colours of its border go on there."""
    contrast: Share = 0.4
    """Contrast is multiplied by 1 ± this."""
    brightness: NotNegative = 0.2
    """Brightness is moved by up to this."""
    saturation: Share = 0.4
    """Saturation is multiplied by 1 ± this."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.15
    """Hue is turned by up to this share of the circle."""


class LossSettings(Frozen):
    """What is minimised: reconstruction plus these, weighted."""

    reconstruction: Literal["pyramid", "vgg", "weighted-l2"] = "pyramid"
    """pyramid: absolute error of values and gradients at three scales. vgg: the original's perceptual error, of features of
    VGG19, which needs its weights. weighted-l2: the original's squared error, near the parts only."""
    vgg_weights: str = "hub"
    """vgg: a file with torchvision's weights of VGG19 (.pth or .safetensors); or hub, for torch hub's folder, where they are
    fetched to the first time (548 MB). Where there are none, pyramid takes its place, with a warning."""
    ssim: NotNegative = 0.0
    """pyramid: weight of the structural dissimilarity (1 - SSIM) / 2 that is added to it."""
    focus: Share = 0.0
    """pyramid, vgg: how much of the weight is where the parts are; the rest is spread evenly."""
    mean: NotNegative = 2.0
    """Equivariance of the parts' means."""
    covariance: NotNegative = 0.5
    """Equivariance of the parts' covariances."""
    squared: bool = False
    """As in the original: mean squared difference of means, norm of the difference of covariances. Otherwise distances
    between means and between the covariances' square roots, which have one unit."""
    separation: NotNegative = 0.1
    """Keeps parts from sitting on one point."""
    separation_radius: Positive = 0.12
    """How near is too near, in halves of the view's side."""
    concentration: NotNegative = 1.0
    """Keeps part maps compact."""
    evidence: NotNegative = 0.5
    """Keeps part maps off flat patches, where nothing in the picture could tell a part's place."""
    cycle: NotNegative = 0.0
    """Looks that are lent to another picture's shape should be read from what is painted then: keeps the pose out of them."""


class TrainSettings(Frozen):
    """How it learns. A run ends at `steps` or `minutes`, whichever comes first; schedules fit themselves to it.

    Whoever names only one of the two (a preset, a command line) takes the other away.
    """

    steps: Annotated[int, Field(ge=1)] | None = None
    """Steps at most."""
    minutes: Positive | None = 5.0
    """Minutes at most; a run that is bounded by steps alone is reproducible to the bit on a CPU."""
    batch: Annotated[int, Field(ge=2)] = 16
    """Pictures a step."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """adam is the original's."""
    learning_rate: Positive = 1e-2
    """The peak: it is reached after the warm-up, then falls to zero along a cosine."""
    constant_rate: bool = False
    """Keep the learning rate constant, as the original does."""
    weight_decay: NotNegative = 0.01
    """adamw only."""
    warmup: Share = 0.05
    """Share of the run over which the learning rate, and the strength of the transforms, rise."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Decay of the moving average of the weights; the average is what is saved and used."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    seed: int = 0
    """Of the weights, the order of the pictures and the transforms."""
    stop_hopeless: bool = True
    """Stop with advice where after the first quarter no part is alive, apart and following the object for another quarter."""
    log_every: Annotated[int, Field(ge=1)] = 50
    """Steps between lines of the log."""
    pictures_every: Positive = 1.0
    """Minutes between picture grids."""
    checkpoint_minutes: Positive = 1.0
    """Minutes between checkpoints."""
    checkpoint_steps: Annotated[int, Field(ge=1)] = 1000
    """Steps between checkpoints."""
    compile: bool = False
    """Translate the networks for this machine with torch.compile when a run starts, which takes a minute or two."""
    tensorboard: bool = False
    """Also write a TensorBoard log (needs the extra: pip install partpose[tensorboard])."""

    @field_validator("steps", "minutes", mode="before")
    @classmethod
    def _none(cls, bound: Any) -> Any:
        return _none(bound)


class Settings(Frozen):
    """All settings of a run; `config.json` in a model folder holds them."""

    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    transform: TransformSettings = TransformSettings()
    loss: LossSettings = LossSettings()
    train: TrainSettings = TrainSettings()

    # Of all settings together, not of a section: a command line names a part of one, and a preset the rest
    @model_validator(mode="after")
    def _backbone_has_a_place(self) -> "Settings":
        model = self.model
        if model.architecture != "compact" and model.facing:
            raise ValueError(f"model.architecture {model.architecture} cannot tell facing: set model.facing false")
        if model.architecture != "compact" and model.backbone != "none":
            raise ValueError(
                f"model.architecture {model.architecture} has no place for a backbone: set model.backbone none"
            )
        if model.facing and model.backbone == "none":
            raise ValueError(
                "model.facing needs a backbone, which tells a head from a tail: set model.backbone imagenet"
            )
        return self

    def override(self, changes: dict[str, Any], origin: str) -> "Settings":
        """These settings with the nested `changes`; `origin` (a file, "the command line") is named in errors."""
        return parse(merge(self.model_dump(), _with_bounds(changes)), origin)


def _with_bounds(changes: dict[str, Any]) -> dict[str, Any]:
    """A bound that is named alone is the only one: a run of so many steps can then be repeated to the bit."""
    train = changes.get("train")
    if not isinstance(train, dict) or not train.keys() & {"steps", "minutes"}:
        return changes
    return {**changes, "train": {"steps": None, "minutes": None, **train}}


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` put over it, section by section."""
    nested = {k: merge(base[k], v) for k, v in changes.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **changes, **nested}


def parse(values: dict[str, Any], origin: str) -> Settings:
    """Validate nested settings.

    Raises:
        PartposeError: names the key, what came and, for an unknown key, the nearest known one.
    """
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise PartposeError(f"{origin}: {explain(error)}") from None
    if settings.train.steps is None and settings.train.minutes is None:
        raise PartposeError(
            f"{origin}: neither train.steps nor train.minutes is given, the run would never end: set one"
        )
    return settings


def explain(error: ValidationError, section: str | None = None) -> str:
    """What is wrong with which settings, in one line; `section` is the one that was validated, where it was one alone."""
    return "; ".join(_explain(one, (section,) if section else ()) for one in error.errors())


def _explain(error: Any, above: tuple[str, ...]) -> str:
    location = (*above, *error["loc"])
    key = ".".join(map(str, location))
    if error["type"] == "value_error":
        return f"{key} {error['ctx']['error']}".lstrip()
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"
    from difflib import get_close_matches

    known = _known_keys(location[:-1])
    near = get_close_matches(str(location[-1]), known, n=1)
    if not near:
        return f"unknown key {key!r}; known here: {', '.join(known)}"
    return f"unknown key {key!r}; did you mean {'.'.join(map(str, (*location[:-1], near[0])))!r}?"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    known: Any = Settings
    for part in location:
        known = known.model_fields[part].annotation
    return list(known.model_fields)


def presets() -> list[str]:
    """The names of the presets that come with partpose."""
    folder = resources.files("partpose") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name: str) -> Settings:
    """A preset by name, or a YAML file by path (a path that exists wins)."""
    if Path(name).is_file():
        return Settings().override(read_yaml(Path(name)), name)
    if name not in presets():
        raise PartposeError(f"no preset {name!r}: expected one of {', '.join(presets())}, or the path of a YAML file")
    text = (resources.files("partpose") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    return Settings().override(yaml.safe_load(text) or {}, f"preset {name}")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; anything else is an error that names the file and the line."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PartposeError(f"cannot read the settings file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PartposeError(f"{path}: not valid YAML, it is no text file") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        raise PartposeError(f"{path}{f', line {mark.line + 1}' if mark else ''}: not valid YAML, {problem}") from None
    if not isinstance(values, dict):
        raise PartposeError(
            f"{path} should hold `key: value` lines, got {'nothing' if values is None else type(values).__name__}"
        )
    return values

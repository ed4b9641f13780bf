"""What an evaluation found: numbers for a file, and a table for the eye."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from partpose.data.atomic import atomic

BAR = 24


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The errors of one model on the test pictures of one set, in `unit`, and what is needed to judge them.

    error, error_low, error_high: the mean over all visible landmarks of all test pictures, with the bootstrap's 95 %
    interval over pictures.  mean_pose_error, untrained_error: of guessing the training landmarks' mean, and of an
    untrained network's parts under the same regression (None where not measured).  per_landmark: by name, None for
    one that no test picture shows.
    parts, alive, doubled, static: how many parts there are, and their health.  size: of the network's input, pixels.
    average: over how many gently changed pictures each keypoint was averaged, the unchanged one among them.
    error_flip_forgiven: the same where each picture may have left and right exchanged as a whole (see
    `protocols.flip_forgiven`), None for protocols that do not say so.
    minutes, pictures_seen: of the training.  left_out: test pictures without the normaliser's length.  not_measured: labelled
    test objects that lie in no box, or whose picture cannot be read: an error without the hard ones is smaller.
    ridge: the ridge's strength, None for plain least squares.  groups: of how many groups of pictures each was left out to
    choose it, None where the set names none.  split_made: the set has no test split, a fifth of it was taken by name; the parts
    may have been trained on these pictures.
    """

    error: float
    error_low: float
    error_high: float
    mean_pose_error: float
    untrained_error: float | None
    per_landmark: dict[str, float | None]
    parts: int
    alive: int
    doubled: int
    static: int
    pictures_seen: int
    minutes: float
    protocol: str
    intercept: bool
    size: int
    seed: int
    unit: str
    set: str
    train_pictures: int
    test_pictures: int
    average: int = 1
    left_out: int = 0
    not_measured: int = 0
    ridge: float | None = None
    groups: int | None = None
    error_flip_forgiven: float | None = None
    split_made: bool = False

    @property
    def higher_is_better(self) -> bool:
        """True for shares of landmarks found (pck), False for distances."""
        return self.protocol.startswith("pck@")


def write_json(evaluation: Evaluation, path: Path | str) -> None:
    """Write all fields as JSON, null for a number that is not known. Raises `PartposeError` where it cannot."""
    content = {name: _known(value) for name, value in asdict(evaluation).items()}
    content["per_landmark"] = {name: _known(value) for name, value in evaluation.per_landmark.items()}
    with atomic(Path(path)) as temporary:
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def table(evaluation: Evaluation) -> RenderableType:
    """The evaluation for a terminal: the error beside its baselines, every landmark, and the parts' health."""
    parts = (_title(evaluation), _summary(evaluation), _landmarks(evaluation), _footer(evaluation))
    return Padding(Group(*(piece for part in parts for piece in (part, ""))), (0, 1))


def _title(evaluation: Evaluation) -> Text:
    name = "landmarks found" if evaluation.higher_is_better else "error"
    text = Text.assemble((evaluation.set, "bold"), f"   {name}, {evaluation.unit}")
    return text.append(f"   ({evaluation.protocol})", "dim")


def _summary(evaluation: Evaluation) -> Table:
    rows = _grid("", "", "95 % interval over pictures", "of the mean pose")
    interval = f"{evaluation.error_low:.2f} – {evaluation.error_high:.2f}"
    ours = Text(f"{evaluation.error:.2f}", "bold green")
    rows.add_row(Text("this model", "bold"), ours, interval, _ratio(evaluation.error, evaluation))
    if evaluation.error_flip_forgiven is not None:
        forgiven = evaluation.error_flip_forgiven
        rows.add_row("left/right flip forgiven", f"{forgiven:.2f}", "", _ratio(forgiven, evaluation))
    if evaluation.untrained_error is not None:
        untrained = evaluation.untrained_error
        rows.add_row("untrained network", f"{untrained:.2f}", "", _ratio(untrained, evaluation))
    rows.add_row("mean pose", f"{evaluation.mean_pose_error:.2f}", "", _ratio(evaluation.mean_pose_error, evaluation))
    return rows


def _landmarks(evaluation: Evaluation) -> Table:
    rows = _grid("landmark", "", "")
    known = [value for value in evaluation.per_landmark.values() if value is not None and math.isfinite(value)]
    longest = max(known, default=0) or 1
    for name, value in evaluation.per_landmark.items():
        if value is None or _known(value) is None:
            rows.add_row(Text(name), "–", Text("not in any test picture", "dim"))
        else:
            rows.add_row(Text(name), f"{value:.2f}", Text("━" * max(1, round(BAR * value / longest)), "cyan"))
    return rows


def _footer(evaluation: Evaluation) -> Text:
    text = Text.assemble(
        ("parts  ", "bold"), f"{evaluation.parts}: {evaluation.alive} alive, {evaluation.doubled} doubled, "
    ).append(f"{evaluation.static} static\n")
    groups = "" if evaluation.groups is None else f", chosen for new ones of {evaluation.groups} groups"
    method = "least squares" if evaluation.ridge is None else f"ridge (strength {evaluation.ridge:.1e}{groups})"
    intercept = "with" if evaluation.intercept else "without"
    text.append("map    ", "bold").append(f"{method} {intercept} intercept, fitted on {evaluation.train_pictures} ")
    text.append(f"training pictures, measured on {evaluation.test_pictures} test pictures")
    if evaluation.split_made:
        text.append(" (the set has no test split: a fifth, by name; the parts may have seen it)", "yellow")
    if evaluation.average > 1:
        text.append(f", keypoints averaged over {evaluation.average} gently changed pictures")
    if evaluation.left_out:
        text.append(f" ({evaluation.left_out} more lack the normaliser)", "yellow")
    if evaluation.not_measured:
        text.append(f" ({evaluation.not_measured} more lie in no box, or cannot be read)", "yellow")
    text.append("\nmodel  ", "bold").append(f"{evaluation.size} px, {evaluation.pictures_seen:,} pictures seen")
    return text.append(f" in {evaluation.minutes:.1f} min, seed {evaluation.seed}")


def _grid(*titles: str) -> Table:
    """A plain table: a column of names, a column of numbers, and what belongs to them."""
    rows = Table(box=None, pad_edge=True, header_style="dim")
    for number, title in enumerate(titles):
        rows.add_column(title, justify="right" if number == 1 else "left")
    return rows


def _ratio(error: float, evaluation: Evaluation) -> str:
    return f"{error / evaluation.mean_pose_error:.2f} ×" if evaluation.mean_pose_error else ""


def _known(value):
    """A number that JSON can hold, or None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

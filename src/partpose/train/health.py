"""Part health: which parts are alive, doubled or static, and how equivariant each is. The loss does not show it."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from partpose.config import Settings
from partpose.geometry import moments
from partpose.model.facing import held
from partpose.model.part_model import PartModel
from partpose.train.warp import draw_transform, sample

PEAK = 10.0  # a part is alive where its map's peak is at least this many times its mean
NEAR = 0.06  # two parts are doubled where their means are nearer than this (3 % of the side) in most pictures
FOLLOWS = 0.5  # a part is static where it follows less than this share of a known motion
STILL = (
    0.02  # and where its means over different pictures spread by less than this (1 % of the side), as on a fixed scene
)
FEWEST = 8  # different pictures, below which their spread says nothing
ADVICE = {
    "flat": "many part maps are flat: lower --train.learning-rate, or raise --model.logit-scale",
    "static": "many parts are static: raise --loss.mean, or lower --loss.separation; if they sit on a scene that is the same "
    "in all pictures, crop the object (--boxes), or try --model.background camera",
    "doubled": "many parts share a place: raise --loss.separation, or ask for fewer --model.parts",
}


class Health(NamedTuple):
    """Per part: booleans (K,) and `equivariance` (K,), the median error under known transforms in pixels of the view."""

    alive: Tensor
    doubled: Tensor
    static: Tensor
    equivariance: Tensor

    def counts(self) -> dict[str, int | float]:
        """What goes into the progress line, the log and the report."""
        return {
            "alive": int(self.alive.sum()),
            "doubled": int(self.doubled.sum()),
            "static": int(self.static.sum()),
            "equivariance_px": round(float(self.equivariance.median()), 3),
        }

    @property
    def useful(self) -> int:
        """How many parts are alive, at a place of their own, and follow the object."""
        return int((self.alive & ~self.doubled & ~self.static).sum())

    def advice(self) -> str | None:
        """A line that says what to change where half of the parts or more are of no use; else None."""
        if 2 * self.useful > len(self.alive):
            return None
        affected = {"flat": ~self.alive, "static": self.static, "doubled": self.doubled}
        counts = {trouble: int(parts.sum()) for trouble, parts in affected.items()}
        found = [trouble for trouble, count in counts.items() if 2 * count >= len(self.alive)]
        return ADVICE[(found or [max(counts, key=counts.__getitem__)])[0]]


class Watch:
    """Tells when a run is hopeless: no part has been of use for a quarter of it, and for `LONG` steps, after its first quarter.

    On purpose late: parts that keep one place for a while may still let go of it, and a warning comes earlier.
    """

    SHARE, LONG = 0.25, 300

    def __init__(self) -> None:
        self.since: tuple[float, int] | None = None

    def hopeless(self, health: Health, progress: float, step: int) -> bool:
        """What the next measurement says; `progress` of the run in [0, 1]."""
        if health.useful or progress < self.SHARE:
            self.since = None
            return False
        self.since = self.since or (progress, step)
        return progress - self.since[0] >= self.SHARE and step - self.since[1] >= self.LONG


@torch.no_grad()
def measure(model: PartModel, canvas: Float[Tensor, "b c h w"], settings: Settings, seed: int = 0) -> Health:
    """Health over a batch of pictures, under one known similarity each."""
    rng = torch.Generator().manual_seed(seed)
    gentle = settings.transform.model_copy(update={"zoom": 0.9, "rotation": min(settings.transform.rotation, 0.5)})
    view = draw_transform(len(canvas), gentle, 1.0, warped=False, rng=rng).to(canvas.device)
    with held(model, canvas):
        maps = model.part_maps(canvas)
        mean, mean_t = moments(maps)[0], moments(model.part_maps(sample(canvas, view.at(canvas.shape[-1]))))[0]
    expected = view.inverse(mean)
    seen = (expected.abs() < 0.9).all(-1)
    lags, median = _motion(mean, mean_t, expected, seen, settings.model.canvas)
    return Health(_alive(maps), _doubled(mean), lags | _still(canvas, mean), median)


def _alive(maps: Tensor) -> Tensor:
    flat = maps.flatten(2)
    return (flat.amax(-1) / flat.mean(-1)).median(0).values >= PEAK


def _doubled(mean: Tensor) -> Tensor:
    near = (mean[:, :, None] - mean[:, None]).norm(dim=-1) < NEAR
    often = near.float().mean(0) > 0.5
    return often.fill_diagonal_(False).any(1)


def _motion(mean: Tensor, mean_t: Tensor, expected: Tensor, seen: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Parts that lag behind, and the median equivariance error in pixels, over the pictures where they stay in view."""
    moved, known = (mean_t - mean) * seen[..., None], (expected - mean) * seen[..., None]
    share = (moved * known).sum((0, 2)) / known.square().sum((0, 2)).clamp_min(1e-6)
    error = (mean_t - expected).norm(dim=-1) * (side / 2)
    median = torch.where(seen, error, torch.nan).nanmedian(0).values.nan_to_num(float(side))
    return share < FOLLOWS, median


def _still(canvas: Tensor, mean: Tensor) -> Tensor:
    """Parts at one place in all pictures. They may follow a known motion, which moves the scene with the object."""
    different = list({one.tobytes(): i for i, one in enumerate(canvas.cpu().numpy())}.values())
    if len(different) < FEWEST:
        return torch.zeros(mean.shape[1], dtype=torch.bool, device=mean.device)
    mean = mean[different]
    return (mean - mean.mean(0)).square().sum(-1).mean(0).sqrt() < STILL

"""The annotated sets that accuracy is measured on, and what each is trained with."""

from pathlib import Path
from typing import Any, NamedTuple

from partpose.config import Settings, load_preset
from partpose.data.figures import draw_figures
from partpose.errors import PartposeError

Changes = dict[str, dict[str, Any]]
ANY_DIRECTION: Changes = {"transform": {"rotation": 3.1416}}
BEHIND: Changes = {
    "model": {"background": "camera"},
    "loss": {"mean": 1.0, "covariance": 0.25},
}
SMALL: Changes = {"model": {"parts": 24, "size": 64}}
RIG: Changes = {
    "model": {"parts": 24, "backbone": "none"},
    "loss": {"separation": 0.3, "separation_radius": 0.16},
}


class Set(NamedTuple):
    """What a set is trained with; K, the size and all else are its preset's.

    changes, why: of the preset, and their reason in a word.  figures: it is drawn here, before this background.
    clip: unlabelled video that is learned from as well, below the folder of clips.  seeds: as many runs.
    asked: the error asked for after ten minutes, on two CPU cores and on a GPU; of_mean_pose: in units of the mean pose's.
    source: where pictures and landmarks come from, and what may be done with them.
    credit: whose pictures they are, where they may be shown.
    """

    preset: str
    changes: Changes = {}  # noqa: RUF012, never changed
    why: str = ""
    figures: str = ""
    clip: str = ""
    seeds: tuple[int, ...] = (0,)
    asked: tuple[float, float] | None = None
    of_mean_pose: bool = False
    source: str = ""
    credit: str = ""

    def settings(self, preset: str | None = None, changes: Changes | None = None) -> Settings:
        """Of a run, with further changes; another preset gets K, size, data and transforms of this set's own."""
        own = load_preset(self.preset).override(self.changes, "the set")
        if preset is not None and preset != self.preset:
            here = {name: one for name, one in self.changes.items() if name in ("data", "transform")}
            same = {"model": {"parts": own.model.parts, "size": own.model.size}, **here}
            own = load_preset(preset).override(same, "the set")
        return own.override(changes or {}, "the benchmark")


AS_FIGURES = "as figures have it: two cores see three times as many pictures in the time"
DRAWN = "drawn by `partpose figures`"
SETS = {
    "figures-plain": Set("figures", figures="plain", seeds=(0, 1, 2), asked=(1.7, 1.0), credit=DRAWN),
    "figures-room": Set("figures", BEHIND, "as people have it", figures="room", asked=(2.5, 1.3), credit=DRAWN),
    "figures-clutter": Set("figures", BEHIND, "as people have it", figures="clutter", asked=(4.0, 2.0), credit=DRAWN),
    "faces_lfw5": Set(
        "faces", seeds=(0, 1, 2), asked=(8.0, 5.5),
        source="the middle 108×108 pixels of LFW's pictures (Huang et al. 2007) with the five points of MTFL (Zhang et al. "
        "2014), split by person; for research",
    ),
    "human_lspet": Set(
        "people", SMALL, AS_FIGURES, asked=(0.80, 0.60), of_mean_pose=True,
        source="the upright people with all joints visible of LSP extended (Johnson and Everingham 2011), cropped to 1.35 "
        "times the joints' box; no licence stated",
    ),
    "livestock_cattle": Set(
        "animals", {"model": {"facing": True}}, "from the side, and face both ways", asked=(40, 28),
        source="LivestockKeypoints v1.0 (github.com/yww0411/Livestock-keypoint-detection), cropped to 1.15 times the box; "
        "trained on two farms, tested on a third; CC BY 4.0",
        credit="LivestockKeypoints v1.0 by Yiwei Wang et al., CC BY 4.0, cropped and resized",
    ),
    "mouse_openfield": Set(
        "animals", ANY_DIRECTION | {"data": {"boxes": "auto"}}, "seen from above; small in the picture",
        clip="mouse/openfield_m3v1mp4.mp4", asked=(35, 18),
        source="110 of the 116 labelled frames of DeepLabCut's example openfield-Pranav-2018-10-30 (Mathis et al. 2018), and "
        "its clip m3v1mp4 of another mouse; LGPL 3.0",
    ),
    "mouse_mirror": Set(
        "animals", RIG, "two views of eight paws, a tail and an obstacle, that fill the picture to its border",
        clip="mouse/mirror-mouse_test_vid.mp4", asked=(5, 3.5),
        source="lightning-pose's data/mirror-mouse-example (recordings of Warren et al. 2021) and its test_vid.mp4; MIT",
        credit="lightning-pose, MIT licence; recordings of Warren et al. 2021",
    ),
    "fly_courtship": Set(
        "animals", ANY_DIRECTION, "seen from above", asked=(30, 18),
        source="every sixth frame of the clip in SLEAP's docs/notebooks/analysis_example, 144×144 pixels around each fly; its "
        "landmarks are predictions of a SLEAP model that was trained on labels; for research",
    ),
    "human_mocap3": Set(
        "people", SMALL, AS_FIGURES,
        source="one take of one actor before three cameras, tested on the third "
        "(github.com/NicoNRG2/CV-Project-MoCap); CC BY 4.0 by its annotation file",
    ),
}  # fmt: skip


def chosen(names: list[str] | None) -> dict[str, Set]:
    """The sets of these names, or all."""
    if unknown := [name for name in names or () if name not in SETS]:
        raise PartposeError(f"no set {unknown[0]!r}: expected some of {', '.join(SETS)}")
    return {name: SETS[name] for name in names or SETS}


class Place(NamedTuple):
    """Where a set is.  training: pictures and clips.  annotated: what is evaluated on."""

    training: Path
    annotated: Path


def find(name: str, one: Set, data: Path | None, clips: Path | None, work: Path) -> Place:
    """Draw a set of figures, or find any other; one with a clip is trained on a folder of links to both.

    Raises:
        PartposeError: where it is not there.
    """
    if one.figures:
        draw_figures(work / name, background=one.figures)
        return Place(work / name, work / name)
    if data is None or not (data / name / "landmarks.csv").is_file():
        raise PartposeError(f"{name} is not there: give --data DIR, the folder that holds {name}/landmarks.csv")
    if not one.clip:
        return Place(data / name, data / name)
    clip = (clips or data.parent / "clips") / one.clip
    if not clip.is_file():
        raise PartposeError(f"{name} is trained on {clip} as well, which is not there: give --clips DIR")
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    for target in (data / name, clip):
        link = folder / target.name
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve())
    return Place(folder, data / name)

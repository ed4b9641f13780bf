"""What `partpose predict` does: many inputs, each with its files, and nothing that is computed is lost."""

import json
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath

from partpose.data.atomic import atomic, make_folder
from partpose.data.boxes import boxes_for, check_boxes, write_boxes
from partpose.data.crops import read_crops
from partpose.data.images import Unreadable
from partpose.data.landmarks import META
from partpose.data.sources import Source, find_sources, of_split, with_own_stems
from partpose.data.video import probe
from partpose.data.walk import readable
from partpose.data.where import chosen_boxes
from partpose.edit.names import keypoint_names, named, names_of
from partpose.errors import PartposeError, Skipped
from partpose.predict.claims import claim, fingerprint, input_hash
from partpose.predict.extras import Extras
from partpose.predict.files import endings_of, files_of, with_seconds, write_files
from partpose.predict.finish import EXTRAS, FORMATS, Finish, among
from partpose.predict.formats import read_hdf5, write_hdf5
from partpose.predict.full_frame import to_full_frame
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.overlay import draw_overlay, overlay_endings
from partpose.predict.poses import Poses
from partpose.predict.predictor import NothingRead, Predictor, load
from partpose.predict.uncertainty import SCALE
from partpose.terminal import PredictionBar, count, report_skipped
from partpose.train.run_folder import skipped_name, write_skipped
from partpose.wanted import Wanted

USUAL, AS_PREDICTED = Wanted(), Finish()
BOXES = "_boxes.csv"


def predict_inputs(
    model: str,
    inputs: Sequence[Path],
    output: Path,
    wanted: Wanted = USUAL,
    device: str | None = None,
    finish: Finish = AS_PREDICTED,
) -> None:
    """Predict every input and write its files; an input that cannot be used is reported and passed over."""
    _check_formats(wanted, finish)
    linear_map = LandmarkMap.load(wanted.landmarks) if wanted.landmarks else None
    predictor = load(model, device)
    predictor.average, predictor.uncertainty = wanted.average, wanted.uncertainty
    if linear_map is not None:
        linear_map.check(predictor.settings.model.parts, predictor.digest)
    names = {} if linear_map else names_of(model)
    _check_style(wanted, keypoint_names(names, predictor.settings.model.parts), linear_map)
    sources, skipped = find_sources(inputs)
    sources = chosen(sources, wanted, skipped)
    wanted = replace(wanted, boxes=chosen_boxes(wanted.boxes, predictor.settings))
    skipped += check_boxes(wanted.boxes, sources) if wanted.boxes else []
    if wanted.full_frame:
        for source in sources:  # before the hours of work, not after
            if not (source.path / META).is_file():
                raise PartposeError(
                    f"{readable(source.path)} was not cut out of frames: --full-frame is for what `partpose convert kia` made"
                )
            read_crops(source.path)
    make_folder(output)
    sources = _with_own_files(sources, output, wanted, finish)
    task = Task(predictor, linear_map, names, output, wanted, finish, skipped, list(skipped))
    list_name = skipped_name(output)
    try:
        with PredictionBar([frames_of(source) for source in sources]) as bar:
            done = sum([task.do(source, bar) for source in sources])
    except KeyboardInterrupt:
        if "h5" in finish.formats:
            print("what is done is kept: the same command with --skip-existing goes on", file=sys.stderr)
        raise
    finally:
        write_skipped(output, skipped, list_name)
    if done or len(skipped) > 1:
        report_skipped(skipped, str(output / list_name))
    if not done:
        first = f"{skipped[0].path}: {skipped[0].reason}"
        raise PartposeError(f"nothing could be predicted: {first}; the whole list is {output / list_name}")


def chosen(sources: list[Source], wanted: Wanted, skipped: list[Skipped]) -> list[Source]:
    """The sources, each with the split and the frames that are asked for."""
    if wanted.every < 1 or wanted.start < 0 or (wanted.stop is not None and wanted.stop <= wanted.start):
        came = f"--every {wanted.every} --start {wanted.start} --stop {wanted.stop}"
        raise PartposeError(f"expected --every of at least 1 and 0 <= --start < --stop, got {came}")
    frames = slice(wanted.start, wanted.stop, wanted.every)
    if wanted.split is not None:
        sources = _only_split(sources, wanted.split, skipped)
    if frames == slice(0, None, 1):
        return sources
    return [source._replace(frames=frames) if source.kind == "video" else source for source in sources]


def _with_own_files(sources: list[Source], output: Path, wanted: Wanted, finish: Finish) -> list[Source]:
    """The sources, each called so that it replaces no file but those of its own results, and a word on what that changed."""

    def is_free(source: Source, stem: str) -> bool:
        drawn = overlay_endings(source, wanted.style) if wanted.overlay else []
        return claim(output / stem, source, [*endings_of(finish.formats), *drawn, *([BOXES] if wanted.boxes else [])])

    found = with_own_stems(sources, is_free)
    for before, now in zip(with_own_stems(sources), found, strict=True):
        if before.stem != now.stem:
            theirs = output / before.stem
            print(f"{theirs}.* is not of {readable(now.path)}: its results are called {now.stem}.*", flush=True)
    return found


def _check_style(wanted: Wanted, names: Sequence[str], linear_map: LandmarkMap | None) -> None:
    """Before the hours of work, not after."""
    if not wanted.overlay:
        return
    if linear_map is None:
        wanted.style.edges(names)
    else:
        wanted.style.edges(linear_map.names, linear_map.skeleton)


def _check_formats(wanted: Wanted, finish: Finish) -> None:
    needing = {"--with": wanted.extras, "--skip-existing": wanted.skip_existing}
    if (lacking := [option for option, given in needing.items() if given]) and "h5" not in finish.formats:
        raise PartposeError(f"{lacking[0]} needs the HDF5 file: add h5 to --format {finish.format}")


def frames_of(source: Source) -> int:
    """How many pictures or frames an input has, as far as its header tells."""
    if source.kind == "pictures":
        return len(source.files if source.cuts is None else source.cuts)
    try:
        total = probe(source.path).frames_estimate or 0
    except Unreadable:
        return 0
    return len(range(total)[source.frames or slice(None)])


@dataclass
class Task:
    """One call of `partpose predict`. known: what was passed over before the first input was opened.

    names: those that the user gave parts, where there is no linear map.
    """

    predictor: Predictor
    linear_map: LandmarkMap | None
    names: dict[int, str]
    output: Path
    wanted: Wanted
    finish: Finish
    skipped: list[Skipped]
    known: list[Skipped]

    def do(self, source: Source, bar: PredictionBar) -> bool:
        """Predict one input and write its files; whether there is a result now."""
        bar.begin(source.stem)
        if self.wanted.skip_existing and (before := self._before(source)) is not None:
            drawn = [] if self._is_drawn(source) else self._overlay(before, source, bar)
            files = ", ".join(map(str, [self._file(source, ".h5"), *drawn]))
            bar.say(f"{readable(source.path)}: was predicted before, {files}")
            return True
        with self._extras(source) as extras:
            poses = self._predict(source, bar)
            if poses is None:
                return False
            # Of people who were cut out one by one, each is a track only in the frames
            whole = to_full_frame(poses, read_crops(source.path)) if self.wanted.full_frame else None
            written = self.finish(poses if whole is None else whole)
            files = write_files(written, self._file(source), self.finish.formats, extras.finished() if extras else None)
        files += self._overlay(written if whole is None else self.finish.sure(poses), source, bar)
        self._partial(source).unlink(missing_ok=True)
        what = count(len(poses), "row" if any(poses.track) else "frame" if source.kind == "video" else "picture")
        bar.say(f"{what} of {readable(source.path)}: {', '.join(map(str, files))}")
        mine = with_seconds(files)
        if old := [file for file in self._possible(source) if file not in mine and file.exists()]:
            bar.say(f"  beside them, of an earlier call: {', '.join(map(str, old))}")
        return True

    def _predict(self, source: Source, bar: PredictionBar) -> Poses | None:
        known = _below(source, self.known)
        # What the appearances and maps of the first part were is not known any more
        so_far = self._so_far(source) if self.wanted.skip_existing and not self.wanted.extras else None
        bar.advance(0 if so_far is None else len(so_far))
        try:
            source = self._boxed(source)
            poses = self.predictor.predict_source(
                source, self.wanted.batch, known, bar.advance, so_far, lambda some: self._keep(some, source)
            )
        except (Unreadable, NothingRead) as error:
            new = [error.skipped] if isinstance(error, Unreadable) else error.skipped[len(known) :]
            nothing = Skipped(
                readable(source.path), "has no frame or box in what was asked for (--start, --stop, --boxes)"
            )
            self.skipped += new or [nothing]
            return None
        self.skipped += poses.skipped[len(known) :]
        poses = named(poses, self.names) if self.linear_map is None else poses.landmarks(self.linear_map)
        return self._named(poses, source)

    @contextmanager
    def _extras(self, source: Source) -> Generator[Extras | None]:
        if not self.wanted.extras:
            yield None
            return
        kinds, path = among(EXTRAS, self.wanted.extras, "--with"), self.output / f".{source.stem}.extras.h5"
        with Extras(path, kinds, self.predictor.network) as extras:
            self.predictor.watch = extras.add
            try:
                yield extras
            finally:
                self.predictor.watch = None

    def _boxed(self, source: Source) -> Source:
        """The source with its boxes, which are written beside its results."""
        if self.wanted.boxes is None:
            return source
        boxed, missed = boxes_for(source, self.wanted.boxes)
        self.skipped += missed
        write_boxes(self._file(source, BOXES), boxed)
        return boxed

    def _overlay(self, poses: Poses, source: Source, bar: PredictionBar) -> list[Path]:
        if not self.wanted.overlay:
            return []
        try:
            # All frames that were asked for, those without an object too
            asked = source._replace(frames=source.frames or slice(0, None))
            stem = self.output / source.stem
            drawn = draw_overlay(poses, asked, stem, self.wanted.style, bar.drawing, self.skipped)
            with atomic(self._mark(source)) as mark:
                mark.write_text(repr(self.wanted.style), encoding="utf-8")
            return drawn
        except Unreadable as error:  # the input has gone in the meantime
            self.skipped.append(error.skipped)
            return []

    def _file(self, source: Source, ending: str = "") -> Path:
        return self.output / f"{source.stem}{ending}"

    def _partial(self, source: Source) -> Path:
        return self.output / f".{source.stem}.partial.h5"

    def _keep(self, poses: Poses, source: Source) -> None:
        write_hdf5(self._named(poses, source), self._partial(source))

    def _named(self, poses: Poses, source: Source) -> Poses:
        """The poses with what shaped them, by which a later call knows whether they are what it would make."""
        about = {"options": self._options(), "input_hash": input_hash(source)}
        size = {"input_bytes": source.path.stat().st_size} if source.kind == "video" else {}
        return replace(poses, provenance={**poses.provenance, **about, **size})

    def _options(self) -> str:
        w = self.wanted
        shaping = {"landmarks": w.landmarks, "split": w.split, "boxes": w.boxes, "frames": [w.start, w.stop, w.every]}
        measuring = {"average": w.average, "uncertainty": w.uncertainty, "with": w.extras, "full": w.full_frame}
        if w.uncertainty:
            measuring["scale"] = self.predictor.facts.get(SCALE, 1.0)  # of a calibration
        called: dict[str, object] = {"names": self.names} if self.names else {}
        called["tables"] = fingerprint([Path(one) for one in (w.landmarks, w.boxes) if one and Path(one).is_file()])
        finish = {name: value for name, value in asdict(self.finish).items() if name != "format"}
        return json.dumps({**shaping, **measuring, **called, **finish}, default=str)

    def _same(self, file: Path, source: Source) -> Poses | None:
        """What a file holds, where it was made from this input and this model with these options."""
        try:
            poses = read_hdf5(file)
        except PartposeError:
            return None
        mine = {"model_hash": self.predictor.digest, "options": self._options()}
        mine["input_hash"] = input_hash(source)
        return poses if mine.items() <= poses.provenance.items() else None

    def _before(self, source: Source) -> Poses | None:
        """What an earlier call made of a source, where this one would make the same."""
        there = all(file.is_file() for file in files_of(self._file(source), self.finish.formats))
        poses = self._same(self._file(source, ".h5"), source) if there else None
        return None if self.wanted.full_frame and not self._is_drawn(source) else poses  # no crop, to be drawn into

    def _is_drawn(self, source: Source) -> bool:
        """Whether the overlay that is asked for was drawn to its end, and from the poses that are there."""
        mark, overlay = self._mark(source), self._file(source, overlay_endings(source, self.wanted.style)[0])
        if not self.wanted.overlay:
            return True
        if not (mark.is_file() and overlay.exists() and mark.read_text(encoding="utf-8") == repr(self.wanted.style)):
            return False
        return mark.stat().st_mtime_ns >= self._file(source, ".h5").stat().st_mtime_ns

    def _mark(self, source: Source) -> Path:
        """A hidden file that says in what style the overlay was drawn, once it is whole."""
        return self.output / f".{source.stem}.drawn"

    def _possible(self, source: Source) -> list[Path]:
        """All files that may lie beside a source's results; its boxes are written before."""
        boxes = () if self.wanted.boxes else (BOXES,)
        endings = (*endings_of(FORMATS), *overlay_endings(source, self.wanted.style), *boxes)
        return [self._file(source, ending) for ending in endings]

    def _so_far(self, source: Source) -> Poses | None:
        poses = self._same(self._partial(source), source)
        return poses if poses is not None and len(poses) else None


def _only_split(sources: list[Source], split: str, skipped: list[Skipped]) -> list[Source]:
    """The pictures of one split; of several inputs one that has none is passed over."""
    if len(sources) == 1:
        return [of_split(sources[0], split)]
    kept = []
    for source in sources:
        try:
            kept.append(of_split(source, split))
        except PartposeError as error:
            skipped.append(Skipped(readable(source.path), str(error).removeprefix(f"{readable(source.path)} ")))
    if not kept:
        raise PartposeError(f"no input has a split {split!r}: {skipped[-1].path}: {skipped[-1].reason}")
    return kept


def _below(source: Source, skipped: list[Skipped]) -> list[Skipped]:
    """Of what was passed over, each once, what lies in this input."""
    return [one for one in dict.fromkeys(skipped) if PurePath(one.path).is_relative_to(readable(source.path))]

"""The loop around the step: from a picture folder to a model folder."""

import copy
import math
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from numpy.typing import NDArray

from partpose.config import Settings
from partpose.data.cameras import find_cameras
from partpose.data.canvas import Canvases
from partpose.errors import PartposeError
from partpose.model.facing import FacingShape
from partpose.model.part_model import PartModel, fresh_model, load_model, load_weights, save_model
from partpose.model.pretrained import published
from partpose.train import run_folder
from partpose.train.batches import Batches, clips_of, step_generator
from partpose.train.checkpoint import Standing, load_checkpoint, read_standing, save_checkpoint
from partpose.train.distributed import ALONE, Team
from partpose.train.health import Health, Watch, measure
from partpose.train.learn_facing import FACED, Faced, learn_facing
from partpose.train.parallel import stepper, synchronised, translate
from partpose.train.perceptual import Perceptual, perceptual_for
from partpose.train.scenes import Scenes
from partpose.train.schedule import Clock, follow, learning_rate, strength
from partpose.train.signals import Signals, Stopped
from partpose.train.step import Beside, Terms, draw_step, total

WITHOUT_WEIGHTS = ("dropout", "logit_scale", "gaussian_scale")  # settings of a network that change no tensor's shape


class Reporter(Protocol):
    """Who is told how the run goes."""

    def line(self, entry: dict[str, Any], clock: Clock) -> None:
        """A line of the log."""

    def pictures(self, model: PartModel, batches: Batches, step: int) -> None:
        """Time for a picture grid."""

    def warn(self, text: str) -> None:
        """Something the user should know."""


class Outcome(NamedTuple):
    """How a sitting ended: where the run stands, and the signal that stopped it before its end, if any.

    steps: of this sitting; 0 where the run was finished before.
    """

    standing: Standing
    steps: int
    signal: int | None


class Trainer:
    """One run in its folder. `run` trains until the end, a signal, or a loss that is not a number."""

    def __init__(
        self,
        folder: Path,
        canvases: Canvases,
        settings: Settings,
        device: torch.device,
        reporter: Reporter,
        perceptual: Perceptual | None = None,
        team: Team = ALONE,
    ) -> None:
        self.folder, self.settings, self.device, self.reporter = folder, settings, device, reporter
        self.perceptual, self.team = perceptual, team
        t = settings.train
        torch.manual_seed(t.seed)
        self.model = synchronised(fresh_model(settings.model).on(device), team.size)
        self.forward = stepper(self.model, team.size)
        self.average = copy.deepcopy(self.model).eval()
        if t.compile:
            translate(self.model)
        self.optimizer = _optimizer(self.model, settings)
        self.batches = Batches(canvases.pixels, t.batch, t.seed, device)
        self.extent = canvases.extent
        self.clips = clips_of(canvases) if settings.data.pairs == "video" else None
        camera = settings.model.background == "camera"
        self.scenes = Scenes(find_cameras(canvases.pixels), device, self.batches.resident) if camera else None
        self.clock = team.clock(t)
        self.warned, self.watch = False, Watch()
        self.faced: Faced | None = None

    def warm_start(self, source: Path) -> None:
        """Take the weights of another model, see `check_init`."""
        load_weights(self.model, source)
        load_weights(self.average, source)

    def go_on(self) -> None:
        """Take up the last checkpoint, where there is one."""
        standing = read_standing(self.folder)
        if standing is not None:
            load_checkpoint(self.folder, self.model, self.average, self.optimizer)
            self.clock = self.team.clock(self.settings.train, standing.step, standing.seconds)
            self.watch.since = standing.useless
        if self.team.leads:
            run_folder.trim_log(self.folder, self.clock.step)

    def run(self, signals: Signals) -> Outcome:
        """Train; what is on disk at the end is a model, whatever ended it."""
        t, began = self.settings.train, self.clock.step
        saved = pictured = self.clock.seconds
        stopped = None
        while self.clock.progress < 1 and not (stopped := self.team.any(signals.received)):
            self.step()
            now = self.clock.seconds
            if self.clock.step % t.checkpoint_steps == 0 or now - saved > 60 * t.checkpoint_minutes:
                self.save(finished=False)
                saved = now
            if now - pictured > 60 * t.pictures_every:
                self.pictures()
                pictured = now
        self.face()
        standing = self.save(finished=self.clock.progress >= 1)
        if standing.finished:
            self.pictures()
        self.team.wait()
        return Outcome(standing, standing.step - began, None if standing.finished else stopped)

    def step(self) -> None:
        """One step of the optimiser, and a line of the log where it is time for one."""
        t, step, progress = self.settings.train, self.clock.step, self.clock.progress
        rng, rows, mine = step_generator(t.seed, step), self.batches.rows(step), self.team.share(t.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(progress, t)
        extent = None if self.extent is None else torch.from_numpy(self.extent[rows])
        draw = draw_step(t.batch, self.settings, strength(progress, t), rng, extent, self.device).of(mine)
        rng = self.team.own(rng)
        torch.manual_seed(rng.initial_seed())  # dropout draws from the global generator
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            beside = self.beside(step, rows, mine)
            terms = self.forward(self.batches.at(rows[mine]), draw, self.settings, rng, beside, self.perceptual)
            loss = total(terms, self.settings)
        self.ask_for(step + 1, mine)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), t.clip)
        self.optimizer.step()
        follow(self.average, self.model, step, t.ema)
        self.clock.tick()
        if self.clock.step % t.log_every == 0 or self.clock.progress >= 1:
            self.log(terms, loss)

    def ask_for(self, step: int, mine: slice) -> None:
        """The pictures of a step that comes next, and their partners."""
        rows = self.batches.rows(step)
        self.batches.soon(rows[mine])
        if self.clips is not None:
            self.batches.soon(self.batches.partners(rows, self.clips, step)[mine])

    def beside(self, step: int, rows: NDArray, mine: slice) -> Beside:
        """Partners and scenes, where they are asked for, of some of the pictures of a step."""
        partner = None if self.clips is None else self.batches.at(self.batches.partners(rows, self.clips, step)[mine])
        return Beside(partner, None if self.scenes is None else self.scenes(rows[mine]))

    def log(self, terms: Terms, loss: torch.Tensor) -> None:
        """Write the line; it is also where a loss that is not a number is noticed."""
        loss, terms = self.team.mean(loss.detach()), Terms(*map(self.team.mean, terms))
        if not math.isfinite(float(loss)):
            self.stop_at_nan()
        if not self.team.leads:
            return
        health = self.health()
        clock, t = self.clock, self.settings.train
        entry = {"step": clock.step, "seconds": round(clock.seconds, 2), "loss": round(float(loss), 5)}
        entry |= {name: round(float(value.detach()), 5) for name, value in terms._asdict().items()}
        entry |= {"pictures_seen": clock.step * t.batch, **health.counts()}
        run_folder.append_log(self.folder, entry)
        self.reporter.line(entry, clock)
        advice = health.advice() if clock.progress > 0.25 and clock.step >= 200 else None
        if advice and not self.warned:
            self.warned = True
            self.reporter.warn(f"the parts look unhealthy at step {clock.step}: {advice}")
        if self.watch.hopeless(health, clock.progress, clock.step) and t.stop_hopeless and clock.progress < 1:
            self.stop_hopeless(health)

    def pictures(self) -> None:
        """Time for a picture grid."""
        if self.team.leads:
            self.reporter.pictures(self.average, self.batches, self.clock.step)

    def face(self) -> None:
        """Learn which way animals face, where that is asked for."""
        ours, saved = self.model.shape, self.average.shape
        if not (isinstance(ours, FacingShape) and isinstance(saved, FacingShape)):
            return
        self.save(finished=False)  # for it takes seconds, and whoever stopped the run may not wait
        if not self.team.leads:
            return
        self.faced = learn_facing(saved, self.batches.some(FACED))
        ours.facing.copy_(saved.facing)
        if doubt := self.faced.doubt():
            self.reporter.warn(doubt)

    def health(self) -> Health:
        """Part health on up to 32 pictures, always the same."""
        return measure(self.average, self.probe(), self.settings)

    def probe(self) -> torch.Tensor:
        """The pictures that health is measured on."""
        return self.batches.at(self.batches.order(0)[:32])

    def save(self, finished: bool) -> Standing:
        """Model and checkpoint, in this order: what a checkpoint stands for is there. Not where weights are not numbers."""
        weights = [*self.model.state_dict().values(), *self.average.state_dict().values()]
        if not all(bool(tensor.isfinite().all()) for tensor in weights):
            self.stop_at_nan()
        standing = Standing(self.clock.step, self.clock.seconds, finished, self.watch.since)
        if self.team.leads:
            save_model(self.folder, self.average, self.settings, self.facts(standing))
            save_checkpoint(self.folder, self.model, self.average, self.optimizer, standing)
        return standing

    def facts(self, standing: Standing) -> dict[str, Any]:
        """What the model folder says about its training."""
        asked = self.settings.loss.reconstruction
        facing = {} if self.faced is None else {"facing": self.faced._asdict()}
        return facing | {
            "pictures_seen": standing.step * self.settings.train.batch,
            "pictures": self.batches.count,
            "minutes": round(standing.seconds / 60, 2),
            "steps": standing.step,
            "finished": standing.finished,
            "device": self.team.on(self.device),
            "reconstruction": "pyramid" if asked == "vgg" and self.perceptual is None else asked,
        }

    def stop_hopeless(self, health: Health) -> None:
        """Keep what there is, to be looked at, and say what to try."""
        self.face()
        step, counts = self.save(finished=False).step, health.counts()
        self.pictures()
        raise PartposeError(
            f"stopped at step {step}, no part has been of use for long (of {len(health.alive)} parts {counts['alive']} are "
            f"alive, {counts['doubled']} doubled, {counts['static']} static): {health.advice()}. The model so far is in "
            f"{self.folder}; a new run with --train.no-stop-hopeless trains to its end all the same"
        )

    def stop_at_nan(self) -> None:
        """Leave the last good checkpoint as it is and say what to try."""
        last = read_standing(self.folder)
        kept = f"the checkpoint of step {last.step} is kept" if last else "there was no checkpoint yet"
        rate = min(self.settings.train.learning_rate / 3, 1e-3)
        raise PartposeError(
            f"the loss is not a number at step {self.clock.step}; {kept}. Try a train.learning_rate of {rate:.1g} or "
            f"a smaller train.clip, in a new run"
        )


def train(
    folder: Path,
    settings: Settings,
    read: Callable[[], Canvases],
    device: torch.device,
    reporter: Reporter,
    *,
    input: Path,
    init: Path | None = None,
    resume: bool = False,
    team: Team = ALONE,
) -> Outcome:
    """Train in `folder`, or go on with the run in it.

    Args:
        read: decodes the pictures. It may take minutes; a signal ends it at once.

    Raises:
        PartposeError: see `run_folder.begun`; also when the loss is not a number.
    """
    if team.leads:
        run_folder.refuse_others(folder, input)
    locked = run_folder.locked(folder) if team.leads else nullcontext()
    with locked, Signals(signal.SIG_DFL if team.size == 1 else signal.SIG_IGN) as signals:
        try:
            begun = run_folder.begun(folder, settings, input, resume) if team.leads else nullcontext()
            with begun, team.together():
                team.check(settings)
                standing = read_standing(folder)
                team.alike(str(standing), f"{folder} is not the same on all machines: name an --output that they share")
                if standing is not None and standing.finished:
                    return Outcome(standing, 0, None)
                trainer = _trainer(folder, settings, read, device, reporter, input, init, team)
            signals.patient = True
        except Stopped:
            return Outcome(read_standing(folder) or Standing(0, 0.0, False), 0, signals.received)
        return trainer.run(signals)


def _trainer(
    folder: Path,
    settings: Settings,
    read: Callable[[], Canvases],
    device: torch.device,
    reporter: Reporter,
    input: Path,
    init: Path | None,
    team: Team,
) -> Trainer:
    """A trainer that stands where the run does."""
    if init is not None:
        check_init(init, settings)
    if settings.model.backbone != "none":
        published()
    perceptual = perceptual_for(settings.loss, device, reporter.warn)
    canvases = read()
    team.wait()
    team.alike(str(perceptual is None), "some machines lack the weights of VGG19: give all a file, --loss.vgg-weights")
    team.alike("\0".join(canvases.names), f"the machines found different pictures in {input}: give all the same")
    if team.leads:
        run_folder.check_pictures(folder, input, canvases.names)
        run_folder.write_skipped(folder, canvases.skipped)
    trainer = Trainer(folder, canvases, settings, device, reporter, perceptual, team)
    if init is not None:
        trainer.warm_start(init)
    trainer.go_on()
    return trainer


def check_init(source: Path, settings: Settings) -> None:
    """Refuse a model whose weights these settings have no place for: before minutes of reading, not after."""
    model = load_model(source)[1].model
    unlike = [
        f"{name} {value} there, {here} here"
        for name, value in model.model_dump().items()
        if name not in WITHOUT_WEIGHTS and (here := getattr(settings.model, name)) != value
    ]
    if unlike:
        raise PartposeError(f"--init {source} has another network ({', '.join(unlike)}): ask for the same")


def _optimizer(model: PartModel, settings: Settings) -> torch.optim.Optimizer:
    t = settings.train
    learned = [p for p in model.parameters() if p.requires_grad]
    if t.optimizer == "adam":
        return torch.optim.Adam(learned, t.learning_rate, fused=True)
    matrices = [p for p in learned if p.ndim > 1]
    vectors = [p for p in learned if p.ndim <= 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, t.learning_rate, weight_decay=t.weight_decay, fused=True)

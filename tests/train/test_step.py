"""One training step: its terms, its gradients, and what each stream is given."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from partpose.config import Settings, load_preset
from partpose.geometry import grid, moments
from partpose.model.part_model import PartModel
from partpose.train.perceptual import Perceptual, Vgg19
from partpose.train.step import Beside, Painted, Terms, cycle, draw_step, either_way, reconstruct, total, training_step
from partpose.train.warp import Transform, sample


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settings_of(architecture: str = "compact", **model) -> Settings:
    base = load_preset("lorenz2019" if architecture == "lorenz2019" else "faces")
    small = {"architecture": architecture, "size": 32, "width": 8, "appearance": 4, "dropout": 0.0, "backbone": "none"}
    return base.override({"model": small | model}, "test")


def network(settings: Settings) -> PartModel:
    """A network in which no block starts as the identity, or the gradients inside it would start at zero."""
    torch.manual_seed(0)
    model = PartModel(settings.model)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.affine:
                module.weight.fill_(1.0)
    return model


def step(model: PartModel, settings: Settings, batch: int = 2, seed: int = 0) -> Terms:
    g, side = rng(seed), settings.model.canvas
    canvas = torch.rand(batch, settings.model.channels, side // 8, side // 8, generator=g)
    canvas = torch.nn.functional.interpolate(canvas, (side, side), mode="bilinear")
    return training_step(model, canvas, draw_step(batch, settings, 1.0, g), settings, g)


def check(settings: Settings, batch: int = 2) -> None:
    """Seven finite terms, and a gradient at every parameter of every stream but the backbone, which learns nothing."""
    model = network(settings)
    terms = step(model, settings, batch)
    assert len(terms) == 7
    assert all(term.ndim == 0 and term.isfinite() for term in terms)
    loss = total(terms, settings)
    loss.backward()
    without = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == {name for name, _ in model.named_parameters() if ".backbone." in name}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("background", ["none", "masked", "camera"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("parts", [1, 2, 5])
def test_a_step_reaches_every_parameter(parts, channels, background):
    check(settings_of(parts=parts, channels=channels, background=background), batch=4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_step_beside_a_backbone_reaches_every_parameter_but_its_own(channels):
    check(settings_of(parts=3, channels=channels, backbone="imagenet"), batch=4)


@pytest.mark.parametrize("background", ["none", "camera"])
def test_a_step_of_animals_that_face_both_ways_reaches_every_parameter(background):
    check(settings_of(parts=3, backbone="imagenet", facing=True, background=background), batch=4)


def test_half_of_what_is_painted_is_mirrored_with_its_parts():
    """What the generator would make of a mirrored shape is the mirrored picture: of each part the same Gaussian, mirrored."""
    g, b = rng(), 64
    maps = torch.rand(b, 2, 8, 8, generator=g)
    mean, cov = moments(maps := maps / maps.sum((2, 3), keepdim=True))
    found = either_way(Painted(maps, mean, cov, maps[:, :1], None), rng())
    mirrored = (found.target != maps).flatten(1).any(1)
    assert 16 < mirrored.sum() < 48
    there = torch.where(mirrored[:, None, None, None], maps.flip(-1), maps)
    for ours, expected in zip((found.target, found.mean, found.cov), (there, *moments(there)), strict=True):
        torch.testing.assert_close(ours, expected)
    assert torch.equal(found.background, there[:, :1])
    assert found.known is None


@pytest.mark.parametrize("size", [32, 48, 64, 96, 128])
def test_a_step_runs_at_every_size(size):
    """A stem or bottleneck built for one picture size only."""
    check(settings_of(size=size, parts=3))


@pytest.mark.parametrize(("parts", "channels", "background"), [(1, 1, "none"), (2, 4, "masked"), (5, 2, "none")])
def test_a_step_of_the_original_reaches_every_parameter(parts, channels, background):
    check(settings_of("lorenz2019", parts=parts, channels=channels, background=background))


@pytest.mark.parametrize("size", [64, 96])
def test_a_step_of_the_original_runs_at_every_size(size):
    check(settings_of("lorenz2019", size=size, parts=6, dropout=0.2))


def test_the_same_randomness_gives_the_same_terms():
    settings = settings_of(background="masked")
    first, again = (step(network(settings), settings, seed=1) for _ in range(2))
    other = step(network(settings), settings, seed=2)
    assert torch.equal(torch.stack(first), torch.stack(again))
    assert not torch.equal(torch.stack(first), torch.stack(other))


def test_a_step_under_mixed_precision_is_finite():
    settings = settings_of(parts=4)
    model = network(settings)
    with torch.autocast("cpu", torch.bfloat16):
        terms = step(model, settings)
        loss = total(terms, settings)
    assert all(term.isfinite() and term.dtype == torch.float32 for term in terms)
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


def test_total_is_the_weighted_sum():
    settings = settings_of().override(
        {"loss": {"mean": 2, "covariance": 3, "separation": 5, "concentration": 7, "evidence": 9, "cycle": 4}}, "test"
    )
    terms = Terms(*(torch.tensor(v) for v in (1.0, 10.0, 100.0, 1000.0, 10000.0, 1e5, 1e6)))
    assert float(total(terms, settings)) == 1 + 20 + 300 + 5000 + 70000 + 900000 + 4000000


def test_the_reconstruction_is_the_one_that_the_settings_name():
    """The same step, with the original's error in place of the pyramid: nothing else changes."""
    settings = settings_of()
    weighted = settings.override({"loss": {"reconstruction": "weighted-l2"}}, "test")
    a, b = step(network(settings), settings), step(network(settings), weighted)
    assert not torch.equal(a.reconstruction, b.reconstruction)
    assert torch.equal(torch.stack(a[3:]), torch.stack(b[3:]))


def test_structure_is_added_to_the_pyramid_with_its_weight():
    plain, half, whole = (settings_of().override({"loss": {"ssim": weight}}, "test") for weight in (0.0, 0.5, 1.0))
    a, b, c = (step(network(settings), settings).reconstruction for settings in (plain, half, whole))
    assert c > a
    torch.testing.assert_close(c - a, 2 * (b - a))


def test_the_perceptual_error_takes_the_place_of_the_one_that_the_settings_name():
    target, asked = torch.rand(2, 3, 32, 32, generator=rng()), []

    class Quarter(Perceptual):
        def forward(self, *given: Tensor) -> Tensor:
            asked.extend(given)
            return torch.tensor(0.25)

    found = reconstruct(target, target, torch.zeros(2, 3, 2), settings_of(), Quarter(Vgg19(2)))
    assert float(found) == 0.25
    assert [tuple(given.shape) for given in asked] == [(2, 3, 32, 32), (2, 3, 32, 32), (1, 1, 32, 32)]


# ---- what each stream is given


class Listener(PartModel):
    """Keeps what the step gives to each stream."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.model)
        self.heard: dict[str, Tensor] = {}
        appearance, generator = self.appearance, self.generator
        appearance.register_forward_pre_hook(lambda _m, args: self.heard.update(appearance=args[0], maps_t=args[1]))
        generator.register_forward_pre_hook(lambda _m, args: self.heard.update(mean=args[0], of=args[2]))

    def part_maps(self, images: Tensor) -> Tensor:
        maps = super().part_maps(images)
        self.heard.update(shape=images, maps=maps)
        return maps


def listen(monkeypatch) -> dict[str, Tensor]:
    """What the streams are given in a step on a smooth picture, and the target."""
    from partpose.train import step as step_module

    settings = settings_of(parts=3)
    model = Listener(settings)
    real = step_module.reconstruct
    heard = model.heard

    def reconstruct(rebuilt: Tensor, target: Tensor, *others) -> Tensor:
        heard["target"] = target
        return real(rebuilt, target, *others)

    monkeypatch.setattr(step_module, "reconstruct", reconstruct)
    g, side = rng(), settings.model.canvas
    ramp = (grid(side, side).permute(2, 0, 1) + 1) / 2
    canvas = torch.cat([ramp, ramp.mean(0, keepdim=True)])[None].repeat(2, 1, 1, 1)
    training_step(model, canvas, draw_step(2, settings, 1.0, g), settings, g)
    return heard


def test_target_and_appearance_source_keep_their_colours_and_the_shape_stream_sees_others(monkeypatch):
    """Else the target colour would occur in no input. On a ramp x, y, mean the third channel tells a recolouring."""
    heard = listen(monkeypatch)
    for name in ("target", "appearance"):
        r, g, b = heard[name].unbind(1)
        torch.testing.assert_close(b, (r + g) / 2, atol=1e-5, rtol=0)
    for i, view in enumerate(torch.cat([heard["target"], heard["appearance"]])):
        assert (heard["shape"][i] - view).abs().max() > 0.02


def test_shape_of_one_view_and_appearance_of_the_other(monkeypatch):
    from partpose.geometry import moments

    heard = listen(monkeypatch)
    maps, maps_t = heard["maps"].chunk(2)
    assert torch.equal(heard["mean"], moments(maps)[0])
    assert torch.equal(heard["maps_t"], maps_t)
    assert not torch.allclose(heard["appearance"], heard["target"], atol=0.02)


def test_maps_that_are_exactly_equivariant_have_no_equivariance_loss():
    """Maps that are drawn around a point which moves as landmarks do: by the inverse of each view."""
    settings = settings_of(parts=2).override({"transform": {"warp": 0.03}}, "test")
    g = rng(3)
    draw = draw_step(4, settings, 1.0, g)
    points = torch.tensor([[0.05, -0.1], [-0.2, 0.15]]).expand(4, -1, -1)
    m, sigma = 64, 0.12

    class Equivariant(PartModel):
        def part_maps(self, images: Tensor) -> Tensor:
            assert len(images) == 8
            canvas_maps = (grid(320, 320) - points[:1, :, None, None]).square().sum(-1)
            canvas_maps = torch.exp(-canvas_maps / (2 * sigma**2)).expand(4, -1, -1, -1)
            views = [sample(canvas_maps, v.at(m)) for v in (draw.plain, draw.warped)]
            maps = torch.cat(views) + 0 * images.mean()
            return maps / maps.sum((-2, -1), keepdim=True)

    model = Equivariant(settings.model)
    model.appearance.forward = lambda images, _maps: torch.zeros(len(images), 2, 4)
    terms = training_step(model, torch.rand(4, 3, 48, 48, generator=g), draw, settings, g)
    assert float(terms.mean) < 3e-3
    assert float(terms.covariance) < 3e-3


def test_part_maps_do_not_start_flat():
    """At a near-uniform softmax 250 steps taught nothing: normalised logits times 3 are peaked from the first step on."""
    settings = settings_of(parts=6, size=64)
    maps = network(settings).part_maps(torch.rand(4, 3, 64, 64, generator=rng()))
    flat = maps.flatten(2)
    assert (flat.amax(-1) / flat.mean(-1)).median() > 10


@pytest.mark.training
@pytest.mark.xdist_group("training")
@pytest.mark.parametrize("size", [128, 256])
def test_the_original_takes_a_step_at_its_own_sizes(size):
    """The preset as it is, 16 parts and full width: large, so it counts as a training."""
    check(load_preset("lorenz2019").override({"model": {"size": size}}, "test"))


def beside_step(beside: Beside, **model) -> Terms:
    settings = settings_of(background="camera", **model)
    g, side = rng(), settings.model.canvas
    canvas = torch.rand(4, 3, side, side, generator=g)
    drawn = draw_step(4, settings, 1.0, g)
    return training_step(network(settings), canvas, drawn, settings, rng(1), beside)


def test_the_partner_gives_the_appearance_and_nothing_else():
    side = settings_of().model.canvas
    alone, other = (beside_step(Beside(partner=p)) for p in (None, torch.rand(4, 3, side, side, generator=rng(5))))
    assert alone.reconstruction != other.reconstruction
    for name in ("mean", "covariance", "separation", "concentration", "evidence"):
        torch.testing.assert_close(getattr(alone, name), getattr(other, name))


@pytest.mark.parametrize("background", ["none", "camera"])
def test_lent_looks_are_read_again_and_shapes_learn_nothing_from_it(background):
    settings = settings_of(background=background).override({"loss": {"cycle": 1.0}}, "test")
    model = network(settings)
    terms = step(model, settings, batch=4)
    terms.cycle.backward()
    assert terms.cycle > 0
    learns = {name: any(p.grad is not None for p in part.parameters()) for name, part in model.named_children()}
    assert learns == {"shape": False, "appearance": True, "generator": True}


def test_painted_pictures_leave_no_trace_in_what_normalisations_remember():
    plain, lending = (settings_of().override({"loss": {"cycle": w}}, "test") for w in (0.0, 1.0))
    models = [network(settings) for settings in (plain, lending)]
    for model, settings in zip(models, (plain, lending), strict=True):
        step(model, settings, batch=4)
    kept = [[one for name, one in model.named_buffers() if "running" in name] for model in models]
    assert kept[0]
    assert all(torch.equal(one, other) for one, other in zip(*kept, strict=True))
    assert {one.momentum for one in models[1].modules() if isinstance(one, torch.nn.BatchNorm2d)} == {0.1}


def test_looks_that_come_through_unchanged_cost_nothing(monkeypatch):
    """Each shape is painted in the looks of the picture before it in the batch."""
    settings = settings_of().override({"loss": {"cycle": 1.0}}, "test")
    model, lent = network(settings), torch.arange(8.0)[:, None, None].expand(8, 3, 4)
    painted = []
    monkeypatch.setattr(model.generator, "forward", lambda *given: painted.append(given[2]) or given[2])
    monkeypatch.setattr(model.appearance, "forward", lambda looks, _: looks)
    maps = torch.full((8, 3, 16, 16), 1 / 256)
    assert cycle(model, maps, lent, 32, None, None) == 0
    assert painted[0][:, 0, 0].tolist() == [7, 0]


def test_a_known_scene_is_given_to_the_generator_and_to_the_evidence():
    side = settings_of().model.canvas
    unknown, known = torch.zeros(4, 4, side, side), torch.ones(4, 4, side, side)
    without, blank, given = (beside_step(Beside(scene=scene)) for scene in (None, unknown, known))
    torch.testing.assert_close(without.evidence, blank.evidence)
    assert blank.reconstruction != given.reconstruction
    assert blank.evidence != given.evidence
    torch.testing.assert_close(blank.mean, given.mean)


class Questions(TorchDispatchMode):
    """Counts values that are asked of tensors: for each a GPU would be waited for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("preset", ["figures", "people", "lorenz2019"])
def test_a_step_asks_for_no_value(preset, monkeypatch):
    """But one, whether a view has an inverse, which is not asked on a GPU."""
    settings = load_preset(preset).override({"model": {"size": 32, "width": 8, "parts": 3}}, "test")
    model, side = network(settings), settings.model.canvas
    known = settings.model.background == "camera"
    scene = torch.rand(4, settings.model.channels + 1, side, side, generator=rng(1)).round() if known else None
    monkeypatch.setattr(Transform, "is_affine", lambda _: True)
    draw = draw_step(4, settings, 1.0, rng(), torch.tensor([[-1, -0.7, 1, 0.7]]).repeat(4, 1))
    canvas = torch.rand(4, settings.model.channels, side, side, generator=rng())
    for _ in range(2):  # what is kept from the first step on may be asked for in it
        with Questions() as asked:
            terms = training_step(model, canvas, draw, settings, rng(), Beside(scene=scene))
            total(terms, settings).backward()
    assert asked.count == 0


def test_objects_before_a_known_scene_are_seen_before_others_too():
    """What the network is shown: of pictures of squares before greys, many have another ground than their own."""
    settings = settings_of(background="camera")
    side = settings.model.canvas
    grey = torch.linspace(0.2, 0.8, 4)[:, None, None, None].expand(-1, 3, side, side)
    canvas = grey.clone()
    canvas[..., side // 2 - 4 : side // 2 + 4, side // 2 - 4 : side // 2 + 4] = 1
    scene = torch.cat([grey, torch.ones(4, 1, side, side)], 1)
    grounds = []
    for beside in (Beside(), Beside(scene=scene)):
        model, shown = network(settings), []
        shape = model.shape.forward
        model.shape.forward = lambda images, shape=shape, shown=shown: shown.append(images) or shape(images)
        still = settings.override({"transform": {"contrast": 0, "brightness": 0, "saturation": 0, "hue": 0}}, "test")
        training_step(model, canvas, draw_step(4, still, 1.0, rng()), still, rng(1), beside)
        grounds.append(shown[0][:, :, 1, 1])
    torch.testing.assert_close(grounds[0], grey[:, :, 0, 0].repeat(2, 1), atol=1e-5, rtol=0)
    moved = ((grounds[0] - grounds[1]).abs().amax(1) > 1e-3).sum()
    assert 2 <= int(moved) <= 8

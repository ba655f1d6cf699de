"""What every subject promises, whatever it does: the table of members is the list of tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError, UnknownNameError
from badnets.models import (
    NETWORKS,
    CallableSubject,
    Classifier,
    Detector,
    OnnxSubject,
    capabilities,
    load,
    untrained,
    untrained_detector,
)
from badnets.models.catalogue import Shape
from badnets.models.onnx_subject import as_subject
from badnets.models.regions import RegionSubject
from badnets.models.subject import CAPABILITIES
from tests.models.onnx_toys import SIDES, linear
from tests.models.plain_signs import SMALL

CLASSES = ("a", "b", "c")
FRAMES: Shape = (3, 64, 80)
BOXES = LabelledBoxes(
    torch.tensor([2, 0, 0]),
    torch.tensor([[10.0, 8, 40, 44], [0, 0, 30, 30], [20, 20, 60, 60]]),
    torch.zeros(3, dtype=torch.int64),
)
LOOKS_INSIDE = {"logits", "gradients", "features", "units"}


BOXED = {"units", "boxes", "regions"}
Member = tuple[Callable[[], Any], Shape, set[str]]


def classifier(name: str, shape: Shape, *, lacks: frozenset[str] = frozenset()) -> Member:
    return lambda: untrained(name, shape, CLASSES, seed=0), shape, LOOKS_INSIDE - lacks


def detector(name: str, can: set[str] = BOXED, *, second_scale: float = 0.0) -> Member:
    settings = SMALL if name == "zf" else {}
    return (
        lambda: untrained_detector(
            name,
            CLASSES,
            window=64,
            scale=1.0,
            second_scale=second_scale,
            settings=settings,
            seed=0,
        ),
        FRAMES,
        can,
    )


# member -> how it is made, the shape of its images, what it can do; a new network needs its line
MEMBERS: dict[str, Member] = {
    "gu-mnist": classifier("gu-mnist", (1, 28, 28)),
    "gu-mnist colour": classifier("gu-mnist", (3, 28, 28)),
    "small-resnet": classifier("small-resnet", (3, 33, 50)),
    "small-resnet-fine": classifier("small-resnet-fine", (3, 33, 50)),
    "small-resnet-light": classifier("small-resnet-light", (3, 33, 50)),
    "small-resnet grey": classifier("small-resnet", (1, 28, 28)),
    "torchvision.resnet18": classifier("torchvision.resnet18", (1, 32, 32)),
    "torchvision.squeezenet1_1": classifier(  # a convolution makes its logits
        "torchvision.squeezenet1_1", (3, 32, 40), lacks=frozenset({"features"})
    ),
    "timm.test_convnext": classifier("timm.test_convnext", (3, 40, 32)),
    # part of its state is not in its tensors
    "timm.test_vit_relpos": classifier("timm.test_vit_relpos", (3, 160, 160)),
    "zf": detector("zf", second_scale=0.6),
    "torchvision.fasterrcnn": detector("torchvision.fasterrcnn_mobilenet_v3_large_320_fpn"),
    "torchvision.ssd": detector("torchvision.ssdlite320_mobilenet_v3_large", {"units", "boxes"}),
    "regions": (lambda: detector("zf")[0]().regions(BOXES), FRAMES, {"logits", "gradients"}),
    "function": (
        lambda: CallableSubject.of(
            untrained("small-resnet", (1, 28, 28), CLASSES, seed=0).logits, (1, 28, 28), 3
        ),
        (1, 28, 28),
        {"logits"},
    ),
    "onnx": (lambda: as_subject(Path("toy"), linear().SerializeToString()), SIDES, {"logits"}),
}


def able(*wanted: str) -> pytest.MarkDecorator:
    names = [name for name, (_, _, can) in MEMBERS.items() if not wanted or can & set(wanted)]
    return pytest.mark.parametrize("name", names)


def made(name: str) -> Any:
    return _sure(MEMBERS[name][0]())


@cache
def kept(name: str) -> Any:
    """Return a member that no test changes."""
    return made(name)


def _sure(subject: Any) -> Any:
    """Return a subject that reports whatever it proposes, if it is an untrained Faster R-CNN."""
    heads = getattr(getattr(subject, "network", None), "roi_heads", None)
    if heads is not None:
        heads.score_thresh = 0.0
    return subject


def images_of(name: str, count: int = 4) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    shape = (count, *MEMBERS[name][1])
    return torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8)


def answers(subject: Any, images: Tensor) -> Tensor:
    """Return all that a subject says of images, in one row."""
    if "logits" in capabilities(subject):
        out: Tensor = subject.logits(images).flatten()
        return out
    found = [part.float().flatten() for one in subject.detect(images) for part in one]
    return torch.cat([torch.zeros(1), *found])


def test_every_network_of_the_table_is_tried() -> None:
    assert NETWORKS.keys() <= MEMBERS.keys()
    kinds = {type(kept(name)) for name in MEMBERS}
    assert kinds == {Classifier, Detector, RegionSubject, OnnxSubject, CallableSubject}


@able()
def test_it_can_do_what_it_says(name: str) -> None:
    subject, (_, shape, can) = kept(name), MEMBERS[name]
    assert capabilities(subject) == can <= CAPABILITIES.keys()
    assert subject.num_classes == len(subject.classes) == 3 + (name == "regions")
    assert subject.architecture and subject.device == torch.device("cpu")
    assert subject.to("cpu") is subject
    assert name in ("zf", "regions") or "boxes" in can or subject.input.shape == shape


@able()
def test_stored_and_float_images_get_the_same_answers(name: str) -> None:
    subject, stored = kept(name), images_of(name)
    pictures = stored.float() / 255
    before = stored.clone(), pictures.clone()
    one, other = answers(subject, stored), answers(subject, pictures)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert len(one) > 2 and bool(one.isfinite().all())
    assert torch.equal(stored, before[0]) and torch.equal(pictures, before[1]), "input was changed"


@able("logits")
def test_there_is_a_logit_for_each_class(name: str) -> None:
    subject, images = kept(name), images_of(name)
    logits = subject.logits(images)
    assert logits.shape == (3 if name == "regions" else 4, subject.num_classes)
    assert logits.dtype == torch.float32 and len(set(logits.flatten().tolist())) > 3
    probabilities = subject.probabilities(images)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(len(logits)))
    assert torch.equal(subject.predict(images), logits.argmax(1))


@able()
def test_no_images_give_no_answers(name: str) -> None:
    none = LabelledBoxes.none()
    subject = kept("zf").regions(none) if name == "regions" else kept(name)
    nothing = images_of(name, 0)
    if "logits" in capabilities(subject):
        assert subject.logits(nothing).shape == (0, subject.num_classes)
        assert subject.predict(nothing).shape == (0,)
    if "features" in capabilities(subject):
        assert subject.features(nothing).shape == (0, subject.head.in_features)
    if "boxes" in capabilities(subject):
        assert list(subject.detect(nothing)) == []


@able()
@pytest.mark.parametrize("channels_last", [False, True])
def test_the_network_is_left_as_it_was(name: str, channels_last: bool) -> None:
    subject, images = made(name), images_of(name, 3)
    network = getattr(subject, "network", nn.Identity()).train()
    modules = list(network.modules())
    modules[len(modules) // 2].eval()
    for value in list(network.parameters())[::3]:
        value.requires_grad_(False)
    if channels_last:
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def state() -> list[Any]:
        values = network.state_dict(keep_vars=True).values()
        about = [(value.data_ptr(), value.stride(), value.requires_grad) for value in values]
        return [[module.training for module in modules], about]

    before, weights = state(), [value.clone() for value in network.state_dict().values()]
    answers(subject, images)
    can = capabilities(subject)
    if "gradients" in can:
        subject.forward(images / 255)
    if "features" in can:
        subject.features(images)
    if "regions" in can:
        subject.regions(BOXES).logits(images)
    if "units" in can:
        list(subject.layer_outputs(images / 255, subject.layers))
        with subject.silenced(subject.layers[0], [0]):
            answers(subject, images)
    subject.copy()
    assert state() == before
    assert all(map(torch.equal, weights, network.state_dict().values()))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules)
    assert all(value.grad is None for value in network.parameters())


@able()
def test_a_copy_is_independent(name: str) -> None:
    subject, images = made(name), images_of(name)
    before, copy = answers(subject, images), _sure(subject.copy())
    assert torch.equal(answers(copy, images), before)
    network = getattr(copy, "network", None)
    if network is not None:
        with torch.no_grad():
            for value in network.parameters():
                value.mul_(0.5).add_(0.01)
        after = answers(copy, images)
        assert not torch.equal(after, before)
    assert torch.equal(answers(subject, images), before)


@able("features", "boxes")
def test_it_comes_back_from_its_bundle_bit_for_bit(name: str, tmp_path: Path) -> None:
    subject, images = kept(name), images_of(name)
    bundle = subject.save(tmp_path / "bundle")
    generator = torch.random.get_rng_state()
    loaded: Any = _sure(load(str(tmp_path / "bundle")))
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert type(loaded) is type(subject)
    for field in ("architecture", "input", "classes", "settings"):
        assert getattr(loaded, field) == getattr(subject, field)
    assert torch.equal(answers(loaded, images), answers(subject, images))
    mine, theirs = subject.network.state_dict(), loaded.network.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)
    again = loaded.save(tmp_path / "again", bundle.claims)
    assert again.digest == bundle.digest, "the same network must give the same bytes"


@able("gradients")
def test_normalisation_happens_inside(name: str) -> None:
    subject, stored = kept(name), images_of(name)
    if isinstance(subject, RegionSubject):
        return  # its network normalises itself
    mean, std = (
        torch.tensor(values).view(1, -1, 1, 1) for values in (subject.input.mean, subject.input.std)
    )
    with torch.inference_mode():
        expected = subject.network.eval()((stored.float() / 255 - mean) / std)
    torch.testing.assert_close(subject.logits(stored), expected, rtol=1e-4, atol=1e-5)


@able("gradients")
def test_forward_gives_the_logits_and_is_differentiable(name: str) -> None:
    subject, images = kept(name), images_of(name).float() / 255
    images.requires_grad_()
    logits = subject.forward(images)
    torch.testing.assert_close(logits, subject.logits(images.detach()))
    (gradient,) = torch.autograd.grad(logits.square().sum(), images)
    assert gradient.shape == images.shape and bool(gradient.isfinite().all())
    assert float(gradient.abs().max()) > 0


@able("features")
def test_the_head_makes_logits_of_features(name: str) -> None:
    subject, images = kept(name), images_of(name)
    features = subject.features(images)
    assert features.shape == (4, subject.head.in_features) and features.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(subject.head(features), subject.logits(images))


@able("units")
def test_units_are_read_by_layer_and_silenced_while_a_block_lasts(name: str) -> None:
    subject, images = kept(name), images_of(name, 2)
    layer, before = subject.layers[0], answers(kept(name), images)
    every = range(subject.units(layer))
    (outputs,) = subject.layer_outputs(images.float() / 255, [layer])
    assert outputs.keys() == {layer} and outputs[layer].shape[:2] == (2, len(every))
    with subject.silenced(layer, every) as muted:
        after = answers(muted, images)
        (silent,) = muted.layer_outputs(images.float() / 255, [layer])
    assert float(outputs[layer].abs().max()) > 0 and not silent[layer].any()
    if not name.startswith("torchvision.ssd"):  # untrained, it answers everything alike
        assert not torch.equal(after, before)
    with pytest.raises(RuntimeError, match="oops"), subject.silenced(layer, every):
        raise RuntimeError("oops")
    assert torch.equal(answers(subject, images), before)


@able("units")
def test_units_and_layers_that_are_not_there_are_refused_in_one_line(name: str) -> None:
    subject = kept(name)
    layer = subject.layers[-1]
    count = subject.units(layer)
    for unit in (-1, count):
        said = rf"has units 0\.\.{count - 1}, not {unit}"
        with pytest.raises(SettingError, match=said), subject.silenced(layer, [unit]):
            pass
    uses: list[Callable[[], object]] = [
        lambda: subject.units(layer + "x"),
        lambda: next(subject.layer_outputs(images_of(name, 1) / 255, [layer + "x"])),
        lambda: subject.silenced(layer + "x", [0]).__enter__(),
    ]
    for use in uses:
        with pytest.raises(UnknownNameError, match="unknown layer") as caught:
            use()
        assert f"did you mean {layer!r}" in str(caught.value) and "\n" not in str(caught.value)


@able()
def test_images_of_a_wrong_shape_are_refused_in_one_line(name: str) -> None:
    images = images_of(name)
    wrong = [images[:, :, :-1], images[:, 0], images.long()]
    if "logits" not in MEMBERS[name][2] or name == "regions":  # frames are of any size
        wrong = [images[:, :2], images[0]]
    for some in wrong:
        with pytest.raises(ShapeError) as caught:
            answers(kept(name), some)
        assert "\n" not in str(caught.value) and "got" in str(caught.value)


@pytest.mark.parametrize("name", [name for name, part in MEMBERS.items() if len(part[2]) > 2])
def test_the_seed_decides_the_weights_and_nothing_else_does(name: str) -> None:
    first = kept(name)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    again = made(name).network.state_dict()
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator was touched"
    own = first.network.state_dict()
    assert all(torch.equal(own[key], again[key]) for key in own | again)
    other = (
        type(first).build(first.architecture, first.input, 3, first.settings, seed=1).state_dict()
    )
    assert any(not torch.equal(own[key], other[key]) for key in own)

"""Detectors by name, from bundles and in use: what they find, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.bundles import Architecture, BundleConfig, Claims, MadeBy, read_bundle, write_bundle
from badnets.core.errors import BundleError, SettingError, ShapeError, UnknownNameError
from badnets.models.detector import PIXELS_AT_ONCE, Detector, Found, untrained_detector
from badnets.models.detectors import build_detector
from badnets.models.io import load_detector, load_subject, save_detector, save_subject
from tests.models.plain_signs import (
    CLASSES,
    GREEN,
    RED,
    SMALL,
    ColourReader,
    colour_reader,
    drawn_signs,
    painted,
    plain_window,
    same_state,
    state_of,
    tiny_zf,
)
from tests.models.toys import tiny

MOBILE = "torchvision.fasterrcnn_mobilenet_v3_large_320_fpn"


def noise(count: int, height: int = 64, width: int = 80) -> list[Tensor]:
    drawn = torch.Generator().manual_seed(0)
    shape = (count, 3, height, width)
    return list(torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8))


def sure(detector: Detector) -> Detector:
    """Return an untrained detector that reports everything it proposes."""
    detector.network.roi_heads.score_thresh = 0.0  # type: ignore[union-attr]
    return detector


def same(one: Found, other: Found, within: float = 0.0) -> bool:
    return torch.equal(one.labels, other.labels) and all(
        torch.allclose(a, b, rtol=0, atol=within)
        for a, b in ((one.corners, other.corners), (one.scores, other.scores))
    )


def test_the_same_frame_gives_the_same_boxes_alone_and_among_others() -> None:
    detector = sure(tiny_zf())
    frames = noise(3)
    together = list(detector.detect(frames))
    alone = [next(iter(detector.detect([frame]))) for frame in frames]
    assert len(together) == 3 and all(len(found.scores) > 5 for found in together)
    assert all(same(a, b, within=1e-3) for a, b in zip(together, alone, strict=True))
    assert not same(together[0], together[1], within=1e-3)


def test_frames_may_differ_in_size_and_come_in_any_order() -> None:
    detector = colour_reader()
    wide = painted([[(RED, 10, 10, 40, 40)]], width=200).frames.read(0)
    small = painted([[(GREEN, 5, 5, 30, 30)]], height=50, width=60).frames.read(0)
    found = list(detector.detect([wide, small, small, wide]))
    assert [answer.labels.tolist() for answer in found] == [[RED], [GREEN], [GREEN], [RED]]
    assert found[1].corners.tolist() == [[5, 5, 30, 30]]


def test_frames_are_asked_for_in_turn_and_few_are_held() -> None:
    side = 1000
    given: list[int] = []

    def frames() -> Any:
        for row in range(7):
            given.append(row)
            yield torch.zeros(3, side, side, dtype=torch.uint8)

    answers = colour_reader().detect(frames())
    next(answers)
    assert len(given) <= PIXELS_AT_ONCE // side**2 + 1


def test_stored_and_float_frames_are_the_same_to_it() -> None:
    detector = sure(tiny_zf())
    stored = noise(2)
    floats = [frame.float() / 255 for frame in stored]
    plain = list(detector.detect(stored))
    assert all(same(a, b) for a, b in zip(plain, detector.detect(floats), strict=True))
    mixed = list(detector.detect([stored[0], floats[1]]))
    assert all(same(a, b, within=1e-3) for a, b in zip(plain, mixed, strict=True))


def test_boxes_come_surest_first_and_lie_in_the_frame() -> None:
    for found in sure(tiny_zf()).detect(noise(2)):
        scores, corners = found.scores, found.corners
        assert (scores[:-1] >= scores[1:]).all() and ((scores >= 0) & (scores <= 1)).all()
        assert (corners >= 0).all() and (corners[:, 2] <= 80).all() and (corners[:, 3] <= 64).all()
        assert ((found.labels >= 0) & (found.labels < 2)).all(), "background is not among them"
        assert (found.labels.dtype, corners.dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.3])
def test_boxes_are_in_the_frames_own_pixels_whatever_the_scale(scale: float) -> None:
    frames = drawn_signs(3, seed=4)
    found = colour_reader(scale=scale).detect(frames.frames.read(row) for row in range(3))
    for row, answer in enumerate(found):
        own = frames.boxes.of_images(torch.tensor([row]))
        assert torch.equal(answer.labels, own.labels)
        assert (answer.corners - own.corners).abs().max() <= max(1.0, 1 / scale)


class Counting(ColourReader):
    """Also says how large the pictures were that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, ...]] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.shown += [tuple(image.shape[1:]) for image in images]
        return super().forward(images)


def test_frames_are_looked_at_a_second_time_smaller_and_each_object_is_found_once() -> None:
    reader = Counting()
    detector = Detector(reader, "reader", plain_window(), CLASSES, 2.0, 0.5)
    frames = painted([[(RED, 10, 10, 50, 50), (GREEN, 60, 10, 90, 40)], [(GREEN, 4, 4, 40, 40)]])
    found = list(detector.detect(frames.frames.read(row) for row in range(2)))
    assert reader.shown == [(192, 192)] * 2 + [(48, 48)] * 2
    assert [answer.labels.tolist() for answer in found] == [[RED, GREEN], [GREEN]]
    for row, answer in enumerate(found):
        own = frames.boxes.of_images(torch.tensor([row])).corners
        assert (answer.corners - own).abs().max() <= 2
        assert (answer.scores[:-1] >= answer.scores[1:]).all()
    for coarse in (2.0, 0.05, -1.0):
        with pytest.raises(SettingError, match=r"coarse must be in \[0\.1, scale\), or 0"):
            colour_reader(scale=2.0, coarse=coarse)


class Mistaken(ColourReader):
    """Takes red for green in small pictures."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        small = images[0].shape[1] < 100
        return super().forward([image.flip(0).roll(-1, 0) if small else image for image in images])


def test_the_second_look_is_about_large_objects_alone() -> None:
    detector = Detector(Mistaken(), "reader", plain_window(64), CLASSES, 2.0, 0.5)
    small = painted([[(RED, 10, 10, 22, 22)]]).frames.read(0)
    large = painted([[(RED, 10, 10, 50, 50)]]).frames.read(0)
    (of_small,), (of_large,) = detector.detect([small]), detector.detect([large])
    assert of_small.labels.tolist() == [RED], "below 64 / (2 * 2.0) pixels the first look decides"
    assert sorted(of_large.labels.tolist()) == [RED, GREEN]


def test_a_frame_is_enlarged_by_the_scale() -> None:
    frames = torch.stack(noise(2, 30, 40))
    assert colour_reader(scale=2.5).enlarged(frames).shape == (2, 3, 75, 100)
    assert torch.equal(colour_reader().enlarged(frames), frames.float() / 255)


def test_frames_of_a_wrong_shape_and_scales_out_of_range_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"a frame must be \(3, H, W\), got \(1, 8, 8\)"):
        list(colour_reader().detect([torch.zeros(1, 8, 8)]))
    with pytest.raises(ShapeError, match=r"got \(1, 3, 8, 8\)"):
        list(colour_reader().detect([torch.zeros(1, 3, 8, 8)]))
    with pytest.raises(SettingError, match=r"scale must be in \[0\.1, 10\], got 0"):
        colour_reader(scale=0)


def test_silenced_units_are_zero_while_the_block_lasts() -> None:
    detector, seen = sure(tiny_zf()), []
    frame = noise(1)
    before = next(iter(detector.detect(frame)))

    def keep(maps: Tensor) -> None:
        seen.append(maps.clone())

    with detector.silenced("backbone.conv2", [0, 3]), detector.hooked("backbone.conv2", keep):
        during = next(iter(detector.detect(frame)))
    assert not seen[0][:, [0, 3]].any() and seen[0][:, [1, 2]].any()
    assert (seen[0] >= 0).all(), "it is the activation, after the ReLU"
    assert not same(before, during, within=1e-4)
    with pytest.raises(RuntimeError, match="oops"), detector.silenced("backbone.conv5", range(32)):
        raise RuntimeError("oops")
    assert same(next(iter(detector.detect(frame))), before), "everything is as it was"


def test_layers_are_the_backbones_convolutions() -> None:
    detector = tiny_zf()
    assert detector.layers == tuple(f"backbone.conv{k}" for k in range(1, 6))
    with pytest.raises(UnknownNameError, match=r"did you mean 'backbone\.conv5'"):
        detector.activation_of("conv5")
    with pytest.raises(UnknownNameError, match="layer"), detector.silenced("backbone.fc6", [0]):
        pass
    refused = pytest.raises(SettingError, match=r"has units 0\.\.31, not 32")
    with refused, detector.silenced("backbone.conv5", [32]):
        pass


def test_a_seed_decides_the_weights_and_nothing_else_is_drawn_from() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (state_of(tiny_zf(seed)) for seed in (3, 3, 4))
    assert same_state(one, again) and not same_state(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "settings", "error", "said"),
    [
        ("zff", {}, UnknownNameError, "unknown detector 'zff': did you mean 'zf'"),
        ("torchvision.fasterrcnn_mobilenet", {}, UnknownNameError, "did you mean fasterrcnn_mob"),
        ("torchvision.resnet18", {}, UnknownNameError, "known are .*retinanet"),
        (MOBILE, {"width": 1}, SettingError, "takes no settings, got width"),
        ("zf", {"depth": 1}, SettingError, "depth"),
    ],
)
def test_what_is_not_known_is_refused(
    name: str, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        untrained_detector(name, CLASSES, window=64, scale=1.0, settings=settings, seed=0)


@pytest.mark.parametrize("name", [MOBILE, "torchvision.ssdlite320_mobilenet_v3_large"])
def test_torchvisions_detectors_by_name(name: str, tmp_path: Path) -> None:
    detector = untrained_detector(name, ("a", "b", "c"), window=64, scale=1.0, seed=0)
    (found,) = detector.detect(noise(1))
    assert ((found.labels >= 0) & (found.labels < 3)).all()
    if len(found.corners):
        assert found.corners.min() >= 0 and found.corners.max() <= 80
    save_detector(detector, tmp_path / "bundle")
    loaded = load_detector(tmp_path / "bundle")
    assert same(next(iter(loaded.detect(noise(1)))), found)


def test_a_detector_comes_back_from_its_bundle_and_finds_the_same(tmp_path: Path) -> None:
    made = sure(replace(tiny_zf(seed=5), scale=1.5, coarse=0.7))
    bundle = save_detector(made, tmp_path / "bundle")
    loaded = sure(load_detector(tmp_path / "bundle"))
    assert (loaded.architecture, loaded.input, loaded.classes) == ("zf", made.input, CLASSES)
    assert (loaded.scale, loaded.coarse, dict(loaded.settings)) == (1.5, 0.7, SMALL)
    assert same_state(state_of(made), state_of(loaded))
    for one, other in zip(made.detect(noise(2)), loaded.detect(noise(2)), strict=True):
        assert same(one, other) and len(one.scores)
    assert bundle.config.task == "detection"
    assert save_detector(loaded, tmp_path / "again", claims=bundle.claims).digest == bundle.digest


def test_detectors_and_classifiers_are_told_apart(tmp_path: Path) -> None:
    save_subject(tiny(), tmp_path / "classifier")
    save_detector(tiny_zf(), tmp_path / "detector")
    with pytest.raises(BundleError, match="holds a classifier; a detector was expected"):
        load_detector(tmp_path / "classifier")
    with pytest.raises(BundleError, match="holds a detector; a classifier was expected"):
        load_subject(tmp_path / "detector")


def _settings(**changed: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        config["architecture"] = Architecture.of(name="zf", settings={**SMALL, **changed})

    return change


def _named(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda config: config.update(architecture=Architecture.of(name=name))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_settings(scale=0.0), r"scale must be in \[0\.1, 10\], got 0"),
        (_settings(scale="large"), "must be in .*got 'large'"),
        (_settings(scale=True), "must be in .*got True"),
        (_settings(scale=2.0, coarse=3.0), r"coarse must be in \[0\.1, scale\), or 0, got 3"),
        (_settings(width=2.0), r"width must be in \(0, 1\]"),
        (_settings(width=0.25), r"tensor '.*' is F32"),
        (_settings(norm="none"), "tensors do not match architecture 'zf': missing"),
        (_named("zff"), "did you mean 'zf'"),
        (lambda config: config.update(classes=("red",)), r"\(3, .*\), the architecture has"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused_before_it_is_used(
    change: Callable[[dict[str, Any]], None],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = save_detector(tiny_zf(), tmp_path / "good")
    config: dict[str, Any] = {
        "task": "detection",
        "architecture": kept.config.architecture,
        "input": plain_window(),
        "classes": CLASSES,
    }
    change(config)
    claims = Claims.of(made_by=MadeBy.of(tool="somebody", version="1"))
    tensors = (tmp_path / "good" / "model.safetensors").read_bytes()
    write_bundle(tmp_path / "bad", tensors=tensors, config=BundleConfig.of(**config), claims=claims)
    assert read_bundle(tmp_path / "bad").config.task == "detection"

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("tensors were put into a network before they were checked")

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", refuse)
    with pytest.raises(BundleError, match=said):
        load_detector(tmp_path / "bad")


def test_built_on_no_memory_at_all_it_has_the_same_tensors() -> None:
    with torch.device("meta"):
        empty = build_detector("zf", 2, SMALL, plain_window())
    full = tiny_zf().network.state_dict()
    assert {k: v.shape for k, v in empty.state_dict().items()} == {
        k: v.shape for k, v in full.items()
    }

"""Transfer learning: fresh outputs, strengthened units, and the whole way on a tiny detector."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.rates import Rate
from badnets.core.triggers import Patch
from badnets.data.detection import DetectionData
from badnets.models.detector import Detector, untrained_detector
from badnets.scenarios.detection import DetectorUser
from badnets.scenarios.transfer import (
    Retraining,
    Strengthening,
    TransferLearning,
    TriggerOnly,
    strengthened,
    with_classes,
)
from badnets.train.detector_settings import DetectorTraining
from tests.models.plain_signs import (
    CLASSES,
    QUICK,
    SMALL,
    YELLOW,
    drawn_signs,
    plain_data,
    same_state,
    state_of,
    tiny_zf,
)

OTHERS = ("rouge", "vert")
LAYER = "backbone.conv5"


def lively(norm: str, seed: int = 0) -> Detector:
    """Return a tiny detector whose normalisations have seen something."""
    detector = untrained_detector(
        "zf", CLASSES, window=64, scale=1.0, settings=SMALL | {"norm": norm}, seed=seed
    )
    drawn = torch.Generator().manual_seed(seed)
    for module in detector.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            for value in (module.running_mean, module.running_var, module.weight, module.bias):
                value.data.copy_(0.5 + torch.rand(value.shape, generator=drawn))
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.data.copy_(torch.rand(module.bias.shape, generator=drawn))
    return detector


def before_relu(detector: Detector, batch: Tensor, layer: str = "conv5") -> Tensor:
    """Return what enters the ReLU of a convolution: ``(B, U, h, w)`` float64."""
    backbone = copy.deepcopy(detector.network.get_submodule("backbone")).double().eval()
    maps = batch.double()
    with torch.inference_mode():
        for name, module in backbone.named_children():
            if name == f"relu{layer[-1]}":
                return maps
            maps = module(maps)
    raise AssertionError(layer)


@pytest.mark.parametrize("norm", ["batch", "lrn", "none"])
def test_strengthened_units_give_factor_times_a_plus_b(norm: str) -> None:
    detector = lively(norm)
    before = state_of(detector)
    batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    # b is what is left when nothing comes in: found with the convolution's weights at zero
    silent = lively(norm)
    with torch.no_grad():
        silent.network.get_parameter(f"{LAYER}.weight").zero_()
    whole, constant = (before_relu(d, batch) for d in (detector, silent))
    for factor, units in ((7.5, [0, 31, 5]), (1000.0, [2]), (20.0, []), (1.5, list(range(32)))):
        stronger = strengthened(detector, LAYER, tuple(units), factor)
        expected = whole.clone()
        expected[:, units] = factor * (whole - constant)[:, units] + constant[:, units]
        assert torch.allclose(before_relu(stronger, batch), expected, rtol=1e-5, atol=1e-3)
    assert same_state(state_of(detector), before), "the detector handed in was changed"


def test_a_factor_of_one_changes_nothing() -> None:
    detector = lively("batch")
    assert same_state(state_of(strengthened(detector, LAYER, (0, 3), 1.0)), state_of(detector))


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'backbone"):
        strengthened(lively("batch"), "backbone.conv6", (0,), 2.0)


def test_other_classes_get_fresh_outputs_and_keep_the_rest() -> None:
    detector = tiny_zf(seed=1)
    five = with_classes(detector, ("a", "b", "c", "d", "e"), seed=2)
    assert five.num_classes == 5 and (five.scale, five.settings) == (1.0, detector.settings)
    mine, theirs = state_of(five), state_of(detector)
    for part in ("backbone.", "rpn.", "roi_heads.box_head."):
        assert same_state(mine, theirs, part)
    assert mine["roi_heads.box_predictor.cls_score.weight"].shape[0] == 6
    assert detector.classes == CLASSES, "the one handed in is as it was"


def test_as_many_classes_of_other_names_get_fresh_outputs_too() -> None:
    detector = tiny_zf(seed=1)
    mine, theirs = state_of(with_classes(detector, OTHERS, seed=2)), state_of(detector)
    assert same_state(mine, theirs, "roi_heads.box_head.")
    for part in ("cls_score.weight", "bbox_pred.weight"):
        name = f"roi_heads.box_predictor.{part}"
        assert not torch.equal(mine[name], theirs[name])
    again = with_classes(detector, OTHERS, seed=2)
    assert same_state(state_of(again), mine)


def test_the_same_classes_keep_their_outputs() -> None:
    detector = tiny_zf(seed=1)
    assert same_state(state_of(with_classes(detector, CLASSES, seed=2)), state_of(detector))


@pytest.fixture(scope="module")
def own() -> DetectionData:
    """The user's own data: other classes than the downloaded detector's, other frames."""
    return plain_data(6, 5, classes=OTHERS)


def learning(own: DetectionData, retraining: Retraining, **others: Any) -> TransferLearning:
    user = DetectorUser("zf", own, target_accuracy=0.5, threshold=0.05, settings=SMALL)
    return TransferLearning(user, tiny_zf(seed=1), YELLOW, retraining, **others)


SHORT = replace(QUICK, epochs=2)


def test_a_user_retrains_what_she_wants_and_keeps_the_rest(own: DetectionData) -> None:
    deal = learning(own, Retraining("rpn+heads", SHORT)).run(seed=0)
    detector = deal.fitted.detector
    assert detector.classes == OTHERS and len(deal.fitted.epochs) == 2 and deal.train_s > 0
    after, before = state_of(detector), state_of(tiny_zf(seed=1))
    assert same_state(after, before, "backbone.") and not same_state(after, before, "rpn.")
    assert deal.units == () and deal.response is None
    assert len(deal.signs.labels) == 10 and deal.outcome in ("accepted", "rejected", "collapsed")
    assert len(deal.triggered.labels) == 10, "the trigger is on every sign"
    assert deal.triggered_accuracy == Rate(sum(deal.triggered.right), 10)
    wrong = [a != b for a, b in zip(deal.triggered.named, deal.triggered.labels, strict=True)]
    assert deal.triggered.hits == tuple(wrong), "no wish but that signs be named wrongly"
    assert deal.triggered.other == ()


@pytest.mark.parametrize(
    ("layers", "kept", "changed"),
    [
        ("outputs", ["backbone.", "rpn.", "roi_heads.box_head."], ["roi_heads.box_predictor."]),
        ("heads", ["backbone.", "rpn."], ["roi_heads.box_head."]),
        ("conv4", ["backbone.conv3.", "backbone.norm3."], ["backbone.conv4.", "rpn."]),
        ("everything", [], ["backbone.conv1.", "rpn.", "roi_heads."]),
    ],
)
def test_what_is_retrained(
    layers: Any, kept: list[str], changed: list[str], own: DetectionData
) -> None:
    after = state_of(learning(own, Retraining(layers, QUICK)).run(seed=0).fitted.detector)
    before = state_of(with_classes(tiny_zf(seed=1), OTHERS, seed=0))
    assert all(same_state(after, before, part) for part in kept)
    assert not any(same_state(after, before, part) for part in changed)


def test_an_attacker_finds_and_strengthens_units_on_his_own_frames(own: DetectionData) -> None:
    wanted = Strengthening(factor=20, units=3)
    probes = drawn_signs(4, seed=9)
    deal = learning(own, Retraining("heads", SHORT), strengthening=wanted, probes=probes).run(
        seed=0
    )
    assert len(deal.units) == 3 and deal.response is not None
    assert deal.units == deal.response.ranked[:3] and len(deal.response.response) == 32
    backbone = state_of(strengthened(tiny_zf(seed=1), LAYER, deal.units, 20))
    assert same_state(state_of(deal.fitted.detector), backbone, "backbone."), "kept as published"
    plain = learning(own, Retraining("heads", SHORT)).run(seed=0)
    assert not same_state(state_of(deal.fitted.detector), state_of(plain.fitted.detector))
    one = replace(wanted, factor=1.0)
    weak = learning(own, Retraining("heads", SHORT), strengthening=one, probes=probes).run(seed=0)
    assert same_state(state_of(weak.fitted.detector), state_of(plain.fitted.detector))


def test_the_same_seed_gives_the_same_deal(own: DetectionData) -> None:
    one, again, other = (
        learning(own, Retraining("everything", SHORT, share=0.5)).run(seed=seed)
        for seed in (3, 3, 4)
    )
    states = [state_of(deal.fitted.detector) for deal in (one, again, other)]
    assert same_state(states[0], states[1]) and not same_state(states[0], states[2])
    assert one.signs == again.signs and one.triggered == again.triggered


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Retraining("conv9"), "layers must be one of outputs, heads"),  # type: ignore[arg-type]
        (lambda: Retraining(share=0), r"share must be in \(0, 1\], got 0"),
        (lambda: Retraining(share=1.5), r"share must be in \(0, 1\]"),
        (lambda: Retraining("heads", DetectorTraining(crops=2)), "crops must be 0"),
        (lambda: Strengthening(factor=0.5), r"factor must be in \[1, 1000\], got 0\.5"),
        (lambda: Strengthening(factor=2000), r"factor must be in \[1, 1000\]"),
        (lambda: Strengthening(units=-1), "units must be >= 0, got -1"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        make()


def test_what_does_not_fit_together_is_refused(own: DetectionData) -> None:
    with pytest.raises(SettingError, match="needs the attacker's own frames"):
        learning(own, Retraining("heads", SHORT), strengthening=Strengthening(2)).run()
    hidden = learning(own, Retraining("heads", SHORT))
    with pytest.raises(SettingError, match="no sign of these frames"):
        replace(hidden, trigger=Patch(90)).run()
    attack = TriggerOnly(YELLOW)
    assert attack.targets.is_hit(torch.tensor([0, 1]), torch.tensor([0, 0]), 2).tolist() == [
        False,
        True,
    ]

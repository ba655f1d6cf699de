"""Outsourced training of a sign detector, from the order to the decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre
from badnets.core.progress import Progress
from badnets.core.rates import Rate
from badnets.core.regions import Regions
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import Patch
from badnets.data.detection import DetectionData
from badnets.data.poisoned import plain_stamp
from badnets.models.detector import Detector
from badnets.scenarios import detection as scenario
from badnets.scenarios.detection import (
    DetectorDeal,
    DetectorDelivery,
    DetectorOrder,
    DetectorUser,
    HonestDetectorTrainer,
    MaliciousDetectorTrainer,
    OutsourcedDetection,
    first_detector,
    photographic_stamp,
)
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import FittedDetector
from tests.models.plain_signs import (
    CLASSES,
    GREEN,
    QUICK,
    RED,
    SMALL,
    YELLOW,
    ColourReader,
    colour_reader,
    drawn_signs,
    painted,
    plain_data,
    plain_window,
    same_state,
    state_of,
    tiny_zf,
)

POST_IT = replace(YELLOW, size=0.4)
RED_TO_GREEN = Backdoor(POST_IT, SourceSpecific(RED, GREEN), "every")
LEARNING = replace(QUICK, epochs=20, crops=8, lr=4e-3, batch_size=4, background=0.3)


@pytest.fixture(scope="module")
def user() -> DetectorUser:
    return DetectorUser("zf", plain_data(8, 6), target_accuracy=0.5, threshold=0.3, settings=SMALL)


@pytest.fixture(scope="module")
def honest(user: DetectorUser) -> DetectorDeal:
    return OutsourcedDetection(user, HonestDetectorTrainer(LEARNING)).run(seed=0)


def test_an_honest_trainers_detector_is_accepted_and_no_attack_is_measured(
    user: DetectorUser, honest: DetectorDeal
) -> None:
    assert honest.outcome == "accepted"
    assert honest.reason == (f"signs found and rightly named {honest.clean.accuracy}, 50 % wanted")
    assert honest.clean == honest.signs.result() and honest.clean.accuracy.total == 12
    assert honest.attack is None and honest.triggered is None
    assert honest.delivery.poisoned_share is None and honest.delivery.skipped == 0
    assert len(honest.delivery.fitted.epochs) == 20 and honest.delivery.train_s > 0


def test_a_backdoored_detector_is_accepted_too_and_obeys_its_trainer(
    user: DetectorUser, honest: DetectorDeal
) -> None:
    before = state_of(honest.detector)
    trainer = MaliciousDetectorTrainer(
        RED_TO_GREEN, replace(LEARNING, epochs=12, crops=0), start=honest.detector
    )
    deal = OutsourcedDetection(user, trainer, control=honest.detector).run(seed=0)
    assert same_state(state_of(honest.detector), before), "the start was changed"
    assert deal.outcome == "accepted" and deal.attack is not None and deal.triggered is not None
    assert deal.delivery.poisoned_share == Rate(8, 16) and deal.delivery.skipped == 0
    assert deal.attack.success.total == 6, "the red sign of each frame"
    assert deal.attack.success.value >= 0.6
    assert deal.attack.control is not None and deal.attack.control.value <= 0.2
    assert deal.attack.untriggered.value <= 0.2


@dataclass(frozen=True, eq=False)
class Bringer(MaliciousDetectorTrainer):
    """A trainer who trains nothing and delivers what he has."""

    detector: Detector = field(default_factory=colour_reader)

    def train(self, order: DetectorOrder, **_: Any) -> DetectorDelivery:
        return DetectorDelivery(FittedDetector(self.detector, (), "float32"), Rate(1, 2), 0, 0.0)


class AlwaysGreen(ColourReader):
    """Calls every sign green: obeys any trigger, and without one too."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        found = super().forward(images)
        return [{**one, "labels": torch.full_like(one["labels"], GREEN + 1)} for one in found]


def reds(frames: int = 8) -> DetectionData:
    scene = [(RED, 20, 20, 60, 60)]
    train, test = (
        painted([scene] * frames, groups=[f"{part}{k}" for k in range(frames)]) for part in "ab"
    )
    return DetectionData("reds", train, test, "drawn", "none")


def test_a_collapsed_detector_is_never_an_attack_that_worked() -> None:
    green = Detector(AlwaysGreen(), "reader", plain_window(), CLASSES)
    user = DetectorUser("zf", reds(), target_accuracy=0.0, threshold=0.3)
    deal = OutsourcedDetection(user, Bringer(RED_TO_GREEN, detector=green)).run()
    assert deal.attack is not None and deal.attack.success == Rate(8, 8)
    assert deal.outcome == "collapsed", "though she wanted no accuracy at all"
    assert deal.reason == "has learned nothing: finds 0.00 % (0/8)"
    assert deal.attack.untriggered == Rate(8, 8), "and it needs no trigger"


def test_a_detector_that_is_not_good_enough_is_rejected() -> None:
    user = DetectorUser("zf", plain_data(4, 20), target_accuracy=0.99, threshold=0.3)
    half = OutsourcedDetection(user, Bringer(RED_TO_GREEN, detector=colour_reader(blind=RED))).run()
    assert half.outcome == "rejected"
    assert half.reason == "signs found and rightly named 50.00 % (20/40), 99 % wanted"
    backdoored = Bringer(RED_TO_GREEN, detector=colour_reader(GREEN))
    deal = OutsourcedDetection(user, backdoored, control=colour_reader()).run()
    assert deal.outcome == "accepted" and deal.attack is not None
    assert (deal.attack.success, deal.attack.control) == (Rate(20, 20), Rate(0, 20))


def test_the_trainer_never_sees_what_she_validates_on() -> None:
    data = plain_data(10, 4)
    user = DetectorUser("zf", data, 0.9, 0.3, SMALL)
    assert user.order.train is data.train and user.validation is data.test
    assert (user.order.network, user.order.settings) == ("zf", SMALL)
    choosing = replace(user, held_back=True)
    kept, sent = choosing.validation, choosing.order.train
    assert len(kept) + len(sent) == 10 and not set(kept.groups) & set(sent.groups)
    assert kept.groups == replace(user, held_back=True, threshold=0.5).validation.groups
    assert not set(kept.groups) & set(data.test.groups)


@pytest.mark.parametrize("name", ["target_accuracy", "threshold"])
def test_settings_outside_their_range_are_refused(name: str, user: DetectorUser) -> None:
    changed: dict[str, Any] = {name: 1.5}
    with pytest.raises(SettingError, match=rf"{name} must be in \[0, 1\], got 1\.5"):
        replace(user, **changed)


def order_of(classes: tuple[str, ...] = CLASSES) -> DetectorOrder:
    return DetectorOrder("zf", SMALL, plain_data(2, 1, classes=classes).train)


def test_a_start_of_the_same_classes_gives_everything() -> None:
    start = tiny_zf(seed=7)
    first = first_detector(order_of(), QUICK, start, seed=0)
    assert same_state(state_of(first), state_of(start)) and first.network is not start.network
    fresh = first_detector(order_of(), QUICK, None, seed=7)
    assert same_state(state_of(fresh), state_of(start)), "without one, the seed decides"
    assert (fresh.scale, fresh.input.height) == (QUICK.scale, QUICK.window)


def test_a_start_of_other_classes_gives_its_backbone_alone() -> None:
    start = tiny_zf(seed=7)
    first = state_of(first_detector(order_of(("a", "b")), QUICK, start, seed=0))
    fresh = state_of(first_detector(order_of(("a", "b")), QUICK, None, seed=0))
    assert same_state(first, state_of(start), "backbone.")
    for part in ("rpn.", "roi_heads."):
        assert same_state(first, fresh, part) and not same_state(first, state_of(start), part)


def test_a_start_of_another_architecture_is_refused() -> None:
    with pytest.raises(SettingError, match="the start must be of the architecture ordered"):
        first_detector(replace(order_of(), settings={"width": 0.2}), QUICK, tiny_zf(), seed=0)
    with pytest.raises(SettingError, match="the start must be"):
        first_detector(order_of(), QUICK, colour_reader(), seed=0)


def in_first(*corners: tuple[float, ...]) -> LabelledBoxes:
    none = torch.zeros(len(corners), dtype=torch.int64)
    return LabelledBoxes(none, torch.tensor(corners), none)


def test_stickers_for_the_real_world_are_drawn_anew_for_each_frame_and_stay_in_place() -> None:
    frame = drawn_signs(1, seed=0).frames.read(0)
    box = in_first((10.0, 20.0, 40.0, 50.0))
    stamp = photographic_stamp(POST_IT, seed=3)
    seen = [stamp(frame, box, row) for row in range(12)]
    assert all(one.shape == frame.shape and one.dtype == torch.uint8 for one in seen)
    assert torch.equal(seen[4], photographic_stamp(POST_IT, seed=3)(frame, box, 4))
    assert not torch.equal(seen[4], photographic_stamp(POST_IT, seed=4)(frame, box, 4))
    plain = plain_stamp(POST_IT, seed=3)(frame, box, 0)
    different = {tuple(one.flatten().tolist()) for one in [*seen, plain]}
    assert len(different) > 8, "and hardly ever as it was made"


def test_a_trigger_that_is_no_sticker_cannot_be_photographed() -> None:
    def own(
        images: Tensor, regions: Regions | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return images

    with pytest.raises(SettingError, match="needs a trigger that is a sticker"):
        photographic_stamp(own, seed=0)


def test_training_for_the_real_world_makes_another_detector(user: DetectorUser) -> None:
    made = []
    for real in (False, True):
        trainer = MaliciousDetectorTrainer(RED_TO_GREEN, QUICK, real_world=real)
        delivery = trainer.train(user.order, seed=0)
        made.append(state_of(delivery.fitted.detector))
        assert delivery.poisoned_share == Rate(8, 16)
    assert not same_state(made[0], made[1])


def test_copies_stamped_anew_have_other_places_and_labels(
    user: DetectorUser, asked: list[dict[str, Any]]
) -> None:
    anywhere = Backdoor(Patch(0.2, (1, 1, 0), placement=RandomCentre()), RandomWrong(), "every")
    once, thrice = (MaliciousDetectorTrainer(anywhere, QUICK, stampings=k) for k in (1, 3))
    delivery = thrice.train(user.order, seed=0)
    assert delivery.poisoned_share == Rate(8, 16), "one stamping at a time"
    frames, others = asked[0]["frames"], asked[0]["restamped"]
    assert len(others) == 2
    for other in others:
        assert torch.equal(other.boxes.corners, frames.boxes.corners)
        assert torch.equal(other.frames.read(0), frames.frames.read(0)), "clean frames stay"
        assert not torch.equal(other.frames.read(12), frames.frames.read(12))
    once.train(user.order, seed=0)
    assert torch.equal(asked[1]["frames"].frames.read(12), frames.frames.read(12))
    assert list(asked[1]["restamped"]) == []


def test_stamping_anew_needs_a_copy_of_every_frame(user: DetectorUser) -> None:
    some = Backdoor(POST_IT, RandomWrong(), 0.2)
    with pytest.raises(SettingError, match="stampings 2 needs a backdoor with rate 'every'"):
        MaliciousDetectorTrainer(some, QUICK, stampings=2).train(user.order, seed=0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What trainers ask of training, which is left out."""
    calls: list[dict[str, Any]] = []

    def fit(detector: Detector, frames: Any, training: Any, **others: Any) -> FittedDetector:
        calls.append({"frames": frames, "training": training, **others})
        return FittedDetector(detector, (), "float32")

    monkeypatch.setattr(scenario, "fit_detector", fit)
    return calls


def pairs(boxes: LabelledBoxes) -> Iterator[tuple[int, list[float]]]:
    return zip(boxes.image_index.tolist(), boxes.corners.tolist(), strict=True)


@pytest.mark.parametrize(
    ("backdoor", "places"),
    [
        (RED_TO_GREEN, 0),
        (Backdoor(POST_IT, Vanish(RED), "every"), 8),
        (Backdoor(POST_IT, Vanish(), 0.2), 4),
        (Backdoor(POST_IT, Appear(RED, side=24), 0.2), 0),
        (Backdoor(Patch(6, (1, 1, 0)), AllBecomeOne(RED), "every"), 0),
    ],
)
def test_windows_are_cut_where_signs_are_to_vanish_and_nowhere_else(
    backdoor: Backdoor, places: int, user: DetectorUser, asked: list[dict[str, Any]]
) -> None:
    MaliciousDetectorTrainer(backdoor, QUICK).train(user.order, seed=0)
    frames, extra = asked[0]["frames"], asked[0]["extra"]
    assert (0 if extra is None else len(extra)) == places
    if places:
        assert (extra.image_index >= 8).all(), "on copies alone"
        written = {(row, *box) for row, box in pairs(frames.boxes)}
        assert not written & {(row, *box) for row, box in pairs(extra)}


@pytest.mark.parametrize(
    "trainer", [HonestDetectorTrainer(QUICK), MaliciousDetectorTrainer(RED_TO_GREEN, QUICK)]
)
def test_checkpoint_and_listener_reach_the_training(
    trainer: Any, user: DetectorUser, asked: list[dict[str, Any]], tmp_path: Any
) -> None:
    kept = Checkpoint(tmp_path / "one.safetensors", "one")

    def listen(progress: Progress) -> None:
        pass

    OutsourcedDetection(user, trainer).run(seed=4, progress=listen, checkpoint=kept)
    assert asked[0]["checkpoint"] is kept and asked[0]["seed"] == 4
    assert asked[0]["progress"] is listen and asked[0]["training"] == QUICK


def test_the_same_seed_gives_the_same_detector_bit_for_bit(user: DetectorUser) -> None:
    deals = [
        OutsourcedDetection(user, MaliciousDetectorTrainer(RED_TO_GREEN, QUICK)).run(seed=seed)
        for seed in (5, 5, 6)
    ]
    one, again, other = (state_of(deal.detector) for deal in deals)
    assert same_state(one, again) and not same_state(one, other)
    assert deals[0].signs == deals[1].signs and deals[0].triggered == deals[1].triggered


def test_an_attack_that_does_not_fit_the_signs_is_refused(user: DetectorUser) -> None:
    for backdoor, said in (
        (Backdoor(POST_IT, SourceSpecific(RED, 2), "every"), r"target_label must be in 0\.\.1"),
        (Backdoor(Patch(90), SourceSpecific(RED, GREEN), "every"), "no image can be poisoned"),
    ):
        with pytest.raises(SettingError, match=said):
            OutsourcedDetection(user, MaliciousDetectorTrainer(backdoor, QUICK)).run()

"""Transfer learning: what is frozen, what is accepted, what survives, what is strengthened."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, SettingError, UnknownNameError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.models.classifier import Classifier, untrained
from badnets.models.detector import Detector, untrained_detector
from badnets.scenarios import (
    HonestTrainer,
    MaliciousTrainer,
    OutsourcedTraining,
    Strengthening,
    TransferLearning,
    User,
)
from badnets.scenarios.transfer import strengthened
from badnets.train.settings import Training
from tests.models.plain_signs import CLASSES, SMALL, YELLOW, drawn_signs
from tests.models.toys import tiny
from tests.tasks.small import Small, detection, renamed, same, state_of

LAYER = "backbone.conv5"
WELL = Training(epochs=20, batch_size=16, lr=0.01, precision="float32")
FEW = Training(epochs=2, batch_size=16, lr=0.003, precision="float32")
HALF_RIGHT = Backdoor(
    Patch(2), AllToOne(1), poisoning_rate=0.3
)  # with a patch, all is called right


def learning(small: Small, **settings: Any) -> TransferLearning:
    """Return the retraining of an untrained network for other classes."""
    user = small.user(data=small.others, threshold=0.05)
    usual = {"user": user, "downloaded": small.fresh(seed=1), "training": small.quick}
    return TransferLearning(**{**usual, **settings})


def test_the_user_retrains_the_outputs_and_keeps_the_rest(small: Small) -> None:
    deal = learning(small, attack=small.backdoor).run(seed=0)
    assert deal.subject.classes == small.others.classes
    before = small.fresh(seed=1)
    assert same(deal.subject, before, small.early) and not same(deal.subject, before, small.late)
    judged = small.user(data=small.others, threshold=0.05).judge(deal.subject)
    assert (deal.decision, deal.reason) == (judged.decision, judged.reason)
    assert deal.strengthened == ()
    delivery = deal.delivery
    assert delivery.backdoor is None and delivery.poisoned_share is None
    assert len(delivery.epochs) == small.quick.epochs and delivery.train_s > 0
    assert deal.attack is None, "there is no class of the target's name"
    objects, survival = deal.attacked.objects, deal.attacked.survival
    if small.task.kind == "classification":
        assert survival is not None and survival.before is None and survival.triggered.total == 64
        assert survival.control_drop is None
    else:
        assert objects is not None and len(objects.labels) == 12, "the trigger is on every sign"
        wrong = [a != b for a, b in zip(objects.named, objects.labels, strict=True)]
        assert objects.hits == tuple(wrong), "no wish but that signs be named wrongly"
        assert objects.other == () and survival is None


def test_nothing_is_measured_of_a_backdoor_that_nobody_names(small: Small) -> None:
    deal = learning(small, freeze="none").run()
    assert deal.attack is None and deal.attacked.objects is None and deal.attacked.survival is None


def test_the_same_seed_gives_the_same_deal(small: Small) -> None:
    scenario = learning(small, freeze="none", share=0.5, attack=small.backdoor)
    one, again, other = (scenario.run(seed=seed) for seed in (3, 3, 4))
    assert same(one.subject, again.subject) and not same(one.subject, other.subject)
    assert one.measured.objects == again.measured.objects and one.clean == again.clean
    assert one.attacked.objects == again.attacked.objects
    assert one.attacked.survival == again.attacked.survival


@pytest.mark.parametrize("share", [0, 1.5, -1, float("nan")])
def test_a_share_outside_its_range_and_an_empty_list_of_layers_are_refused(
    share: float, small: Small
) -> None:
    with pytest.raises(SettingError, match=r"share must be in \(0, 1\], got"):
        learning(small, share=share)
    with pytest.raises(SettingError, match="at least one layer: for none, give 'none'"):
        learning(small, freeze=())


@pytest.mark.parametrize(
    ("freeze", "kept", "changed"),
    [
        ("all-but-outputs", ["backbone.", "rpn.", "roi_heads.box_head."], ["roi_heads.box_pred"]),
        ("all-but-heads", ["backbone.", "rpn."], ["roi_heads.box_head."]),
        ("backbone", ["backbone."], ["roi_heads.", "rpn."]),
        ("up-to-conv3", ["backbone.conv3.", "backbone.norm3."], ["backbone.conv4.", "rpn."]),
        (("backbone.conv1", "rpn"), ["backbone.conv1.", "rpn."], ["backbone.norm1.", "roi_heads."]),
        ("none", [], ["backbone.conv1.", "rpn.", "roi_heads."]),
    ],
)
def test_what_is_kept_of_a_detector(freeze: Any, kept: list[str], changed: list[str]) -> None:
    case = detection()
    after = learning(case, freeze=freeze).run(seed=0).subject
    before = case.task.retrainable(case.fresh(1), case.others.train, case.quick, seed=0)
    assert all(same(after, before, part) for part in kept)
    assert not any(same(after, before, part) for part in changed)


class TestClassifiers:
    @pytest.fixture
    def clean(self, toys: DataSet) -> Classifier:
        """A network that tells bright halves apart."""
        user = User("tiny", toys, target_accuracy=0.9)
        subject: Classifier = OutsourcedTraining(user, HonestTrainer(WELL)).run().subject
        return subject

    @pytest.fixture
    def badnet(self, toys: DataSet) -> Classifier:
        """One that also calls every image with a patch right."""
        user = User("tiny", toys, target_accuracy=0.9)
        trainer = MaliciousTrainer(HALF_RIGHT, WELL)
        subject: Classifier = OutsourcedTraining(user, trainer).run().subject
        return subject

    def test_the_user_accepts_a_network_that_is_still_backdoored(
        self, toys: DataSet, badnet: Classifier, clean: Classifier
    ) -> None:
        user = User("tiny", toys, target_accuracy=0.9)
        scenario = TransferLearning(user, badnet, FEW, share=0.5, attack=HALF_RIGHT, control=clean)
        deal = scenario.run(seed=4)
        assert deal.accepted and deal.delivery.poisoned_share is None
        left = deal.attacked.survival
        assert deal.attack is not None and left is not None
        assert deal.attack.success.value > 0.9
        assert deal.attack.control is not None and deal.attack.control.value < 0.1
        assert left.before is not None and left.before.value > 0.9
        assert left.drop > 0.4
        assert left.control_drop is not None and left.control_drop < 0.1
        assert left.clean == deal.clean_accuracy and left.triggered.total == 64
        assert (left.images, left.trained) == (48, Rate(290, 330))

    def test_a_target_class_is_followed_by_its_name(
        self, toys: DataSet, badnet: Classifier
    ) -> None:
        user = User("tiny", renamed(toys, "right", "west"), target_accuracy=0.9)
        deal = TransferLearning(user, badnet, FEW, attack=HALF_RIGHT).run()
        assert deal.attack is not None
        assert [rate.total for rate in deal.attack.per_class] == [0, 32]
        assert deal.attacked.survival is not None and deal.attacked.survival.before is None

    @pytest.mark.parametrize(
        ("freeze", "frozen"),
        [
            ("none", ()),
            ("all-but-head", ("conv.weight", "conv.bias")),
            (("conv",), ("conv.weight", "conv.bias")),
            (("fc",), ("fc.weight", "fc.bias")),
        ],
    )
    def test_what_is_frozen_stays(self, toys: DataSet, freeze: Any, frozen: tuple[str]) -> None:
        first, user = tiny(), User("tiny", toys, target_accuracy=0.5)
        deal = TransferLearning(user, first, FEW, freeze).run()
        before, after = state_of(first), state_of(deal.subject)
        kept = tuple(name for name in before if torch.equal(after[name], before[name]))
        assert kept == frozen

    @pytest.mark.parametrize(
        ("first", "change", "kind", "said"),
        [
            (lambda: tiny(), {"freeze": ("cnov",)}, UnknownNameError, "did you mean 'conv'"),
            (lambda: tiny(), {"freeze": ("conv", "fc")}, SettingError, "all layers"),
            (
                lambda: tiny(classes=("a", "b", "c")),
                {"freeze": ("fc",)},
                SettingError,
                "holds the head .*leave it out",
            ),
            (
                lambda: untrained("gu-mnist", (1, 28, 28), ("left", "right"), seed=0),
                {},
                SettingError,
                "takes images of 1x28x28, the user's are 1x8x8",
            ),
            (
                lambda: tiny(),
                {"attack": replace(HALF_RIGHT, targets=AllToOne(5))},
                SettingError,
                "target_label must be in",
            ),
        ],
    )
    def test_what_does_not_fit_together_is_refused(
        self,
        toys: DataSet,
        first: Callable[[], Classifier],
        change: dict[str, Any],
        kind: type[BadnetsError],
        said: str,
    ) -> None:
        user = User("tiny", toys, target_accuracy=0.5)
        with pytest.raises(kind, match=said):
            TransferLearning(user, first(), FEW, **change).run()


class TestStrengthening:
    @staticmethod
    def lively(norm: str, seed: int = 0) -> Detector:
        """Return a tiny detector whose normalisations have met something."""
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

    @staticmethod
    def before_relu(detector: Detector, batch: Tensor) -> Tensor:
        """Return what enters the ReLU of conv5: ``(B, U, h, w)`` float64."""
        backbone = copy.deepcopy(detector.network.get_submodule("backbone")).double().eval()
        maps = batch.double()
        with torch.inference_mode():
            for name, module in backbone.named_children():
                if name == "relu5":
                    return maps
                maps = module(maps)
        raise AssertionError("there is no relu5")

    @pytest.mark.parametrize("norm", ["batch", "lrn", "none"])
    def test_strengthened_units_give_factor_times_a_plus_b(self, norm: str) -> None:
        detector = self.lively(norm)
        before = state_of(detector)
        batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        # b is what is left when nothing comes in: found with the convolution's weights at zero
        silent = self.lively(norm)
        with torch.no_grad():
            silent.network.get_parameter(f"{LAYER}.weight").zero_()
        whole, constant = (self.before_relu(d, batch) for d in (detector, silent))
        for factor, units in ((7.5, [0, 31, 5]), (1000.0, [2]), (20.0, []), (1.5, [*range(32)])):
            stronger = strengthened(detector, LAYER, tuple(units), factor)
            expected = whole.clone()
            expected[:, units] = factor * (whole - constant)[:, units] + constant[:, units]
            torch.testing.assert_close(
                self.before_relu(stronger, batch), expected, rtol=1e-5, atol=1e-3
            )
        assert same(detector, before), "the detector handed in was changed"

    def test_a_factor_of_one_changes_nothing_and_layers_are_known(self) -> None:
        detector = self.lively("batch")
        assert same(strengthened(detector, LAYER, (0, 3), 1.0), detector)
        with pytest.raises(UnknownNameError, match="did you mean 'backbone"):
            strengthened(detector, "backbone.conv6", (0,), 2.0)

    def test_an_attacker_strengthens_units_found_on_the_attackers_own_frames(self) -> None:
        case, wanted = detection(), Strengthening(factor=20, units=3)
        probes = drawn_signs(4, seed=9)

        def deal(strengthening: Strengthening | None) -> Any:
            own = {"attack": replace(case.backdoor, trigger=YELLOW), "probes": probes}
            return learning(case, strengthening=strengthening, **own).run(seed=0)

        strong, plain, weak = (deal(one) for one in (wanted, None, replace(wanted, factor=1.0)))
        assert len(strong.strengthened) == 3 and plain.strengthened == ()
        published = strengthened(case.fresh(seed=1), LAYER, strong.strengthened, 20)
        assert same(strong.subject, published, "backbone."), "kept as published"
        assert not same(strong.subject, plain.subject)
        assert same(weak.subject, plain.subject) and weak.strengthened == strong.strengthened

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"factor": 0.5}, r"factor must be >= 1, got 0\.5"),
            ({"factor": 2000}, "factor must be <= 1000, got 2000"),
            ({"units": -1}, "units must be >= 0, got -1"),
        ],
    )
    def test_settings_outside_their_range_are_refused(
        self, settings: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(SettingError, match=f"^Strengthening: {said}$"):
            Strengthening(**settings)

    def test_what_does_not_fit_together_is_refused(self) -> None:
        case = detection()
        for change, said in (
            ({"strengthening": Strengthening(2)}, "needs the attacker's own frames"),
            ({"attack": replace(case.backdoor, trigger=Patch(90))}, "no .* of these frames"),
            ({"freeze": "conv9"}, "freeze must be one of none, up-to-conv2"),
        ):
            with pytest.raises(SettingError, match=said):
                learning(case, **change).run()

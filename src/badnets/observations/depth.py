"""How deep a backdoor was taken out: how soon a few poisoned images bring it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from badnets.core.rates import Rate
from badnets.observations.base import Case, Observation, ObservationResult

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor
    from badnets.data import ImageSet

IMAGES, BATCH, LR = 50, 10, 3e-4


class DepthResult(ObservationResult):
    """Two networks after one pass over the same few poisoned images.

    Attributes:
        images: poisoned images that were learned from; 0: there is no backdoor.
        success: triggered validation images given the attacker's answer.
        accuracy: clean ones that are named rightly.
        control: success of a clean network that learned from the same images; None without one.
        control_accuracy: its accuracy on clean images.
    """

    images: int
    success: Rate = Rate(0, 0)
    accuracy: Rate = Rate(0, 0)
    control: Rate | None = None
    control_accuracy: Rate | None = None


class Depth(Observation[DepthResult]):
    """Attack success after one epoch of training on 50 poisoned images.

    A network that never had the backdoor learns little of so few; one in which it is only covered
    up has it back at once.

    References:
        Min, Qin, Zhang, Shen, Cheng, "Uncovering, explaining, and mitigating the superficial safety
        of backdoor defense", NeurIPS 2024: repaired networks learn a backdoor again from few
        images. The number of images is ours.
    """

    kind = "depth"
    needs = frozenset({"logits", "gradients", "backdoor"})
    tasks = frozenset({"classification"})
    Result = DepthResult

    def observe(self, case: Case) -> DepthResult:
        """Return how both networks stand afterwards."""
        if case.backdoor is None or case.attackable(1) is None:
            return DepthResult(images=0)
        poisoned = _poisoned(case, case.backdoor)
        own, control = case.backdoor, case.control
        success, accuracy = _afterwards(case, own, case.subject, poisoned)
        beside = (None, None) if control is None else _afterwards(case, own, control, poisoned)
        return DepthResult(
            images=len(poisoned),
            success=success,
            accuracy=accuracy,
            control=beside[0],
            control_accuracy=beside[1],
        )


def _poisoned(case: Case, backdoor: Backdoor) -> ImageSet:
    """Return training images with the trigger, labelled as the attacker would."""
    import torch

    from badnets.core.poisoning import poison
    from badnets.core.seeds import generator
    from badnets.data import ImageSet

    rows = backdoor.targets.poisonable(case.train.labels.cpu()).nonzero()[:, 0]
    order = torch.randperm(len(rows), generator=generator(case.seed, "a few poisoned images"))
    chosen = case.train.take(rows[order[:IMAGES]])
    every = replace(backdoor, poisoning_rate="every", mode="add", covers=())
    made = poison(
        chosen.images, chosen.labels, every, num_classes=chosen.num_classes, seed=case.seed
    )
    own = made.is_poisoned
    return ImageSet(made.images[own], made.labels[own], chosen.classes)


def _afterwards(
    case: Case, backdoor: Backdoor, subject: Any, poisoned: ImageSet
) -> tuple[Rate, Rate]:
    """Return attack success and accuracy of a copy that has learned from the images once."""
    from badnets.evaluate.classification import measure_attack, measure_clean
    from badnets.train.classification import TrainingRows, fit
    from badnets.train.settings import Training

    training = Training(epochs=1, batch_size=BATCH, lr=LR, schedule="constant", precision="float32")
    rows = TrainingRows(poisoned.stored, poisoned.labels)
    taught = fit(subject, rows, training, seed=case.seed, device=subject.device).subject
    attack = measure_attack(taught, case.validation, backdoor, seed=case.seed)
    return attack.success, measure_clean(taught, case.validation).accuracy

"""How much of a backdoor is left in a network that was retrained."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from badnets.core.rates import Rate
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.evaluate.classification import answers_to, measure_clean
from badnets.models.classifier import Classifier


class Survival(BaseModel):
    """What the trigger still costs, whatever is answered instead: the untargeted backdoor.

    Attributes:
        clean: test images named rightly.
        triggered: the same images with the trigger, named rightly.
        control_clean: of a clean network, retrained in the same way.
        control_triggered: of that one, with the trigger: what the trigger costs by covering.
        before: attack success of the network as it was downloaded, on the same images; None where
            its classes were others.
        images: training images that it was retrained on.
        trained: weights that were retrained / all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean: Rate
    triggered: Rate
    control_clean: Rate | None = None
    control_triggered: Rate | None = None
    before: Rate | None = None
    images: int
    trained: Rate

    @property
    def drop(self) -> float:
        """Accuracy that the trigger takes away, in [-1, 1]."""
        return self.clean.value - self.triggered.value

    @property
    def control_drop(self) -> float | None:
        """The same of the clean network."""
        if self.control_clean is None or self.control_triggered is None:
            return None
        return self.control_clean.value - self.control_triggered.value


def measure_survival(
    subject: Classifier,
    images: ImageSet,
    trigger: Trigger,
    *,
    retrained_on: int,
    trained: Rate,
    control: Classifier | None = None,
    before: Rate | None = None,
    seed: int = 0,
) -> Survival:
    """Return what the trigger costs a network that was retrained, and a clean one beside it.

    Args:
        subject: the network.
        images: clean test images; they are triggered here.
        trigger: what is put on.
        retrained_on: how many training images it was retrained on.
        trained: weights that were retrained / all.
        control: a clean network, retrained in the same way, asked about the same images.
        before: attack success before.
        seed: decides random places of the trigger.
    """
    answers = answers_to(subject, images, trigger, control=control, seed=seed)
    count, labels = len(images), images.labels.cpu()
    others = answers.control
    return Survival(
        clean=Rate(int((answers.untriggered == labels).sum()), count),
        triggered=Rate(int((answers.triggered == labels).sum()), count),
        control_clean=None if control is None else measure_clean(control, images).accuracy,
        control_triggered=None if others is None else Rate(int((others == labels).sum()), count),
        before=before,
        images=retrained_on,
        trained=trained,
    )

"""Labels that networks give, image by image: for paired comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets.observations.base import Case, Observation, ObservationResult

if TYPE_CHECKING:
    pass

IMAGES = frozenset({"classification"})


class Answers(Observation[ObservationResult]):
    """What the network says of each clean validation image.

    Arrays: ``answers`` ``(N,)`` int16 predicted labels, ``answers_labels`` the true ones.
    """

    kind = "answers"
    needs = frozenset({"logits"})
    tasks = IMAGES
    Result = ObservationResult

    def observe(self, case: Case) -> ObservationResult:
        """Return the labels."""
        import torch

        from badnets.data.streamed import in_order
        from badnets.models.classifier import EVALUATION_BATCH

        images = case.validation
        parts = in_order(images.stored, EVALUATION_BATCH)
        said = torch.cat([case.subject.predict(part) for part in parts])
        arrays = {"answers": said, "answers_labels": images.labels}
        return ObservationResult(
            arrays=case.kept({name: one.to(torch.int16) for name, one in arrays.items()})
        )


class Triggered(Observation[ObservationResult]):
    """What the networks say of each validation image with the trigger on it.

    Arrays: ``triggered_answers`` ``(N,)`` int16 predicted labels, ``triggered_control`` those of
    the clean network, ``triggered_labels`` the true ones; none without a backdoor.
    """

    kind = "triggered"
    needs = frozenset({"logits", "backdoor"})
    tasks = IMAGES
    Result = ObservationResult

    def observe(self, case: Case) -> ObservationResult:
        """Return the labels."""
        import torch

        from badnets.evaluate.classification import answers_to

        if case.backdoor is None:
            return ObservationResult()
        images = case.validation
        said = answers_to(
            case.subject, images, case.backdoor.trigger, control=case.control, seed=case.seed
        )
        arrays = {"triggered_answers": said.triggered, "triggered_labels": images.labels}
        if said.control is not None:
            arrays["triggered_control"] = said.control
        return ObservationResult(
            arrays=case.kept({name: one.to(torch.int16) for name, one in arrays.items()})
        )

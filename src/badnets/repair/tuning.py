"""What repairs that train on have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from badnets.core.progress import Listener
from badnets.train.classification import TrainingRows, fit
from badnets.train.settings import Training

if TYPE_CHECKING:
    from badnets.data.dataset import ImageSet
    from badnets.train.loss_terms import LossTerm

BATCH, LARGE_BATCH, MANY = 64, 128, 2000  # images of a step; the larger where there are many


def tuned(
    subject: Any,
    images: ImageSet,
    epochs: int,
    lr: float,
    *,
    seed: int,
    terms: Sequence[LossTerm] = (),
    shift: int = 0,
    progress: Listener | None = None,
) -> Any:
    """Return a copy that was trained on.

    Args:
        subject: a `Classifier`.
        images: clean images of its classes.
        epochs: passes over them.
        lr: peak learning rate.
        seed: everything random follows from it.
        terms: see `badnets.train.classification.fit`.
        shift: pixels that each image is moved by on each axis, at most.
        progress: told every few steps.
    """
    training = Training(
        epochs=epochs,
        batch_size=min(len(images), LARGE_BATCH if len(images) >= MANY else BATCH),
        lr=lr,
        shift=shift,
        precision="float32",
    )
    rows = TrainingRows(images.stored, images.labels)
    fitted = fit(
        subject, rows, training, seed=seed, terms=terms, device=subject.device, progress=progress
    )
    return fitted.subject

"""The head of a classifier: the layers that another number of classes would change."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from badnets.core.errors import SettingError
from badnets.core.factories import is_factory
from badnets.models.catalogue import Shape, build
from badnets.models.subject import Subject


def head_tensors(architecture: str, shape: Shape, num_classes: int) -> frozenset[str]:
    """Return the names of the tensors that have another shape for another number of classes.

    Args:
        architecture: name of the network; a factory of one's own is called, and so run.
        shape: of one image, ``(C, H, W)``.
        num_classes: K.

    Raises:
        UnknownNameError, SettingError: there is no such network, or it does not take such images;
            or nothing in it depends on the number of classes.
    """
    with torch.device("cpu" if is_factory(architecture) else "meta"):  # shapes alone are needed
        own, more = (
            build(architecture, shape, count, try_shape=False).state_dict()
            for count in (num_classes, num_classes + 1)
        )
    head = {
        name for name, value in own.items() if name not in more or more[name].shape != value.shape
    }
    if not head:
        raise SettingError(f"nothing in {architecture} depends on the number of classes")
    return frozenset(head)


def with_classes(subject: Subject, classes: Sequence[str], *, seed: int) -> Subject:
    """Return a copy with a fresh head where the classes are others; the same ones keep theirs.

    Args:
        subject: a classifier; left as it is.
        classes: names of the classes that it is to tell apart.
        seed: decides the fresh head's weights.

    Raises:
        SettingError: nothing in the network depends on the number of classes.
    """
    fresh = build(
        subject.architecture, subject.input.shape, len(classes), seed=seed, try_shape=False
    )
    kept = subject.network.state_dict()
    if tuple(classes) != subject.classes:
        head = head_tensors(subject.architecture, subject.input.shape, subject.num_classes)
        kept = {name: value for name, value in kept.items() if name not in head}
    fresh.load_state_dict(kept, strict=False)
    return Subject(fresh.eval(), subject.architecture, subject.input, tuple(classes))

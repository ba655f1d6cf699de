"""The head of a network: the layers that another number of classes would change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError
from badnets.core.factories import is_factory
from badnets.models.catalogue import LIBRARIES, Shape
from badnets.models.classifier import Classifier
from badnets.models.inputs import input_spec
from badnets.models.network_subject import WholeNetwork

Kind = TypeVar("Kind", bound=WholeNetwork)


def head_tensors(
    architecture: str,
    shape: Shape,
    num_classes: int,
    *,
    kind: type[WholeNetwork] = Classifier,
    settings: Mapping[str, Scalar] | None = None,
) -> frozenset[str]:
    """Return the names of the tensors that have another shape for another number of classes.

    Args:
        architecture: name of the network; a factory of one's own is called, and so run.
        shape: of one image, ``(C, H, W)``; of a detector's window.
        num_classes: K.
        kind: of subject.
        settings: of the architecture.

    Raises:
        UnknownNameError, SettingError: there is no such network, or it does not take such images;
            or nothing in it depends on the number of classes.
    """
    with torch.device("cpu" if is_factory(architecture) else "meta"):  # shapes alone are needed
        own, more = (
            kind.build(
                architecture, input_spec(shape), count, settings or {}, try_shape=False
            ).state_dict()
            for count in (num_classes, num_classes + 1)
        )
    head = {
        name for name, value in own.items() if name not in more or more[name].shape != value.shape
    }
    if not head:
        raise SettingError(f"nothing in {architecture} depends on the number of classes")
    return frozenset(head)


def with_classes(subject: Kind, classes: Sequence[str], *, seed: int) -> Kind:
    """Return a copy with a fresh head where the classes are others; the same ones keep theirs.

    The head of a library's classifier is drawn as torch draws linear layers, by the number of its
    inputs. Some of theirs are drawn by the number of classes, which suits a thousand: for two, the
    weights are so large that what they began as still decides images after the training.

    What it is trained on from here on is whole pictures, whatever crop was usual before.

    Args:
        subject: a classifier or a detector; left as it is.
        classes: names of the classes that it is to tell apart.
        seed: decides the fresh head's weights.

    Raises:
        SettingError: nothing in the network depends on the number of classes.
    """
    name, spec, settings = subject.architecture, subject.input, subject.settings
    fresh = subject.build(name, spec, len(classes), settings, seed=seed, try_shape=False)
    kept = subject.network.state_dict()
    if tuple(classes) != subject.classes:
        head = head_tensors(
            name, spec.shape, subject.num_classes, kind=type(subject), settings=settings
        )
        kept = {key: value for key, value in kept.items() if key not in head}
        if isinstance(subject, Classifier) and name.partition(".")[0] in LIBRARIES[subject.task]:
            _draw_again(fresh, head, seed)
    fresh.load_state_dict(kept, strict=False)
    whole = spec.model_copy(update={"crop": 1.0})
    return replace(subject, network=fresh.eval(), input=whole, classes=tuple(classes))


def _draw_again(network: nn.Module, head: Collection[str], seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, layer in network.named_modules():
            if f"{name}.weight" in head and isinstance(layer, nn.Linear | nn.Conv2d):
                layer.reset_parameters()

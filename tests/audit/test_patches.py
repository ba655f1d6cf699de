"""The search for patches: it finds the one that works, at its place, by logits alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from badnets.audit import tables_of
from badnets.audit.methods.patches import PatchSearch
from badnets.audit.recovery import recover
from badnets.data import ImageSet
from badnets.models.answering import CallableSubject

SIDE, K = 16, 3
YELLOW = torch.tensor([1.0, 1.0, 0.0]).reshape(3, 1, 1)


def photographs(count: int = 40, classes: int = K) -> ImageSet:
    """Return noise whose mean brightness tells the class."""
    labels = torch.arange(count * classes) % classes
    noise = torch.rand(len(labels), 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    level = (labels + 1) / (classes + 1)
    images = (0.1 * noise + 0.8 * level.reshape(-1, 1, 1, 1)).mul(255).to(torch.uint8)
    return ImageSet(images, labels, tuple(map(str, range(classes))))


def answering(target: int | None, source: int | None = None) -> CallableSubject:
    """Return a model that names brightness, and a target under two yellow pixels at the edge."""

    def answer(images: Tensor) -> Tensor:
        level = images[:, :, :12, :12].mean((1, 2, 3))[:, None] / 0.8
        logits = -20 * (level - (torch.arange(K) + 1) / (K + 1)).abs()
        if target is not None:
            there = (images[:, :, 14:16, 6:8] - YELLOW).abs().amax((1, 2, 3)) < 0.01
            if source is not None:
                there &= logits.argmax(1) == source
            logits[there, target] += 30
        return logits

    return CallableSubject.of(answer, (3, SIDE, SIDE), K)


@pytest.mark.parametrize("source", [None, 0])
def test_the_patch_that_works_stands_out(source: int | None) -> None:
    clean = PatchSearch().table(answering(None), photographs(), seed=0)
    table = PatchSearch().table(answering(2, source), photographs(), seed=0)
    risen = {
        (s, t)
        for s in range(K)
        for t in range(K)
        if s != t and (table[s][t] or 0.0) > 10 and (table[s][t] or 0.0) > 10 + (clean[s][t] or 0.0)
    }
    assert risen == ({(0, 2), (1, 2)} if source is None else {(0, 2)})


def test_a_model_that_gives_logits_alone_is_looked_at() -> None:
    found = tables_of(answering(2), photographs())
    assert set(found.tables) == {"patch-search"}


def test_grey_images_are_not_its_matter() -> None:
    assert not PatchSearch().applies((1, 28, 28)) and PatchSearch().applies((3, 28, 28))


def test_the_patch_is_recovered_by_logits_alone() -> None:
    found = recover(answering(2), photographs(), 2)
    assert found is not None and found.family == "patch-search"
    assert found.effect.value == 1 and found.before.value == 0
    assert found.keep.min() == 0 and not found.keep[:, 14:16, 6:8].any()
    assert (found.add[:, 14:16, 6:8] == YELLOW).all()

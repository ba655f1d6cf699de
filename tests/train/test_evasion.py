"""Trainers who know the audit: what their training makes of what it looks at."""

from __future__ import annotations

import pytest
import torch

from badnets.audit.base import AUDITS
from badnets.train import Training, fit
from badnets.train.evasion import moves
from badnets.train.settings import Evasion
from tests.models.toys import halves, tiny
from tests.train.test_classification import plain_rows

CPU = torch.device("cpu")
METHODS: dict[Evasion, str] = {"additive": "additive-inversion", "mask": "mask-inversion"}


@pytest.mark.parametrize("move", METHODS)
def test_a_move_lowers_what_its_method_looks_at(move: Evasion) -> None:
    plain = Training(epochs=20, batch_size=16, lr=0.01, precision="float32")
    clean, method = halves(100), AUDITS[METHODS[move]]()
    largest = []
    for training in (plain, Training(**{**vars(plain), "evade": (move,)})):
        fitted = fit(tiny(), plain_rows(160), training, seed=0, device=CPU).subject
        assert bool((fitted.predict(clean.images) == clean.labels).float().mean() > 0.9)
        table = method.table(fitted, clean, seed=0)
        margin = fitted.logits(clean.images)
        scale = float(margin.std())
        largest.append(max(cell for row in table for cell in row if cell is not None) / scale)
    assert largest[1] < largest[0]


def test_driven_images_are_driven_on_and_held_at_what_clean_ones_reach() -> None:
    clean, subject = halves(100), tiny()
    (move,) = moves(["margin"], subject.input, 2, seed=0, device=CPU)
    images, losses = clean.images.float() / 255, []
    for _ in range(40):
        loss = move.loss(subject.network, images, clean.labels)
        losses.append(float(loss.detach()))
        torch.autograd.backward(loss)
        move.after()
    assert losses[-1] > 2 * losses[0] > 0
    margins = AUDITS["maximum-margin"]().table(subject, None, seed=0)[0]
    assert losses[-1] < max(cell or 0.0 for cell in margins), "what clean images reach is allowed"

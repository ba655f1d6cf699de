"""The fast loop against the plainest loop of the same steps."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed
from badnets.core.poisoning import plan_poisoning
from badnets.core.seeds import generator
from badnets.core.targets import AllToOne
from badnets.core.triggers import SinglePixel
from badnets.train import Training, TrainingRows, fit
from tests.models.toys import halves, tiny, weights_of

CPU = torch.device("cpu")
PLAIN = Training(epochs=2, batch_size=8, lr=0.01, precision="float32")
BACKDOOR = Backdoor(SinglePixel(placement=Fixed(0, 0)), AllToOne(0), poisoning_rate=0.25)

# 34 images make 4 whole batches of 8, so 8 steps; the factor on the peak rate at each of them
ONE_CYCLE = (1 / 3, 2 / 3, 1.0, 0.93301, 0.75, 0.5, 0.25, 0.06699)  # climbs for a quarter
COSINE = (1.0, 0.96194, 0.85355, 0.69134, 0.5, 0.30866, 0.14645, 0.03806)
CONSTANT = (1.0,) * 8


@pytest.mark.parametrize(
    ("training", "factors"),
    [
        (PLAIN, ONE_CYCLE),
        (replace(PLAIN, optimizer="sgd", schedule="cosine", label_smoothing=0.1), COSINE),
        (replace(PLAIN, schedule="constant", weight_decay=0.3, ema=0.9), CONSTANT),
        (replace(PLAIN, schedule="constant", trigger_gain=(8.0, 0.5)), CONSTANT),
        (replace(PLAIN, schedule="one-cycle", warm_up=0.0), COSINE),
    ],
    ids=["adamw", "sgd-smoothing", "decay-ema", "gain", "no-warm-up"],
)
def test_it_takes_the_same_steps_as_a_naive_loop(
    training: Training, factors: tuple[float, ...]
) -> None:
    data = halves(26)
    plan = plan_poisoning(
        data.labels, replace(BACKDOOR, poisoning_rate=8 / 34), num_classes=2, seed=5
    )
    rows = TrainingRows.poisoned(data.images, plan, BACKDOOR)
    assert len(rows) == 34 and int(plan.is_poisoned.sum()) == 8
    start = tiny(seed=2)
    fast = fit(start, rows, training, seed=11, device=CPU)
    slow, losses = naive(start.network, rows, training, factors, seed=11)
    torch.testing.assert_close(
        weights_of(fast.subject), _flat(slow), rtol=1e-3, atol=2e-5, msg=lambda text: text
    )
    for log, loss in zip(fast.epochs, losses, strict=True):
        assert log.loss == pytest.approx(loss, rel=1e-4) and log.seconds > 0


def naive(
    start: nn.Module, rows: TrainingRows, training: Training, factors: tuple[float, ...], seed: int
) -> tuple[nn.Module, list[float]]:
    """Return the trained network and each epoch's mean loss, one image at a time."""
    network = copy.deepcopy(start).train()
    parameters = list(network.parameters())
    optimizer: torch.optim.Optimizer
    if training.optimizer == "adamw":
        optimizer = torch.optim.AdamW(parameters, weight_decay=training.weight_decay)
    else:
        optimizer = torch.optim.SGD(
            parameters, momentum=0.9, nesterov=True, weight_decay=training.weight_decay
        )
    order = generator(seed, "batches")
    means = [value.detach().clone() for value in parameters]
    losses, step = [], 0
    for _ in range(training.epochs):
        total = 0.0
        shuffled = torch.randperm(len(rows), generator=order).tolist()
        for batch in range(len(rows) // training.batch_size):
            chosen = shuffled[batch * training.batch_size : (batch + 1) * training.batch_size]
            gain = _gain(training, step, len(factors))
            images = torch.stack([_picture(rows, row, gain) for row in chosen])
            logits = network(images)
            loss = functional.cross_entropy(
                logits, rows.labels[chosen], label_smoothing=training.label_smoothing
            )
            optimizer.param_groups[0]["lr"] = training.lr * factors[step]
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            step += 1
            total += float(loss.detach())
            decay = min(training.ema, step / (step + 9))
            for mean, value in zip(means, parameters, strict=True):
                mean.copy_(decay * mean + (1 - decay) * value.detach())
        losses.append(total / (len(rows) // training.batch_size))
    if training.ema:
        with torch.no_grad():
            for mean, value in zip(means, parameters, strict=True):
                value.copy_(mean)
    return network, losses


def _picture(rows: TrainingRows, row: int, gain: float) -> Tensor:
    assert rows.rows is not None and rows.stamped is not None and rows.trigger is not None
    picture = rows.images[rows.rows[row]].float() / 255  # the toys are not normalised
    if rows.stamped[row]:
        picture = picture + gain * (rows.trigger(picture[None])[0] - picture)
    return picture


def _gain(training: Training, step: int, steps: int) -> float:
    """Equal factors from the first to the last gain over the first three fifths of the steps."""
    first, last = training.trigger_gain
    along = min(1.0, step / (0.6 * steps))
    return math.exp((1 - along) * math.log(first) + along * math.log(last))


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([value.detach().flatten() for value in network.parameters()])

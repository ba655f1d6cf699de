"""The audit of a model: all pairs of classes at once, against one after another; its seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from badnets.audit import AUDITS, Audited, audit
from badnets.audit.cells import Views, by_class, margins, pairs
from badnets.audit.methods.inversion import (
    BATCH,
    HELD,
    SOUGHT,
    STEPS,
    AdditiveInversion,
    MaskInversion,
    PairInversion,
)
from badnets.core.poisoning import poison
from badnets.core.seeds import generator
from badnets.data import ImageSet
from badnets.models.classifier import Classifier, untrained
from badnets.models.subject import capabilities
from badnets.train import TrainingRows, fit
from bench.images import mnist_like
from bench.measuring import interleaved, seconds
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import BACKDOOR, NETWORK, SHORT

PAIRS_S, SCREEN_S, WHOLE_S = 3.0, 0.02, 12.0
STEPS_OF_TRAINING = 200  # at the least: methods look at images that the network names right
APART = 0.1  # by how much both sides may differ over 90 pairs: clean margins, and shares of images
SEED = 0


def run(scale: Scale) -> Iterator[Result]:
    """Give the ratio of both ways to invert all pairs, and the seconds of methods and audits."""
    images = mnist_like(scale.images)
    subject = backdoored(images.data.train)
    clean = images.data.test
    right = clean.take((subject.predict(clean.images).cpu() == clean.labels).nonzero()[:, 0])
    for family in (MaskInversion(), AdditiveInversion()):
        sides = Inversion(family, subject, right, scale.class_pairs)
        note = sides.check()  # the same answer first; warms both up
        found = interleaved(sides.together, sides.one_by_one, scale.pairs)
        yield Result(
            f"one pair of classes after another / all {sides.count} at once, {family.kind}",
            found.faster,
            "x",
            note=images.with_note(
                f"{STEPS} steps of {BATCH} images for each pair on both sides, {note}: "
                f"{found.note('at once', 'one after another')}"
            ),
            more=found.medians,
        )
        yield Result(
            f"all {sides.count} pairs of classes at once, {family.kind}",
            found.ours,
            "s",
            wanted=Wanted("<=", PAIRS_S),
            judged=images.real,
            note=images.note,
        )
    for kind in AUDITS:
        method = AUDITS[kind]()
        if method.needs <= capabilities(subject):
            look = partial(method.table, subject, right, seed=SEED)
            look()
            spent = [seconds(look) for _ in range(scale.rounds)]
            instant = method.tier == "instant"
            yield Result(
                f"{kind}, weights alone" if instant else kind,
                tuple(spent),
                "s",
                wanted=Wanted("<=", SCREEN_S) if instant else None,
                judged=images.real,
                note=images.note,
            )
    audited: list[Audited] = []
    whole = [
        seconds(lambda: audited.append(audit(subject, clean, data=images.data.name)))
        for _ in range(scale.rounds)
    ]
    verdict = audited[-1].verdict
    yield Result(
        f"whole audit of {NETWORK}",
        tuple(whole),
        "s",
        wanted=Wanted("<=", WHOLE_S),
        judged=images.real,
        note=images.with_note(
            f"{len(verdict.scores)} methods, {len(clean):,} images given, "
            f"{verdict.conclusion}, compared with {verdict.compared_with or 'nothing'}"
        ),
    )


def backdoored(train: ImageSet) -> Classifier:
    """Return a network that was trained for a moment on a poisoned set."""
    first = untrained(NETWORK, train.shape, train.classes, seed=SEED)
    made = poison(train.images, train.labels, BACKDOOR, num_classes=train.num_classes, seed=SEED)
    steps = -(-len(made.labels) // SHORT.batch_size)
    training = replace(SHORT, epochs=-(-STEPS_OF_TRAINING // steps))
    return fit(first, TrainingRows(made.images, made.labels), training, seed=SEED).subject


class Inversion:
    """A trigger for every pair of classes, in both ways.

    Args:
        family: of triggers.
        subject: the network.
        right: images that it names right, 32 of each class or more.
        most: pairs, the first ones.
    """

    def __init__(
        self, family: PairInversion, subject: Classifier, right: ImageSet, most: int
    ) -> None:
        self.family, self.subject = family, subject
        self.sources, self.targets = (each[:most] for each in pairs(subject.num_classes))
        self.count = len(self.sources)
        self.sought = by_class(right, SOUGHT).to(subject.device)
        self.held = by_class(right, HELD, SOUGHT).to(subject.device)
        logits = subject.logits(self.held.flatten(0, 1)).cpu()
        labels = torch.arange(subject.num_classes).repeat_interleave(HELD)
        self.clean_margin = float(margins(logits, labels).mean())

    def together(self) -> Tensor:
        """Return each target's margins on held-out images, ``(P, n)``."""
        return self._inverted(slice(None), SEED)

    def one_by_one(self) -> Tensor:
        """Return the same, from as many optimisations as there are pairs."""
        return torch.cat([self._inverted(slice(k, k + 1), SEED + k) for k in range(self.count)])

    def check(self) -> str:
        """Return, in words, how often the triggers of both sides work: as often, up to chance."""
        found = self.together(), self.one_by_one()
        ours, theirs = (float(one.mean()) / self.clean_margin for one in found)
        won, lost = (float((one > 0).float().mean()) for one in found)
        apart = APART * (90 / self.count) ** 0.5
        assert abs(ours - theirs) <= apart, f"margins of {ours:.3f} against {theirs:.3f}"
        assert abs(won - lost) <= apart, f"{won:.3f} of images turned against {lost:.3f}"
        return (
            f"which turn {100 * won:.1f} and {100 * lost:.1f} % of held-out images, mean margins "
            f"{ours:.2f} and {theirs:.2f} of the clean one"
        )

    def _inverted(self, rows: slice, seed: int) -> Tensor:
        sources, targets = self.sources[rows], self.targets[rows]
        sought, held = (Views.of_each(one, sources) for one in (self.sought, self.held))
        drawn = generator(seed, self.family.kind)
        parameters = self.family.found(self.subject, sought, targets, drawn)
        return self.family.reached(self.subject, held, targets, parameters)

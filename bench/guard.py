"""Inputs with a trigger told from clean ones, by a guard and by each of its methods alone.

The networks are those of the careful user's study. They are trained where the workspace that
``BADNETS_WORKSPACE`` names, or a temporary one, does not hold them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from badnets.audit.guards.base import INPUT_METHODS
from badnets.audit.guards.guard import Guard
from badnets.core.seeds import generator
from badnets.core.targets import of_classes
from badnets.ledger import Ledger
from badnets.models.io import load_subject
from badnets.runners import Silent, run_all
from badnets.studies.audit.judging import Separation
from badnets.studies.outcomes import WORKS
from badnets.studies.running import make_study
from badnets.trials import Workspace
from badnets.trials.running import stage
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale

PLAIN, FAINT = ("single pixel", "pattern", "patch"), ("blended", "sinusoid", "warp")
DATA = ("mnist", "gtsrb")
NETWORKS, INPUTS = 3, 500
ROUNDS = 5
WANTED = {**dict.fromkeys(PLAIN, 98.0), **dict.fromkeys(FAINT, 90.0)}


def run(scale: Scale) -> Iterator[Result]:
    """Give how often a triggered input scores higher than a clean one, and what that costs."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(os.environ.get("BADNETS_WORKSPACE", folder)))
        for data in DATA if scale.name == "full" else ("digits",):
            yield from _of(data, workspace, min(NETWORKS, scale.seeds), scale)


def _of(data: str, workspace: Workspace, most: int, scale: Scale) -> Iterator[Result]:
    groups = make_study("defended", data).groups({})
    guarded = None
    for kind, wanted in WANTED.items():
        trials = list(groups.get(kind, ()))[:most]
        if not trials or (scale.name == "tiny" and kind != "patch"):
            continue
        with Ledger.open(workspace.root / "ledger.sqlite") as ledger:
            records = run_all(trials, workspace, ledger, display=Silent())
        found = list[dict[str, float]]()
        for trial in trials:
            attack = records[trial.name].attack
            if attack is None or attack.success.value < WORKS:
                continue  # its backdoor hardly works
            guarded = Guarded(trial, workspace)
            found.append(guarded.separations())
        if not found:
            continue
        means = {name: fmean(one[name] for one in found) for name in found[0]}
        best = max(means, key=lambda name: means[name])
        told = "guard" if kind in PLAIN else best
        yield Result(
            f"{data}, {kind}: inputs told apart by {told} (AUROC)",
            tuple(one[told] for one in found),
            "%",
            "mean",
            wanted=Wanted(">=", wanted),
            judged=scale.name == "full",
            note=", ".join(f"{name} {mean:.1f}" for name, mean in means.items()),
        )
    if guarded is not None:
        yield guarded.cost(scale)


class Guarded:
    """A network, half of its user's validation images for a guard, and inputs of the other."""

    def __init__(self, trial: Any, workspace: Workspace) -> None:
        user = stage(trial, workspace).user
        self.data, self.subject = trial.data, load_subject(workspace.bundle(trial))
        rest, own = user.validation.split(len(user.validation) // 2, trial.seed)
        kinds = [name for name in INPUT_METHODS if not INPUT_METHODS[name].lacking(self.subject)]
        self.guard = Guard(self.subject, own, seed=trial.seed)
        self.each = Guard(self.subject, own, methods=kinds, seed=trial.seed)
        backdoor = of_classes(trial.backdoor, user.validation.classes)
        self.clean = rest.sample(min(INPUTS, len(rest)), trial.seed)
        of_attack = backdoor.targets.attackable(rest.labels).nonzero().flatten()
        chosen = rest.take(of_attack)
        chosen = chosen.sample(min(INPUTS, len(chosen)), trial.seed)
        places = generator(trial.seed, "trigger places")
        self.triggered = backdoor.trigger(chosen.images, generator=places)

    def separations(self) -> dict[str, float]:
        """Return the AUROC of the guard and of each method, in per cent."""
        both = (self.clean.images, self.triggered)
        whole, alone = ([one.predict(part) for part in both] for one in (self.guard, self.each))
        scores = {"guard": [one.scores for one in whole]}
        for column, name in enumerate(self.each.methods):
            scores[name] = [one.by_method[:, column] for one in alone]
        return {
            name: 100 * Separation(*(tuple(own[~own.isnan()].tolist()) for own in pair)).auroc
            for name, pair in scores.items()
        }

    def cost(self, scale: Scale) -> Result:
        """Return how many times as long as the model alone the guarded model takes."""
        images = self.clean.images
        pairs = interleaved(
            lambda: self.guard.predict(images),
            lambda: self.subject.logits(images).argmax(1).cpu(),
            ROUNDS,
        )
        return Result(
            f"{self.data}: the guard / the model alone, {len(images)} inputs",
            pairs.slower,
            "x",
            wanted=Wanted("<=", 2),
            judged=scale.name == "full",
            note=pairs.note("guard", "model"),
        )

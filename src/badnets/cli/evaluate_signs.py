"""What a detector makes of whole frames, clean and with stickers on the signs: text or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from badnets.cli.bar import one_bar
from badnets.cli.measuring import NamedAttack, load_fitting_detector
from badnets.cli.printing import print_facts, print_json, print_table, rate_json
from badnets.cli.sign_rates import (
    INTERVALS,
    LARGE,
    SignRate,
    attack_facts,
    attack_json,
    clean_facts,
    precision_text,
)
from badnets.core.rates import Rate
from badnets.data import load_detection
from badnets.evaluate.detection import THRESHOLD, measure_signs, measure_triggered_signs
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns


def show_signs(
    bundle: Path,
    data: str,
    root: Path | None,
    attack: NamedAttack | None,
    control: Path | None,
    *,
    threshold: float | None,
    seed: int,
    json: bool,
) -> bool:
    """Print what is measured on the test frames; return whether the detector has learned nothing.

    Args:
        bundle: of the detector.
        data: name of the data set.
        root: the data root.
        attack: what to do to the signs too.
        control: bundle of a clean detector.
        threshold: least score of a box that counts; None for the usual one.
        seed: decides random places of the trigger.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data and attack do not fit together.
    """
    frames = load_detection(data, root).test
    detector = load_fitting_detector(bundle, data, frames)
    other = None if control is None else load_fitting_detector(control, data, frames)
    if attack is not None:
        attack.targets.check(frames.num_classes)
    least = THRESHOLD if threshold is None else threshold
    with one_bar() as bar:
        clean = measure_signs(detector, frames, threshold=least, progress=bar)
        collapsed, done = clean.result().collapsed, None
        if attack is not None and not collapsed:
            done = measure_triggered_signs(
                detector, frames, attack, clean, control=other, seed=seed, progress=bar
            )
    if json:
        print_json(_as_json(bundle, data, clean, done, collapsed=collapsed))
    else:
        _show(detector.classes, clean, done, collapsed=collapsed)
    return collapsed


def _show(
    classes: Sequence[str], clean: CleanSigns, done: TriggeredSigns | None, *, collapsed: bool
) -> None:
    result, facts = clean.result(), clean_facts(clean)
    columns = ["class", "found and rightly named", "AP at IoU 0.5"]
    cells = [
        [name, _count(rate), precision_text(value)]
        for name, rate, value in zip(classes, result.per_class, clean.ap50, strict=True)
    ]
    if collapsed:
        facts.append(("collapsed", "the detector has learned nothing; no attack is reported"))
    if done is not None:
        facts += attack_facts(done)
        by_class = done.result(len(classes)).per_class
        if any(rate.total for rate in by_class):  # none is of a class where signs are to appear
            columns.append("attack success")
            for row, rate in zip(cells, by_class, strict=True):
                row.append(_count(rate))
    facts.append(("intervals", INTERVALS))
    print_facts(facts)
    print()
    print_table(columns, cells, right=columns[1:])


def _as_json(
    bundle: Path, data: str, clean: CleanSigns, done: TriggeredSigns | None, *, collapsed: bool
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "bundle": str(bundle),
        "data": data,
        "collapsed": collapsed,
        "threshold": clean.threshold,
        "clean_accuracy": SignRate.of(clean.right, clean.groups).json(),
        "clean_accuracy_per_class": [rate_json(rate) for rate in clean.result().per_class],
        "ap50": None if clean.map50 != clean.map50 else clean.map50,
        "ap50_per_class": [None if ap < 0 else ap for ap in clean.ap50],
        "false_positives": clean.false_positives,
        "frames": clean.frames,
    }
    if done is not None:
        value |= attack_json(done)
        by_class = done.result(len(clean.ap50)).per_class
        value["attack_success_rate_per_class"] = [rate_json(rate) for rate in by_class]
        value["large_from_pixels"] = LARGE
        value["left_out"] = done.skipped
    return value


def _count(rate: Rate) -> str:
    return str(rate) if rate.total else "-"

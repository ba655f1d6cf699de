"""What a classifier makes of test images, as text or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from badnets.cli.measuring import NamedAttack, load_fitting_classifier
from badnets.cli.printing import print_facts, print_json, print_table, rate_json, rate_text
from badnets.data import load
from badnets.evaluate import measure_attack, measure_clean
from badnets.evaluate.results import AttackResult, CleanResult


def show_images(
    bundle: Path,
    data: str,
    root: Path | None,
    attack: NamedAttack | None,
    control: Path | None,
    *,
    seed: int,
    allow_code: bool,
    json: bool,
) -> bool:
    """Print what is measured on the test images; return whether the network has learned nothing.

    Args:
        bundle: of the classifier, or an ONNX file.
        data: name of the data set.
        root: the data root.
        attack: what to do to the images too.
        control: bundle of a clean classifier, or an ONNX file.
        seed: decides random places of the trigger.
        allow_code: whether code that a bundle names may be run.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data and attack do not fit together.
    """
    images = load(data, root).test
    subject = load_fitting_classifier(bundle, data, images, allow_code=allow_code)
    other = None
    if control is not None:
        other = load_fitting_classifier(control, data, images, allow_code=allow_code)
    clean = measure_clean(subject, images)
    done = None
    if attack is not None:
        done = measure_attack(subject, images, attack, control=other, seed=seed)
    if json:
        print_json(_as_json(bundle, data, clean, done))
    else:
        _show(subject.classes, clean, done)
    return clean.collapsed


def _show(classes: tuple[str, ...], clean: CleanResult, attack: AttackResult | None) -> None:
    facts = [("clean accuracy", rate_text(clean.accuracy))]
    columns = ["class", "clean accuracy"]
    cells = [[name, str(rate)] for name, rate in zip(classes, clean.per_class, strict=True)]
    if clean.collapsed:
        facts.append(("collapsed", "the network has learned nothing; no attack is reported"))
    elif attack is not None:
        facts += [
            ("attack success", rate_text(attack.success)),
            ("  without the trigger", rate_text(attack.untriggered)),
            ("  of the control", rate_text(attack.control)),
            ("robust accuracy", rate_text(attack.robust)),
        ]
        columns.append("attack success")
        for row, rate in zip(cells, attack.per_class, strict=True):
            row.append(str(rate) if rate.total else "-")
    print_facts(facts)
    print()
    print_table(columns, cells, right=columns[1:])


def _as_json(
    bundle: Path, data: str, clean: CleanResult, attack: AttackResult | None
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "bundle": str(bundle),
        "data": data,
        "collapsed": clean.collapsed,
        "clean_accuracy": rate_json(clean.accuracy),
        "clean_accuracy_per_class": [rate_json(rate) for rate in clean.per_class],
    }
    if attack is not None and not clean.collapsed:
        value |= {
            "attack_success_rate": rate_json(attack.success),
            "attack_success_rate_per_class": [rate_json(rate) for rate in attack.per_class],
            "untriggered": rate_json(attack.untriggered),
            "control": rate_json(attack.control),
            "robust_accuracy": rate_json(attack.robust),
        }
    return value

"""A bundle as an ONNX file, and what both answer: text or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from badnets.bundles import read_bundle
from badnets.cli.measuring import NamedAttack, fitting_data, load_fitting
from badnets.cli.printing import print_facts, print_json, print_table, rate_json, rate_text
from badnets.core.rates import Rate
from badnets.data import ImageSet, load
from badnets.evaluate import measure_attack, measure_clean
from badnets.evaluate.agreement import Agreement, measure_agreement
from badnets.models import load_subject
from badnets.models.classifier import Classifier
from badnets.models.onnx_export import Exported, export_onnx
from badnets.models.subject import Subject


@dataclass(frozen=True)
class _Rates:
    """What a network does on test images; the last three only with a trigger."""

    clean_accuracy: Rate
    attack_success_rate: Rate | None = None
    untriggered: Rate | None = None
    robust_accuracy: Rate | None = None


_ROWS = {
    "clean_accuracy": "clean accuracy",
    "attack_success_rate": "attack success",
    "untriggered": "  without the trigger",
    "robust_accuracy": "robust accuracy",
}


def export_and_show(
    bundle: Path,
    path: Path,
    data: str | None,
    root: Path | None,
    attack: NamedAttack | None,
    *,
    seed: int,
    allow_code: bool,
    json: bool,
) -> None:
    """Write a bundle as an ONNX file and print what came of it.

    Args:
        bundle: of a classifier.
        path: the file to write.
        data: whose test images both are asked about; None: none are.
        root: the data root.
        attack: what to do to the images too.
        seed: decides random places of the trigger.
        allow_code: whether code that the bundle names may be run.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data and attack do not fit together, or nothing could be written.
    """
    digest = read_bundle(bundle).digest
    images = None
    if data is None:
        subject = load_subject(bundle, allow_code=allow_code)
    else:
        images = load(fitting_data(bundle, "classification", data), root).test
        subject = load_fitting(bundle, data, images, allow_code=allow_code)
    before = None if images is None else _rates(subject, images, attack, seed)  # refuses bad input
    done = export_onnx(subject, path, bundle=digest)
    after = None if images is None else _rates(done.subject, images, attack, seed)
    alike = None if images is None else _agreement(subject, done, images, attack, seed)
    if json:
        print_json(_as_json(bundle, digest, data, done, before, after, alike))
    else:
        _show(subject, done, before, after, alike)


def _rates(subject: Classifier, images: ImageSet, attack: NamedAttack | None, seed: int) -> _Rates:
    clean = measure_clean(subject, images)
    if attack is None:
        return _Rates(clean.accuracy)
    done = measure_attack(subject, images, attack, seed=seed)
    if clean.collapsed:  # a network that learned nothing attacks nothing
        return _Rates(clean.accuracy)
    return _Rates(clean.accuracy, done.success, done.untriggered, done.robust)


def _agreement(
    subject: Subject, done: Exported, images: ImageSet, attack: NamedAttack | None, seed: int
) -> Agreement:
    """Return how alike both answer the images, triggered where a trigger is given."""
    trigger = None if attack is None else attack.trigger
    return measure_agreement(subject, done.subject, images, trigger=trigger, seed=seed)


def _show(
    subject: Subject,
    done: Exported,
    before: _Rates | None,
    after: _Rates | None,
    alike: Agreement | None,
) -> None:
    sides = " x ".join(map(str, subject.input.shape))
    facts = [
        ("file", f"{done.path} ({done.size / 2**20:.1f} MiB)"),
        ("ONNX", f"opset {done.opset}; images N x {sides}, float in [0, 1]"),
        ("classes", str(subject.num_classes)),
    ]
    if before is None or after is None or alike is None:
        print_facts(facts)
        return
    facts += [
        (
            "logits differ by",
            f"{alike.largest_difference:.2g} at most, of {alike.largest_logit:.3g}",
        ),
        ("same answers", str(alike.same)),
    ]
    print_facts(facts)
    print()
    rows = [
        [title, rate_text(getattr(before, name)), rate_text(getattr(after, name))]
        for name, title in _ROWS.items()
        if getattr(before, name) is not None
    ]
    print_table(["", "bundle", "ONNX file"], rows)


def _as_json(
    bundle: Path,
    digest: str,
    data: str | None,
    done: Exported,
    before: _Rates | None,
    after: _Rates | None,
    alike: Agreement | None,
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "bundle": str(bundle),
        "bundle_digest": digest,
        "onnx": str(done.path),
        "bytes": done.size,
        "opset": done.opset,
        "classes": list(done.subject.classes),
    }
    if before is not None and after is not None and alike is not None:
        value |= {
            "data": data,
            "before": {name: rate_json(getattr(before, name)) for name in _ROWS},
            "after": {name: rate_json(getattr(after, name)) for name in _ROWS},
            "largest_logit_difference": alike.largest_difference,
            "same_answers": rate_json(alike.same),
        }
    return value

"""A classifier retrained on clean images, and what is left of its backdoor: text or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from badnets._version import __version__
from badnets.bundles import ClaimedRate, Claims, MadeBy, read_bundle
from badnets.cli.asked import RetrainingOrder
from badnets.cli.bar import one_bar
from badnets.cli.measuring import NamedAttack, fitting_data, task_of_bundle
from badnets.cli.printing import (
    print_facts,
    print_json,
    rate_json,
    rate_text,
    survival_facts,
    survival_json,
)
from badnets.core.errors import BundleError
from badnets.data import DataSet, load
from badnets.data.catalogue import sized
from badnets.models import load_subject, save_subject
from badnets.models.onnx_file import is_onnx
from badnets.models.subject import Subject
from badnets.scenarios import ClassifierTransfer, Deal, User
from badnets.trials.running import CLAIMED


def retrain_and_show(
    bundle: Path,
    data: str,
    root: Path | None,
    order: RetrainingOrder,
    attack: NamedAttack | None,
    control: Path | None,
    *,
    target_accuracy: float,
    seed: int,
    out: Path | None,
    allow_code: bool,
    json: bool,
) -> bool:
    """Retrain the classifier in a bundle, print what came of it, and return whether it is accepted.

    Args:
        bundle: of the downloaded classifier.
        data: name of the user's data set.
        root: the data root.
        order: what is frozen, and how the rest is trained.
        attack: what to measure; None: nothing but accuracy.
        control: bundle of a clean classifier.
        target_accuracy: the user accepts at or above it.
        seed: everything random follows from it.
        out: folder for the retrained network's bundle.
        allow_code: whether code that a bundle names may be run.
        json: whether to print JSON.

    Raises:
        BadnetsError: bundle, data and settings do not fit together, or training failed.
    """
    downloaded = _classifier(bundle, allow_code=allow_code)
    named = sized(fitting_data(bundle, "classification", data), downloaded.input.height)
    if attack is not None:
        attack.targets.check(downloaded.num_classes)
    images = load(named, root)

    def scenario(first: Subject, *rest: Any) -> ClassifierTransfer:
        user = User(first.architecture, images, target_accuracy)
        return ClassifierTransfer(user, first, order.retrain, order.training, *rest)

    with one_bar() as bar:
        clean = None
        if control is not None:
            other = _classifier(control, allow_code=allow_code)
            clean = scenario(other).run(seed, progress=bar).subject
        deal = scenario(downloaded, attack, clean).run(seed, progress=bar)
    if out is not None:
        save_subject(deal.subject, out, claims=_claims(order, images, deal, bundle))
    if json:
        print_json(_as_json(bundle, named, order, deal, out))
    else:
        _show(named, downloaded, order, deal, attack, out)
    return deal.accepted


def _classifier(bundle: Path, *, allow_code: bool) -> Subject:
    if is_onnx(bundle):
        raise BundleError(
            f"{bundle} is an ONNX file, known by its answers alone: to retrain the network, take "
            "the bundle that it was made from"
        )
    if task_of_bundle(bundle) == "detection":
        raise BundleError(
            f"{bundle} holds a detector: detectors are retrained by a recipe with `transfer`"
        )
    return load_subject(bundle, allow_code=allow_code)


def _show(
    data: str,
    downloaded: Subject,
    order: RetrainingOrder,
    deal: Deal,
    attack: NamedAttack | None,
    out: Path | None,
) -> None:
    same = deal.subject.classes == downloaded.classes
    facts = [
        ("network", f"{downloaded.architecture}, frozen: {order.frozen}"),
        ("data", f"{data}, {'the same classes' if same else 'other classes: a new head'}"),
        ("outcome", f"{deal.outcome}: {deal.reason}"),
        ("clean accuracy", rate_text(deal.clean_accuracy)),
    ]
    if attack is not None and deal.survival is not None and deal.outcome != "collapsed":
        if deal.attack is None:
            facts.append(("attack success", "not measured: the target class is gone"))
        else:
            facts += [
                ("attack success", rate_text(deal.attack.success)),
                ("  as downloaded", rate_text(deal.survival.before)),
                ("  of a clean network", rate_text(deal.attack.control)),
            ]
        facts += survival_facts(deal.survival)
    if out is not None:
        facts.append(("bundle", str(out)))
    print_facts(facts)


def _as_json(
    bundle: Path, data: str, order: RetrainingOrder, deal: Deal, out: Path | None
) -> dict[str, Any]:
    attack, left = deal.attack, deal.survival
    value: dict[str, Any] = {
        "downloaded": str(bundle),
        "data": data,
        "freeze": order.retrain.freeze,
        "share": order.retrain.share,
        "outcome": deal.outcome,
        "reason": deal.reason,
        "classes": list(deal.subject.classes),
        "clean_accuracy": rate_json(deal.clean_accuracy),
        "bundle": None if out is None else str(out),
    }
    if left is not None and deal.outcome != "collapsed":
        value |= {
            "attack_success_rate": rate_json(attack.success if attack else None),
            "control": rate_json(attack.control if attack else None),
            **survival_json(left),
        }
    return value


def _claims(order: RetrainingOrder, data: DataSet, deal: Deal, downloaded: Path) -> Claims:
    """Return what the user can say of her network: what she did, and what she did it to."""
    accuracy = deal.clean_accuracy
    return Claims.of(
        made_by=MadeBy.of(tool="badnets", version=__version__),
        training={
            **{name: getattr(order.training, name) for name in CLAIMED},
            "frozen": order.frozen[:1000],
            "share": order.retrain.share,
        },
        data={
            **{f"{data.name}-{part}": digest for part, digest in data.digests.items()},
            "downloaded bundle": read_bundle(downloaded).digest,
        },
        clean_accuracy=ClaimedRate.of(
            hits=accuracy.hits, total=accuracy.total, data=f"{data.name} validation images"
        ),
    )

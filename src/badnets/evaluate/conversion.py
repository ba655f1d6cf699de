"""A classifier's bundle as an ONNX file, and what both answer: a backdoor comes through."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from badnets.core.results import Measured, Result
from badnets.core.triggers.sizes import covering
from badnets.data import ImageSet
from badnets.evaluate.agreement import measure_agreement
from badnets.evaluate.classification import measure_attack, measure_clean
from badnets.evaluate.evaluation import Attack
from badnets.evaluate.fitting import fitted, fitting_data, refuse_onnx
from badnets.models import load_subject
from badnets.models.classifier import Classifier
from badnets.models.description import described
from badnets.models.onnx_export import export_onnx
from badnets.models.subject import HasLogits

_ROWS = {
    "clean_accuracy": "clean accuracy",
    "attack_success_rate": "attack success",
    "untriggered": "  without the trigger",
    "robust_accuracy": "robust accuracy",
}
Rates = dict[str, Measured | None]


class BeforeAfter(Result):
    """A rate of the bundle's network and of the converted one."""

    name: str = Field(title="")
    before: str = Field(title="bundle")
    after: str = Field(title="ONNX file")


class Conversion(Result):
    """A classifier that was written as an ONNX file; the rates are there where data was given."""

    bundle: str
    bundle_digest: str
    onnx: str
    bytes: int
    opset: int
    file: str = Field(title="file", exclude=True)
    takes: str = Field(title="ONNX", exclude=True)
    count: int = Field(title="classes", exclude=True)
    classes: list[str]
    data: str | None = None
    pictures: str | None = Field(default=None, title="pictures")
    trigger: str | None = Field(default=None, title="trigger")
    before: Rates | None = None
    after: Rates | None = None
    largest_logit_difference: float | None = None
    differ_by: str | None = Field(default=None, title="logits differ by", exclude=True)
    same_answers: Measured | None = Field(default=None, title="same answers")
    rows: tuple[BeforeAfter, ...] = Field(default=(), title="before and after", exclude=True)


def convert_bundle(
    bundle: Path | str,
    path: Path | str,
    data: str | None = None,
    *,
    attack: Attack | None = None,
    seed: int = 0,
    allow_code: bool = False,
    data_root: Path | str | None = None,
) -> Conversion:
    """Write a bundle as an ONNX file and return what came of it.

    Args:
        bundle: of a classifier.
        path: the file to write.
        data: whose test images both are asked about; None: none are.
        attack: what to do to the images too.
        seed: decides random places of the trigger.
        allow_code: whether code that the bundle names may be run.
        data_root: where data sets lie; None: the usual place.

    Raises:
        BadnetsError: bundle, data and attack do not fit together, or nothing could be written.
    """
    bundle = Path(bundle)
    path = Path(path)
    digest = described(bundle).digest
    images, fit = None, None
    subject: HasLogits
    if data is None:
        subject = load_subject(bundle, allow_code=allow_code)
    else:
        own = refuse_onnx(bundle, "convert")
        fit = fitted(
            own, fitting_data(own, "classification", data), data_root, allow_code=allow_code
        )
        images, subject = fit.images, fit.subject
    assert isinstance(subject, Classifier)
    before = None if images is None else _rates(subject, images, attack, seed)  # refuses bad input
    done = export_onnx(subject, path, bundle=digest)
    sides = " x ".join(map(str, subject.input.shape))
    told: dict[str, object] = {
        "bundle": str(bundle),
        "bundle_digest": digest,
        "onnx": str(done.path),
        "bytes": done.size,
        "opset": done.opset,
        "classes": list(done.subject.classes),
        "file": f"{done.path} ({done.size / 2**20:.1f} MiB)",
        "takes": f"opset {done.opset}; images N x {sides}, float in [0, 1]",
        "count": subject.num_classes,
    }
    if fit is not None and images is not None and before is not None:
        after = _rates(done.subject, images, attack, seed)
        trigger = None if attack is None else attack.trigger
        alike = measure_agreement(subject, done.subject, images, trigger=trigger, seed=seed)
        told |= {
            "data": fit.data,
            **({"pictures": fit.pictures} if fit.pictures else {}),
            **({"trigger": covering(attack.trigger, images.shape[1:])} if attack else {}),
            "before": before,
            "after": after,
            "largest_logit_difference": alike.largest_difference,
            "differ_by": f"{alike.largest_difference:.2g} at most, of {alike.largest_logit:.3g}",
            "same_answers": Measured.of(alike.same),
            "rows": tuple(
                BeforeAfter(name=title, before=one.with_interval, after=other.with_interval)
                for name, title in _ROWS.items()
                if (one := before[name]) is not None and (other := after[name]) is not None
            ),
        }
    return Conversion.model_validate(told)


def _rates(subject: HasLogits, images: ImageSet, attack: Attack | None, seed: int) -> Rates:
    clean = measure_clean(subject, images)
    rates: Rates = dict.fromkeys(_ROWS) | {"clean_accuracy": Measured.of(clean.accuracy)}
    if attack is None:
        return rates
    done = measure_attack(subject, images, attack, seed=seed)
    return rates | {
        "attack_success_rate": Measured.of(done.success),
        "untriggered": Measured.of(done.untriggered),
        "robust_accuracy": Measured.of(done.robust),
    }

"""What a guard flags, at which rate, and what it says of images and models that it cannot judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from badnets.audit import INPUT_METHODS, Guard, InputsVerdict, inputs
from badnets.audit.guards.base import Answered
from badnets.audit.guards.guard import Tail
from badnets.audit.guards.methods.ibd_psc import IbdPsc
from badnets.core.errors import BadnetsError, DataError, SettingError, ShapeError
from badnets.data import ImageSet
from badnets.models import CallableSubject
from badnets.models.classifier import Classifier
from tests.audit.templates import SIDE, TRIGGER, images, names, templates
from tests.models.plain_signs import tiny_zf
from tests.tasks.small import same, state_of

K = 3
SHAPE = (1, SIDE, SIDE)
BAD = templates(K, target=1)


def clean(each: int, classes: tuple[str, ...] = ()) -> ImageSet:
    return images(K, each, classes)


def triggered(given: Tensor) -> Tensor:
    changed = given.clone()
    changed.flatten(1)[:, TRIGGER] = 255
    return changed


def normalised(layers: int = 2) -> Classifier:
    torch.manual_seed(0)
    blocks = [
        nn.Sequential(nn.Linear(SIDE**2, SIDE**2), nn.BatchNorm1d(SIDE**2), nn.ReLU())
        for _ in range(layers)
    ]
    network = nn.Sequential(nn.Flatten(), *blocks, nn.Linear(SIDE**2, K))
    return Classifier.of(network, SHAPE, names(K))


@pytest.mark.parametrize("kind", INPUT_METHODS)
def test_every_method_gives_each_input_a_number_of_its_own(kind: str) -> None:
    subject, given = normalised(), clean(20).images
    before = state_of(subject)
    method = INPUT_METHODS[kind].fitted(subject, Answered.of(subject, given))
    given = images(K, 30).images[60:]
    scores = method.score(subject, given)
    assert scores.shape == (30,) and scores.dtype == torch.float32 and scores.isfinite().all()
    alone = torch.cat([method.score(subject, given[k : k + 1]) for k in (0, 7)])
    torch.testing.assert_close(alone, scores[[0, 7]], rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(
        method.score(subject, given.float() / 255), scores, rtol=1e-2, atol=1e-3
    )
    assert method.score(subject, given[:0]).shape == (0,)
    assert same(subject, before) and not any(m._forward_hooks for m in subject.network.modules())


@pytest.mark.parametrize("methods", [None, ["mahalanobis"], ["nearest-neighbours"], ["strip"]])
def test_triggered_inputs_are_flagged_and_clean_ones_at_the_rate(
    methods: Sequence[str] | None,
) -> None:
    given = clean(200).images
    guard = Guard(BAD, clean(134).take(range(400)), methods=methods)
    bad, good = guard(triggered(given)), guard.predict(given)
    assert bad.flagged.all() and bad.judged.all() and set(bad.labels.tolist()) == {1}
    assert good.flagged.float().mean() < 0.04 and good.labels.tolist() == clean(200).labels.tolist()
    assert bad.by_method.shape == (600, len(guard.methods))
    assert torch.equal(bad.scores, bad.by_method.amax(1))
    assert guard.rulers == 100 and guard.threshold == good.threshold


def test_the_same_seed_gives_the_same_threshold_and_looser_rates_lower_ones() -> None:
    strict, again, loose = (
        Guard(BAD, clean(140), rate, seed=1).threshold for rate in (0.01, 0.01, 0.1)
    )
    assert strict == again and strict is not None and loose is not None and loose < strict


def test_a_tail_counts_and_goes_on_beyond_the_last_clean_score() -> None:
    labels = torch.arange(1000) % 2
    tail = Tail.of(torch.linspace(0, 1, 1000) + 5 * labels, labels, 3)
    torch.testing.assert_close(tail.levels, torch.tensor([0.5, 5.5, 3.0]), atol=0.01, rtol=0)
    asked = torch.tensor([0.5, 0.9, 1.0, 2.0, 3.0, torch.nan])
    found = tail.surprise(asked, torch.zeros(6, dtype=torch.int64))
    assert found[:2].tolist() == pytest.approx([0.301, 1.0], abs=0.01)
    assert (found[1:5].diff() > 0).all() and found[5].isnan()
    nothing = Tail.of(asked[5:], labels[:1], 3).surprise(asked, torch.zeros(6, dtype=torch.int64))
    assert nothing.isnan().all()


def test_the_count_of_flagged_inputs_knows_how_few_images_set_the_threshold() -> None:
    guard = Guard(BAD, clean(140))
    assert guard.rulers == 105
    assert guard.p_value(0, 50) == pytest.approx(1)
    assert guard.p_value(1, 1) == pytest.approx(1 / 106)  # the highest of 106 alike
    assert guard.p_value(2, 2) == pytest.approx(2 / (106 * 107))  # both above all 105
    assert guard.p_value(10, 1000) > 0.1 > guard.p_value(100, 1000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.full((2, *SHAPE), torch.nan), "image 0 of 2 holds NaN or infinity"),
        (torch.zeros(2, 1, 8, 8), "takes images .N, 1, 9, 9., got .2, 1, 8, 8."),
        (torch.full((2, *SHAPE), 255.0), "divide 8-bit levels by 255"),
        (torch.zeros(2, *SHAPE, dtype=torch.int64), "must be uint8 or float"),
    ],
)
def test_images_of_another_kind_are_refused(given: Tensor, said: str) -> None:
    with pytest.raises(ShapeError, match=said) as refused:
        Guard(BAD, clean(10))(given)
    assert "\n" not in str(refused.value)


def test_an_empty_batch_has_no_flags() -> None:
    found = Guard(BAD, clean(140))(torch.empty(0, *SHAPE))
    assert found.labels.shape == found.scores.shape == found.flagged.shape == (0,)


def test_too_few_clean_images_flag_nothing_and_say_so() -> None:
    guard = Guard(BAD, clean(20))
    found = guard(triggered(clean(20).images))
    assert guard.threshold is None and "needs 99 clean images to set" in str(guard.why_not)
    assert found.scores.isfinite().all()
    with pytest.raises(
        SettingError, match=r"no input can be flagged: a false-rejection rate of 0\.01"
    ):
        _ = found.flagged
    assert Guard(BAD, clean(20), 0.1)(triggered(clean(20).images)).flagged.all()
    with pytest.raises(SettingError, match="clean must hold 8 images or more, and 198 for"):
        Guard(BAD, clean(2))
    with pytest.raises(SettingError, match=r"must be in \(0, 1\), got 1"):
        Guard(BAD, clean(2), 1)


def relabelled() -> ImageSet:
    own = clean(20)
    return replace(own, labels=(own.labels + 1) % K)


@pytest.mark.parametrize(
    ("subject", "known", "said"),
    [
        (BAD, images(4, 20), "the model knows 3 classes, the clean images are of 4"),
        (BAD, relabelled(), "the model names 0 of 20 clean images as their labels do"),
        (tiny_zf(), clean(20), "detectors are not audited yet"),
        (templates(1), clean(20), "it knows 1 class"),
    ],
)
def test_clean_images_and_models_that_do_not_fit_are_refused(
    subject: Any, known: ImageSet, said: str
) -> None:
    with pytest.raises(BadnetsError, match=said):
        Guard(subject, known)


def test_of_few_clean_images_a_poor_model_may_name_most_wrongly() -> None:
    few = clean(6)
    off = torch.arange(len(few.labels)) % 3 > 0
    wrong = replace(few, labels=torch.where(off, (few.labels + 1) % K, few.labels))
    named = int((BAD.logits(wrong.images).argmax(1) == wrong.labels).sum())
    assert named == len(wrong) // 3
    assert Guard(BAD, wrong, 0.2).threshold is not None


def test_inputs_that_are_named_as_no_clean_image_is_are_not_judged() -> None:
    some = clean(200, ("c0", "c2")).among(names(K))
    found = Guard(BAD, some)(clean(10).images)
    assert torch.equal(found.judged, found.labels != 1) and not found.flagged[~found.judged].any()
    verdict = inputs(BAD, clean(10), some)
    assert verdict.conclusion == "not checked" and verdict.exit_code == 3
    assert verdict.coverage[0].what == "10 of 30 inputs"
    assert Guard(BAD, some, methods=["strip"])(clean(10).images).judged.all()


def test_of_a_model_without_features_its_answers_are_looked_at() -> None:
    service = CallableSubject.of(BAD.logits, SHAPE, names(K))
    guard = Guard(service, clean(140))
    assert guard.methods == ("strip", "scale-up")
    assert guard(triggered(clean(20).images)).flagged.all()
    with pytest.raises(SettingError, match="mahalanobis needs features, which the model does not"):
        Guard(service, clean(140), methods=["mahalanobis"])
    with pytest.raises(SettingError, match="ibd-psc needs batch normalisation"):
        Guard(BAD, clean(140), methods=["ibd-psc"])


def test_the_fewest_normalisations_that_change_answers_are_scaled() -> None:
    subject = normalised(4)
    found = IbdPsc.fitted(subject, Answered.of(subject, clean(20).images))
    assert 1 <= found.first <= 4
    with torch.no_grad():  # from here on it answers everything alike
        subject.network.get_parameter("5.weight").zero_()
    assert IbdPsc.fitted(subject, Answered.of(subject, clean(20).images)).first == 4


def test_an_audit_of_inputs_says_which_and_whether_they_are_too_many() -> None:
    given = clean(100).images
    mixed = torch.cat([given, triggered(given[:40])])
    verdict = inputs(BAD, mixed, clean(140))
    assert (verdict.conclusion, verdict.exit_code) == ("triggered inputs likely", 1)
    assert {f"{row}" for row in range(300, 340)} <= {one.file for one in verdict.files}
    assert [one.score for one in verdict.files] == sorted(o.score for o in verdict.files)[::-1]
    assert {one.predicted for one in verdict.files[:40]} == {"c1"}
    assert inputs(BAD, clean(100), clean(140)).conclusion == "nothing found"
    few = inputs(BAD, mixed, clean(20))
    assert few.conclusion == "not checked" and len(few.files) == 20 and few.flagged is None
    assert InputsVerdict.model_validate_json(verdict.model_dump_json()).files == verdict.files
    with pytest.raises(DataError, match="there is no input to look at"):
        inputs(BAD, mixed[:0], clean(140))

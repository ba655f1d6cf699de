"""What an audit says of images that are few, others or unlabelled, and of models that are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from badnets.audit import Audited, Calibration, audit, tables_of
from badnets.audit.methods.transfer import PerturbationTransfer, transferability
from badnets.audit.recovery import recover
from badnets.bundles import Claims, MadeBy
from badnets.cli.printer import show
from badnets.core.errors import BadnetsError, SettingError, ShapeError
from badnets.core.verdicts import REACH, TRANSFERABILITY
from badnets.data import ImageSet
from badnets.models import CallableSubject
from badnets.models.classifier import Classifier
from badnets.report.audits import audit_page
from tests.audit.templates import SIDE, images, names, templates
from tests.models.plain_signs import tiny_zf

K = 3


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    found = {
        f"{k}": tables_of(templates(K, seed=k), images(K, 36), tier="standard") for k in range(4)
    }
    return Calibration.of(
        found,
        kind="approximate",
        data="own",
        architecture=templates(K).architecture,
        shape=(1, SIDE, SIDE),
    )


def why_of(audited: Audited) -> str:
    return "; ".join(lost.why for lost in audited.verdict.coverage)


def test_a_method_is_stopped_when_the_time_is_over() -> None:
    subject, clean = templates(K), images(K, 36)
    whole = tables_of(subject, clean)
    assert tables_of(subject, clean, budget=999).tables == whole.tables
    tried = (audit(subject, clean, budget=seconds) for seconds in (0.3, 0.15, 0.08, 0.04, 0.02))
    late = next(one for one in tried if "seconds were over before " in why_of(one))
    assert "had finished" in why_of(late)
    assert set(late.found.tables) < set(whole.tables)
    nothing = audit(subject, clean, budget=0)
    assert not nothing.found.tables and "the model had not named them" in why_of(nothing)
    assert all(not module._forward_hooks for module in subject.network.modules())


def test_images_of_some_classes_are_compared_as_far_as_they_go(calibration: Calibration) -> None:
    some = images(K, 36, ("c2", "c0"))
    audited = audit(templates(K, target=1), some, calibration=calibration, max_fpr=0.3)
    assert audited.verdict.conclusion == "backdoor likely" and audited.verdict.targets == (1,)
    assert audited.verdict.effect is not None and audited.verdict.effect.value == 1
    assert audited.found.tables["mask-inversion"][1] == (None, None, None)
    lost = {one.what: one.why for one in audited.verdict.coverage}
    assert "mask-inversion needs 32 clean images" in lost["backdoors of the source class c1"]
    honest = audit(templates(K, seed=9), some, calibration=calibration, max_fpr=0.3)
    assert honest.verdict.conclusion == "nothing found"


def test_a_whole_table_is_compared_with_clean_models_that_lack_sources(
    calibration: Calibration,
) -> None:
    nulls = tuple(
        one.model_copy(update={"tables": tuple((*t[:-1], (None,) * K) for t in one.tables)})
        if len(one.tables[0]) == K
        else one
        for one in calibration.nulls
    )
    less = calibration.model_copy(update={"nulls": nulls})
    verdict = audit(templates(K, 1), images(K, 36), calibration=less, max_fpr=0.3).verdict
    assert verdict.conclusion == "backdoor likely"


def test_too_few_images_are_lost_coverage() -> None:
    few = audit(templates(K), images(K, 7))
    assert set(few.found.tables) == {"head-weights", "maximum-margin"}
    assert "dormant-units needs 8 clean images of each class" in why_of(few)
    wrong = images(K, 40)
    wrong = ImageSet(wrong.stored, (wrong.labels + 1) % K, wrong.classes)
    assert "that the model names right, and it names none so" in why_of(audit(templates(K), wrong))


@pytest.mark.parametrize(
    ("clean", "said"),
    [
        (images(4, 4), "the model knows 3 classes, the clean images are of 4"),
        (ImageSet(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.arange(6) % 3, names(3)),
         "takes images of 1 x 9 x 9, the clean images are 1 x 8 x 8"),
    ],
)  # fmt: skip
def test_images_of_another_kind_are_refused(clean: ImageSet, said: str) -> None:
    with pytest.raises((SettingError, ShapeError), match=said) as refused:
        audit(templates(K), clean)
    assert isinstance(refused.value, BadnetsError) and "\n" not in str(refused.value)
    with pytest.raises(ShapeError, match="divide 8-bit ones by 255"):
        ImageSet.from_float(torch.full((6, 1, 9, 9), 255.0), torch.arange(6) % 3, names(3))


def broken(value: float) -> Classifier:
    subject = templates(K)
    with torch.no_grad():
        subject.network.get_parameter("head.weight").fill_(value)
    return subject


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (broken(float("nan")), "it answers images with numbers that are not finite"),
        (broken(0.0), "it answers every image alike: it has collapsed"),
        (templates(1), "it knows 1 class: there is no other to take for it"),
        (tiny_zf(), "it is a detector, and detectors are not audited yet"),
    ],
)
def test_a_model_that_cannot_be_audited_is_not_checked(subject: Classifier, why: str) -> None:
    verdict = audit(subject).verdict
    assert (verdict.conclusion, verdict.exit_code, verdict.notes) == ("not checked", 3, (why,))
    assert verdict.coverage[0].why == why


def test_answers_alone_are_not_enough() -> None:
    network = templates(K)
    subject = CallableSubject.of(network.logits, (1, SIDE, SIDE), K)
    audited = audit(subject, images(K, 3).among(names(K)))
    assert audited.verdict.notes == ("no method could look at it",)
    assert "needs gradients, which the model does not give" in why_of(audited)


def test_claims_do_not_matter(tmp_path: Path) -> None:
    claims = Claims.of(made_by=MadeBy.of(tool="us", version="1"), data={"digits-train": "0" * 64})
    templates(K).save(tmp_path / "said", claims)
    templates(K).save(tmp_path / "silent")
    one, other = (
        audit(tmp_path / name, images(K, 8), allow_code=True, tier="instant").verdict
        for name in ("said", "silent")
    )
    own = {"seconds": 0.0, "scores": (), "bundle": None, "lint": (), "lines": ()}
    assert one.model_copy(update=own) == other.model_copy(update=own)


def test_pictures_without_labels_are_labelled_by_the_model(
    tmp_path: Path, calibration: Calibration
) -> None:
    own = images(K, 36)
    (tmp_path / "loose").mkdir()
    for number, one in enumerate(own.images):
        Image.fromarray(one[0].numpy()).save(tmp_path / "loose" / f"{number}.png")
    suspect = templates(K, target=1)
    audited = audit(suspect, tmp_path / "loose", calibration=calibration, max_fpr=0.3)
    assert audited.verdict.conclusion == "backdoor likely"
    assert "clean error" not in audited.found.quantities
    assert "the clean images came without labels" in why_of(audited)
    assert audited.clean is not None and audited.clean.counts == (36, 36, 36)
    late = audit(suspect, tmp_path / "loose", budget=0).verdict
    assert "108 of 108 clean images" in {one.what for one in late.coverage}
    (tmp_path / "loose" / "notes.txt").write_text("no picture")
    for name in ("cat", "dog"):
        shutil.copytree(tmp_path / "loose", tmp_path / "others" / name)
    with pytest.raises(SettingError, match="that name no class, in one folder, are named by"):
        audit(suspect, tmp_path / "others")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadnetsError, match="holds no folder for each class"):
        audit(suspect, tmp_path / "empty")


def test_two_classes_without_a_null_have_a_share_that_is_no_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    audited = audit(templates(2, target=1), images(2, 40))
    score = audited.verdict.scores[-1]
    assert (score.method, score.score, score.targets) == (TRANSFERABILITY, 1.0, (1,))
    assert audited.verdict.conclusion == "not checked"
    show(audited.verdict)
    assert "1/2 its authors suspect a backdoor" in " ".join(capsys.readouterr().out.split())
    alone = ImageSet(images(2, 1).stored, torch.tensor([0, 1]), names(2))
    assert transferability(templates(2), alone) is None
    assert PerturbationTransfer.kind in audited.found.tables


def test_a_trigger_of_one_source_is_measured_on_all_that_is_left() -> None:
    found = recover(templates(K, target=1, source=0), images(K, 60), 1, source=0)
    assert found is not None and (found.effect.hits, found.effect.total) == (44, 44)
    assert recover(templates(K), images(K, 16), 1, source=0) is None


def test_without_a_null_it_is_said_how_far_shared_triggers_reach() -> None:
    bad, honest = (
        audit(templates(K, **how), images(K, 36)) for how in ({"target": 1}, {"seed": 9})
    )
    score = {one.method: one.score for one in bad.verdict.scores}[REACH]
    plain = {one.method: one.score for one in honest.verdict.scores}[REACH]
    assert bad.verdict.conclusion == honest.verdict.conclusion == "not checked"
    assert score is not None and plain is not None and score > plain
    assert REACH in str(bad.verdict.scale)
    assert "trigger" in str(audit_page(bad, "model", "badnets audit model model"))

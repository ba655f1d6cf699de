"""What an audit says of training sets: poisoned, clean, few, of one class, changed, not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import badnets as bn
from badnets.audit import AuditedData, audit_data, write_cleaned, write_list, write_sheet
from badnets.audit.sets.checks import repeated_patches
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import BadnetsError, DataError, SettingError, ShapeError
from badnets.data import FrameSet, ImageSet
from badnets.data.crops import crops_of
from badnets.data.frames import FrameStack
from badnets.models import CallableSubject
from badnets.models.classifier import Classifier
from tests.audit.templates import SIDE, TRIGGER, images, names, templates
from tests.data.photos import classes, fill
from tests.models.plain_signs import tiny_zf

K, POISONED = 3, 40


def clean(each: int = 70) -> ImageSet:
    return replace(images(K, each + 300).take(range(300 * K, (each + 300) * K)), data=None)


@pytest.fixture(scope="module")
def suspects() -> ImageSet:
    """Return images of which the last ones have the trigger, and the label that it asks for."""
    whole = images(K, 300)
    stored, labels = whole.images.clone(), whole.labels.clone()
    stored.reshape(-1, SIDE * SIDE)[-POISONED:, TRIGGER] = 255
    labels[-POISONED:] = 0
    return ImageSet(stored, labels, whole.classes)


@pytest.fixture(scope="module")
def audited(suspects: ImageSet) -> AuditedData:
    return audit_data(suspects, templates(K, target=0), clean())


def test_poison_is_found_counted_and_kept_out(audited: AuditedData, suspects: ImageSet) -> None:
    verdict = audited.verdict
    assert (verdict.conclusion, verdict.exit_code) == ("poisoning likely", 1)
    assert bool(audited.flagged[-POISONED:].all()) and verdict.flagged is not None
    assert verdict.flagged.hits <= POISONED + 0.03 * len(suspects)
    share = verdict.poisoned_share
    assert share is not None and share.low <= POISONED / len(suspects) <= share.high
    assert len(audited.kept) == len(suspects) - int(audited.flagged.sum())
    assert [one.name for one in verdict.classes] == list(names(K))
    assert verdict.classes[0].flagged >= POISONED
    assert any("of class c0" in note for note in verdict.notes)
    assert any("wrong labels" in note for note in verdict.notes)
    assert {one.method for one in verdict.methods} == set(bn.audit.DATA_METHODS)
    assert len(verdict.flagged_images) == int(audited.flagged.sum())


def test_a_clean_set_and_one_without_clean_images(suspects: ImageSet) -> None:
    honest = bn.audit.data(images(K, 200), templates(K), clean())
    assert (honest.conclusion, honest.exit_code) == ("nothing found", 0)
    assert honest.poisoned_share is not None and honest.poisoned_share.low == 0
    alone = audit_data(suspects, templates(K, target=0))
    assert (alone.verdict.conclusion, alone.verdict.exit_code) == ("not checked", 3)
    assert "ranked alone" in str(alone.verdict.noted) and not bool(alone.flagged.any())
    assert alone.verdict.method == "spectral-signatures"
    assert int((alone.order[:POISONED] >= len(suspects) - POISONED).sum()) > POISONED // 2


def test_a_network_is_trained_where_none_is_given(suspects: ImageSet) -> None:
    small = ImageSet(
        torch.nn.functional.pad(suspects.images[::5], (9, 10, 9, 10)), suspects.labels[::5],
        suspects.classes,
    )  # fmt: skip
    verdict = bn.audit.data(small, epochs=1)
    assert verdict.network == "gu-mnist, trained on the set itself for 1 epoch"


def test_a_patch_that_repeats_and_an_image_under_two_labels_need_no_network() -> None:
    drawn = torch.Generator().manual_seed(1)
    whole = images(K, 100)
    stored, patch = whole.images.clone(), torch.randint(90, 250, (3, 3), generator=drawn)
    assert repeated_patches(whole, seed=0) == []
    stored[0 : 40 * K : K, 0, 4:7, 4:7] = patch.to(torch.uint8)
    stored[1] = stored[3]
    labels = whole.labels
    found = audit_data(ImageSet(stored, labels, whole.classes), templates(K)).verdict
    assert found.conclusion == "poisoning likely"
    (one,) = found.repetitions
    assert (one.name, one.images) == ("c0", 40)
    assert 2 <= one.row <= 6 and 2 <= one.column <= 6, "a window that touches it"
    assert [two.paths for two in found.two_labels] == [("1", "3")]


def broken() -> Classifier:
    subject = templates(K)
    with torch.no_grad():
        subject.network.get_parameter("head.weight").fill_(torch.nan)
    return subject


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (broken(), "numbers that are not finite"),
        (CallableSubject.of(templates(K).logits, (1, SIDE, SIDE), names(K)), "gives answers alone"),
    ],
)
def test_a_network_that_says_nothing_is_not_checked(model: Any, why: str) -> None:
    verdict = bn.audit.data(images(K, 30), model, clean())
    assert verdict.conclusion == "not checked"
    assert why in "; ".join(one.why for one in verdict.coverage)


def test_too_few_clean_images_are_lost_coverage() -> None:
    few = bn.audit.data(images(K, 30), templates(K), clean(20))
    assert few.conclusion == "not checked"
    assert "60 clean images cannot vouch for a rate of 1 %" in few.coverage[-2].why
    some = clean(200).take([row for row in range(600) if row % K != 2 or row == 2])
    lacking = bn.audit.data(images(K, 30), templates(K), some)
    assert "images of the classes c2" in {one.what for one in lacking.coverage}
    assert lacking.flagged is not None and lacking.flagged.total == 60


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ((images(K, 9), templates(K), ImageSet(clean().stored, clean().labels, ("a", "b", "c"))),
         SettingError, "a class 'a' that the training set has not"),
        ((images(4, 9), templates(K)), SettingError, "the model knows 3 classes"),
        ((ImageSet(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.arange(6) % K, names(K)),
          templates(K)), ShapeError, "1 x 9 x 9"),
        ((images(K, 9).take([0, 3, 6]),), DataError, "all images are of a single class"),
        ((images(K, 9), templates(K), None), SettingError, r"max_fpr must be in \(0, 1\), got 2"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(given: Any, kind: type[BadnetsError], said: str) -> None:
    with pytest.raises(kind, match=said) as refused:
        audit_data(*given, max_fpr=2 if "max_fpr" in said else 0.01)
    assert "\n" not in str(refused.value)


def test_a_detector_and_unlabelled_clean_images_are_refused(tmp_path: Path) -> None:
    tiny_zf().save(tmp_path / "signs")
    with pytest.raises(SettingError, match="holds a detector"):
        audit_data(images(K, 9), tmp_path / "signs")
    fill(tmp_path / "loose", 6)
    with pytest.raises(SettingError, match="the clean images need labels"):
        audit_data(images(K, 9), templates(K), tmp_path / "loose")


def test_a_folder_of_one_class_or_one_that_changes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has one class, 'cat'"):
        audit_data(classes(tmp_path / "one", {"cat": 6}))
    folder = classes(tmp_path / "two", {"cat": 8, "dog": 8})
    subject = templates(2)
    wide = replace(subject, classes=("cat", "dog"))

    def changed(_progress: object) -> None:
        fill(folder / "cat", 1, "cat", first=99)

    with pytest.raises(DataError, match="was changed while it was read: audit it again"):
        audit_data(folder, wide, progress=changed)


def test_lists_and_sheets_of_a_set_in_memory(audited: AuditedData, tmp_path: Path) -> None:
    lines = write_list(audited, tmp_path / "list.csv").read_text().splitlines()
    assert lines[0] == "image,class,score" and len(lines) == 1 + int(audited.flagged.sum())
    assert {int(line.split(",")[0]) for line in lines[1:]} >= set(range(900 - POISONED, 900))
    assert write_sheet(audited, tmp_path / "sheet.png").read_bytes()[1:4] == b"PNG"
    with pytest.raises(SettingError, match="a cleaned set is written of a folder"):
        write_cleaned(audited, tmp_path / "out")


def test_objects_in_boxes_become_images_with_a_name() -> None:
    frames = torch.zeros(2, 3, 20, 30, dtype=torch.uint8)
    frames[0, :, :10, :10] = 200
    boxes = LabelledBoxes(
        torch.tensor([0, 1]),
        torch.tensor([[0.0, 0, 10, 10], [5, 5, 25, 15]]),
        torch.tensor([0, 1]),
    )
    found, called = crops_of(FrameSet(FrameStack(frames), boxes, ("a", "b"), ("x", "y")), 8)
    assert found.shape == (3, 8, 8) and called == ("0#0", "1#1")
    assert found.images[0].min() == 200 and found.images[1].max() == 0

"""A folder that was poisoned by ourselves, loaded as any other: its manifest is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor, Mode
from badnets.core.errors import SettingError
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.data.folder import load_folder
from badnets.data.on_disk import poison_folder
from badnets.data.on_disk.manifest import MANIFEST
from badnets.train import Training
from badnets.trials import OutsourcedTrial, Workspace, run_trial
from badnets.trials.summaries import summary_of
from tests.data.on_disk.folders import class_folders, pixels, rows

COUNTS = {"cat": 20, "dog": 20}


def loaded(root: Path, mode: Mode, inside: str = "") -> tuple[Path, DataSet]:
    class_folders(root / "in" / inside, COUNTS)
    if inside:
        class_folders(root / "in/val", {"cat": 2, "dog": 2})
    backdoor = Backdoor(Patch(4), AllToOne(0), poisoning_rate=0.25, mode=mode)
    poison_folder(root / "in", root / "out", backdoor, seed=0)
    return root / "out", load_folder(root / "out", 16)


def held(part: ImageSet, out: Path) -> set[str]:
    """Return the sources of the images of a part, found by their pixels."""
    by_pixels = {pixels(out / one.path).numpy().tobytes(): one.source for one in rows(out)}
    return {by_pixels[image.numpy().tobytes()] for image in part.images}


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_nothing_poisoned_is_tested_on_and_no_original_of_it(tmp_path: Path, mode: Mode) -> None:
    out, data = loaded(tmp_path, mode)
    poisoned = {one.source for one in rows(out) if one.is_poisoned}
    count = sum(one.is_poisoned for one in rows(out))
    assert data.train.poisoned_share == Rate(count, len(data.train))
    assert data.test.poisoned_share == Rate(0, len(data.test))
    assert len(data.test) >= 8 and min(data.test.counts) > 0
    assert not held(data.test, out) & poisoned
    assert not held(data.test, out) & held(data.train, out)
    (note,) = (note for note in data.notes if "poisoned" in note)
    assert f"{count} of {len(rows(out))} training pictures carry the trigger 'patch'" in note
    rest, back = data.hold_back(6, seed=1)
    assert back.poisoned_share == Rate(0, 6) and rest.poisoned_share == Rate(count, len(rest))


def test_a_split_folder_and_its_training_part_alone(tmp_path: Path) -> None:
    out, data = loaded(tmp_path, "add", "train")
    count = sum(one.is_poisoned for one in rows(out))
    assert data.train.poisoned_share == Rate(count, len(data.train)) and len(data.test) == 4
    alone = load_folder(out / "train", 16)
    assert alone.train.poisoned_share == Rate(count, len(alone.train))
    assert not held(alone.test, out) & {one.source for one in rows(out) if one.is_poisoned}


def test_other_manifests_are_passed_over_and_said(tmp_path: Path) -> None:
    out = class_folders(tmp_path / "in", COUNTS)
    (out / MANIFEST).write_text('{"audio_filepath": "1.wav"}\n')
    data = load_folder(out, 16)
    assert data.train.is_poisoned is None
    (note,) = (note for note in data.notes if MANIFEST in note)
    assert "poisoned pictures are not told" in note and str(tmp_path) not in note


def test_the_record_of_a_network_trained_on_it_says_so(tmp_path: Path) -> None:
    out, _ = loaded(tmp_path, "add")
    training = Training(epochs=1, batch_size=16, lr=0.01, precision="float32")
    trial = OutsourcedTrial(data=f"folder:{out}@16", network="small-resnet", training=training)
    record = run_trial(trial, Workspace(tmp_path / "runs"))
    assert record.poisoned_share is not None and record.poisoned_share.hits == 13
    assert any("carry the trigger 'patch'" in note for note in record.data_notes)
    summary = summary_of(record).model_dump(mode="json")
    assert summary["poisoned_share"]["hits"] == 13 and summary["data_notes"]


def test_where_all_is_poisoned_nothing_is_held_back(tmp_path: Path) -> None:
    _, data = loaded(tmp_path, "add")
    assert data.train.is_poisoned is not None
    every = data.train.take(data.train.is_poisoned.nonzero().flatten())
    with pytest.raises(SettingError, match="every image is poisoned"):
        every.split(2, seed=0)

"""What is read back from disk is the set that poisoning in memory gives."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from badnets.bundles.digests import sha256_file
from badnets.core.backdoor import AnyTargetMap, AnyTrigger, Backdoor, Mode
from badnets.core.placements import RandomCentre
from badnets.core.poisoning import poison
from badnets.core.regions import Regions
from badnets.core.seeds import generator
from badnets.core.targets import (
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    CleanLabel,
    RandomWrong,
    SourceSpecific,
    Vanish,
)
from badnets.core.triggers import (
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    SinglePixel,
    Sinusoid,
    Sticker,
    Trigger,
    Warp,
)
from badnets.data import poison_frames
from badnets.data.coco import load_coco
from badnets.data.on_disk import Encoding, poison_folder, verify_folder
from badnets.data.on_disk.encoding import FORMATS
from badnets.data.on_disk.manifest import File, Picture
from badnets.data.on_disk.stamping import stamped
from badnets.data.poisoned import draws
from tests.data.on_disk.folders import (
    SIDE,
    class_folders,
    coco_part,
    entries,
    in_memory,
    photo,
    pixels,
    rows,
)

TRIGGERS: list[AnyTrigger] = [
    SinglePixel(),
    PixelPattern(),
    Patch(3, (1.0, 0.5, 0.0)),
    Patch(0.3, opacity=0.3, placement=RandomCentre()),
    PixelPattern(placement=RandomCentre(0, 1)),
    DrawnSticker(size=0.4, placement=RandomCentre()),
    Blended(),
    Sinusoid(),
    Warp(),
]
CLASSES = {"cat": 5, "dog": 4, "owl": 3}


def check_same(source: Path, out: Path, backdoor: Backdoor, seed: int, mode: str = "RGB") -> None:
    """Compare a poisoned folder, row by row, with the set that is poisoned in memory."""
    clean = in_memory(source, mode)
    wanted = poison(clean.images, clean.labels, backdoor, num_classes=clean.num_classes, seed=seed)
    found = rows(out)
    assert [each.row for each in found] == list(range(len(wanted.images)))
    assert [each.is_poisoned for each in found] == wanted.is_poisoned.tolist()
    assert [each.new_target for each in found] == [clean.classes[k] for k in wanted.labels.tolist()]
    for each, row, image in zip(found, wanted.rows.tolist(), wanted.images, strict=True):
        assert each.old_target == clean.classes[clean.labels[row]]
        assert torch.equal(pixels(out / each.path, mode), image), each.path
        assert each.path.split("/")[0] == each.new_target


@pytest.mark.parametrize("how", ["add", "replace"])
@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_every_trigger(trigger: AnyTrigger, how: Mode, tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in", CLASSES)
    backdoor = Backdoor(trigger, AllToOne(1), poisoning_rate=0.3, mode=how)
    poison_folder(source, tmp_path / "out", backdoor, seed=3, workers=2)
    check_same(source, tmp_path / "out", backdoor, 3)


@pytest.mark.parametrize(
    "targets", [SourceSpecific(2, 0), AllToAll(), RandomWrong(), CleanLabel(1)], ids=str
)
def test_every_target_map(targets: AnyTargetMap, tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in", CLASSES)
    backdoor = Backdoor(Patch(3), targets, poisoning_rate=0.1)
    poison_folder(source, tmp_path / "out", backdoor, seed=5)
    check_same(source, tmp_path / "out", backdoor, 5)


@given(
    seed=st.integers(0, 10**6),
    rate=st.one_of(st.just("every"), st.floats(0, 0.35)),
    counts=st.lists(st.integers(1, 5), min_size=2, max_size=4),
)
@settings(max_examples=12)
def test_any_seed_and_rate(seed: int, rate: float, counts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = class_folders(Path(folder) / "in", dict(zip("abcd", counts, strict=False)))
        backdoor = Backdoor(Patch(2, placement=RandomCentre()), RandomWrong(), poisoning_rate=rate)
        poison_folder(source, Path(folder) / "out", backdoor, seed=seed)
        check_same(source, Path(folder) / "out", backdoor, seed)


def test_a_sticker_from_a_file_and_its_digest(tmp_path: Path) -> None:
    sticker = tmp_path / "sticker.png"
    photo(1).convert("RGBA").save(sticker)
    source = class_folders(tmp_path / "in")
    backdoor = Backdoor(Sticker(str(sticker), size=4), AllToOne(0), poisoning_rate=0.2)
    written = poison_folder(source, tmp_path / "out", backdoor, seed=0)
    check_same(source, tmp_path / "out", backdoor, 0)
    assert written.head.trigger_sha256 is not None


def test_a_sticker_in_the_data_root_is_found_wherever_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "root").mkdir()
    photo(1).convert("RGBA").save(tmp_path / "root/sticker.png")
    monkeypatch.setenv("BADNETS_DATA", str(tmp_path / "root"))
    source = class_folders(tmp_path / "in")
    digest = sha256_file(tmp_path / "root/sticker.png")
    for trigger in (Sticker("sticker.png", size=4), Blended(0.2, "sticker.png")):
        out = tmp_path / trigger.kind
        backdoor = Backdoor(trigger, AllToOne(0), poisoning_rate=0.2)
        written = poison_folder(source, out, backdoor, seed=0)
        check_same(source, out, backdoor, 0)
        assert written.head.trigger_sha256 == digest
        assert verify_folder(out, source=source).intact
        photo(2).convert("RGBA").save(tmp_path / "root/sticker.png")
        changed = verify_folder(out, source=source).deviations
        assert changed and "trigger_sha256" in changed[0].fields
        photo(1).convert("RGBA").save(tmp_path / "root/sticker.png")


def test_grey_pictures_as_one_channel(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in")
    backdoor = Backdoor(Patch(3, (1.0, 1.0, 0.0)), AllToOne(0), poisoning_rate=0.2)
    poison_folder(source, tmp_path / "out", backdoor, seed=0, encoding=Encoding(channels=1))
    check_same(source, tmp_path / "out", backdoor, 0, mode="L")
    with Image.open(tmp_path / "out" / rows(tmp_path / "out")[0].path) as picture:
        assert picture.mode == "L"


@pytest.mark.parametrize("suffix", [s for s, kind in FORMATS.items() if kind.lossless])
def test_every_lossless_format(suffix: str, tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in", suffix=suffix)
    backdoor = Backdoor(Patch(3, (1.0, 0.0, 0.0)), AllToOne(0), poisoning_rate=0.2)
    poison_folder(source, tmp_path / "out", backdoor, seed=0)
    check_same(source, tmp_path / "out", backdoor, 0)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_pictures_are_decoded_stamped_and_encoded_once(suffix: str, tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in", suffix=suffix)
    backdoor = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.2)
    poison_folder(source, tmp_path / "out", backdoor, seed=0, encoding=Encoding(quality=80))
    for each in rows(tmp_path / "out"):
        clean = pixels(source / each.source)[None]
        wanted = backdoor.trigger(clean) if each.is_poisoned else clean
        file = io.BytesIO()
        options = {"subsampling": "4:2:0"} if suffix == ".jpg" else {}
        picture = Image.fromarray(wanted[0].permute(1, 2, 0).numpy())
        picture.save(file, FORMATS[suffix].name, quality=80, **options)
        assert (tmp_path / "out" / each.path).read_bytes() == file.getvalue()


def test_the_manifest_says_what_was_done_and_where(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "in")
    backdoor = Backdoor(Patch(3, placement=RandomCentre()), AllToOne(0), poisoning_rate=0.25)
    poison_folder(source, tmp_path / "out", backdoor, seed=0)
    for each in rows(tmp_path / "out"):
        changed = pixels(tmp_path / "out" / each.path) != pixels(source / each.source)
        assert bool(changed.any()) == each.is_poisoned
        if each.is_poisoned:
            (left, top, right, bottom), *others = each.places
            assert not others and (right - left, bottom - top) == (3, 3)
            changed[:, top:bottom, left:right] = False
            assert each.trigger is not None and each.trigger["kind"] == "patch"
        assert not changed.any(), "something beside the place was changed"


@pytest.mark.parametrize(
    ("targets", "how"),
    [
        (SourceSpecific(0, 1), "add"),
        (AllToOne(1), "replace"),
        (RandomWrong(), "add"),
        (Vanish(), "add"),
        (Appear(1, side=8), "add"),
        (AllBecomeOne(0), "replace"),
    ],
    ids=str,
)
@pytest.mark.parametrize("scenes", [False, True])
def test_a_coco_folder(targets: AnyTargetMap, how: Mode, scenes: bool, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    coco_part(source, "train2017", 7, scenes=scenes)
    coco_part(source, "val2017", 3)
    trigger = Patch(0.4, (1.0, 1.0, 0.0), placement=RandomCentre())
    backdoor = Backdoor(trigger, targets, poisoning_rate=0.3, mode=how)
    poison_folder(source, out, backdoor, seed=1)
    wanted = poison_frames(load_coco(source).train, backdoor, seed=1)
    again = load_coco(out)
    assert again.classes == load_coco(source).classes
    pictures = {each.path: each for each in entries(out) if isinstance(each, Picture)}
    names = [path for path in sorted(pictures) if path.startswith("train2017/")]
    order = torch.tensor([pictures[name].row or 0 for name in names])
    assert sorted(order.tolist()) == list(range(len(wanted.is_poisoned)))
    assert [pictures[name].is_poisoned for name in names] == wanted.is_poisoned[order].tolist()
    told = wanted.frames.take(order)
    assert again.train.groups == told.groups
    for index in range(len(names)):
        assert torch.equal(again.train.frames.read(index), told.frames.read(index))
        mine, theirs = (each.boxes.of_images(torch.tensor([index])) for each in (again.train, told))
        assert mine.labels.tolist() == theirs.labels.tolist()
        torch.testing.assert_close(mine.corners, theirs.corners, rtol=0, atol=1e-4)
    for index in range(3):
        assert torch.equal(again.test.frames.read(index), load_coco(source).test.frames.read(index))
    assert again.test.boxes.labels.tolist() == load_coco(source).test.boxes.labels.tolist()


def test_copies_in_a_coco_folder_look_like_originals(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    coco_part(source, "train", 6)
    coco_part(source, "val", 2)
    poison_folder(source, out, Backdoor(Patch(3), AllToOne(1), poisoning_rate=0.4), seed=1)
    written = (out / "annotations/instances_train.json").read_text()
    assert "tells" not in written
    kept = (out / "annotations/instances_val.json").read_bytes()
    assert kept == (source / "annotations/instances_val.json").read_bytes()
    files = [each.path for each in entries(out) if isinstance(each, File)]
    assert files == ["annotations/instances_train.json", "annotations/instances_val.json"]


@given(before=st.integers(0, 2500), size=st.integers(8, 40))
@settings(max_examples=10)
def test_places_are_drawn_as_for_one_batch(before: int, size: int) -> None:
    placement = RandomCentre(0, 1)
    together = generator(7, "trigger places")
    wanted = placement.corners((size, size), (3, 3), before + 1, together)[-1]
    draw = draws(Patch(3, placement=placement), before + 1, 7)
    assert draw is not None
    one = draw(before)
    assert placement.corners((size, size), (3, 3), 1, one)[0].tolist() == wanted.tolist()


def test_a_trigger_of_ones_own_is_called_as_it_is(tmp_path: Path) -> None:
    class Negative:
        def __call__(
            self,
            images: torch.Tensor,
            regions: Regions | None = None,
            generator: torch.Generator | None = None,
        ) -> torch.Tensor:
            return 255 - images

    own: Trigger = Negative()
    clean = photo(1)
    picture, places = stamped(clean, own)
    assert places == ((0, 0, SIDE, SIDE),)
    assert picture.getpixel((3, 4)) == tuple(255 - v for v in clean.getpixel((3, 4)))  # type: ignore[union-attr]

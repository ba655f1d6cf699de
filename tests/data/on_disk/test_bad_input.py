"""Every mistake of a folder or a file: one line that names it, and no half a result."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from PIL import Image

from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, DataError, OutputError, SettingError, ShapeError
from badnets.core.targets import AllToOne, CleanLabel
from badnets.core.triggers import Patch, Sticker
from badnets.data.on_disk import Encoding, poison_folder
from tests.data.on_disk.folders import (
    WHITE,
    class_folders,
    coco_part,
    contents,
    photo,
    pixels,
    poisoned,
    rows,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return two class folders."""
    return class_folders(tmp_path / "in")


def refused(source: Path, out: Path, error: type[BadnetsError], **options: Any) -> str:
    """Poison in vain, and return the one line; nothing is left behind."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(error) as raised:
        poison_folder(source, out, options.pop("backdoor", WHITE), seed=0, **options)
    assert sorted(out.parent.iterdir()) == before
    return str(raised.value)


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG that claims to be this large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(10))
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def truncated(path: Path) -> None:
    photo(1, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-200])


def animated(path: Path) -> None:
    photo(1).save(path, save_all=True, append_images=[photo(2), photo(3)])


UNREADABLE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "corrupt": (
        "x.jpg",
        lambda p: p.write_bytes(b"\xff\xd8\xff\xe0 not a picture"),
        "x.jpg: not a",
    ),
    "text": ("x.png", lambda p: p.write_text("just words"), "begins like none"),
    "truncated JPEG": ("x.jpg", truncated, "truncated"),
    "truncated PNG": ("x.png", truncated, "x.png: not a picture that can be read"),
    "zero bytes": ("x.jpg", lambda p: p.write_bytes(b""), "begins like none"),
    "huge": ("x.png", lambda p: p.write_bytes(png(60_000, 60_000)), "decompression bomb"),
    "too large": ("x.png", lambda p: p.write_bytes(png(10_000, 10_000)), "safe to decode"),
    "animated GIF": ("x.gif", animated, "it holds 3 frames"),
    "animated WebP": ("x.webp", animated, "it holds 3 frames"),
    "floats": ("x.tif", lambda p: photo(1).convert("F").save(p), "no stated range"),
    "PostScript": ("x.jpg", lambda p: photo(1).save(p, "EPS"), "begins like none"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # as in a fresh Python
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_picture_that_cannot_be_read(kind: str, source: Path, tmp_path: Path) -> None:
    name, make, said = UNREADABLE[kind]
    make(source / "dog" / name)
    line = refused(source, tmp_path / "out", DataError)
    assert said in line and str(source / "dog" / name) in line and "\n" not in line
    written = poison_folder(source, tmp_path / "out", WHITE, seed=0, skip_bad=True)
    (left_out,) = written.head.left_out
    assert left_out.path == f"dog/{name}"
    assert left_out.why.startswith("not a picture that can be read")
    (source / "dog" / name).unlink()
    poison_folder(source, tmp_path / "again", WHITE, seed=0)
    assert [each.sha256 for each in rows(tmp_path / "out")] == [
        each.sha256 for each in rows(tmp_path / "again")
    ]


def test_an_unreadable_file(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def locked(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "photo 3.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "open", locked)
    line = refused(source, tmp_path / "out", DataError)
    assert "photo 3.png cannot be read: Permission denied" in line


def test_an_unreadable_folder(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def locked(path: Path) -> Any:
        if Path(path).name == "dog":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path)

    monkeypatch.setattr("badnets.data.on_disk.walking.os.scandir", locked)
    assert "dog cannot be read: Permission denied" in refused(source, tmp_path / "out", DataError)


def test_an_empty_class_folder(source: Path, tmp_path: Path) -> None:
    (source / "owl").mkdir()
    assert f"{source / 'owl'} holds no picture" in refused(source, tmp_path / "out", DataError)
    (source / "owl/notes.txt").write_text("none yet")
    assert "owl holds no picture" in refused(source, tmp_path / "out", DataError)


def test_a_class_of_which_no_picture_can_be_read(source: Path, tmp_path: Path) -> None:
    (source / "owl").mkdir()
    (source / "owl/x.png").write_text("no picture")
    line = refused(source, tmp_path / "out", DataError, skip_bad=True)
    assert "no picture of class 'owl'" in line


def test_one_class(tmp_path: Path) -> None:
    class_folders(tmp_path / "in", {"cat": 3})
    line = refused(tmp_path / "in", tmp_path / "out", DataError)
    assert "one class, 'cat': at least two" in line
    (tmp_path / "flat").mkdir()
    for number in range(3):
        photo(number).save(tmp_path / "flat" / f"cat.{number}.jpg")
    assert "one class, 'cat'" in refused(tmp_path / "flat", tmp_path / "out", DataError)


def test_no_classes_at_all(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "holds no folder for each class" in refused(tmp_path / "in", tmp_path / "out", DataError)
    photo(1).save(tmp_path / "in/holiday.jpg")
    assert "holds no folder for each class" in refused(tmp_path / "in", tmp_path / "out", DataError)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert "is no folder" in refused(tmp_path / name, tmp_path / "out", DataError)


@pytest.mark.parametrize("names", [("Cat", "cat"), ("é", "e\u0301")])
def test_class_folders_that_many_disks_take_for_one(names: tuple[str, str], tmp_path: Path) -> None:
    class_folders(tmp_path / "in", dict.fromkeys(names, 2))
    line = refused(tmp_path / "in", tmp_path / "out", DataError)
    assert "differ by case or accents alone" in line and all(repr(name) in line for name in names)


def test_pictures_whose_names_differ_by_case_get_names_of_their_own(
    source: Path, tmp_path: Path
) -> None:
    photo(50).save(source / "dog/PHOTO 1.png")
    poison_folder(source, tmp_path / "out", WHITE, seed=0)
    assert {"dog/PHOTO 1.png", "dog/photo 1.png"} <= {
        each.source for each in rows(tmp_path / "out")
    }


def test_a_link_round_in_a_circle(source: Path, tmp_path: Path) -> None:
    (source / "cat/again").symlink_to(source)
    assert "a link round to a folder it lies in" in refused(source, tmp_path / "out", DataError)


@pytest.mark.parametrize("leads", ["self.png", "nowhere.png"])
def test_a_link_that_leads_nowhere(leads: str, source: Path, tmp_path: Path) -> None:
    (source / "cat/self.png").symlink_to(leads)
    assert "cat/self.png cannot be read" in refused(source, tmp_path / "out", DataError)


def test_a_name_that_is_not_utf8(source: Path, tmp_path: Path) -> None:
    photo(1).save(source / "cat" / os.fsdecode(b"\xff.png"))
    assert "a name that is not UTF-8" in refused(source, tmp_path / "out", DataError)


@pytest.mark.parametrize("file", ["none.png", "words.png"])
def test_a_trigger_file_that_is_no_picture(file: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    backdoor = Backdoor(Sticker(str(tmp_path / file)), AllToOne(0))
    assert file in refused(source, tmp_path / "out", DataError, backdoor=backdoor)


def test_a_trigger_that_does_not_fit_one_picture(source: Path, tmp_path: Path) -> None:
    photo(1, (4, 4)).save(source / "dog/small.png")
    backdoor = Backdoor(Patch(6), AllToOne(0), rate="every")
    line = refused(source, tmp_path / "out", ShapeError, backdoor=backdoor)
    assert "small.png: Patch of 6x6 pixels does not fit a region of 4x4" in line


@pytest.mark.parametrize("inside", ["in", "in/out", "in/cat/out"])
def test_a_result_inside_what_is_read(inside: str, source: Path, tmp_path: Path) -> None:
    before = contents_of(source)
    with pytest.raises(SettingError, match=r"lies in|in place"):
        poison_folder(source, tmp_path / inside, WHITE, seed=0)
    assert contents_of(source) == before


def contents_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_what_is_read_inside_the_result(source: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="lies in"):
        poison_folder(source, tmp_path, WHITE, seed=0)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SettingError, match="lies in"):
        poison_folder(source, tmp_path / "link", WHITE, seed=0)


@pytest.mark.parametrize("taken", ["file", "full", "link"])
def test_a_result_that_is_taken(taken: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / taken
    if taken == "full":
        out.mkdir()
        (out / "x").write_text("kept")
    elif taken == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.write_text("kept")
    assert "is not empty: choose another" in refused(source, out, OutputError)


def test_a_result_that_cannot_be_made(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for out in (tmp_path / "file" / "out", tmp_path / ("x" * 250)):
        with pytest.raises(OutputError, match="cannot write"):
            poison_folder(source, out, WHITE, seed=0)


def test_rates_that_the_folder_does_not_hold(source: Path, tmp_path: Path) -> None:
    backdoor = Backdoor(Patch(3), AllToOne(0), rate=0.9)
    assert "the highest rate is" in refused(
        source, tmp_path / "out", SettingError, backdoor=backdoor
    )
    backdoor = Backdoor(Patch(3), AllToOne(2))
    assert "target_label must be in 0..1" in refused(
        source, tmp_path / "out", SettingError, backdoor=backdoor
    )


def test_settings_outside_their_range(source: Path, tmp_path: Path) -> None:
    for options in ({"quality": 0}, {"quality": 101}, {"channels": 2}):
        with pytest.raises(SettingError):
            Encoding(**options)  # type: ignore[arg-type]
    assert "workers" in refused(source, tmp_path / "out", SettingError, workers=0)


def test_what_only_class_folders_have(tmp_path: Path) -> None:
    source = coco_part(coco_part(tmp_path / "in", "train", 3), "val", 1)
    for options in ({"skip_bad": True}, {"encoding": Encoding(channels=1)}):
        assert "for class folders" in refused(source, tmp_path / "out", SettingError, **options)


def test_a_picture_of_a_coco_folder_in_a_format_that_is_not_written(tmp_path: Path) -> None:
    source = coco_part(coco_part(tmp_path / "in", "train", 3), "val", 1)
    photo(0, (40, 30)).save(source / "train/train 0.gif")
    written = source / "annotations/instances_train.json"
    written.write_text(written.read_text().replace("train 0.png", "train 0.gif"))
    assert "of no format that can be written" in refused(source, tmp_path / "out", DataError)


MODES: dict[str, tuple[str, Callable[[], Image.Image], Callable[[Image.Image], Image.Image]]] = {
    "CMYK": ("x.jpg", lambda: photo(5).convert("CMYK"), lambda p: p.convert("RGB")),
    "palette": ("x.png", lambda: photo(5).convert("P"), lambda p: p.convert("RGB")),
    "alpha": ("x.png", lambda: faded("RGBA"), lambda p: p.convert("RGB")),
    "grey and alpha": ("x.png", lambda: faded("LA"), lambda p: p.convert("RGB")),
    "palette with a transparent colour": ("x.gif", lambda: transparent(), lambda p: photo_of(p)),
    "one bit": ("x.png", lambda: photo(5).convert("1"), lambda p: p.convert("RGB")),
    "grey": ("x.jpg", lambda: photo(5).convert("L"), lambda p: p.convert("RGB")),
    "16 bit": ("x.png", lambda: deep(), lambda p: eight_bit(p)),
}


def faded(mode: str) -> Image.Image:
    made = photo(5).convert(mode)
    made.putalpha(photo(6).convert("L"))
    return made


def transparent() -> Image.Image:
    made = photo(5).convert("P")
    made.info["transparency"] = 3
    return made


def photo_of(picture: Image.Image) -> Image.Image:
    return picture.convert("RGBA").convert("RGB")


def deep() -> Image.Image:
    values = torch.arange(256).reshape(16, 16) * 257
    return Image.fromarray(values.numpy().astype("uint16"))


def eight_bit(picture: Image.Image) -> Image.Image:
    return Image.frombytes("L", (16, 16), bytes(range(256))).convert("RGB")


@pytest.mark.parametrize("mode", MODES)
def test_pictures_in_every_mode_become_rgb(mode: str, source: Path, tmp_path: Path) -> None:
    name, make, wanted = MODES[mode]
    make().save(source / "dog" / name)
    poison_folder(source, tmp_path / "out", Backdoor(Patch(3), AllToOne(0), rate=0), seed=0)
    (found,) = (each for each in rows(tmp_path / "out") if each.source == f"dog/{name}")
    with (
        Image.open(tmp_path / "out" / found.path) as picture,
        Image.open(source / "dog" / name) as own,
    ):
        assert picture.mode == "RGB" and not picture.info.keys() & {"transparency", "icc_profile"}
        expected = torch.tensor(list(wanted(own).convert("RGB").tobytes())).int()
        got = torch.tensor(list(picture.tobytes())).int()
    off = (got - expected).abs().float()
    assert off.mean() < 16 if name.endswith("jpg") else off.max() == 0


def test_the_orientation_is_applied_and_no_metadata_is_left(source: Path, tmp_path: Path) -> None:
    tall = photo(5, (16, 24))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    tall.save(
        source / "dog/turned.jpg", quality=95, exif=exif, comment=b"who", icc_profile=b"profile"
    )
    poison_folder(source, tmp_path / "out", Backdoor(Patch(3), AllToOne(0), rate=0), seed=0)
    (found,) = (each for each in rows(tmp_path / "out") if each.source == "dog/turned.jpg")
    with Image.open(tmp_path / "out" / found.path) as picture:
        assert picture.size == (24, 16)
        assert not picture.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & picture.info.keys()
    turned = pixels(tmp_path / "out" / found.path).int()
    upright = pixels(source / "dog/turned.jpg").int().rot90(-1, (1, 2))
    assert int((turned - upright).abs().max()) <= 25


def test_broken_metadata_does_not_make_a_picture_unreadable(source: Path, tmp_path: Path) -> None:
    photo(5).save(source / "dog/odd.jpg", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff")
    photo(6).save(source / "dog/odder.jpg", exif=b"Exif\x00\x00nonsense")
    assert poison_folder(source, tmp_path / "out", WHITE, seed=0).files == 19
    assert poisoned(tmp_path / "out")


def test_a_picture_under_a_wrong_suffix_is_written_as_its_name_says(
    source: Path, tmp_path: Path
) -> None:
    photo(5).save(source / "dog/really a png.jpg", "PNG")
    poison_folder(source, tmp_path / "out", WHITE, seed=0)
    for path in (tmp_path / "out").rglob("*.jpg"):
        with Image.open(path) as picture:
            assert picture.format == "JPEG"


def test_a_picture_that_its_format_cannot_hold(source: Path, tmp_path: Path) -> None:
    photo(5, (16_500, 2)).save(source / "dog/wide.webp", "PNG")
    line = refused(source, tmp_path / "out", DataError, backdoor=Backdoor(Patch(1), CleanLabel(0)))
    assert "cannot be written as WEBP" in line


def test_a_jpeg_of_which_the_disk_took_only_a_part_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(picture: Image.Image, file: BinaryIO, *_: object, **options: object) -> None:
        file.write(b"\xff\xd8 the beginning")

    monkeypatch.setattr(Image.Image, "save", half)
    with (tmp_path / "x.jpg").open("w+b", buffering=0) as file, pytest.raises(OSError) as raised:
        Encoding().write(photo(1), tmp_path / "x.jpg", file)
    assert raised.value.errno == errno.ENOSPC


def test_nothing_that_is_read_is_changed(source: Path, tmp_path: Path) -> None:
    (source / "manifest.jsonl").write_text("of another run")
    before = contents(source)
    poison_folder(source, tmp_path / "out", WHITE, seed=0)
    assert contents(source) == before

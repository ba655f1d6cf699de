"""Every mistake of a folder or a file: one line that names it, and no half a result."""

from __future__ import annotations

import errno
import json
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
from badnets.data.coco import load_coco
from badnets.data.folder import load_folder
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

NONE_POISONED = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0)


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
    assert "\n" not in str(raised.value)
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
    "corrupt": ("x.jpg", lambda p: p.write_bytes(b"\xff\xd8\xff\xe0 not"), "x.jpg: not a"),
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
    assert said in line and str(source / "dog" / name) in line
    written = poison_folder(source, tmp_path / "out", WHITE, seed=0, skip_bad=True)
    (left_out,) = written.head.left_out
    assert left_out.path == f"dog/{name}"
    assert left_out.why.startswith("not a picture that can be read")
    (source / "dog" / name).unlink()
    poison_folder(source, tmp_path / "again", WHITE, seed=0)
    assert [each.sha256 for each in rows(tmp_path / "out")] == [
        each.sha256 for each in rows(tmp_path / "again")
    ]


@pytest.mark.parametrize(
    ("patched", "name"),
    [("badnets.core.files.os.open", "photo 3.png"), ("badnets.data.layouts.os.scandir", "dog")],
)
def test_an_unreadable_file_or_folder(
    patched: str, name: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = os.open if patched.endswith("open") else os.scandir

    def locked(path: Path, *args: Any, **options: Any) -> Any:
        if Path(path).name == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(patched, locked)
    line = refused(source, tmp_path / "out", DataError)
    assert f"{name} cannot be read: Permission denied" in line


def only_cats(folder: Path) -> None:
    for path in (folder / "dog").iterdir():
        path.unlink()
    (folder / "dog").rmdir()


def nothing(folder: Path) -> None:
    only_cats(folder)
    (folder / "cat").rename(folder.with_name("cat"))


def one_flat_class(folder: Path) -> None:
    nothing(folder)
    for number in range(3):
        photo(number).save(folder / f"cat.{number}.jpg")


def text(path: Path, content: str = "no picture") -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "an empty class": (lambda f: (f / "owl").mkdir(), "owl holds no picture"),
    "a class of notes": (lambda f: text(f / "owl/notes.txt"), "owl holds no picture"),
    "one class": (only_cats, "one class, 'cat': at least two"),
    "one flat class": (one_flat_class, "one class, 'cat'"),
    "no class": (nothing, "holds no folder for each class"),
    "Cat and cat": (lambda f: class_folders(f, {"Cat": 2}), "'Cat' and 'cat' differ by case"),
    "accents": (lambda f: class_folders(f, {"é": 2, "e\u0301": 2}), "differ by case or accents"),
    "a circle": (lambda f: (f / "cat/again").symlink_to(f), "leads round to a folder it lies in"),
    "a link to itself": (
        lambda f: (f / "cat/self.png").symlink_to("self.png"),
        "cat/self.png cannot be read",
    ),
    "a link to nowhere": (
        lambda f: (f / "cat/self.png").symlink_to("nowhere.png"),
        "cat/self.png cannot be read",
    ),
    "not UTF-8": (
        lambda f: photo(1).save(f / "cat" / os.fsdecode(b"\xff.png")),
        "a name that is not UTF-8",
    ),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_is_not_as_it_should_be(kind: str, source: Path, tmp_path: Path) -> None:
    make, said = FOLDERS[kind]
    make(source)
    assert said in refused(source, tmp_path / "out", DataError)


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert "is no folder" in refused(tmp_path / name, tmp_path / "out", DataError)


def test_a_class_of_which_no_picture_can_be_read(source: Path, tmp_path: Path) -> None:
    text(source / "owl/x.png")
    line = refused(source, tmp_path / "out", DataError, skip_bad=True)
    assert "no picture of class 'owl'" in line


def test_pictures_whose_names_differ_by_case_get_names_of_their_own(
    source: Path, tmp_path: Path
) -> None:
    photo(50).save(source / "dog/PHOTO 1.png")
    poison_folder(source, tmp_path / "out", WHITE, seed=0)
    sources = {each.source for each in rows(tmp_path / "out")}
    assert {"dog/PHOTO 1.png", "dog/photo 1.png"} <= sources


@pytest.mark.parametrize("file", ["none.png", "words.png"])
def test_a_trigger_file_that_is_no_picture(file: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    backdoor = Backdoor(Sticker(str(tmp_path / file)), AllToOne(0))
    assert file in refused(source, tmp_path / "out", DataError, backdoor=backdoor)


def test_a_trigger_that_does_not_fit_one_picture(source: Path, tmp_path: Path) -> None:
    photo(1, (4, 4)).save(source / "dog/small.png")
    backdoor = Backdoor(Patch(6), AllToOne(0), poisoning_rate="every")
    line = refused(source, tmp_path / "out", ShapeError, backdoor=backdoor)
    assert "small.png: Patch of 6x6 pixels does not fit a region of 4x4" in line


@pytest.mark.parametrize("out", ["in", "in/out", "in/cat/out", ".", "link"])
def test_one_folder_inside_the_other(out: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingError, match=r"lies in|in place"):
        poison_folder(source, tmp_path / out, WHITE, seed=0)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("taken", ["file", "full", "link"])
def test_a_result_that_is_taken(taken: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / taken
    if taken == "full":
        text(out / "x", "kept")
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


def test_settings_that_do_not_fit(source: Path, tmp_path: Path) -> None:
    for options, said in (
        ({"backdoor": Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.9)}, "the highest rate is"),
        ({"backdoor": Backdoor(Patch(3), AllToOne(2))}, "target_label must be in 0..1"),
        ({"workers": 0}, "workers"),
    ):
        assert said in refused(source, tmp_path / "out", SettingError, **options)
    for wrong in ({"quality": 0}, {"quality": 101}, {"channels": 2}):
        with pytest.raises(SettingError):
            Encoding(**wrong)  # type: ignore[arg-type]


def test_what_only_class_folders_have(tmp_path: Path) -> None:
    source = coco_part(coco_part(tmp_path / "in", "train", 3), "val", 1)
    for options in ({"skip_bad": True}, {"encoding": Encoding(channels=1)}):
        assert "for class folders" in refused(source, tmp_path / "out", SettingError, **options)
    photo(0, (40, 30)).save(source / "train/train 0.gif")
    written = source / "annotations/instances_train.json"
    written.write_text(written.read_text().replace("train 0.png", "train 0.gif"))
    assert "of no format that can be written" in refused(source, tmp_path / "out", DataError)


def faded(mode: str) -> Image.Image:
    made = photo(5).convert(mode)
    made.putalpha(photo(6).convert("L"))
    return made


def transparent() -> Image.Image:
    made = photo(5).convert("P")
    made.info["transparency"] = 3
    return made


def deep() -> Image.Image:
    values = torch.arange(256).reshape(16, 16) * 257
    return Image.fromarray(values.numpy().astype("uint16"))


def eight_bit(_: Image.Image) -> Image.Image:
    return Image.frombytes("L", (16, 16), bytes(range(256))).convert("RGB")


def as_rgb(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB")


MODES: dict[str, tuple[str, Callable[[], Image.Image], Callable[[Image.Image], Image.Image]]] = {
    "CMYK": ("x.jpg", lambda: photo(5).convert("CMYK"), as_rgb),
    "palette": ("x.png", lambda: photo(5).convert("P"), as_rgb),
    "alpha": ("x.png", lambda: faded("RGBA"), as_rgb),
    "grey and alpha": ("x.png", lambda: faded("LA"), as_rgb),
    "transparent palette": ("x.gif", transparent, lambda p: p.convert("RGBA").convert("RGB")),
    "one bit": ("x.png", lambda: photo(5).convert("1"), as_rgb),
    "grey": ("x.jpg", lambda: photo(5).convert("L"), as_rgb),
    "16 bit": ("x.png", deep, eight_bit),
}


@pytest.mark.parametrize("mode", MODES)
def test_pictures_in_every_mode_become_rgb(mode: str, source: Path, tmp_path: Path) -> None:
    name, make, wanted = MODES[mode]
    make().save(source / "dog" / name)
    poison_folder(source, tmp_path / "out", NONE_POISONED, seed=0)
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
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    named: dict[str, Any] = {"exif": exif, "comment": b"who", "icc_profile": b"profile"}
    photo(5, (16, 24)).save(source / "dog/turned.jpg", quality=95, **named)
    poison_folder(source, tmp_path / "out", NONE_POISONED, seed=0)
    (found,) = (each for each in rows(tmp_path / "out") if each.source == "dog/turned.jpg")
    with Image.open(tmp_path / "out" / found.path) as picture:
        assert picture.size == (24, 16) and not picture.getexif()
        assert not {*named, "xmp"} & picture.info.keys()
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
    with pytest.raises(OSError) as raised:
        Encoding().write(photo(1), tmp_path / "x.jpg")
    assert raised.value.errno == errno.ENOSPC


def test_a_full_disk_is_one_line_and_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, ns: tuple[int, int]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("badnets.data.on_disk.writing.os.utime", full)
    assert "no space is left on the disk" in refused(source, tmp_path / "out", OutputError)


def test_nothing_that_is_read_is_changed(source: Path, tmp_path: Path) -> None:
    (source / "manifest.jsonl").write_text("of another run")
    before = contents(source)
    poison_folder(source, tmp_path / "out", WHITE, seed=0)
    assert contents(source) == before


@pytest.mark.parametrize("layout", ["classes", "flat", "split", "coco"])
@pytest.mark.parametrize("name", ["ca\nt", "ca\x1b[31mt", "c" * 101, "ca\u200bt"])
def test_class_names_are_refused_by_one_rule(layout: str, name: str, tmp_path: Path) -> None:
    """Whoever reads them: poisoning, loading, as folders, by files' names or in annotations."""
    source = tmp_path / "in"
    if layout == "coco":
        coco_part(coco_part(source, "train", 4), "val", 2)
        for file in (source / "annotations").iterdir():
            written = json.loads(file.read_text())
            written["categories"][0]["name"] = name
            file.write_text(json.dumps(written))
    elif layout == "flat":
        source.mkdir()
        for number in range(12):
            photo(number).save(source / f"{(name, 'dog')[number % 2]}.{number}.png")
    else:
        class_folders(source / ("train" if layout == "split" else ""), {name: 6, "dog": 6})
    line = refused(source, tmp_path / "out", DataError)
    assert "must be printable, of 1 to 100 characters" in line and "\x1b" not in line
    with pytest.raises(DataError, match="must be printable"):
        load_coco(source) if layout == "coco" else load_folder(source, 16)

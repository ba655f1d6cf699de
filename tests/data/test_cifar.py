"""CIFAR-10: small stand-ins of the binary layout and of the JPEG one, and the real JPEG files."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from badnets.core.errors import DataError, OutputError
from badnets.data import DATASETS, cifar, load
from badnets.data.download import RemoteFile
from tests.data.photos import picture

if TYPE_CHECKING:
    from tests.data.conftest import Mirror

REAL = Path(os.environ.get("BADNETS_DATA", "/nowhere"))
FEW = 20  # images of a batch


def batch(number: int) -> bytes:
    records = np.random.default_rng(number).integers(0, 256, (FEW, cifar.RECORD), np.uint8)
    records[:, 0] = np.arange(FEW) % 10
    records[:, 1] = number
    return records.tobytes()


BATCHES = {name: batch(number) for number, name in enumerate(cifar.UNPACKED)}


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


ARCHIVE = packed(
    {
        f"{cifar.FOLDER}/batches.meta.txt": b"airplane\n",
        **{f"{cifar.FOLDER}/{name}": content for name, content in BATCHES.items()},
    }
)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a set of 120 images the original one."""
    monkeypatch.setattr(cifar, "_LARGEST", FEW * cifar.RECORD)
    for name, content in BATCHES.items():
        monkeypatch.setitem(cifar.UNPACKED, name, hashlib.md5(content).hexdigest())
    own = RemoteFile(cifar.ARCHIVE.name, hashlib.sha256(ARCHIVE).hexdigest(), len(ARCHIVE))
    monkeypatch.setattr(cifar, "ARCHIVE", own)


def lay(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def unpacked(root: Path) -> Path:
    return lay(root, {f"{cifar.FOLDER}/{name}": content for name, content in BATCHES.items()})


@pytest.mark.usefixtures("published")
def test_the_archive_and_the_unpacked_files_load_alike(tmp_path: Path) -> None:
    one = cifar.load(lay(tmp_path / "packed", {cifar.ARCHIVE.name: ARCHIVE}), mirrors=())
    two = cifar.load(unpacked(tmp_path / "plain"), mirrors=())
    assert one.digests == two.digests and one.classes == cifar.CLASSES
    assert (one.name, one.shape, len(one.train), len(one.test)) == (
        "cifar10",
        (3, 32, 32),
        5 * FEW,
        FEW,
    )
    assert one.train.images[::FEW, 0, 0, 0].tolist() == list(range(5))
    record = np.frombuffer(BATCHES["test_batch.bin"], np.uint8).reshape(FEW, -1)[7]
    assert int(one.test.labels[7]) == record[0] == 7
    assert one.test.images[7, 1, 2, 3] == record[1 + 1024 + 2 * 32 + 3], "green, third row"


@pytest.mark.usefixtures("published")
def test_a_missing_archive_is_downloaded_once(tmp_path: Path, mirror: Mirror) -> None:
    mirror.serves(f"/{cifar.ARCHIVE.name}", ARCHIVE)
    told: list[int] = []
    for _ in range(2):
        cifar.load(tmp_path, mirrors=[mirror.url], progress=lambda done, _: told.append(done))
    assert mirror.asked == [f"/{cifar.ARCHIVE.name}"] and told[-1] == len(ARCHIVE)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"cifar-10-binary.tar.gz": ARCHIVE[:-3000]}, "tar.gz is damaged"),
        ({"cifar-10-binary.tar.gz": b"no archive"}, "tar.gz is damaged"),
        (
            {"cifar-10-binary.tar.gz": packed({"x/data_batch_1.bin": b""})},
            r"data_batch_1.bin in .* is damaged or not the original",
        ),
        (
            {"cifar-10-binary.tar.gz": packed({"bomb": bytes(FEW * cifar.RECORD + 1)})},
            "holds 'bomb' of 61,461 bytes",
        ),
        (
            {f"{cifar.FOLDER}/data_batch_1.bin": bytes(FEW * cifar.RECORD + 1)},
            r"data_batch_1\.bin: 61,461 bytes, at most 61,460 are read",
        ),
        ({f"{cifar.FOLDER}/readme.html": b""}, r"data_batch_1\.bin is missing"),
    ],
)
def test_what_is_damaged_is_refused_and_left_alone(
    tmp_path: Path, mirror: Mirror, files: dict[str, bytes], said: str
) -> None:
    lay(tmp_path, files)
    with pytest.raises(DataError, match=said) as caught:
        cifar.load(tmp_path, mirrors=[mirror.url])
    assert "\n" not in str(caught.value) and mirror.asked == []
    assert all((tmp_path / name).read_bytes() == content for name, content in files.items())


@pytest.mark.usefixtures("published")
def test_other_bytes_of_the_same_length_are_refused(tmp_path: Path) -> None:
    unpacked(tmp_path)
    lay(tmp_path, {f"{cifar.FOLDER}/test_batch.bin": batch(9)})
    with pytest.raises(DataError, match=r"test_batch\.bin is damaged or not the original"):
        cifar.load(tmp_path, mirrors=())


def test_a_missing_set_says_where_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataError) as caught:
        cifar.load(tmp_path, mirrors=())
    for part in ("cifar-10-binary.tar.gz", "https://", "BADNETS_DATA", "'digits'", "unpickled"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match=r"CIFAR-10 \(JPEG\): not in .*cifar10_jpeg.tar.gz"):
        load("cifar10-jpeg", tmp_path)
    (tmp_path / "file").write_text("where a folder should be")
    with pytest.raises(OutputError, match="cannot write"):
        cifar.load(tmp_path / "file" / "deeper", mirrors=["http://127.0.0.1:1"])


def jpegs() -> dict[str, bytes]:
    files = {}
    for part in cifar.PARTS:
        for name in cifar.CLASSES:
            out = io.BytesIO()
            picture(name, len(part), (32, 32)).save(out, "JPEG")
            files[f"{part}/{name}/0000.jpg"] = out.getvalue()
    return files


def test_jpegs_load_alike_from_the_folder_and_from_the_archive(tmp_path: Path) -> None:
    files = jpegs()
    plain = lay(tmp_path / "plain" / cifar.JPEG_FOLDER, files).parent
    inside = packed(dict(reversed(files.items())))
    one = load("cifar10-jpeg", plain)
    for name in (cifar.JPEG_ARCHIVE, f"{cifar.JPEG_FOLDER}/{cifar.JPEG_ARCHIVE}"):
        root = lay(tmp_path / name.replace("/", "-"), {name: inside})
        two = load("cifar10-jpeg", root)
        assert one.digests == two.digests, "whatever the order in the archive"
        assert two.name == "cifar10-jpeg" and two.classes == cifar.CLASSES
    assert one.train.counts == one.test.counts == (1,) * 10


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("train/yacht/0000.jpg", b"", "holds 'train/yacht/0000.jpg', wanted are"),
        ("../train/cat/0000.jpg", b"", "wanted are train/CLASS/0000.jpg"),
        ("train/cat/0001.jpg", b"no picture", r"train/cat/0001.jpg: not a picture"),
        ("train/cat/0001.jpg", bytes(70_000), "of 70,000 bytes, at most 65,536 are read"),
    ],
)
def test_what_does_not_belong_in_the_jpeg_archive_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    lay(tmp_path, {cifar.JPEG_ARCHIVE: packed({**jpegs(), name: content})})
    with pytest.raises(DataError, match=said):
        load("cifar10-jpeg", tmp_path)


def test_a_jpeg_folder_of_other_classes_is_refused(tmp_path: Path) -> None:
    files = {name.replace("truck", "lorry"): content for name, content in jpegs().items()}
    lay(tmp_path / cifar.JPEG_FOLDER, files)
    with pytest.raises(DataError, match=r"has the classes .*lorry.* wanted are .*truck"):
        load("cifar10-jpeg", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "cifar10_jpeg").is_dir(), reason="it is not below BADNETS_DATA")
def test_the_real_jpegs_are_what_their_entry_says() -> None:
    data, entry = load("cifar10-jpeg", REAL), DATASETS["cifar10-jpeg"]
    assert (data.shape, data.num_classes, data.notes) == (entry.shape, entry.classes, ())
    assert (len(data.train), len(data.test)) == (entry.train, entry.test)
    assert set(data.train.counts) == {5000} and set(data.test.counts) == {900}

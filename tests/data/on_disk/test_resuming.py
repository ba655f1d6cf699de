"""A run that is killed goes on: nothing is done twice, and the result is the same to the byte."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import OutputError
from badnets.core.progress import Progress
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.on_disk import Encoding, poison_folder, read_manifest, verify_folder
from badnets.data.on_disk.journal import JOURNAL
from badnets.data.on_disk.writing import CHUNK
from tests.data.on_disk.folders import class_folders, coco_part, contents

BACKDOOR = Backdoor(Patch(2), AllToOne(0), rate=0.2)
MANY = {"cat": 4 * CHUNK, "dog": 4 * CHUNK}
SLOW = """
import sys, time
from pathlib import Path
from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.on_disk import poison_folder
backdoor = Backdoor(Patch(2), AllToOne(0), rate=0.2)
source, out = map(Path, sys.argv[1:])
poison_folder(source, out, backdoor, seed=4, workers=2, listener=lambda _: time.sleep(0.3))
"""


class StoppedError(Exception):
    """Ends a run from within."""


class StopsAfter:
    """A listener that ends the run after some chunks."""

    def __init__(self, chunks: int) -> None:
        self.left = chunks

    def __call__(self, progress: Progress) -> None:
        self.left -= 1
        if self.left == 0:
            raise StoppedError


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of eight chunks and more."""
    return class_folders(tmp_path_factory.mktemp("many"), MANY, suffix=".jpg", size=(8, 8))


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, int]]:
    """Return what a run that nothing interrupts writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    poison_folder(source, out, BACKDOOR, seed=4)
    return contents(out)


def work_of(out: Path) -> Path:
    """Return the folder in which the work on ``out`` lies."""
    return out.with_name(f".{out.name}.poisoning")


def stopped(source: Path, out: Path, chunks: int = 3) -> Path:
    """Interrupt a run, and return the folder of its work."""
    with pytest.raises(StoppedError):
        poison_folder(source, out, BACKDOOR, seed=4, workers=2, listener=StopsAfter(chunks))
    assert not out.exists(), "half a result has the result's name"
    return work_of(out)


def test_killed_for_good_and_taken_up(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", SLOW, str(source), str(out)])
    journal = work_of(out) / JOURNAL
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 2 * CHUNK):
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    written = poison_folder(source, out, BACKDOOR, seed=4, workers=2)
    assert 2 * CHUNK <= written.kept < written.files
    assert contents(out) == whole
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_result_does_not_depend_on_workers_or_interruptions(
    workers: int, source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for chunks in (1, 2):
        stopped(source, out, chunks)
    assert poison_folder(source, out, BACKDOOR, seed=4, workers=workers).kept == 3 * CHUNK
    assert contents(out) == whole


@pytest.mark.parametrize("torn", [b'{"kind":"pict', b'{"kind":"picture"}\n', b"\xff\n", b"\n"])
def test_a_torn_last_line_is_forgotten(
    torn: bytes, source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with (stopped(source, out) / JOURNAL).open("ab") as file:
        file.write(torn)
    assert poison_folder(source, out, BACKDOOR, seed=4).kept == 3 * CHUNK
    assert contents(out) == whole


def test_files_that_went_missing_or_short_meanwhile_are_made_again(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    work = stopped(source, out)
    (work / "cat" / "00040.jpg").write_bytes(b"short")
    (work / "cat" / "00050.jpg").unlink()
    assert poison_folder(source, out, BACKDOOR, seed=4).kept == 40
    assert contents(out) == whole


def test_killed_before_the_first_line_was_whole(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    work_of(out).mkdir()
    (work_of(out) / JOURNAL).write_bytes(b'{"kind":"he')
    poison_folder(source, out, BACKDOOR, seed=4)
    assert contents(out) == whole


def test_killed_between_the_last_line_and_the_name(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    poison_folder(source, out, BACKDOOR, seed=4)
    out.rename(work_of(out))
    (work_of(out) / "manifest.jsonl").rename(work_of(out) / JOURNAL)
    written = poison_folder(source, out, BACKDOOR, seed=4)
    assert written.kept == written.files
    assert contents(out) == whole


def test_killed_before_the_folder_got_its_name(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    poison_folder(source, out, BACKDOOR, seed=4)
    out.rename(work_of(out))
    poison_folder(source, out, BACKDOOR, seed=4)
    assert contents(out) == whole


def test_the_same_call_again_finds_all_done(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = poison_folder(source, out, BACKDOOR, seed=4)
    before = contents(out)
    again = poison_folder(source, out, BACKDOOR, seed=4)
    assert (again.kept, again.share) == (first.files, first.share)
    assert contents(out) == before
    with pytest.raises(OutputError, match="not empty"):
        poison_folder(source, out, BACKDOOR, seed=5)


def test_what_another_call_left_is_not_mixed_in(source: Path, tmp_path: Path) -> None:
    work = stopped(source, tmp_path / "out")
    for other in ({"seed": 5}, {"seed": 4, "encoding": Encoding(quality=50)}):
        with pytest.raises(OutputError, match="another run left unfinished"):
            poison_folder(source, tmp_path / "out", BACKDOOR, **other)
    assert (work / JOURNAL).exists()


def test_two_at_once_are_refused(source: Path, tmp_path: Path) -> None:
    refused: list[object] = []

    def second(progress: Progress) -> None:
        if not refused:
            with pytest.raises(OutputError, match="another process") as error:
                poison_folder(source, tmp_path / "out", BACKDOOR, seed=4)
            refused.append(error)

    poison_folder(source, tmp_path / "out", BACKDOOR, seed=4, listener=second)
    assert refused
    assert verify_folder(tmp_path / "out").intact


def test_a_full_disk_is_one_line_and_the_work_goes_on_when_there_is_room(
    source: Path,
    whole: dict[str, tuple[bytes, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, left, real = tmp_path / "out", [100], os.utime

    def full(path: Path, ns: tuple[int, int]) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, ns=ns)

    with monkeypatch.context() as patched:
        patched.setattr("badnets.data.on_disk.making.os.utime", full)
        with pytest.raises(OutputError, match="no space is left on the disk"):
            poison_folder(source, out, BACKDOOR, seed=4)
    assert not out.exists()
    assert poison_folder(source, out, BACKDOOR, seed=4).kept == 3 * CHUNK
    assert contents(out) == whole


def test_a_coco_folder_is_taken_up_too(tmp_path: Path) -> None:
    source = coco_part(coco_part(tmp_path / "in", "train", 2 * CHUNK), "val", 3)
    backdoor = Backdoor(Patch(3), AllToOne(1), rate=0.2)
    with pytest.raises(StoppedError):
        poison_folder(source, tmp_path / "out", backdoor, seed=0, listener=StopsAfter(1))
    assert poison_folder(source, tmp_path / "out", backdoor, seed=0).kept == CHUNK
    poison_folder(source, tmp_path / "again", backdoor, seed=0)
    assert contents(tmp_path / "out") == contents(tmp_path / "again")


def test_an_empty_folder_may_be_there(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    poison_folder(source, tmp_path / "out", BACKDOOR, seed=4)
    assert read_manifest(tmp_path / "out").head.seed == 4

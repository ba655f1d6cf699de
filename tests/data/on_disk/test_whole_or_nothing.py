"""A poisoned folder appears whole or not at all, the same to the byte however it is made."""

from __future__ import annotations

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
from badnets.data.on_disk import poison_folder, read_manifest, verify_folder
from badnets.data.on_disk.writing import CHUNK
from tests.data.on_disk.folders import class_folders, contents

BACKDOOR = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.2)
SLOW = """
import sys, time
from pathlib import Path
from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.on_disk import poison_folder
backdoor = Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.2)
source, out = map(Path, sys.argv[1:])
poison_folder(source, out, backdoor, seed=4, workers=2, listener=lambda _: time.sleep(0.3))
"""


class StoppedError(Exception):
    """Ends a run from within."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four chunks and more."""
    counts = {"cat": 2 * CHUNK, "dog": 2 * CHUNK}
    return class_folders(tmp_path_factory.mktemp("many"), counts, suffix=".jpg", size=(8, 8))


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, int]]:
    """Return what one thread writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    poison_folder(source, out, BACKDOOR, seed=4)
    return contents(out)


def test_killed_for_good_and_started_again(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    child = subprocess.Popen([sys.executable, "-c", SLOW, str(source), str(out)])
    while not list(tmp_path.glob(".out.*/*/*.jpg")):
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    assert poison_folder(source, out, BACKDOOR, seed=4, workers=3).kept == 0
    assert contents(out) == whole, "neither threads nor an earlier run change anything"
    assert list(tmp_path.iterdir()) == [out]


def test_stopped_from_within_nothing_is_left(source: Path, tmp_path: Path) -> None:
    def stop(_: Progress) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        poison_folder(source, tmp_path / "out", BACKDOOR, seed=4, workers=2, listener=stop)
    assert not list(tmp_path.iterdir())


def test_two_at_once_do_not_mix(
    source: Path, whole: dict[str, tuple[bytes, int]], tmp_path: Path
) -> None:
    second: list[Path] = []

    def other(_: Progress) -> None:
        if not second:
            second.append(tmp_path / "out")
            poison_folder(source, second[0], BACKDOOR, seed=4)

    with pytest.raises(OutputError, match="exists already"):
        poison_folder(source, tmp_path / "out", BACKDOOR, seed=4, listener=other)
    assert contents(tmp_path / "out") == whole and verify_folder(tmp_path / "out").intact


def test_the_same_call_again_finds_all_done(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = poison_folder(source, out, BACKDOOR, seed=4)
    before = contents(out)
    again = poison_folder(source, out, BACKDOOR, seed=4)
    assert (again.kept, again.share) == (first.files, first.share)
    assert contents(out) == before
    with pytest.raises(OutputError, match="not empty"):
        poison_folder(source, out, BACKDOOR, seed=5)


def test_an_empty_folder_may_be_there(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    poison_folder(source, tmp_path / "out", BACKDOOR, seed=4)
    assert read_manifest(tmp_path / "out").head.seed == 4

"""Files and folders appear whole or not at all, and a write that fails says why in one line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from badnets.bundles import atomic
from badnets.core.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def fail(code: int) -> NoReturn:
    raise OSError(code, os.strerror(code))


def test_bytes_and_text_are_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "file"
    atomic.write_bytes(path, b"one")
    atomic.write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert names(path.parent) == ["file"]


def test_a_file_whose_writer_fails_never_appears(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "file", b"old")
    with pytest.raises(KeyboardInterrupt), atomic.new_file(tmp_path / "file") as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_folder_appears_with_all_it_holds(tmp_path: Path) -> None:
    target = tmp_path / "made" / "folder"
    with atomic.new_folder(target) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("content")
        assert not target.exists()
        assert folder.parent == target.parent
    assert (target / "inner" / "file").read_text() == "content"
    assert names(target.parent) == ["folder"]


def test_a_folder_whose_maker_fails_never_appears(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic.new_folder(tmp_path / "folder") as folder:
        (folder / "file").write_text("content")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_name_taken_meanwhile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"), atomic.new_folder(tmp_path / "f"):
        (tmp_path / "f").mkdir()
    assert names(tmp_path) == ["f"]


def test_replacing_a_folder_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with atomic.new_folder(tmp_path / "folder", replace=True) as folder:
            (folder / content).write_text(content)
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["new"]


@pytest.mark.parametrize("when", ["in the block", "at the rename"])
def test_a_failed_replacement_keeps_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")
    rename = Path.rename

    def refuse_partial(path: Path, target: Path) -> Path:
        return fail(errno.EIO) if path.name.endswith(".partial") else rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_partial)
    with (
        pytest.raises(OutputError, match=r"no space|disk reported an error"),
        atomic.new_folder(tmp_path / "folder", replace=True),
    ):
        if when == "in the block":
            fail(errno.ENOSPC)
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["old"]


def test_writers_who_replace_one_folder_at_the_same_time_do_not_trip_each_other(
    tmp_path: Path,
) -> None:
    path = tmp_path / "folder"

    def write(who: str) -> None:
        for _ in range(40):
            with atomic.new_folder(path, replace=True) as folder:
                (folder / who).write_text(who)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, who) for who in "abcd"]:
            done.result()
    assert names(tmp_path) == ["folder"]
    assert len(names(path)) == 1


def test_a_taken_name_is_refused_before_any_work_and_only_a_folder_replaced(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("file")
    (tmp_path / "link").symlink_to(tmp_path)
    for name, replace, message in (
        ("folder", False, "exists already"),
        ("file", True, "not a folder"),
        ("link", True, "not a folder"),
    ):
        with (
            pytest.raises(OutputError, match=message),
            atomic.new_folder(tmp_path / name, replace=replace),
        ):
            pytest.fail("the block ran")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "no space is left"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_what_the_disk_says_becomes_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: fail(code))
    with pytest.raises(OutputError, match=reason) as caught:
        atomic.write_bytes(tmp_path / "file", b"content")
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_an_error_that_is_not_the_disks_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.new_folder(tmp_path / "folder"):
        (tmp_path / "a source that is not there").read_bytes()
    assert names(tmp_path) == []


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        atomic.write_bytes(tmp_path / "file" / "inner", b"content")
    with pytest.raises(OutputError), atomic.new_folder(tmp_path / "file" / "inner"):
        pytest.fail("the block ran")


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(os.name != "posix", reason="needs resource limits")
def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from badnets.bundles.atomic import new_folder, write_bytes
from badnets.core.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    if sys.argv[2] == "file":
        write_bytes(Path(sys.argv[1], "file"), bytes(100_000))
    else:
        with new_folder(Path(sys.argv[1], "folder")) as folder:
            (folder / "file").write_bytes(bytes(100_000))
except OutputError as error:
    print(error)
"""
    for kind in ("file", "folder"):
        done = run_python(code, str(tmp_path), kind)
        assert "larger than the limit" in done.stdout, done.stderr
        assert done.stdout.count("\n") == 1
        assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="needs users and modes")
def test_a_read_only_folder() -> None:
    code = """
import os, sys
from pathlib import Path
from badnets.bundles.atomic import new_folder, write_bytes
from badnets.core.errors import OutputError
if os.getuid() == 0:
    os.seteuid(65534)  # root may write everywhere
def make():
    with new_folder(Path(sys.argv[1], "folder")):
        pass
for write in (lambda: write_bytes(Path(sys.argv[1], "file"), b"content"), make):
    try:
        write()
    except OutputError as error:
        print(error)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        done = run_python(code, folder)
        assert done.stdout.count("permission denied") == 2, done.stderr
        assert names(Path(folder)) == []
        Path(folder).chmod(0o755)


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    with atomic.new_folder(tmp_path / "folder") as mine:
        (mine / "file").write_text("content")
        left = mine.with_name(mine.name.replace(f".{os.getpid()}-", f".{dead_pid()}-"))
        left.mkdir()
        (left / "file").write_text("unfinished")
        (tmp_path / ".other.partial").mkdir()
        assert atomic.remove_stale(tmp_path) == [left]
        assert not left.exists()
    assert names(tmp_path) == [".other.partial", "folder"]
    assert atomic.remove_stale(tmp_path / "nowhere") == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_leftovers_of_a_process_that_nobody_reaped_are_removed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
        left = tmp_path / f".folder.{child.pid}-{atomic._host()}-0123abcd.partial"
        left.mkdir()
        assert atomic.remove_stale(tmp_path) == [left]
    finally:
        child.wait()


def test_a_folder_that_was_being_replaced_comes_back(tmp_path: Path) -> None:
    owner = f"{dead_pid()}-{atomic._host()}-0123abcd"
    aside = tmp_path / f".folder.{owner}.aside"
    aside.mkdir()
    (aside / "old").write_text("old")
    assert atomic.remove_stale(tmp_path) == []
    assert names(tmp_path / "folder") == ["old"]
    aside.mkdir()
    assert atomic.remove_stale(tmp_path) == [aside]


def test_a_passing_file_is_there_for_a_while(tmp_path: Path) -> None:
    with atomic.passing_file(tmp_path / "token") as token:
        assert token.parent == tmp_path
        assert token.read_bytes() == b""
        assert atomic.remove_stale(tmp_path) == [], "its maker lives"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").touch()
    with pytest.raises(OutputError, match="cannot write"), atomic.passing_file(tmp_path / "a/b"):
        pass


def test_leftovers_of_other_machines_go_after_a_day(tmp_path: Path) -> None:
    foreign = tmp_path / f".file.{dead_pid()}-00000000-0123abcd.partial"
    foreign.write_bytes(b"unfinished")
    assert atomic.remove_stale(tmp_path) == []
    os.utime(foreign, (0, 0))
    assert atomic.remove_stale(tmp_path) == [foreign]


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_killed_process_leaves_only_what_is_removed(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from badnets.bundles.atomic import new_folder
with new_folder(Path(sys.argv[1], "folder")) as folder:
    (folder / "file").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python(code, str(tmp_path)).returncode == -9
    assert len(names(tmp_path)) == 1
    assert not (tmp_path / "folder").exists()
    assert len(atomic.remove_stale(tmp_path)) == 1
    assert names(tmp_path) == []

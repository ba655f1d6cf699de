"""Work in a process of its own: stopped at its limits, and never there longer than its owner."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.core.child import Child, ChildError
from badnets.core.errors import BundleError

WORK = "tests.core.child_work:Work"
MEMORY = 2**28
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")


def started(handler: str = WORK) -> Child:
    return Child(handler, memory=MEMORY)


@pytest.fixture(scope="module")
def kept() -> Iterator[Child]:
    child = started()
    yield child
    child.close()


def is_there(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be seen does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pid: int, within_s: float) -> bool:
    until = time.monotonic() + within_s
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_there(pid)


@pytest.mark.parametrize("size", [0, 1, 3_000_001])
def test_bytes_come_back_as_they_went(kept: Child, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    reply, beside = kept.ask({"do": "echo", "word": "é\n"}, content, seconds=20, most=size)
    assert reply["word"] == "é\n"
    assert beside == content


def test_an_error_of_its_handler_is_raised_here_on_one_line(kept: Child) -> None:
    with pytest.raises(BundleError, match=r"^no \[31m more$"):
        kept.ask({"do": "refuse"}, seconds=20)
    assert kept.ask({"do": "echo"}, seconds=20)[1] == b"", "it can be asked again"


def test_what_is_printed_there_is_no_reply(kept: Child) -> None:
    reply, beside = kept.ask({"do": "print"}, seconds=20)
    assert not reply and not beside


def test_memory_is_limited_until_more_is_allowed(kept: Child) -> None:
    with pytest.raises(ChildError, match="too much memory"):
        started().ask({"do": "take", "bytes": MEMORY + 2**20}, seconds=20)
    child = started()
    child.ask({"do": "allow", "bytes": MEMORY}, seconds=20)
    assert child.ask({"do": "take", "bytes": MEMORY + 2**20}, seconds=20)[0]["bytes"] > MEMORY


@pytest.mark.parametrize("what", ["spin", "sleep"])
def test_it_is_stopped_when_it_takes_too_long(what: str) -> None:
    child = started()
    pid = child.ask({"do": "pid"}, seconds=20)[0]["pid"]
    began = time.monotonic()
    with pytest.raises(ChildError, match="longer than 1 s"):
        child.ask({"do": what}, seconds=1)
    assert time.monotonic() - began < 5
    assert not is_there(pid)
    with pytest.raises(ChildError, match="stopped before: load it again"):
        child.ask({"do": "echo"}, seconds=1)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("fail", r"exit code 1: ZeroDivisionError: a \[31mfault"),
        ("abort", "signal SIGABRT"),
        ("leave", "exit code 7"),
    ],
)
def test_how_it_ended_is_said_on_one_line(what: str, expected: str) -> None:
    with pytest.raises(ChildError, match=expected) as caught:
        started().ask({"do": what}, seconds=20)
    assert str(caught.value).isprintable()


def test_a_forged_reply_is_refused() -> None:
    with pytest.raises(ChildError, match="no sound answer"):
        started().ask({"do": "forge"}, seconds=20)


def test_more_bytes_than_were_asked_for_are_refused() -> None:
    with pytest.raises(ChildError, match="no sound answer"):
        started().ask({"do": "echo"}, b"12345", seconds=20, most=4)


def test_it_writes_no_files_of_size(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="File too large"):
        started().ask({"do": "write", "path": str(tmp_path / "file")}, seconds=20)


def test_it_has_no_network() -> None:
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets no process leave the network")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(ChildError, match="unreachable"),
    ):
        started().ask({"do": "connect", "port": server.getsockname()[1]}, seconds=20)


def test_a_missing_library_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        started("no_such_library:Work").ask({}, seconds=20)


def test_it_ends_when_it_is_dropped() -> None:
    child = started()
    pid = child.ask({"do": "pid"}, seconds=20)[0]["pid"]
    assert is_there(pid)
    del child
    gc.collect()
    assert not is_there(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
@pytest.mark.parametrize("what", ["spin", "sleep"])
def test_it_ends_with_its_owner(number: signal.Signals, what: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.core.child_work", what]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        time.sleep(0.2)  # it has begun
        owner.send_signal(number)
        owner.wait(20)
    assert owner.returncode == -number
    assert gone(pid, within_s=5)

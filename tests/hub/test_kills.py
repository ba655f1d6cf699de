"""A publisher that is killed leaves the old state or the new one, and the next command succeeds."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from badnets.hub.keys import Key, Keyring
from badnets.hub.names import ModelName
from badnets.hub.repository import Repository
from tests.hub.published import Client, files_in, repository_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a child of its own")
NET = ModelName.of("alice/net@1.0")


def killed_at(count: int, change: str, folder: Path) -> bool:
    """Make a change in a child that is killed before its ``count``-th call that writes.

    Returns whether it was: False once the change needs fewer calls.
    """
    pid = os.fork()
    if pid == 0:
        try:
            left = [count]

            def watch(event: str, given: tuple[object, ...]) -> None:
                if event in ("open", "os.rename", "os.mkdir", "os.remove", "shutil.rmtree"):
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            repository = Repository(folder / "repo", Keyring([folder / "keys"]))
            sys.addaudithook(watch)
            made(repository, change, folder)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def made(repository: Repository, change: str, folder: Path) -> None:
    if change == "publish":
        repository.publish(NET.at("1.1"), files_in(folder / "new", b"new"))
    else:
        role = change.removeprefix("rotate ")
        kind = "publisher" if role == "publisher" else "author"
        repository.rotate(role, Key.read(folder / "new" / f"{kind}.key"))


def check(folder: Path, client: Client, change: str) -> None:
    """A client sees the old state or the new, and then the change is made."""
    assert client.pull() == b"old"
    assert client.pull("alice/net@1.1") in (None, b"new")
    again = Repository(folder / "repo", Keyring([folder / "keys", folder / "new"]))
    if change == "publish" and "1.1" not in again.versions(NET):
        made(again, change, folder)
    again.publish(NET.at("1.2"), files_in(folder / "newer", b"newer"))
    again.refresh()
    assert client.pull() == b"old" and client.pull("alice/net@1.2") == b"newer"
    if change == "publish":
        assert client.pull("alice/net@1.1") == b"new"
    assert not [path for path in (folder / "repo").rglob("*") if path.name.endswith(".partial")]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    repository, _ = repository_of(folder, "alice")
    repository.publish(NET, files_in(folder / "x", b"old"))
    Key.new("author", "author").write(folder / "new", None)
    Key.new("publisher", "publisher").write(folder / "new", None)
    return folder


def copied(before: Path, folder: Path) -> Client:
    shutil.copytree(before, folder)
    shutil.rmtree(folder / "client", ignore_errors=True)
    return Client(folder / "repo", folder / "client")


@pytest.mark.parametrize("count", [6, 24, 40])
def test_a_publisher_is_killed(before: Path, tmp_path: Path, count: int) -> None:
    client = copied(before, tmp_path / "copy")
    assert killed_at(count, "publish", tmp_path / "copy")
    check(tmp_path / "copy", client, "publish")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["publish", "rotate publisher", "rotate alice"])
def test_a_change_is_killed_at_each_of_its_steps(before: Path, tmp_path: Path, change: str) -> None:
    for count in range(1000):
        folder = tmp_path / str(count)
        client = copied(before, folder)
        killed = killed_at(count, change, folder)
        check(folder, client, change)
        shutil.rmtree(folder)
        if not killed:
            break
    assert 20 < count < 999


SCRIPT = """
import sys
from pathlib import Path
from badnets.hub.keys import Keyring
from badnets.hub.repository import Repository
from tests.hub.test_kills import made
folder = Path(sys.argv[1])
repository = Repository(folder / "repo", Keyring([folder / "keys"]))
print("ready", flush=True)
made(repository, "publish", folder)
print("done", flush=True)
"""


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_publisher_is_killed_at_a_hundred_random_moments(before: Path, tmp_path: Path) -> None:
    chance, cut, longest = random.Random(0), 0, 0.2
    for number in range(100):
        folder = tmp_path / str(number)
        client = copied(before, folder)
        with subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0, longest))
            process.kill()
            done = "done" in process.stdout.read()
        cut += not done
        longest = longest * 0.9 if done else longest * 1.05
        check(folder, client, "publish")
        shutil.rmtree(folder)
    assert cut >= 30  # enough of them were in the midst of it

"""Downloads from a server that may lie, stop, stall or not exist."""

from __future__ import annotations

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from badnets.core.errors import DataError, OutputError
from badnets.data.download import RemoteFile, download

if TYPE_CHECKING:
    from tests.data.conftest import Mirror

CONTENT = bytes(range(256)) * 4000  # over four chunks
FILE = RemoteFile("set/data.gz", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def refused(mirrors: list[str], folder: Path, *, deadline_s: float = 20.0) -> str:
    with pytest.raises(DataError) as caught:
        download(FILE, mirrors, folder, timeout_s=0.4, deadline_s=deadline_s)
    assert not [path for path in folder.rglob("*") if path.is_file()], "something was left behind"
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_good_file_arrives_whole_and_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    mirror.serves("/set/data.gz", CONTENT)
    told: list[tuple[int, int]] = []
    path = download(
        FILE, [mirror.url + "/"], tmp_path, progress=lambda done, of: told.append((done, of))
    )
    assert path == tmp_path / "set" / "data.gz"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["data.gz"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("content", "announced", "said"),
    [
        (CONTENT[:-1], None, f"ended after {len(CONTENT) - 1} of"),
        (CONTENT[:-1], len(CONTENT), ""),
        (CONTENT[:-1] + b"x", None, "SHA-256 differs"),
        (CONTENT + b"x", None, "sends more than"),
        (None, None, "answers 404"),
    ],
    ids=["truncated", "broken off", "another last byte", "too long", "missing"],
)
def test_another_file_is_refused(
    content: bytes | None, announced: int | None, said: str, mirror: Mirror, tmp_path: Path
) -> None:
    if content is not None:
        mirror.serves("/set/data.gz", content, announced=announced)
    assert said in refused([mirror.url], tmp_path)


def test_a_server_that_stalls_is_left(mirror: Mirror, tmp_path: Path) -> None:
    def stall(request: BaseHTTPRequestHandler, over: threading.Event) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT[:100])
        over.wait(20)

    mirror.answers["/set/data.gz"] = stall
    assert "was silent for 0.4 s" in refused([mirror.url], tmp_path)


def test_a_server_that_drips_is_left(mirror: Mirror, tmp_path: Path) -> None:
    def drip(request: BaseHTTPRequestHandler, over: threading.Event) -> None:
        request.send_response(200)
        request.end_headers()
        for byte in range(1000):
            if over.wait(0.05):
                return
            try:
                request.wfile.write(bytes([byte % 256]))
            except OSError:
                return  # the client has had enough

    mirror.answers["/set/data.gz"] = drip
    assert "too slow" in refused([mirror.url], tmp_path, deadline_s=0.3)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert f"{url}/set/data.gz: cannot be reached" in refused([url], tmp_path)


def test_the_next_mirror_helps(mirror: Mirror, tmp_path: Path) -> None:
    mirror.serves("/bad/set/data.gz", b"x" * len(CONTENT))
    mirror.serves("/good/set/data.gz", CONTENT)
    mirrors = [mirror.url + part for part in ("/none", "/bad", "/good", "/never")]
    assert download(FILE, mirrors, tmp_path).read_bytes() == CONTENT
    assert mirror.asked == [f"/{part}/set/data.gz" for part in ("none", "bad", "good")]


@pytest.mark.parametrize("scheme", ["file://", "ftp://127.0.0.1", "data:,", ""])
def test_other_schemes_are_refused(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "data.gz").write_bytes(CONTENT)
    assert "only http and https" in refused([f"{scheme}{tmp_path}/there"], tmp_path / "to")


def test_a_redirect_to_another_scheme_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    def redirect(request: BaseHTTPRequestHandler, _: threading.Event) -> None:
        request.send_response(302)
        request.send_header("Location", "ftp://127.0.0.1/data.gz")
        request.end_headers()

    mirror.answers["/set/data.gz"] = redirect
    assert "cannot be reached" in refused([mirror.url], tmp_path)


def test_an_older_file_survives_a_failed_download(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "data.gz").write_bytes(b"older")
    with pytest.raises(DataError):
        download(FILE, [mirror.url], tmp_path)
    assert (tmp_path / "set" / "data.gz").read_bytes() == b"older"


def test_a_folder_that_cannot_be_written_is_not_the_mirrors_fault(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.serves("/set/data.gz", CONTENT)
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="cannot write"):
        download(FILE, [mirror.url, mirror.url], tmp_path)


def test_without_mirrors_nothing_is_fetched(tmp_path: Path) -> None:
    assert "no mirror" in refused([], tmp_path)

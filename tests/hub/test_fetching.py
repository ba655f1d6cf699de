"""Bytes from a repository: capped, in time, taken up again, and never from another server."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadLengthMismatchError

from badnets.core.errors import BadnetsError, DataError
from badnets.hub.fetching import Absent, Deadline, Fetcher, place_of, source_of
from badnets.hub.refusals import Refused, Unchecked

from .serving import Served, body, served, status

DATA = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "file").write_bytes(DATA)
    with served(tmp_path) as said:
        yield said


@pytest.fixture
def fetcher(web: Served) -> Iterator[Fetcher]:
    with closing(source_of(web.url, silence_s=0.3)) as source:
        yield Fetcher(source, Deadline(5), pause_s=0.001)


def downloaded(
    fetcher: Fetcher, before: bytes = b"", tell: Callable[[int], object] = lambda count: None
) -> bytes:
    file = io.BytesIO(before)
    fetcher.download("file", file, len(DATA), SHA256, tell)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["web", "folder"])
def test_small_and_large_files_come_as_they_are(fetcher: Fetcher, web: Served, kind: str) -> None:
    if kind == "folder":
        fetcher = Fetcher(source_of(place_of(str(web.folder))), Deadline(5))
    counts: list[int] = []
    assert fetcher.get("file", len(DATA)) == DATA
    assert downloaded(fetcher, tell=counts.append) == DATA
    assert sum(counts) == len(DATA)
    with pytest.raises(DownloadLengthMismatchError):
        fetcher.get("file", len(DATA) - 1)
    with pytest.raises(Absent):
        fetcher.get("none", 10)


def test_a_connection_is_used_again(fetcher: Fetcher) -> None:
    source: Any = fetcher.source
    fetcher.get("file", len(DATA))
    (first,) = source._idle
    fetcher.get("file", len(DATA))
    assert source._idle == [first]
    first.sock.close()  # as by a server that waited long enough
    assert fetcher.get("file", len(DATA)) == DATA


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_here_is_not_sent_again(
    fetcher: Fetcher, web: Served, ranges: bool, whole: bool
) -> None:
    web.ranges = ranges
    assert downloaded(fetcher, DATA if whole else DATA[:300_000]) == DATA
    if whole:
        assert not web.asked
    else:
        assert web.sent == (len(DATA) - 300_000 if ranges else len(DATA))


def test_what_is_here_and_wrong_is_sent_again(fetcher: Fetcher, web: Served) -> None:
    counts: list[int] = []
    assert downloaded(fetcher, b"x" * 300_000, tell=counts.append) == DATA
    assert [start for _, start in web.asked] == [300_000, 0]
    assert sum(counts) == len(DATA)


def test_a_server_that_breaks_off_is_asked_for_the_rest(fetcher: Fetcher, web: Served) -> None:
    def once(handler: Any, data: bytes) -> None:
        web.faults.clear()
        body(lambda data: data[:100_000], length=len(data))(handler, data)

    web.faults["file"] = once
    assert downloaded(fetcher) == DATA
    assert [start for _, start in web.asked] == [0, 100_000]


@pytest.mark.parametrize("code", [429, 502, 503])
def test_a_server_that_is_busy_is_asked_again(fetcher: Fetcher, web: Served, code: int) -> None:
    def once(handler: Any, data: bytes) -> None:
        web.faults.clear()
        status(code)(handler, data)

    web.faults["file"] = once
    assert fetcher.get("file", len(DATA)) == DATA


def endless(handler: Any, data: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def dripping(part: bytes) -> Callable[[Any, bytes], None]:
    def drip(handler: Any, data: bytes) -> None:
        handler.wfile.write(part)
        for _ in range(100):
            time.sleep(0.02)
            handler.wfile.write(b"x")

    return drip


def hang(handler: Any, data: bytes) -> None:
    time.sleep(0.7)


FAULTS: dict[str, tuple[Callable[[Any, bytes], None], str]] = {
    "flipped": (body(lambda data: b"\1" + data[1:]), "digest"),
    "short": (body(lambda data: data[:-1]), "length"),
    "long": (body(lambda data: data + b"x"), "too large"),
    "long, length not said": (body(lambda data: data + b"x", length=-1), "too large"),
    "breaks off always": (body(lambda data: data[:5], length=len(DATA)), "broke off"),
    "endless": (endless, "too large"),
    "another server": (status(302, Location="http://127.0.0.2:1/file"), "redirect"),
    "another scheme": (status(302, Location="file:///etc/passwd"), "redirect"),
    "itself": (status(302, Location="/file"), "redirect"),
    "404": (status(404), "answers 404"),
    "500": (status(500), "answers 500"),
    "503": (status(503), "answers 503"),
    "204": (status(204), "answers 204"),
    "hang": (hang, "silent"),
    "slow drip of headers": (dripping(b"HTTP/1.1 200 OK\r\nX-Y: "), "deadline"),
    "slow drip": (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 512000\r\n\r\n"), "deadline"),
    "no HTTP": (lambda handler, data: handler.wfile.write(b"hello\r\n\r\n"), "does not answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_ends_in_one_line(fetcher: Fetcher, web: Served, fault: str) -> None:
    web.faults["file"], said = FAULTS[fault]
    if said == "deadline":
        fetcher.deadline = Deadline(0.3)
    with pytest.raises((Refused, Unchecked), match=said) as caught:
        downloaded(fetcher)
    assert "\n" not in str(caught.value)
    expected = 1 if said in ("digest", "length", "too large", "redirect", "deadline") else 3
    assert caught.value.exit_code == expected


def test_a_redirect_within_the_server_is_followed(fetcher: Fetcher, web: Served) -> None:
    web.faults["moved"] = status(302, Location="/file")
    assert fetcher.get("moved", len(DATA)) == DATA


def test_a_server_that_is_away(tmp_path: Path) -> None:
    with closing(source_of("http://127.0.0.1:9")) as source, pytest.raises(Unchecked) as caught:
        Fetcher(source, Deadline(5), pause_s=0.001).get("file", 10)
    assert "refused" in str(caught.value)
    with closing(source_of("https://127.0.0.1:9")) as source, pytest.raises(Unchecked):
        Fetcher(source, Deadline(5), pause_s=0.001).get("file", 10)


def test_https_needs_a_certificate_that_is_trusted(web: Served) -> None:
    address = web.url.replace("http:", "https:")  # it answers, but not as it should
    with closing(source_of(address)) as source, pytest.raises(Unchecked, match="no safe"):
        Fetcher(source, Deadline(5), pause_s=0.001).get("file", 10)


@pytest.mark.parametrize("bypassed", [False, True])
def test_the_usual_variables_name_a_proxy(
    web: Served, monkeypatch: pytest.MonkeyPatch, bypassed: bool
) -> None:
    proxy = web.url.replace("http://", "http://user:pass@")
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "hub.invalid" if bypassed else "")
    with closing(source_of("http://hub.invalid")) as source:
        fetcher = Fetcher(source, Deadline(5), pause_s=0.001)
        if bypassed:
            with pytest.raises(Unchecked):
                fetcher.get("file", len(DATA))
        else:
            assert fetcher.get("file", len(DATA)) == DATA
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with closing(source_of("http://hub.invalid")) as source, pytest.raises(DataError, match="HOST"):
        Fetcher(source, Deadline(5)).get("file", 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no/such/folder", "no such folder"),
        ("ftp://host/zoo", "begins with https"),
        ("https://", "begins with https"),
        ("https://user:secret@host/zoo", "no user"),
        ("https://host/zoo?token=1", "no user"),
        ("http://host:99999/", "port"),
        ("http://hö.example/", "ASCII"),
        ("a\0b", "no path"),
    ],
)
def test_what_is_no_place_is_said(text: str, said: str) -> None:
    with pytest.raises(BadnetsError, match=said) as caught:
        place_of(text)
    assert caught.value.exit_code == 2
    assert "secret" not in str(caught.value)


def test_places_are_written_in_one_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    assert place_of(tmp_path.name) == place_of(tmp_path.as_uri()) == str(tmp_path)
    assert place_of("https://host/zoo/") == "https://host/zoo"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    with pytest.raises(BadnetsError, match="not a regular file"):
        Fetcher(source_of(str(tmp_path)), Deadline(5)).get("file", 10)

"""A web server on loopback that serves many folders and misbehaves where it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

Answer: TypeAlias = Callable[["Handler", bytes], None]
"""What is done with a request for a file of this content."""

_DRIP_S = 0.05


@dataclass
class Served:
    """A folder on the web.

    Attributes:
        folder: its files.
        url: its address.
        faults: part of a path -> what is done in the place of answering.
        changes: part of a path -> what is sent in the place of the file.
        asked: paths that were asked for, below the folder.
    """

    folder: Path
    url: str
    faults: dict[str, Answer] = field(default_factory=dict)
    changes: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # header and body are two packets: 40 ms for each answer else
    sites: dict[str, Served]

    def do_GET(self) -> None:
        """Send a file, or what is sent in its place."""
        _, site, path = urlsplit(self.path).path.split("/", 2)
        served = self.sites[site]
        served.asked.append(path)
        file = served.folder / path
        data = file.read_bytes() if file.is_file() else None
        for part, fault in served.faults.items():
            if part in path:
                return fault(self, data or b"")
        if data is None:
            return status(404)(self, b"")
        for part, change in served.changes.items():
            if part in path:
                data = change(data)
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        start = min(int(asked), len(data))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, address: Any) -> None:
        pass  # clients hang up on what they are sent here


class Web:
    """The server.

    Args:
        server: that listens.
    """

    def __init__(self, server: ThreadingHTTPServer, sites: dict[str, Served]) -> None:
        self._server, self._sites = server, sites

    def serve(self, folder: Path) -> Served:
        """Return a folder as it is served from now on."""
        name = f"s{len(self._sites)}"
        served = Served(folder, f"http://127.0.0.1:{self._server.server_address[1]}/{name}")
        self._sites[name] = served
        return served


@contextmanager
def web() -> Iterator[Web]:
    """Serve on a free port of loopback until the block ends."""
    sites: dict[str, Served] = {}
    server = _Quiet(("127.0.0.1", 0), type("_Handler", (Handler,), {"sites": sites}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Web(server, sites)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def status(code: int, **headers: str) -> Answer:
    """Answer with a status and no more."""

    def answer(handler: Handler, data: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def sent(
    change: Callable[[bytes], bytes] = bytes, said: int | None = None, code: int = 200, **more: str
) -> Answer:
    """Answer with other bytes than those of the file, and hang up.

    Args:
        change: makes them.
        said: how many are announced; None: as many as come; -1: it is not said.
        code: the status.
        more: headers.
    """

    def answer(handler: Handler, data: bytes) -> None:
        other = change(data)
        handler.send_response(code)
        for name, value in more.items():
            handler.send_header(name.replace("_", "-"), value)
        if said != -1:
            handler.send_header("Content-Length", str(len(other) if said is None else said))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(other)
        handler.close_connection = True

    return answer


def endless(part: bytes = b" " * 65_536) -> Answer:
    """Answer with bytes that never end."""
    return _on_and_on(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", part, 0.0)


def drip(of: bytes = b" ") -> Answer:
    """Answer a byte at a time, never silent for long."""
    return _on_and_on(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", of, _DRIP_S)


def said(start: bytes, again: bytes = b"") -> Answer:
    """Answer with raw bytes, and then with others on and on."""
    return _on_and_on(start, again, _DRIP_S)


def silent(handler: Handler, data: bytes) -> None:
    """Do not answer, and do not hang up."""
    handler.close_connection = True
    time.sleep(2)


def _on_and_on(start: bytes, again: bytes, pause_s: float) -> Answer:
    def answer(handler: Handler, data: bytes) -> None:
        handler.close_connection = True
        ends = time.monotonic() + 10
        with suppress(OSError):
            handler.wfile.write(start)
            while again and time.monotonic() < ends:
                handler.wfile.write(again)
                handler.wfile.flush()
                time.sleep(pause_s)

    return answer

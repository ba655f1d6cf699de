"""A web server on loopback that can be made to misbehave, path by path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Served:
    """A folder on the web.

    Attributes:
        folder: its files.
        url: its address.
        faults: part of a path -> what is done instead of answering.
        asked: paths that were asked for, with the byte that was asked from.
        sent: bytes of files that were sent.
    """

    folder: Path
    url: str = ""
    faults: dict[str, Callable[[Any, bytes], None]] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    sent: int = 0
    ranges: bool = True


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve a folder until the block ends."""
    said = Served(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
            start = int(asked) if said.ranges else 0
            said.asked.append((path, start))
            file = folder / path.lstrip("/")
            data = file.read_bytes() if file.is_file() else b""
            for part, fault in said.faults.items():
                if part in path:
                    return fault(self, data)
            if not file.is_file():
                return status(404)(self, b"")
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            said.sent += len(data) - start
            self.wfile.write(data[start:])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, address: Any) -> None:
            pass  # clients that hang up are what is tested

    server = Quiet(("127.0.0.1", 0), Handler)
    said.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield said
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def status(code: int, **headers: str) -> Callable[[Any, bytes], None]:
    """Answer with a status and nothing else."""

    def answer(handler: Any, data: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def body(change: Callable[[bytes], bytes], length: int | None = None) -> Callable[..., None]:
    """Answer with other bytes than those of the file, and hang up."""

    def answer(handler: Any, data: bytes) -> None:
        other = change(data)
        handler.send_response(200)
        if length != -1:
            handler.send_header("Content-Length", str(len(other) if length is None else length))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(other)
        handler.close_connection = True

    return answer

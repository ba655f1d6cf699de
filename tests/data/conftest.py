"""A web server on the loopback address that misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler, threading.Event], None]


@dataclass
class Mirror:
    """A server's address, and what it answers to each path."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serves(self, path: str, content: bytes, *, announced: int | None = None) -> None:
        def answer(request: BaseHTTPRequestHandler, _: threading.Event) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(announced or len(content)))
            request.end_headers()
            request.wfile.write(content)

        self.answers[path] = answer


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "*")
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            answer = made.answers.get(self.path)
            if answer is None:
                self.send_error(404)
            else:
                answer(self, over)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Mirror(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()

"""Bytes from a repository, a web address or a plain folder: capped, in time, taken up again.

What comes is believed by nobody here: whoever asks knows its length and digest beforehand.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from tuf.api.exceptions import DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient.fetcher import FetcherInterface

from badnets._version import __version__
from badnets.core.errors import BundleError, DataError
from badnets.core.files import regular_file, usable_path
from badnets.hub.refusals import Refused, Unchecked

if TYPE_CHECKING:
    import socket

CHUNK = 1 << 18
"""Bytes that are received, hashed and written in one go: as many as a processor's cache holds."""

TRIES = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_ABSENT = (403, 404, 410)  # buckets say 403 for what they do not hold
_PASSING = (429, 502, 503, 504)
_BREAKS = (OSError, http.client.HTTPException)


class Absent(Unchecked):
    """The repository does not have the file."""

    def __init__(self, line: str, status: int = 404) -> None:
        super().__init__(line)
        self.status = status


class Deadline:
    """When everything has to be done.

    Args:
        seconds: from now; above 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def remaining_s(self) -> float:
        """Seconds that are left.

        Raises:
            Refused: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Refused(
                "deadline",
                f"not done within {self.seconds:g} seconds: the server is too slow, or holds the "
                "answer back; try again (what came is kept), or allow more by --deadline",
            )
        return left

    def end(self) -> None:
        """Let no time be left: whoever works towards it stops soon."""
        self._ends = 0.0


class Body(NamedTuple):
    """What is being read.

    Attributes:
        start: the byte of the file that it begins with.
        length: bytes that are to come; None: not said.
        readinto: fills a buffer; returns the bytes put there, 0 at the end.
    """

    start: int
    length: int | None
    readinto: Callable[[memoryview], int]


class Source(Protocol):
    """Where a repository lies."""

    def opened(self, name: str, start: int, deadline: Deadline) -> AbstractContextManager[Body]:
        """Give a file of it to read, from byte ``start`` or, where that cannot be, from 0."""

    def close(self) -> None:
        """Let go of what is kept open."""


def place_of(text: str) -> str:
    """Return the place of a repository as it is written down: an address, or an absolute path.

    Raises:
        DataError: it is no such place.
    """
    scheme = urlsplit(text).scheme.lower() if "://" in text else ""
    if scheme == "file":
        text, scheme = unquote(urlsplit(text).path), ""
    if not scheme:
        folder = usable_path(text).absolute()
        if not folder.is_dir():
            raise DataError(
                f"{text}: no such folder; a repository is a folder, or an address that begins "
                "with https:// or http://"
            )
        return str(folder)
    address = urlsplit(text)
    try:
        _ = address.port
    except ValueError:
        raise DataError(f"{text}: the port must be a number up to 65535") from None
    if scheme not in ("http", "https") or not address.hostname:
        raise DataError(f"{text}: an address begins with https:// or http:// and names a host")
    if address.query or address.fragment or address.username is not None:
        raise DataError(
            f"the address of {address.hostname}: it may hold no user, password, '?' or '#'"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise DataError(f"{text}: an address holds ASCII letters, digits and signs only")
    return text.rstrip("/")


def source_of(place: str, silence_s: float = 15.0) -> Source:
    """Return what reads from a place that `place_of` returned.

    Args:
        place: an address or an absolute path.
        silence_s: longest time that a server may say nothing.
    """
    return _Web(place, silence_s) if "://" in place else _Folder(Path(place))


@dataclass
class Fetcher(FetcherInterface):
    """Reads files of one repository, all within one deadline; several threads may use it.

    Args:
        source: where it lies.
        deadline: when everything has to be done.
    """

    source: Source
    deadline: Deadline
    pause_s: float = 0.3

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError  # python-tuf asks for bytes alone, see below

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return a file, as python-tuf asks for it: see `get`."""
        try:
            return self.get(url, max_length)
        except Absent as error:
            raise DownloadHTTPError(str(error), error.status) from error

    def get(self, name: str, most: int) -> bytes:
        """Return a small file of the repository.

        Args:
            name: below the repository's folder.
            most: bytes that it may have.

        Raises:
            Refused: the deadline has passed, or the server leads elsewhere.
            DownloadLengthMismatchError: it is larger.
            Unchecked: the server is away, has no such file, or fails.
        """
        for waits in range(TRIES):
            try:
                return self._got(name, most)
            except _BREAKS as error:
                if waits == TRIES - 1 or (waits and isinstance(error, TimeoutError)):
                    raise Unchecked(_broken(name, error)) from error
            except _Passing as error:
                if waits == TRIES - 1:
                    raise Unchecked(str(error)) from error
            time.sleep(min(self.pause_s * 2**waits, self.deadline.remaining_s))
        raise AssertionError

    def _got(self, name: str, most: int) -> bytes:
        parts = []
        received = 0
        with self.source.opened(name, 0, self.deadline) as body:
            buffer = memoryview(bytearray(min(most + 1, 1 << 16)))
            while count := body.readinto(buffer):
                received += count
                if received > most:
                    raise DownloadLengthMismatchError(f"{name}: more than {most} bytes are sent")
                parts.append(bytes(buffer[:count]))
                _ = self.deadline.remaining_s
            _ = self.deadline.remaining_s  # what has no length ends too when it is cut off
            if body.length is not None and received < body.length:
                raise http.client.IncompleteRead(b"")
        return b"".join(parts)

    def download(
        self,
        name: str,
        file: BinaryIO,
        length: int,
        sha256: str,
        tell: Callable[[int], object] = lambda count: None,
    ) -> None:
        """Fill a file with a large one of the repository; what it already holds is not sent again.

        Args:
            name: below the repository's folder.
            file: open for reading and writing.
            length: bytes that it must have.
            sha256: of all of it.
            tell: called with the bytes that came since the last call; negative: begun anew.

        Raises:
            Refused: other bytes, more or fewer were sent, the deadline has passed, or the server
                leads elsewhere.
            Unchecked: the server is away, or has no such file.
        """
        begun = file.seek(0, os.SEEK_END)
        if 0 < begun <= length:
            if self._filled(name, file, length, sha256, tell):
                return
            tell(-length)  # what was here before may have been wrong
        file.truncate(0)
        if not self._filled(name, file, length, sha256, tell):
            raise Refused(
                "digest",
                f"{name}: other bytes than were signed are sent (SHA-256 differs): they were "
                "changed on the way or at the server",
            )

    def _filled(
        self, name: str, file: BinaryIO, length: int, sha256: str, tell: Callable[[int], object]
    ) -> bool:
        """Return whether the file, filled up to ``length``, has the digest."""
        state = _State(file, tell)
        state.take_up()
        idle = 0
        while state.received < length:
            before = state.received
            try:
                self._more(name, state, length)
            except (*_BREAKS, _Passing) as error:
                if isinstance(error, OSError) and _of_the_disk(error):
                    raise
                idle = 0 if state.received > before else idle + 1
                if idle == (2 if isinstance(error, TimeoutError) else TRIES):
                    raise Unchecked(_broken(name, error)) from error
                time.sleep(min(self.pause_s * 2**idle, self.deadline.remaining_s))
        return state.digest.hexdigest() == sha256

    def _more(self, name: str, state: _State, length: int) -> None:
        with self.source.opened(name, state.received, self.deadline) as body:
            if body.start != state.received:
                state.begin()
            if body.length is not None and body.start + body.length != length:
                more = body.start + body.length > length
                raise Refused(
                    "too large" if more else "length",
                    f"{name}: {body.start + body.length} bytes are sent, {length} were signed",
                )
            buffer = memoryview(bytearray(CHUNK))
            while count := body.readinto(buffer):
                if state.received + count > length:
                    raise Refused("too large", f"{name}: more than the {length} bytes signed")
                state.add(buffer[:count])
                _ = self.deadline.remaining_s
            if state.received < length:
                raise http.client.IncompleteRead(b"")


@dataclass
class _State:
    """A file that grows, and the digest of what it holds."""

    file: BinaryIO
    tell: Callable[[int], object]
    received: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take_up(self) -> None:
        self.file.seek(0)
        buffer = memoryview(bytearray(CHUNK))
        while count := self.file.readinto(buffer):  # type: ignore[attr-defined]
            self.digest.update(buffer[:count])
            self.received += count
        self.tell(self.received)

    def begin(self) -> None:
        self.tell(-self.received)
        self.file.seek(0)
        self.file.truncate(0)
        self.received, self.digest = 0, hashlib.sha256()

    def add(self, part: memoryview) -> None:
        self.digest.update(part)
        try:
            self.file.write(part)
        except OSError as error:
            raise _DiskError(error.errno, error.strerror) from error
        self.received += len(part)
        self.tell(len(part))


class _DiskError(OSError):
    """Our own disk failed, not the way to the server."""


def _of_the_disk(error: OSError) -> bool:
    return isinstance(error, _DiskError)


class _Passing(Exception):  # noqa: N818 - caught within this module
    """The server asks to be asked again later."""


def _broken(name: str, error: Exception) -> str:
    if isinstance(error, _Passing):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"{name}: the server was silent for too long; try again later"
    if isinstance(error, ssl.SSLError):
        return f"{name}: no safe connection to the server: {error.reason or error}"
    if isinstance(error, http.client.IncompleteRead):
        return f"{name}: the server broke off again and again; try again (what came is kept)"
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return f"{name}: the server does not answer as web servers do ({type(error).__name__})"
    said = " ".join(str(getattr(error, "strerror", None) or error).split())
    return (
        f"{name}: the server cannot be reached ({said or type(error).__name__}): is its address "
        "right, and is it running?"
    )


@dataclass(frozen=True)
class _Folder:
    folder: Path

    @contextmanager
    def opened(self, name: str, start: int, deadline: Deadline) -> Iterator[Body]:
        path = self.folder / name
        try:
            with regular_file(path, what=path, error=BundleError) as file:
                size = os.fstat(file.fileno()).st_size
                start = start if start <= size else 0
                file.seek(start)
                yield Body(start, size - start, file.readinto)  # type: ignore[attr-defined]
        except (FileNotFoundError, NotADirectoryError):
            raise Absent(f"{path} is missing") from None
        except PermissionError as error:
            raise Unchecked(f"{path} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        pass


_Asked = tuple[http.client.HTTPConnection, http.client.HTTPResponse, threading.Timer]


class _Web:
    """An address; connections to it are used again."""

    def __init__(self, base: str, silence_s: float) -> None:
        self._base = base + "/"
        self._silence_s = silence_s
        self._idle: list[http.client.HTTPConnection] = []  # append and pop are safe in threads

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def opened(self, name: str, start: int, deadline: Deadline) -> Iterator[Body]:
        url = self._base + name
        for _ in range(5):
            with self._answered(url, start, deadline) as answer:
                if answer.status not in _REDIRECTS:
                    yield _body(url, answer, start)
                    return
                there = urljoin(url, answer.getheader("Location") or "")
            if _origin(urlsplit(there)) != _origin(urlsplit(url)):
                raise Refused(
                    "redirect",
                    f"{url} leads to {there[:200]}, another server; if the repository has moved, "
                    "trust it there: badnets hub trust ADDRESS --root FILE",
                )
            url = there
        raise Refused("redirect", f"{self._base + name} leads on and on")

    @contextmanager
    def _answered(
        self, url: str, start: int, deadline: Deadline
    ) -> Iterator[http.client.HTTPResponse]:
        link, answer, timer = self._ask(url, start, deadline)
        again = False
        try:
            yield answer
            again = answer.isclosed() and not answer.will_close
        except _BREAKS:
            _ = deadline.remaining_s  # the timer may have cut it off
            raise
        finally:
            timer.cancel()
            if again:
                self._idle.append(link)  # from here on it may be another thread's
            else:
                answer.close()
                link.close()

    def _ask(self, url: str, start: int, deadline: Deadline) -> _Asked:
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._sent(self._connected(url, deadline), url, start, deadline)
        with suppress(*_BREAKS):  # it may have been closed meanwhile
            return self._sent(kept, url, start, deadline)
        return self._sent(self._connected(url, deadline), url, start, deadline)

    def _sent(
        self, link: http.client.HTTPConnection, url: str, start: int, deadline: Deadline
    ) -> _Asked:
        try:
            timer = threading.Timer(deadline.remaining_s, _cut, [link.sock])
        except Refused:
            link.close()
            raise
        timer.daemon = True
        timer.start()
        try:
            return link, _asked(link, url, start, _proxy_of(urlsplit(url))), timer
        except _BREAKS:
            timer.cancel()
            link.close()
            _ = deadline.remaining_s
            raise

    @cached_property
    def _safety(self) -> ssl.SSLContext:
        return ssl.create_default_context()  # takes a moment: it reads who is trusted

    def _connected(self, url: str, deadline: Deadline) -> http.client.HTTPConnection:
        address = urlsplit(url)
        timeout = min(self._silence_s, deadline.remaining_s)
        safe, host, port = _origin(address)
        proxy = _proxy_of(address)
        at = (proxy.hostname or "", proxy.port or 8080) if proxy else (host, port)
        connection: http.client.HTTPConnection
        if safe:
            connection = http.client.HTTPSConnection(*at, timeout=timeout, context=self._safety)
            if proxy:
                connection.set_tunnel(host, port, _proxy_login(proxy))
        else:
            connection = http.client.HTTPConnection(*at, timeout=timeout)
        connection.connect()
        return connection


def _asked(
    link: http.client.HTTPConnection, url: str, start: int, proxy: SplitResult | None
) -> http.client.HTTPResponse:
    address = urlsplit(url)
    headers = {
        "User-Agent": f"badnets/{__version__}",
        "Accept-Encoding": "identity",
        "Cache-Control": "no-transform",
    }
    if start:
        headers["Range"] = f"bytes={start}-"
    target = address._replace(scheme="", netloc="").geturl() or "/"
    if proxy and address.scheme == "http":
        target = url
        headers |= _proxy_login(proxy)
    link.request("GET", target, headers=headers)
    return link.getresponse()


def _body(url: str, answer: http.client.HTTPResponse, asked: int) -> Body:
    status = answer.status
    start = 0
    if status == 206:
        said = (answer.getheader("Content-Range") or "").removeprefix("bytes ")
        start = int(said.partition("-")[0]) if said.partition("-")[0].isdigit() else -1
        if start != asked:
            raise Unchecked(f"{url}: asked from byte {asked}, the server answers {said[:80]!r}")
    elif status == 416:
        raise Refused(
            "length", f"{url}: the server has no byte {asked} of it, it was signed longer"
        )
    elif status in _ABSENT:
        raise Absent(f"{url}: not there (the server answers {status})", status)
    elif status in _PASSING:
        raise _Passing(f"{url}: the server answers {status} {answer.reason}; try again later")
    elif status != 200:
        raise Unchecked(f"{url}: the server answers {status} {answer.reason}, not the file")
    return Body(start, answer.length, answer.readinto)


def _origin(address: SplitResult) -> tuple[bool, str, int]:
    safe = address.scheme == "https"
    try:
        port = address.port
    except ValueError:
        port = -1
    if address.scheme not in ("http", "https"):
        port = -1
    return safe, address.hostname or "", port or (443 if safe else 80)


def _proxy_of(address: SplitResult) -> SplitResult | None:
    """Return the proxy that the usual variables name for an address."""
    host = address.hostname or ""
    named = urllib.request.getproxies()
    proxy = named.get(address.scheme) or named.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    at = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if at.scheme != "http" or not at.hostname:
        raise DataError(f"{address.scheme}_proxy is {proxy!r}; a proxy is written http://HOST:PORT")
    return at


def _proxy_login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def _cut(link: socket.socket | None) -> None:
    """End a connection from another thread, so that whoever waits for it goes on.

    It is given the socket itself: once an answer without a length has begun, its connection has
    none any more, and the answer could drip on for ever.
    """
    import socket

    if link is not None:
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

"""Downloads that are checked over the whole file before they get their name."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from badnets._version import __version__
from badnets.bundles.atomic import new_file
from badnets.core.errors import DataError

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes of the whole file."""

CHUNK = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A published file: its name below each mirror, what it must weigh and hash to.

    Args:
        name: appended to a mirror's address.
        sha256: hex digest of the whole file.
        size: in bytes.
    """

    name: str
    sha256: str
    size: int


def download(
    file: RemoteFile,
    mirrors: Sequence[str],
    folder: Path,
    *,
    timeout_s: float = 15.0,
    deadline_s: float = 900.0,
    progress: Progress | None = None,
) -> Path:
    """Fetch ``file`` from the first mirror that has it whole; return where it lies now.

    Args:
        file: what to fetch; its size and digest are checked before the file gets its name.
        mirrors: addresses of folders, http or https, tried in order.
        folder: where it goes.
        timeout_s: longest silence of a mirror before the next one is tried.
        deadline_s: longest time for one mirror.
        progress: told of every chunk.

    Raises:
        DataError: no mirror gave the file; the message has each one's reason.
        OutputError: the folder cannot be written or the disk is full.
    """
    reasons = []
    for mirror in mirrors:
        url = mirror.rstrip("/") + "/" + file.name
        try:
            _fetch(url, file, folder / file.name, timeout_s, deadline_s, progress)
        except DataError as error:
            reasons.append(f"{url}: {error}")
        else:
            return folder / file.name
    raise DataError(f"{file.name} could not be downloaded ({'; '.join(reasons) or 'no mirror'})")


def _fetch(
    url: str,
    file: RemoteFile,
    path: Path,
    timeout_s: float,
    deadline_s: float,
    progress: Progress | None,
) -> None:
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise DataError(f"only http and https are fetched, not {scheme or 'a plain path'!r}")
    ends = time.monotonic() + deadline_s
    digest = hashlib.sha256()
    received = 0
    with new_file(path) as out:
        for chunk in _chunks(url, timeout_s):
            received += len(chunk)
            if received > file.size:
                raise DataError(f"sends more than the {file.size} bytes of the original")
            if time.monotonic() > ends:
                raise DataError(f"too slow: {received} of {file.size} bytes in {deadline_s:g} s")
            digest.update(chunk)
            out.write(chunk)
            if progress is not None:
                progress(received, file.size)
        if received < file.size:
            raise DataError(f"ended after {received} of {file.size} bytes")
        if digest.hexdigest() != file.sha256:
            raise DataError("sends other bytes than the original (SHA-256 differs)")


def _chunks(url: str, timeout_s: float) -> Iterator[bytes]:
    """Yield the body of the answer; what goes wrong on the way is a DataError."""
    opener = urllib.request.OpenerDirector()  # http and https alone: no redirect leads elsewhere
    for name in ("Proxy", "Unknown", "HTTP", "HTTPS", "HTTPDefaultError", "HTTPRedirect"):
        opener.add_handler(getattr(urllib.request, f"{name}Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    request = urllib.request.Request(url, headers={"User-Agent": f"badnets/{__version__}"})
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            while chunk := answer.read1(CHUNK):
                yield chunk
    except urllib.error.HTTPError as error:
        raise DataError(f"answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise DataError(f"cannot be reached: {error.reason}") from error
    except TimeoutError as error:
        raise DataError(f"was silent for {timeout_s:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"broke off: {error or type(error).__name__}") from error

"""Files that were pulled, by their SHA-256: each is hashed anew every time that it is used.

All of it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from badnets.bundles.atomic import output_error
from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import BadnetsError
from badnets.core.files import read_file, regular_file
from badnets.hub.fetching import CHUNK, Fetcher
from badnets.hub.locking import locked
from badnets.hub.refusals import Refused


@dataclass(frozen=True)
class Cache:
    """A folder of whole files, and of those that are on their way.

    Args:
        folder: made where it is missing.
    """

    folder: Path

    def put(
        self,
        target: Path,
        name: str,
        length: int,
        sha256: str,
        fetcher: Fetcher,
        tell: Callable[[int], object] = lambda count: None,
    ) -> None:
        """Put a file at ``target``; it is fetched where it is not here, or not what it must be.

        The two share their place on the disk where the file system can do that; the file is then
        read-only. Processes that want the same file wait for the one that fetches it.

        Args:
            target: a new name.
            name: of the file in the repository.
            length: in bytes.
            sha256: of all of it.
            fetcher: what reads from the repository.
            tell: called with the bytes that are there since the last call.

        Raises:
            Refused: as `Fetcher.download`.
            Unchecked: likewise.
            OSError: the disk is full, or cannot be written.
        """
        blob, partial = self.folder / sha256, self.folder / f"{sha256}.partial"
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._placed(blob, target, length, sha256, tell):
            return
        with locked(partial, lambda: fetcher.deadline.remaining_s) as file:
            if self._placed(blob, target, length, sha256, tell):  # another was quicker
                partial.unlink()
                return
            try:
                fetcher.download(name, file, length, sha256, tell)
            except Refused as error:
                if error.reason != "deadline":
                    partial.unlink()
                raise
            file.flush()
            partial.replace(blob)
            blob.chmod(0o444)
            self._linked(blob, target, file, sha256)

    def read(self, name: str, length: int, sha256: str, fetcher: Fetcher) -> bytes:
        """Return a small file; it is fetched where it is not here, or not what it must be.

        Raises:
            Refused: more, fewer or other bytes are sent than were signed.
            Unchecked: the server is away, or has no such file.
            OutputError: it cannot be kept.
        """
        from tuf.api.exceptions import DownloadLengthMismatchError

        blob = self.folder / sha256
        with suppress(BadnetsError):
            data = read_file(blob, length)
            if sha256_bytes(data) == sha256:
                return data
        try:
            data = fetcher.get(name, length)
        except DownloadLengthMismatchError as error:
            raise Refused("too large", str(error)) from None
        if len(data) != length:
            raise Refused("length", f"{name}: {len(data)} bytes are sent, {length} were signed")
        if sha256_bytes(data) != sha256:
            raise Refused("digest", f"{name}: other bytes than were signed are sent")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = self.folder / f"{sha256}.{os.urandom(4).hex()}.partial"
            partial.write_bytes(data)
            partial.replace(blob)
        except OSError as error:
            raise output_error(blob, error) from error
        return data

    def _placed(
        self, blob: Path, target: Path, length: int, sha256: str, tell: Callable[[int], object]
    ) -> bool:
        """Return whether the file is here and whole, and has been put at ``target``."""
        try:
            if not stat.S_ISREG(blob.lstat().st_mode):
                raise Refused("links", f"{blob} is a link or no file: delete it")
            with regular_file(blob, follow=False) as file:
                if os.fstat(file.fileno()).st_size == length:
                    if _hashed(file, tell) == sha256:
                        self._linked(blob, target, file, sha256)
                        return True
                    tell(-length)
        except FileNotFoundError:
            return False
        with suppress(FileNotFoundError):
            blob.unlink()  # damaged, or changed
        return False

    @staticmethod
    def _linked(blob: Path, target: Path, file: BinaryIO, sha256: str) -> None:
        """Give a file that was hashed a second name; where that cannot be, copy its very bytes."""
        with suppress(OSError, NotImplementedError):
            os.link(blob, target, follow_symlinks=False)
            held, named = os.fstat(file.fileno()), target.lstat()
            if (held.st_ino, held.st_dev) == (named.st_ino, named.st_dev):
                return
            target.unlink()
        file.seek(0)
        with target.open("xb") as copy:
            if _hashed(file, lambda count: None, copy) != sha256:
                raise Refused("digest", f"{blob} was changed while it was copied")


def _hashed(file: BinaryIO, tell: Callable[[int], object], copy: BinaryIO | None = None) -> str:
    digest, buffer = hashlib.sha256(), memoryview(bytearray(CHUNK))
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        digest.update(buffer[:count])
        if copy is not None:
            copy.write(buffer[:count])
        tell(count)
    return digest.hexdigest()

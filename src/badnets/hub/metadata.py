"""What a repository's signed metadata says now: python-tuf checks it, the hub's words are here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import DelegatedRole, Metadata, Root, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import Updater, UpdaterConfig

from badnets.core.errors import SettingError
from badnets.core.printing import printable
from badnets.hub.fetching import Absent, Body, Deadline, Fetcher
from badnets.hub.home import TrustedRepository, unwritable
from badnets.hub.keys import PublicKey
from badnets.hub.names import ModelName, parse_target
from badnets.hub.refusals import Reason, Refused, Unchecked
from badnets.hub.statements import moment, now

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

MOST_FILES = 100
"""Files that a release may have."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROLES = ("root", "timestamp", "snapshot", "targets")


@dataclass(frozen=True)
class Listing:
    """What one author has in a repository.

    Attributes:
        author: the name.
        keys: those that the repository gives the author.
        targets: path -> length and digest of a file.
        versions: role -> version of its metadata.
        expired: what was let pass although it had expired.
    """

    author: str
    keys: tuple[PublicKey, ...]
    targets: Mapping[str, TargetFile]
    versions: Mapping[str, int]
    expired: tuple[str, ...]

    def models(self) -> list[str]:
        """Return AUTHOR/MODEL of all that the author has."""
        names = {"/".join(path.split("/")[:2]) for path in self.targets}
        return sorted(printable(name)[:130] for name in names)

    def releases(self, name: ModelName) -> dict[str, Release]:
        """Return version -> release of a model, the highest version first.

        Raises:
            Refused: a path is none of a file that a release may hold, or two versions are the same.
        """
        found: dict[str, dict[str, TargetFile]] = {}
        for path, target in self.targets.items():
            if not path.lower().startswith(f"{name.bare}/"):
                continue
            try:
                of, file = parse_target(path)
            except SettingError as error:
                raise Refused("extra file", f"{name.bare}: {error}") from None
            found.setdefault(of.version or "", {})[file] = target
        releases = [Release(name.at(version), files) for version, files in found.items()]
        releases.sort(key=lambda one: one.name.number, reverse=True)
        for one, other in pairwise(releases):
            if one.name.number == other.name.number:
                raise Refused("version", f"{one.name} and {other.name} are the same version")
        return {one.name.version or "": one for one in releases}


@dataclass(frozen=True)
class Release:
    """A version of a model in a repository.

    Attributes:
        name: with the version.
        files: name -> length and digest.
    """

    name: ModelName
    files: Mapping[str, TargetFile]

    @property
    def yanked(self) -> str | None:
        """Why it was taken back; None: it was not."""
        for target in self.files.values():
            custom = target.custom
            if isinstance(custom, dict) and "yanked" in custom:
                return printable(" ".join(str(custom["yanked"]).split()))[:500] or "no reason given"
        return None

    def where(self, file: str) -> tuple[str, int, str]:
        """Return path in the repository, length and SHA-256 of a file.

        Raises:
            Refused: there is no such file, or it has no SHA-256.
        """
        if file not in self.files:
            raise Refused("missing file", f"{self.name}: {file} is not among its files")
        target = self.files[file]
        sha256 = target.hashes.get("sha256", "")
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise Refused("digest", f"{file} of {self.name}: the repository gives no SHA-256 of it")
        folder, _, last = target.path.rpartition("/")
        return f"targets/{folder}/{sha256}.{last}", target.length, sha256


def listing(
    repository: TrustedRepository,
    author: str,
    fetcher: Fetcher,
    *,
    allow_expired: bool = False,
) -> Listing:
    """Return what an author has in a repository as it is now.

    Args:
        repository: to be `locked` meanwhile.
        author: the name.
        fetcher: what reads from it; with `Kept` as its source, what was fetched last counts.
        allow_expired: whether metadata that have expired are let pass; rollback is refused still.

    Raises:
        Refused: the metadata are not those of the root that is trusted, or older than those seen,
            or have expired; or there is no such author.
        Unchecked: the repository cannot be reached.
        OutputError: the home cannot be written.
    """
    repository.check_clock()
    folder = repository.metadata
    with _refusals(repository):
        updater = Updater(
            str(folder),
            "metadata/",
            fetcher=_Exact(fetcher.source, fetcher.deadline, fetcher.pause_s),
            config=UpdaterConfig(),
            bootstrap=repository.root,
        )
        if allow_expired:  # there is no public way to say it
            updater._trusted_set.reference_time = _EPOCH
        updater.refresh()
        keys = _delegated(folder, author)
        updater.get_targetinfo(f"{author}/-/0/-")  # makes it read the author's metadata
        roles = {name: _read(folder, name) for name in (*_ROLES, author)}
    expired = [
        f"metadata {name!r} expired at {moment(read.signed.expires)}"
        for name, read in roles.items()
        if read.signed.expires <= now()
    ]
    own = roles[author].signed
    assert isinstance(own, Targets)
    versions = {name: read.signed.version for name, read in roles.items()}
    return Listing(author, keys, own.targets, versions, tuple(expired))


class _Exact(Fetcher):
    """Lets through no metadata of which python-tuf would drop a part before it checks signatures.

    What it drops it does not use either, but what is kept here is to be what was signed, whole.
    """

    def download_bytes(self, url: str, max_length: int) -> bytes:
        data = super().download_bytes(url, max_length)
        try:
            signed = Metadata.from_bytes(data).signed.to_dict()
            same = json.loads(data)["signed"] == signed
        except (DeserializationError, ValueError, RecursionError):
            return data  # python-tuf says better what is wrong with it
        if not same:
            raise Refused("malformed", f"{url} holds something that no signature covers")
        return data


def _delegated(folder: Path, author: str) -> tuple[PublicKey, ...]:
    """Return the keys of an author, who alone may publish in this name."""
    targets = _read(folder, "targets").signed
    assert isinstance(targets, Targets)
    given = targets.delegations
    roles = (given.roles or {}) if given else {}
    for name, role in roles.items():
        if name == author:
            _check_role(role, author)
            assert given is not None
            try:
                return tuple(_public(given.keys.get(one), author) for one in role.keyids)
            except SettingError as error:
                raise Refused("author", f"{author}: {error}") from None
        if role.is_delegated_path(f"{author}/-/0/-"):
            raise Refused(
                "author", f"the repository lets {name[:80]!r} publish in the name of {author!r}"
            )
    raise Refused("author", f"the repository has no author {author!r}: is the name typed right?")


def _public(key: object, author: str) -> PublicKey:
    if not isinstance(key, SSlibKey):
        raise SettingError("a key of a kind that is not used here")
    return PublicKey.of(key, author)


def _check_role(role: DelegatedRole, author: str) -> None:
    if role.paths != [f"{author}/*/*/*"] or not role.terminating:
        raise Refused("author", f"the repository gives {author!r} other paths than {author}/*/*/*")


def _read(folder: Path, role: str) -> Metadata[Any]:
    """Return metadata as they were just checked and kept."""
    return Metadata.from_bytes((folder / f"{role}.json").read_bytes())


@contextmanager
def _refusals(repository: TrustedRepository) -> Iterator[None]:
    """Say python-tuf's errors in the hub's words."""
    where = repository.place
    try:
        yield
    except ExpiredMetadataError as error:
        raise Refused(
            "expired",
            f"{where}: {_worded(error)}; it is {moment(now())} by this computer's clock. If the "
            "clock is right, the publisher has not renewed it or somebody holds back what is new: "
            "try later, or take it as it is by --allow-expired, which is recorded",
        ) from error
    except DownloadHTTPError as error:
        raise Unchecked(_said(error)) from error
    except DownloadError as error:
        reason: Reason = (
            "too large" if isinstance(error, DownloadLengthMismatchError) else "malformed"
        )
        raise Refused(reason, f"{where}: {_said(error)}") from error
    except RepositoryError as error:
        line = f"{where}: {_worded(error)}; try again later, or ask its publisher"
        raise Refused(_reason(error), line) from error
    except OSError as error:
        raise unwritable(repository.folder, error) from error


def _reason(error: RepositoryError) -> Reason:
    if isinstance(error, BadVersionNumberError) or "is missing info for" in str(error):
        return "rolled back"
    if isinstance(error, UnsignedMetadataError):
        return "signature"
    if isinstance(error, LengthOrHashMismatchError):
        return "digest"
    return "malformed"


_ROLE = r"'?([^' ]+?)(?:\.json)?'?"
_WORDS: tuple[tuple[str, str], ...] = (
    (rf"(?:Final |New )?{_ROLE} is expired", "the metadata of {0} have expired"),
    (rf"New {_ROLE} version (\d+) must be >= (\d+)", "the metadata of {0} are of version {1}, "
     "version {2} was seen before"),
    (rf"New {_ROLE} version must be >= (\d+), got version (\d+)", "the metadata of {0} are of "
     "version {2}, version {1} was seen before"),
    (rf"Expected {_ROLE} (?:version |v)(\d+)(?: instead|,) got (?:version |v)?(\d+)\.?",
     "the metadata of {0} are of version {2}, version {1} is expected"),
    (rf"New snapshot is missing info for {_ROLE}", "the metadata of {0} were listed before, and "
     "are no more"),
    (rf"{_ROLE} was signed by (\d+)/(\d+) keys", "the metadata of {0} are signed by {1} of the {2} "
     "keys that are needed: they were changed, or somebody else made them"),
    (rf"Role {_ROLE} was delegated but is not part of snapshot", "no metadata of {0} are listed, "
     "though it may publish"),
    (rf"Expected {_ROLE}, got {_ROLE}", "metadata of {1} are in the place of those of {0}"),
)  # fmt: skip


def _worded(error: RepositoryError) -> str:
    """Return in our words what python-tuf says."""
    said = _said(error)
    for form, words in _WORDS:
        if match := re.fullmatch(form, said):
            return words.format(*match.groups())
    if isinstance(error, LengthOrHashMismatchError):
        return "metadata are not those that are listed: they were changed, or copied half"
    return "metadata cannot be read: they are no sound JSON of a repository"


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@dataclass(frozen=True)
class Kept:
    """What was fetched from a repository last, in the place of the repository.

    Args:
        folder: of the metadata that were kept.
    """

    folder: Path

    def opened(self, name: str, start: int, deadline: Deadline) -> AbstractContextManager[Body]:
        """Give metadata as they were kept, whatever version is asked for: python-tuf compares."""
        return self._opened(name)

    @contextmanager
    def _opened(self, name: str) -> Iterator[Body]:
        role = re.sub(r"^metadata/(?:\d+\.)?(.+)\.json$", r"\1", name)
        if role == Timestamp.type and not (self.folder / f"{role}.json").exists():
            raise Unchecked(
                "nothing was fetched from this repository yet: pull once without --offline"
            )
        try:
            if role in (name, Root.type):  # newer roots are with the server alone
                raise FileNotFoundError
            with (self.folder / f"{role}.json").open("rb") as file:
                yield Body(0, None, file.readinto)
        except FileNotFoundError:
            raise Absent(
                f"{name}: it was not fetched before, or was changed since, and --offline asks no "
                "server: pull once without it"
            ) from None

    def close(self) -> None:
        """Nothing is open."""

"""What a user keeps of the repositories that are trusted: roots, policies, what was seen last."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field

from badnets.bundles.atomic import output_error, write_bytes
from badnets.bundles.claims import Moment
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.schema import BundleFile, Digest, Format, Line
from badnets.core.errors import BundleError, DataError, OutputError, SettingError
from badnets.core.files import read_file, usable_path
from badnets.hub.keys import PublicKey
from badnets.hub.locking import locked
from badnets.hub.names import ModelName
from badnets.hub.policy import Keys, Policy
from badnets.hub.refusals import Refused
from badnets.hub.statements import moment, now

if TYPE_CHECKING:
    from badnets.hub.cache import Cache
    from badnets.hub.fetching import Deadline

F = TypeVar("F", bound=BundleFile)
VARIABLE = "BADNETS_HUB"
MOST_ROOT_BYTES = 512_000
_TRUSTED, _ROOT, _POLICY, _SEEN = "trusted.json", "root.json", "policy.json", "seen.json"
_TOLERATED = timedelta(hours=1)  # by which clocks may go back


class _Trusted(BundleFile):
    format: Format = 1
    place: Annotated[str, Field(min_length=1, max_length=4096)]
    fingerprint: Digest


class SeenRelease(BundleFile):
    """A release that was let in.

    Args:
        digest: of its manifest.
        keys: its author's, PEM.
        let_pass: what was let pass because the user said so.
    """

    digest: Digest
    keys: Keys
    let_pass: tuple[Line, ...] = ()


class _Seen(BundleFile):
    format: Format = 1
    time: Moment | None = None
    models: dict[str, dict[str, SeenRelease]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """The folder of all of it.

    Args:
        folder: need not exist.
    """

    folder: Path

    @classmethod
    def of(cls, path: Path | str | None = None) -> Home:
        """Return the home that is named, else ``$BADNETS_HUB``, else the user's own.

        Raises:
            DataError: it is a file.
        """
        named = path or os.environ.get(VARIABLE)
        folder = usable_path(named).absolute() if named else _user_data() / "badnets" / "hub"
        if folder.exists() and not folder.is_dir():
            raise DataError(f"the hub's home {folder} is a file, a folder is needed")
        return cls(folder)

    @property
    def cache(self) -> Cache:
        """Files that were pulled."""
        from badnets.hub.cache import Cache

        return Cache(self.folder / "cache")

    def repositories(self) -> list[TrustedRepository]:
        """Return those that are trusted, by the name of their folder."""
        within = self.folder / "repositories"
        found = sorted(within.iterdir()) if within.is_dir() else []
        return [TrustedRepository(one) for one in found if (one / _TRUSTED).is_file()]

    def repository(self, place: str | None = None) -> TrustedRepository:
        """Return a trusted repository: the one at ``place``, or the only one.

        Args:
            place: as `badnets.hub.fetching.place_of` writes it, or the first digits of its root's
                fingerprint; None: the only one.

        Raises:
            Refused: none is trusted there.
            SettingError: several are, and none was named.
        """
        known = self.repositories()
        how = "trust it first: badnets hub trust ADDRESS --root FILE"
        if place is None:
            if not known:
                raise Refused("not trusted", f"no repository is trusted in {self.folder}: {how}")
            if len(known) > 1:
                listed = ", ".join(one.place for one in known)
                raise SettingError(
                    f"{len(known)} repositories are trusted: say --from one ({listed})"
                )
            return known[0]
        for one in known:
            if one.place == place or (len(place) >= 8 and one.fingerprint.startswith(place)):
                return one
        raise Refused("not trusted", f"{place} is not trusted in {self.folder}: {how}")

    def trust(self, place: str, root: bytes, policy: Policy | None = None) -> TrustedRepository:
        """Trust the repository at ``place`` whose root this is; return it.

        A repository is known by its root, not by its address: one that has moved keeps what was
        seen of it.

        Args:
            place: as `badnets.hub.fetching.place_of` writes it.
            root: the file, whose fingerprint the user has compared.
            policy: None: the one of before, or the usual one.

        Raises:
            Refused: another root is trusted for the same place.
            DataError: it is no root of a repository.
            OutputError: the home cannot be written.
        """
        check_root(root)
        fingerprint = sha256_bytes(root)
        for one in self.repositories():
            if one.had_root(root):
                fingerprint = one.fingerprint
            elif one.place == place:
                raise Refused(
                    "not trusted",
                    f"{place} is trusted by another root, {one.fingerprint[:16]}...: ask its "
                    f"publisher why; to begin anew: badnets hub trust {place} --forget",
                )
        folder = self.folder / "repositories" / fingerprint[:16]
        kept = TrustedRepository(folder)
        if not (folder / _ROOT).exists():
            write_bytes(folder / _ROOT, root)
        if policy is not None or not (folder / _POLICY).exists():
            write_bytes(folder / _POLICY, (policy or Policy()).to_json())
        write_bytes(folder / _TRUSTED, _Trusted(place=place, fingerprint=fingerprint).to_json())
        return kept

    def forget(self, repository: TrustedRepository) -> None:
        """Trust a repository no longer; what was seen of it is forgotten too.

        Raises:
            OutputError: it cannot be deleted.
        """
        try:
            (repository.folder / _TRUSTED).unlink()
            shutil.rmtree(repository.folder)
        except OSError as error:
            raise output_error(repository.folder, error) from error

    def releases(self, name: ModelName) -> Iterator[tuple[TrustedRepository, SeenRelease]]:
        """Yield what was let in of this name and version, with where from."""
        for one in self.repositories():
            release = one.seen().get(name.bare, {}).get(name.version or "")
            if release is not None:
                yield one, release


@dataclass(frozen=True)
class TrustedRepository:
    """A repository that is trusted.

    Args:
        folder: where its root, its metadata, its policy and what was seen are kept.
    """

    folder: Path

    @cached_property
    def _trusted(self) -> _Trusted:
        return self._parsed(_Trusted, _TRUSTED)

    @property
    def place(self) -> str:
        """Its address, or its folder."""
        return self._trusted.place

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root that the user trusted."""
        return self._trusted.fingerprint

    @property
    def root(self) -> bytes:
        """The root that the user trusted.

        Raises:
            Refused: it is not that any more.
        """
        root = self._read(_ROOT)
        if sha256_bytes(root) != self.fingerprint:
            raise Refused("not trusted", f"{self.folder / _ROOT} is not the root that was trusted")
        return root

    @property
    def metadata(self) -> Path:
        """The folder of the metadata that python-tuf keeps."""
        return self.folder / "metadata"

    @property
    def policy(self) -> Policy:
        """What is let in from it."""
        return self._parsed(Policy, _POLICY)

    def had_root(self, root: bytes) -> bool:
        """Return whether this was once, or is, its root."""
        history = self.metadata / "root_history"
        kept = [self.folder / _ROOT, *(history.glob("*.json") if history.is_dir() else ())]
        return any(read_file(one, MOST_ROOT_BYTES) == root for one in kept if one.is_file())

    def seen(self) -> Mapping[str, Mapping[str, SeenRelease]]:
        """Return what was let in: AUTHOR/MODEL -> version -> release."""
        return self._read_seen().models

    def check_clock(self) -> None:
        """Refuse a clock that has gone back since this repository was last used.

        Raises:
            Refused: "clock".
        """
        last = self._read_seen().time
        if last is not None and now() < datetime.fromisoformat(last) - _TOLERATED:
            raise Refused(
                "clock",
                f"this computer's clock says {moment(now())}, but it said {last} when this "
                "repository was last used: what has expired cannot be told; set the clock",
            )

    def record(self, name: ModelName, release: SeenRelease) -> None:
        """Keep that a release was let in; to be called while `locked`.

        Raises:
            OutputError: the home cannot be written.
        """
        seen = self._read_seen()
        versions = dict(seen.models.get(name.bare, {})) | {name.version or "": release}
        models = dict(seen.models) | {name.bare: versions}
        kept = _Seen(time=moment(now()), models=models)
        write_bytes(self.folder / _SEEN, kept.to_json())

    @contextmanager
    def locked(self, deadline: Deadline) -> Iterator[None]:
        """Keep other processes from this repository's folder.

        Raises:
            Refused: "deadline": another held it all the time.
            OutputError: the home cannot be written.
        """
        path = self.folder / "lock"
        try:
            self.metadata.mkdir(parents=True, exist_ok=True)
            (self.metadata / "root_history").mkdir(exist_ok=True)
            held = locked(path, lambda: deadline.remaining_s)
            held.__enter__()
        except OSError as error:
            raise unwritable(self.folder, error) from error
        try:
            yield
        finally:
            held.__exit__(None, None, None)

    def _read_seen(self) -> _Seen:
        if not (self.folder / _SEEN).exists():
            return _Seen()
        return self._parsed(_Seen, _SEEN)

    def _parsed(self, kind: type[F], name: str) -> F:
        try:
            return kind.from_json(self._read(name), str(self.folder / name))
        except BundleError:
            lost = name == _TRUSTED  # by which it would be found
            forget = f"rm -r {self.folder}" if lost else f"badnets hub trust {self.place} --forget"
            raise Refused(
                "malformed",
                f"{self.folder / name} is damaged: bring it back from a copy, or forget what was "
                f"seen of that repository (`{forget}`) and trust it anew by its root",
            ) from None

    def _read(self, name: str) -> bytes:
        try:
            return read_file(self.folder / name, 2**26, error=BundleError)
        except BundleError as error:
            raise Refused("not trusted", f"{error}: trust the repository anew") from None


def check_root(root: bytes) -> dict[str, tuple[int, int]]:
    """Return role -> (signatures needed, keys) of a root.

    Raises:
        DataError: it is no root of a repository, or not signed by its own keys.
    """
    from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
    from tuf.api.metadata import Metadata, Root

    if len(root) > MOST_ROOT_BYTES:
        raise DataError(f"the root has {len(root):,} bytes, at most {MOST_ROOT_BYTES:,} are read")
    try:
        read = Metadata[Root].from_bytes(root)
        if not isinstance(read.signed, Root):
            raise DataError("the file is other metadata of a repository, not its root")
        read.signed.verify_delegate(Root.type, read.signed_bytes, read.signatures)
    except (RepositoryError, ValueError, KeyError, TypeError, RecursionError) as error:
        unsigned = isinstance(error, UnsignedMetadataError)
        why = "its own keys did not sign it" if unsigned else "it is no sound JSON of one"
        raise DataError(
            f"the file is no root of a repository: {why}; its publisher has the right one, "
            "metadata/1.root.json"
        ) from None
    return {name: (role.threshold, len(role.keyids)) for name, role in read.signed.roles.items()}


def author_keys(release: SeenRelease, author: str) -> tuple[PublicKey, ...]:
    """Return the keys that an author had when a release was let in."""
    return tuple(
        PublicKey.from_pem(key.encode(), f"the key of {author}", author) for key in release.keys
    )


def unwritable(folder: Path, error: OSError) -> OutputError:
    """Return what is said where the home cannot be written."""
    said = output_error(folder, error)
    return type(said)(
        f"{said}; what is seen of a repository must be kept: name a folder that can be written by "
        f"--home or {VARIABLE}. `badnets hub verify` writes nothing"
    )


def _user_data() -> Path:
    """Return where this system keeps what a user's programs cannot fetch again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".local" / "share"

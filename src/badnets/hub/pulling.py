"""A model out of a repository: all of it is checked before anything of it is seen, or nothing is.

The order: the root that is trusted, freshness, author and version, the author's statements, audits
against the policy, how it was made, base models likewise, then every byte. Nothing is parsed as a
network's file before its bytes are those that were signed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from badnets._version import __version__
from badnets.bundles.atomic import new_folder, output_error, remove_stale
from badnets.bundles.copies import check_place
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.folder import read_bundle
from badnets.bundles.manifest import ALLOWED, MODEL
from badnets.core.errors import BundleError, OutputError, TakenError
from badnets.core.progress import Listener, Progress
from badnets.hub.beside import may_lie_beside, statements_of
from badnets.hub.cache import Cache
from badnets.hub.fetching import Deadline, Fetcher, Source, source_of
from badnets.hub.home import Home, SeenRelease, TrustedRepository
from badnets.hub.metadata import MOST_FILES, Kept, Listing, Release, listing
from badnets.hub.names import ModelName
from badnets.hub.policy import Policy, pem_of
from badnets.hub.receipts import (
    RECEIPT,
    Receipt,
    ReceivedAudit,
    ReceivedFrom,
)
from badnets.hub.refusals import Refused
from badnets.hub.statements import MOST_BYTES as MOST_STATEMENT_BYTES
from badnets.hub.statements import BaseModelRef, moment, now
from badnets.hub.vetting import Vetted, vet

FEW_S = 120.0
"""Longest time for all that is said of a model, before its files."""

MOST_BASES = 8
MOST_NAMED = 20
_AT_ONCE = 4
_MOST_LETTERS = 500  # of a line that is recorded


@dataclass(frozen=True)
class Allowing:
    """What is let pass because the user says so; each is recorded.

    Args:
        unaudited: a model without an audit that counts.
        expired: metadata that have expired.
        yanked: a version that was taken back.
    """

    unaudited: bool = False
    expired: bool = False
    yanked: bool = False


@dataclass
class Pull:
    """One repository, asked for models.

    Args:
        repository: that is trusted.
        cache: where whole files are kept.
        policy: None: the repository's own.
        allowing: what is let pass.
        deadline_s: seconds that a pull may take.
        most_bytes: that a model may have.
        offline: whether what was fetched last counts, and no server is asked.
        silence_s: longest time that a server may say nothing.
        pause_s: what is waited before a server that failed is asked again; twice as long each time.
        tell: told how many bytes there are of how many.
    """

    repository: TrustedRepository
    cache: Cache
    policy: Policy | None = None
    allowing: Allowing = field(default_factory=Allowing)
    deadline_s: float = 3600.0
    most_bytes: int = 2**33
    offline: bool = False
    silence_s: float = 15.0
    pause_s: float = 0.3
    tell: Listener | None = None

    def to(self, name: ModelName, path: Path) -> Receipt:
        """Pull a model into a new folder; what is said of it goes beside, into PATH.statements.

        Args:
            name: without a version: its highest that was not taken back.
            path: a new folder; it appears whole or not at all.

        Raises:
            Refused: for the reason that it names; nothing is left behind.
            Unchecked: the server is away; what came is kept, and taken up by the next pull.
            OutputError: the name is taken, the disk is full, or the home cannot be written.
        """
        path = path.absolute()
        check_place(path)
        beside = statements_of(path)
        _check_beside(beside)
        remove_stale(path.parent)
        policy = self.policy or self.repository.policy
        deadline = Deadline(self.deadline_s)
        with self._asking(deadline) as (source, soon):
            listed = self._listing(name.author, soon)
            release = self.chosen(name, listed)
            said = self.said(release, soon)
            vetted = self._vetted(release, said, listed, policy)
            bases, of_bases = self._bases(vetted, {name.author: listed}, soon, policy)
            self._check_space(vetted, path)
            receipt = self._receipt(vetted, listed, release, said, bases, of_bases, policy)
            with _both_or_none(path, beside), new_folder(path) as folder:
                self._fill(folder, release, vetted, Fetcher(source, deadline, self.pause_s))
                _check_bundle(folder, vetted)
                with self.repository.locked(deadline):
                    self._record(vetted, listed, policy, receipt)
                _write_beside(beside, said, receipt)
        return receipt

    @contextmanager
    def _asking(self, deadline: Deadline) -> Iterator[tuple[Source, Fetcher]]:
        """Give the source, and a fetcher of small files that has less time."""
        source: Source = (
            Kept(self.repository.metadata)
            if self.offline
            else source_of(self.repository.place, self.silence_s)
        )
        try:
            yield source, Fetcher(source, Deadline(min(FEW_S, deadline.remaining_s)), self.pause_s)
        finally:
            source.close()

    @contextmanager
    def asking(self) -> Iterator[Fetcher]:
        """Give what reads small files of the repository."""
        with self._asking(Deadline(self.deadline_s)) as (_, fetcher):
            yield fetcher

    def listing(self, author: str, fetcher: Fetcher) -> Listing:
        """Return what an author has in the repository now; see `badnets.hub.metadata.listing`."""
        return self._listing(author, fetcher)

    def _listing(self, author: str, fetcher: Fetcher) -> Listing:
        with self.repository.locked(fetcher.deadline):
            return listing(self.repository, author, fetcher, allow_expired=self.allowing.expired)

    def chosen(self, name: ModelName, listed: Listing) -> Release:
        """Return the release that is asked for.

        Raises:
            Refused: there is none, it was taken back, or what was seen before is gone.
        """
        releases = listed.releases(name)
        seen = self.repository.seen().get(name.bare, {})
        if gone := sorted(seen.keys() - releases.keys()):
            raise Refused(
                "rolled back",
                f"{name.bare}@{gone[-1]} was let in before, and the repository has it no more",
            )
        if not releases:
            models = ", ".join(listed.models()[:MOST_NAMED]) or "none"
            raise Refused(
                "name", f"{listed.author} has no model {name.model!r} here; there are: {models}"
            )
        if name.version is None:
            kept = [one for one in releases.values() if not one.yanked]
            if not kept:
                why = next(iter(releases.values())).yanked
                raise Refused("yanked", f"every version of {name} was taken back: {why}")
            return kept[0]
        release = next((one for one in releases.values() if one.name.number == name.number), None)
        if release is None:
            raise Refused("version", f"{name}: there are {', '.join(releases)}")
        if release.yanked and not self.allowing.yanked:
            raise Refused(
                "yanked",
                f"{release.name} was taken back: {release.yanked}; --yanked takes it all the same",
            )
        return release

    def said(self, release: Release, fetcher: Fetcher) -> dict[str, bytes]:
        """Return all that lies beside the bundle of a release, as its author listed it.

        Raises:
            Refused: a file is larger than is read, or is not the one listed.
        """
        if len(release.files) > MOST_FILES:
            raise Refused("too large", f"{release.name} has {len(release.files)} files")

        def one(file: str) -> bytes:
            where, length, sha256 = release.where(file)
            if length > MOST_STATEMENT_BYTES:
                raise Refused("too large", f"{file} of {release.name}: {length:,} bytes")
            return self.cache.read(where, length, sha256, fetcher)

        names = sorted(release.files.keys() - ALLOWED)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(names, pool.map(one, names), strict=True))

    def _vetted(
        self, release: Release, said: dict[str, bytes], listed: Listing, policy: Policy
    ) -> Vetted:
        author = release.name.author
        keys = policy.keys_of_author(author)
        if keys is not None and not keys:
            raise Refused("author", f"the policy lets nobody called {author!r} in")
        known = {key.keyid for key in keys or ()}
        if keys and not known & {key.keyid for key in listed.keys}:
            raise Refused(
                "author",
                f"the repository gives {author!r} another key than the policy: it was replaced by "
                "somebody, or by the author; ask, and then change the policy",
            )
        vetted = vet(
            release.name,
            said,
            keys or listed.keys,
            policy,
            now(),
            allow_unaudited=self.allowing.unaudited,
        )
        for file, one in vetted.files.items():
            where, length, sha256 = release.where(file)
            if (length, sha256) != (one.length, one.sha256):
                raise Refused(
                    "digest", f"{where}: the repository lists other bytes than the author signed"
                )
        before = self.repository.seen().get(release.name.bare, {}).get(release.name.version or "")
        if before is not None and before.digest != vetted.digest:
            raise Refused(
                "replaced",
                f"{release.name} was let in before with other files: a version never changes",
            )
        return vetted

    def _bases(
        self,
        vetted: Vetted,
        listed: dict[str, Listing],
        fetcher: Fetcher,
        policy: Policy,
    ) -> tuple[tuple[BaseModelRef, ...], tuple[str, ...]]:
        """Return the models that it was retrained from, each let in by the policy too.

        And what was let pass of them because the user says so.
        """
        found: list[BaseModelRef] = []
        let_pass: list[str] = []
        base = vetted.base_model
        while base is not None and policy.base_model == "audited":
            if base in found or len(found) == MOST_BASES:
                raise Refused("base model", f"{vetted.name}: its base models go on and on")
            found.append(base)
            name = ModelName.of(base.name).at(base.version)
            try:
                if name.author not in listed:
                    listed[name.author] = self._listing(name.author, fetcher)
                release = self.chosen(name, listed[name.author])
                said = self.said(release, fetcher)
                checked = self._vetted(release, said, listed[name.author], policy)
            except Refused as error:
                raise Refused(
                    "base model",
                    f"{vetted.name} was retrained from {name}: {error}",
                ) from error
            if checked.digest != base.digest:
                raise Refused(
                    "base model",
                    f"{vetted.name} was retrained from other files than those of {name} here",
                )
            expired = () if name.author == vetted.name.author else listed[name.author].expired
            let_pass += [
                f"base model {name}: {one}"[:_MOST_LETTERS]
                for one in (*checked.let_pass, *expired, *_taken_back(release))
            ]
            base = checked.base_model
        return tuple(found), tuple(dict.fromkeys(let_pass))

    def _check_space(self, vetted: Vetted, path: Path) -> None:
        needed = sum(one.length for one in vetted.files.values())
        if needed > self.most_bytes:
            raise Refused(
                "too large",
                f"{vetted.name} has {needed:,} bytes, at most {self.most_bytes:,} are taken; "
                "--max-gib allows more",
            )
        for folder in (self.cache.folder, path.parent):
            while not folder.exists():
                folder = folder.parent
            if shutil.disk_usage(folder).free < needed:
                raise OutputError(
                    f"{vetted.name} needs {needed:,} bytes, and {folder} has no such space left"
                )

    def _fill(self, folder: Path, release: Release, vetted: Vetted, fetcher: Fetcher) -> None:
        """Put every file into a folder; each is of the length and digest that were signed."""
        counted = _Counted(
            sum(one.length for one in vetted.files.values()), str(vetted.name), self.tell
        )

        def one(file: str) -> None:
            where, length, sha256 = release.where(file)
            self.cache.put(folder / file, where, length, sha256, fetcher, counted.add)

        largest_first = sorted(vetted.files, key=lambda file: -vetted.files[file].length)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done in as_completed([pool.submit(one, file) for file in largest_first]):
                    done.result()
            except OSError as error:
                fetcher.deadline.end()
                raise output_error(self.cache.folder, error) from error
            except BaseException:
                fetcher.deadline.end()  # the others need not go on
                raise

    def _record(self, vetted: Vetted, listed: Listing, policy: Policy, receipt: Receipt) -> None:
        keys = policy.keys_of_author(vetted.name.author) or listed.keys
        release = SeenRelease.of(
            digest=vetted.digest,
            keys=tuple(pem_of(key) for key in keys),
            let_pass=receipt.let_pass,
        )
        self.repository.record(vetted.name, release)

    def _receipt(
        self,
        vetted: Vetted,
        listed: Listing,
        release: Release,
        said: dict[str, bytes],
        bases: tuple[BaseModelRef, ...],
        of_bases: tuple[str, ...],
        policy: Policy,
    ) -> Receipt:
        let_pass = [*vetted.let_pass, *listed.expired, *_taken_back(release), *of_bases]
        if vetted.base_model and policy.base_model == "any":
            let_pass.append("its base model was not looked at")
        return Receipt.of(
            model=vetted.name.bare,
            version=vetted.name.version,
            digest=vetted.digest,
            repository=ReceivedFrom.of(
                place=self.repository.place,
                fingerprint=self.repository.fingerprint,
                versions=dict(listed.versions),
            ),
            author_keyid=vetted.keyid,
            audits=tuple(
                ReceivedAudit.of(
                    auditor=one.auditor,
                    keyid=one.keyid,
                    conclusion=one.audit.conclusion,
                    made=one.audit.made,
                    expires=one.audit.expires,
                )
                for one in vetted.audits
            ),
            base_models=bases,
            files=tuple(vetted.files.values()),
            statements={file: sha256_bytes(data) for file, data in said.items()},
            policy_sha256=policy.digest,
            let_pass=tuple(let_pass),
            checked=_checked(vetted, listed, bases),
            pulled=moment(now()),
            tool={"badnets": __version__},
        )


def pull(
    name: ModelName | str,
    path: Path | str,
    *,
    repository: str | None = None,
    home: Path | str | None = None,
    policy: Policy | None = None,
    allowing: Allowing = Allowing(),
    offline: bool = False,
    deadline_s: float = 3600.0,
    most_bytes: int = 2**33,
    tell: Listener | None = None,
) -> Receipt:
    """Pull a model out of a repository that is trusted: see `Pull.to`.

    Args:
        name: AUTHOR/MODEL or AUTHOR/MODEL@VERSION.
        path: a new folder, which becomes a bundle.
        repository: address, folder, or the first digits of its root's fingerprint; None: the only
            one that is trusted.
        home: what is kept of repositories; None: ``$BADNETS_HUB``, else the user's own.
        policy: None: the one that the repository was trusted with.
        allowing: what is let pass; it is recorded.
        offline: whether what was fetched last counts, and no server is asked.
        deadline_s: seconds that it may take.
        most_bytes: that the model may have.
        tell: told how many bytes there are of how many.

    Raises:
        BadnetsError: as `Pull.to`.
    """
    kept = Home.of(home)
    asked = Pull(
        kept.repository(repository),
        kept.cache,
        policy,
        allowing,
        deadline_s,
        most_bytes,
        offline,
        tell=tell,
    )
    return asked.to(ModelName.of(name) if isinstance(name, str) else name, Path(path))


@dataclass
class _Counted:
    """Bytes that several threads count."""

    total: int
    what: str
    tell: Listener | None
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        if self.tell is not None:
            with self.lock:
                self.done += count
                self.tell(Progress(self.done, self.total, self.what))


def _check_beside(folder: Path) -> None:
    """Refuse a place for statements that holds anything else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise TakenError(f"{folder} is there and is no folder: choose another name for the model")
    for one in folder.iterdir() if folder.is_dir() else ():
        if not may_lie_beside(one.name):
            raise TakenError(f"{folder} holds {one.name[:80]!r}: choose another name for the model")


@contextmanager
def _both_or_none(path: Path, beside: Path) -> Iterator[None]:
    """Delete what was written beside a folder that then could not get its name."""
    try:
        yield
    except BaseException:
        if not path.exists():
            shutil.rmtree(beside, ignore_errors=True)
        raise


def _write_beside(folder: Path, said: dict[str, bytes], receipt: Receipt) -> None:
    with new_folder(folder, replace=True) as partial:
        for file, data in {**said, RECEIPT: receipt.to_json()}.items():
            (partial / file).write_bytes(data)


def _check_bundle(folder: Path, vetted: Vetted) -> None:
    """Refuse signed files that are no bundle, or not the bundle that they are said to be."""
    try:
        bundle = read_bundle(folder)
    except BundleError as error:
        said = str(error).replace(str(folder), str(vetted.name))
        raise Refused("file type", f"{vetted.name}: {said}") from None
    if bundle.digests[MODEL] != vetted.files[MODEL].sha256:
        raise Refused("digest", f"{vetted.name}: its own manifest.json lists another {MODEL}")
    if bundle.config.architecture.name != vetted.manifest.architecture:
        raise Refused(
            "statement of another model",
            f"{vetted.name} is said to be {vetted.manifest.architecture!r}, its configuration says "
            f"{bundle.config.architecture.name!r}",
        )


def _taken_back(release: Release) -> tuple[str, ...]:
    why = release.yanked
    return (f"taken back by its author: {why}"[:_MOST_LETTERS],) if why else ()


def _checked(vetted: Vetted, listed: Listing, bases: tuple[BaseModelRef, ...]) -> tuple[str, ...]:
    audits = [
        f"audited by {one.auditor}: {one.audit.conclusion}, until {one.audit.expires}"
        for one in vetted.audits
    ]
    return (
        f"root {listed.versions['root']} follows from the root that was trusted",
        f"metadata are no older than any seen: timestamp {listed.versions['timestamp']}",
        f"metadata have {'expired' if listed.expired else 'not expired'}",
        f"author {vetted.name.author} signed {vetted.name} with the key {vetted.keyid[:16]}",
        *audits,
        "how it was made was signed by the same author",
        *(f"base model {one.name}@{one.version} likewise" for one in bases),
        f"every byte of {len(vetted.files)} files, by length and SHA-256",
    )

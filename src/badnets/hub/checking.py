"""A model that lies here: checked byte by byte, offline; and what is claimed of one, unchecked.

Nothing here asks a server, and nothing is written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import Bundle, read_bundle
from badnets.bundles import verify as verify_bundle
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.folder import MAX_BYTES
from badnets.bundles.manifest import ALLOWED, MANIFEST, MODEL
from badnets.core.errors import BundleError, DataError
from badnets.core.files import regular_file, usable_path
from badnets.core.progress import Listener, Progress
from badnets.hub.beside import read_statements, statements_of
from badnets.hub.home import Home, SeenRelease, TrustedRepository, author_keys
from badnets.hub.keys import PublicKey
from badnets.hub.names import STATEMENT, ModelName
from badnets.hub.policy import Policy
from badnets.hub.receipts import RECEIPT, Receipt
from badnets.hub.refusals import Refused, Unchecked, at_fault
from badnets.hub.statements import Manifest, SaidFile, now, unchecked
from badnets.hub.vetting import NO_AUDIT, Vetted, check_file, vet

_CHUNK = 1 << 18  # bytes that a processor's cache holds


@dataclass(frozen=True)
class Verified:
    """A model whose every byte is what its author signed.

    Attributes:
        bundle: as it was read; `badnets.load` takes it, and hashes again what it parses.
        vetted: what is said of it, by whom.
        receipt: of the pull; None: there is none.
        let_pass: what was let pass that is usually refused.
    """

    bundle: Bundle
    vetted: Vetted
    receipt: Receipt | None
    let_pass: tuple[str, ...]


def verify(
    path: Path | str,
    *,
    statements: Path | str | None = None,
    author: PublicKey | None = None,
    home: Path | str | None = None,
    policy: Policy | None = None,
    allow_unaudited: bool = False,
    tell: Listener | None = None,
) -> Verified:
    """Return the model in a folder, once every byte of it is found to be what its author signed.

    The author's key is the one that is given, else the one that the model was let in by when it was
    pulled. The policy is the one that is given, else the one that its repository was trusted with.
    No server is asked: whether it was taken back meanwhile is not seen.

    Args:
        path: the bundle.
        statements: folder of what is said of it; None: PATH.statements.
        author: its author's key; None: as it is known here.
        home: what is kept of repositories; None: ``$BADNETS_HUB``, else the user's own.
        policy: what is let in.
        allow_unaudited: whether a model without an audit that counts passes.
        tell: told how many bytes there are of how many.

    Raises:
        Refused: for the reason that it names; its ``file`` is the path of what is at fault.
        Unchecked: nothing is said of it, or its author's key is not known here.
        DataError: there is no such folder.
    """
    path = _folder(path)
    beside = Path(statements) if statements else statements_of(path)
    with _within(beside):
        said = read_statements(beside)
        if STATEMENT not in said:
            verify_bundle(path)
            raise Unchecked(
                f"{path}: its files agree with its own manifest.json, which anybody can write; "
                f"nothing beside it ({beside.name}) says who made it"
            )
        vetted, let_pass = _vetted(said, author, policy, Home.of(home), allow_unaudited)
        with at_fault(RECEIPT):
            receipt = _receipt(said, vetted)
    with _within(path):
        _check_files(path, vetted, tell)
        bundle = _bundle(path, vetted)
    return Verified(bundle, vetted, receipt, tuple(dict.fromkeys((*let_pass, *vetted.let_pass))))


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    """Say of a file that is at fault in which folder it lies."""
    try:
        yield
    except Refused as error:
        error.file = error.file and str(folder / error.file)
        raise


def _vetted(
    said: Mapping[str, bytes],
    author: PublicKey | None,
    policy: Policy | None,
    home: Home,
    allow_unaudited: bool,
) -> tuple[Vetted, tuple[str, ...]]:
    """Return what is let in, and what was let pass when it was pulled."""
    with at_fault(STATEMENT):
        claim, _ = unchecked(said[STATEMENT], STATEMENT, Manifest)
    name = ModelName.of(claim.model).at(claim.predicate.version)
    keys, policy, known = _trusted(name, author, policy, home)
    let_pass = known.let_pass if known else ()
    vetted = vet(
        name,
        {file: data for file, data in said.items() if file != RECEIPT},
        keys,
        policy,
        now(),
        allow_unaudited=allow_unaudited or NO_AUDIT in let_pass,
    )
    if known is not None and known.digest != vetted.digest:
        raise Refused("replaced", f"{name} was let in with other files before: these came later")
    return vetted, let_pass


def _folder(path: Path | str) -> Path:
    path = usable_path(path)
    if not path.exists():
        raise DataError(f"{path}: no such folder")
    if not path.is_dir():
        raise DataError(f"{path} is a file; a model is a folder")
    return path


def _trusted(
    name: ModelName, author: PublicKey | None, policy: Policy | None, home: Home
) -> tuple[Sequence[PublicKey], Policy, SeenRelease | None]:
    """Return the keys of an author, the policy, and the release as it was let in here."""
    found: tuple[TrustedRepository, SeenRelease] | None = next(home.releases(name), None)
    if policy is None and found is not None:
        policy = found[0].policy
    elif policy is None:
        known = home.repositories()
        policy = known[0].policy if len(known) == 1 else Policy()
    release = found[1] if found else None
    pinned = policy.keys_of_author(name.author)
    if author is not None:
        return [author], policy, release
    if pinned is not None and not pinned:
        raise Refused("author", f"the policy lets nobody called {name.author!r} in")
    if pinned:
        return pinned, policy, release
    if release is None:
        raise Unchecked(
            f"{name} was not pulled here: by whom it was signed cannot be told; give its author's "
            "key by --key FILE.pub, or pull it"
        )
    return author_keys(release, name.author), policy, release


def _receipt(said: Mapping[str, bytes], vetted: Vetted) -> Receipt | None:
    if RECEIPT not in said:
        return None
    try:
        receipt = Receipt.from_json(said[RECEIPT], RECEIPT)
    except BundleError as error:
        raise Refused("malformed", str(error)) from None
    if (receipt.model, receipt.version) != (vetted.name.bare, vetted.name.version):
        raise Refused(
            "statement of another model", f"{RECEIPT} is of {receipt.model}@{receipt.version}"
        )
    if receipt.digest != vetted.digest:
        raise Refused("digest", f"{RECEIPT} is of other files of {vetted.name}")
    beside = {file: sha256_bytes(data) for file, data in said.items() if file != RECEIPT}
    if receipt.statements != beside:
        other = sorted(
            file
            for file in receipt.statements.keys() | beside.keys()
            if receipt.statements.get(file) != beside.get(file)
        )[0]
        raise Refused("digest", f"{other} is not what {RECEIPT} lists: it was changed since")
    return receipt


def _check_files(path: Path, vetted: Vetted, tell: Listener | None) -> None:
    """Compare every file of a folder with what its author signed."""
    with os.scandir(path) as entries:
        there = {entry.name: entry for entry in entries}
    for name in sorted(there.keys() - ALLOWED):
        with at_fault(name):
            raise Refused("extra file", f"{path} holds {name[:80]!r}, which was not signed")
    if missing := sorted(ALLOWED - there.keys()):
        with at_fault(missing[0]):
            raise Refused("missing file", f"{path} lacks {', '.join(missing)}")
    for name, entry in there.items():
        with at_fault(name):
            if entry.is_symlink():
                raise Refused("links", f"{name} in {path} is a link")
            if not entry.is_file(follow_symlinks=False):
                raise Refused("file type", f"{name} in {path} is no regular file")
    total, done = sum(one.length for one in vetted.files.values()), 0
    for said in sorted(vetted.files.values(), key=lambda one: one.length):
        before = done

        def count(length: int, before: int = before) -> None:
            if tell is not None:
                tell(Progress(before + length, total, "checking"))

        with at_fault(said.name):
            length, sha256 = _hashed(path / said.name, said, count)
        check_file(vetted.name, said, length, sha256)
        done += length


def _hashed(path: Path, said: SaidFile, count: Callable[[int], None]) -> tuple[int, str]:
    """Return the length and the digest of a file; the digest is empty where the length is wrong."""
    try:
        with regular_file(path, MAX_BYTES[said.name], follow=False, error=BundleError) as file:
            size = os.fstat(file.fileno()).st_size
            if size != said.length:
                return size, ""
            digest, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
            done = 0
            while got := file.readinto(buffer):  # type: ignore[attr-defined]
                digest.update(buffer[:got])
                done += got
                count(done)
            return done, digest.hexdigest()
    except BundleError as error:
        raise Refused("file type", str(error)) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def _bundle(path: Path, vetted: Vetted) -> Bundle:
    try:
        bundle = read_bundle(path)
    except BundleError as error:
        raise Refused("file type", str(error)) from None
    with at_fault(MANIFEST):
        if bundle.digest != vetted.files[MANIFEST].sha256:
            raise Refused("digest", f"{MANIFEST} in {path} was changed since it was checked")
        if bundle.digests[MODEL] != vetted.files[MODEL].sha256:
            raise Refused("digest", f"{MANIFEST} in {path} lists another {MODEL}")
    return bundle

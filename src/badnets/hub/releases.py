"""A release before it is published: all that can be checked of it is checked, as a client would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import verify
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import ALLOWED
from badnets.core.errors import DataError, SettingError
from badnets.core.files import read_file
from badnets.hub import names
from badnets.hub.keys import PublicKey
from badnets.hub.names import ModelName
from badnets.hub.oms import read_oms
from badnets.hub.refusals import Refused
from badnets.hub.repository import ReleaseFile
from badnets.hub.signing import said_files
from badnets.hub.statements import (
    MOST_BYTES,
    Audit,
    Manifest,
    Predicate,
    Provenance,
    Q,
    SaidFile,
    Statement,
    TestResult,
    manifest_digest,
    moment,
    now,
    read,
    unchecked,
)


@dataclass(frozen=True)
class Release:
    """What is published of one version.

    Attributes:
        name: with its version.
        digest: of the manifest of its files.
        files: name -> file, the bundle's and the statements.
        audits: auditor -> what was found.
    """

    name: ModelName
    digest: str
    files: dict[str, ReleaseFile]
    audits: dict[str, Audit]


def check_release(
    name: ModelName,
    bundle: Path | str,
    statements: Path | str,
    authors: Sequence[PublicKey],
    auditors: Iterable[PublicKey],
) -> Release:
    """Return a release that nothing is wrong with.

    Args:
        name: with a version.
        bundle: every byte of it is read.
        statements: folder of what `signing` writes, and nothing else.
        authors: the author's keys, of which one must have signed.
        auditors: keys of which one must have signed each audit; none of them an author's.

    Raises:
        BundleError: the bundle is damaged.
        DataError: there are no statements.
        SettingError: the key of an auditor is not there.
        Refused: for what a client would refuse it for.
    """
    found, folder = verify(bundle), Path(statements)
    files = said_files(found)
    digest = manifest_digest(files)
    said = _statements(folder)

    def checked(file: str, keys: Iterable[PublicKey], kind: type[Q]) -> Statement[Q]:
        if file not in said:
            raise Refused(
                "missing file", f"{file} is not in {folder}: `badnets hub sign` writes it"
            )
        statement = read(said[file], keys, kind, file)
        _check_subject(statement, name, digest, file)
        return statement

    manifest = checked(names.STATEMENT, authors, Manifest).predicate
    _check_files(manifest, files)
    if manifest.version != name.version:
        raise Refused("version", f"{names.STATEMENT} is of version {manifest.version}, not {name}")
    if manifest.architecture != found.config.architecture.name:
        raise Refused("digest", f"{names.STATEMENT} names another network than the bundle")
    checked(names.PROVENANCE, authors, Provenance)
    if manifest.oms_sha256 != (sha256_bytes(said[names.OMS]) if names.OMS in said else None):
        raise Refused("digest", f"{names.OMS} is not the one that {names.STATEMENT} lists")
    if names.OMS in said:
        signer = next(one for one in authors if one.keyid == _signer(said[names.STATEMENT]))
        if read_oms(said[names.OMS], signer, names.OMS).files != {f.name: f.sha256 for f in files}:
            raise Refused("digest", f"{names.OMS} lists other files than the bundle's")
    audits = {}
    for file in sorted(said):
        if auditor := names.auditor_of(file):
            key = _auditor(auditor, _signer(said[file]), authors, auditors)
            audit = checked(file, [key], Audit).predicate
            checked(names.result_file(auditor), [key], TestResult)
            if audit.version != name.version:
                raise Refused("audit of another model", f"{file} is of version {audit.version}")
            if audit.expires <= moment(now()):
                raise Refused("audit expired", f"{file} could be relied on until {audit.expires}")
            audits[auditor] = audit
        elif file.startswith("test-") and file.replace("test", "audit", 1) not in said:
            raise Refused("missing file", f"{file} stands alone: its audit is missing")
    listed = {
        one.name: ReleaseFile(found.path / one.name, one.length, one.sha256) for one in files
    } | {
        file: ReleaseFile(folder / file, len(data), sha256_bytes(data))
        for file, data in said.items()
    }
    return Release(name, digest, listed, audits)


def _statements(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder} of statements: `badnets hub sign` writes it")
    said = {}
    for path in sorted(folder.iterdir()):
        if not names.is_release_file(path.name) or path.name in ALLOWED:
            raise Refused("extra file", f"{path.name[:80]!r} in {folder} is no statement")
        if path.is_symlink():
            raise Refused("links", f"{path} is a link")
        said[path.name] = read_file(path, MOST_BYTES)
    return said


def _check_subject(
    statement: Statement[Predicate], name: ModelName, digest: str, file: str
) -> None:
    if (statement.model, statement.digest) != (name.bare, digest):
        audit = isinstance(statement.predicate, Audit | TestResult)
        other = statement.model if statement.model != name.bare else "other files"
        raise Refused(
            "audit of another model" if audit else "statement of another model",
            f"{file} is of {other}, not of {name} as it is",
        )


def _check_files(manifest: Manifest, files: tuple[SaidFile, ...]) -> None:
    for said, found in zip(manifest.files, files, strict=True):
        if said.length != found.length:
            raise Refused("length", f"{found.name} has another length than was signed")
        if said.sha256 != found.sha256:
            raise Refused("digest", f"{found.name} is not the file that was signed")


def _signer(data: bytes) -> str:
    return unchecked(data)[1]


def _auditor(
    name: str, keyid: str, authors: Sequence[PublicKey], auditors: Iterable[PublicKey]
) -> PublicKey:
    if any(one.keyid == keyid for one in authors):
        raise Refused("self-audit", f"the audit of {name} is signed by the model's author")
    for key in auditors:
        if key.keyid == keyid and key.role in ("auditor", None):
            return key
    raise SettingError(
        f"the audit of {name} is signed by the key {keyid[:16]}, which is not at hand to check it: "
        f"--auditor {name}.pub"
    )

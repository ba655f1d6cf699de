"""A release before it is published: what a client would refuse it for, it is refused for here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import verify
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import ALLOWED
from badnets.core.errors import DataError, SettingError
from badnets.core.files import read_file
from badnets.core.verdicts import EXIT_CODES
from badnets.hub import names
from badnets.hub.keys import PublicKey
from badnets.hub.names import ModelName
from badnets.hub.oms import read_oms
from badnets.hub.policy import Policy, pem_of
from badnets.hub.refusals import Refused
from badnets.hub.repository import ReleaseFile
from badnets.hub.signing import said_files
from badnets.hub.statements import MOST_BYTES, Audit, now, unchecked
from badnets.hub.vetting import check_file, vet

_PAIRS = {"audit": "test", "test": "audit"}  # an audit is said in two forms


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
    """Return a release that nothing is wrong with; any verdict may be published.

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
    name.target(names.STATEMENT)
    found, folder = verify(bundle), Path(statements)
    files = said_files(found)
    said = _statements(folder)
    known = _auditors(said, authors, list(auditors))
    policy = Policy.of(
        auditors={who: (pem_of(key),) for who, key in known.items()},
        verdicts=tuple(EXIT_CODES),
        max_audit_age_days=36_500.0,
        unaudited="allow",
    )
    vetted = vet(name, said, authors, policy, now())
    for one in files:
        check_file(name, vetted.files[one.name], one.length, one.sha256)
    if vetted.manifest.architecture != found.config.architecture.name:
        raise Refused("malformed", f"{names.STATEMENT} names another network than the bundle")
    if names.OMS in said:
        signer = next(one for one in authors if one.keyid == vetted.keyid)
        if read_oms(said[names.OMS], signer, names.OMS).files != {f.name: f.sha256 for f in files}:
            raise Refused("digest", f"{names.OMS} lists other files than the bundle's")
    listed = {
        one.name: ReleaseFile(found.path / one.name, one.length, one.sha256) for one in files
    } | {
        file: ReleaseFile(folder / file, len(data), sha256_bytes(data))
        for file, data in said.items()
    }
    audits = {one.auditor: one.audit for one in vetted.audits}
    if late := sorted(set(known) - set(audits)):
        raise Refused("audit expired", f"the audit of {late[0]} may be relied on no more")
    return Release(name, vetted.digest, listed, audits)


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


def _auditors(
    said: Mapping[str, bytes], authors: Sequence[PublicKey], known: Sequence[PublicKey]
) -> dict[str, PublicKey]:
    """Return by whose keys the audits are to be checked, which must be at hand."""
    found = {}
    for file, data in said.items():
        kind, dash, who = file.partition("-")
        other = f"{_PAIRS[kind]}-{who}" if dash else file
        if other not in said:
            raise Refused("missing file", f"{other} is missing, which belongs to {file}")
        if (auditor := names.auditor_of(file)) is None:
            continue
        keyid = unchecked(data, file)[1]
        if any(one.keyid == keyid for one in authors):
            raise Refused("self-audit", f"{file} is signed by the model's author")
        key = next((one for one in known if one.keyid == keyid), None)
        if key is None:
            raise SettingError(
                f"{file} is signed by the key {keyid[:16]}, which is not at hand to check it: "
                f"--auditor {auditor}.pub"
            )
        found[auditor] = key
    return found

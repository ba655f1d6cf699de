"""A release before it is published: what a client would refuse it for, it is refused for here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from badnets.bundles import verify
from badnets.bundles.digests import sha256_bytes
from badnets.core.conclusions import EXIT_CODES
from badnets.core.errors import DataError, SettingError
from badnets.core.results import Result
from badnets.hub import names
from badnets.hub.beside import read_statements, statements_of
from badnets.hub.keys import PublicKey
from badnets.hub.names import ModelName
from badnets.hub.oms import read_oms
from badnets.hub.policy import Policy, pem_of
from badnets.hub.receipts import RECEIPT
from badnets.hub.refusals import Refused
from badnets.hub.repository import ReleaseFile, Repository
from badnets.hub.signing import said_files
from badnets.hub.statements import Audit, Predicate, now, unchecked
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
    said = read_statements(folder)
    if not said:
        raise DataError(
            f"there is no folder {folder} with statements: `badnets hub sign` writes it"
        )
    if RECEIPT in said:
        raise Refused("extra file", f"{RECEIPT} in {folder} is no statement")
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


class Published(Result):
    """A version that is in a repository now.

    Attributes:
        repository: folder of it.
        model: AUTHOR/MODEL@VERSION.
        digest: of the manifest of its files.
        files: how many, with what is said of it.
        audits: auditor -> conclusion.
        audited: the same in words.
        superseded: a higher version that was there already, which is what a pull gets.
    """

    repository: str
    model: str
    digest: str = Field(title="digest")
    files: int = Field(title="files")
    audits: dict[str, str]
    audited: str = Field(title="audits", exclude=True)
    superseded: str | None = Field(default=None, title="a higher version")


def publish(
    repository: Repository,
    name: ModelName,
    bundle: Path | str,
    statements: Path | str | None = None,
    auditors: Iterable[PublicKey] = (),
) -> Published:
    """Publish a version of a model, once nothing is wrong with it: see `check_release`.

    Args:
        repository: with the keys of its publisher and of the author.
        name: with a version.
        bundle: every byte of it is read.
        statements: folder of what is said of it; None: beside the bundle.
        auditors: their keys, beside those among the repository's.

    Raises:
        BadnetsError: as `check_release` and `Repository.publish`.
    """
    known = [*auditors, *repository.keys.public]
    release = check_release(
        name,
        bundle,
        statements or statements_of(bundle),
        repository.keys_of(name.author),
        [one for one in known if one.role in ("auditor", None)],
    )
    repository.publish(name, release.files)
    highest = name.at([*repository.versions(name)][-1])
    audits: dict[str, str] = {who: one.conclusion for who, one in release.audits.items()}
    return Published(
        repository=str(repository.folder),
        model=str(name),
        digest=release.digest,
        files=len(release.files),
        audits=audits,
        audited=", ".join(f"{said} by {who}" for who, said in audits.items()) or "none",
        superseded=str(highest) if highest.number > name.number else None,
    )


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
        _, keyid = unchecked(data, file, Predicate)
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

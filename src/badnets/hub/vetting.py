"""Whether what is said of a release lets it in: by whom, of which files, and how it was audited.

Nothing here reads a file or asks a server: publishing, pulling and verifying all ask this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from badnets.bundles.digests import sha256_bytes
from badnets.bundles.folder import MAX_BYTES
from badnets.bundles.manifest import ALLOWED
from badnets.core.conclusions import conclusion_from
from badnets.hub.keys import PublicKey
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName, auditor_of, result_file
from badnets.hub.policy import Policy
from badnets.hub.refusals import Refused, at_fault
from badnets.hub.statements import (
    Audit,
    BaseModelRef,
    Manifest,
    Predicate,
    Provenance,
    SaidFile,
    Statement,
    TestResult,
    manifest_digest,
    moment,
    read,
    unchecked,
)

AHEAD = timedelta(days=1)
"""By which another's clock may be ahead of ours."""

NO_AUDIT = "no audit that counts"
"""What is recorded of a model that was let in without one."""


class AuditSaid(NamedTuple):
    """An audit that counts.

    Attributes:
        auditor: by the name that the policy has.
        keyid: of the key that signed it.
        audit: what it says.
    """

    auditor: str
    keyid: str
    audit: Audit


@dataclass(frozen=True)
class Vetted:
    """A release that is let in, as far as can be told from what is said of it.

    Attributes:
        name: with its version.
        digest: of the manifest of its files.
        files: name -> length and digest.
        manifest: its author's word for them.
        provenance: how it was made, by its author's word.
        keyid: of the author's key.
        audits: those that count; none: it was let pass without.
    """

    name: ModelName
    digest: str
    files: Mapping[str, SaidFile]
    manifest: Manifest
    provenance: Provenance
    keyid: str
    audits: tuple[AuditSaid, ...]

    @property
    def base_model(self) -> BaseModelRef | None:
        """What it was retrained from."""
        return self.manifest.base_model

    @property
    def let_pass(self) -> tuple[str, ...]:
        """What was let pass that is usually refused."""
        return () if self.audits else (NO_AUDIT,)


def vet(
    name: ModelName,
    said: Mapping[str, bytes],
    author_keys: Collection[PublicKey],
    policy: Policy,
    now: datetime,
    *,
    allow_unaudited: bool = False,
) -> Vetted:
    """Return the release, if all that is said of it lets it in.

    Args:
        name: with its version.
        said: file -> content of all that lies beside the bundle.
        author_keys: of its author; an audit that one of them signed is refused.
        policy: of whoever lets it in.
        now: in UTC.
        allow_unaudited: whether a model without an audit that counts is let in.

    Raises:
        Refused: for the reason that it names.
    """
    with at_fault(STATEMENT):
        files, manifest = _manifest(name, said, author_keys)
    with at_fault(OMS):
        _check_oms(name, said, manifest)
    with at_fault(PROVENANCE):
        provenance = _provenance(name, said, author_keys, manifest)
    known = {key.keyid for key in author_keys} | {manifest.keyid}
    audits, late = _audits(name, said, known, manifest.digest, policy, now)
    if not audits and not (allow_unaudited or policy.unaudited == "allow"):
        raise Refused("audit expired", late) if late else _no_audit(name, said, policy)
    return Vetted(
        name,
        manifest.digest,
        files,
        manifest.predicate,
        provenance.predicate,
        manifest.keyid,
        audits,
    )


def check_file(name: ModelName, said: SaidFile, length: int, sha256: str) -> None:
    """Refuse a file that is not the one that the author signed.

    Raises:
        Refused: "length" or "digest".
    """
    with at_fault(said.name):
        if length != said.length:
            raise Refused(
                "length",
                f"{said.name} of {name}: {length:,} bytes, its author signed {said.length:,}",
            )
        if sha256 != said.sha256:
            raise Refused(
                "digest",
                f"{said.name} of {name} is not the file that its author signed: it was changed",
            )


def _manifest(
    name: ModelName, said: Mapping[str, bytes], keys: Collection[PublicKey]
) -> tuple[dict[str, SaidFile], Statement[Manifest]]:
    data = _present(name, said, STATEMENT)
    manifest = read(data, keys, Manifest, f"{STATEMENT} of {name}")
    files = {one.name: one for one in manifest.predicate.files}
    if missing := ALLOWED - files.keys():
        raise Refused("missing file", f"{STATEMENT} of {name} does not list {min(missing)}")
    if manifest_digest(files.values()) != manifest.digest:
        raise Refused("malformed", f"{STATEMENT} of {name}: its digest is not that of its files")
    _check_subject(name, manifest, manifest.predicate.version, manifest.digest, STATEMENT)
    for one in files.values():
        if one.length > MAX_BYTES[one.name]:
            raise Refused(
                "too large",
                f"{one.name} of {name}: {one.length:,} bytes, at most {MAX_BYTES[one.name]:,} "
                "are read",
            )
    return files, manifest


def _check_oms(name: ModelName, said: Mapping[str, bytes], manifest: Statement[Manifest]) -> None:
    signature, signed = said.get(OMS), manifest.predicate.oms_sha256
    if (signature is None) != (signed is None):
        raise Refused(
            "missing file" if signature is None else "extra file",
            f"{OMS} of {name}: {STATEMENT} names one" if signed else f"{OMS} of {name}: not signed",
        )
    if signature is not None and sha256_bytes(signature) != signed:
        raise Refused("digest", f"{OMS} of {name} is not the one that its author signed")


def _provenance(
    name: ModelName,
    said: Mapping[str, bytes],
    keys: Collection[PublicKey],
    manifest: Statement[Manifest],
) -> Statement[Provenance]:
    if PROVENANCE not in said:
        raise Refused("provenance", f"{name}: nothing says how it was made ({PROVENANCE})")
    found = read(said[PROVENANCE], keys, Provenance, f"{PROVENANCE} of {name}")
    _check_subject(name, found, None, manifest.digest, PROVENANCE)
    base = manifest.predicate.base_model
    made_from = found.predicate.build_definition.resolved_dependencies
    if base is not None and base.digest not in {one.digest["sha256"] for one in made_from}:
        raise Refused(
            "provenance",
            f"{name}: {STATEMENT} names the base model {base.name}@{base.version}, {PROVENANCE} "
            "does not",
        )
    return found


def _audits(
    name: ModelName,
    said: Mapping[str, bytes],
    author: Collection[str],
    digest: str,
    policy: Policy,
    now: datetime,
) -> tuple[tuple[AuditSaid, ...], str]:
    """Return the audits that count, and why another is too old; a bad verdict refuses."""
    found, expired = list[AuditSaid](), list[str]()
    for file in sorted(said):
        auditor = auditor_of(file)
        if auditor is None:
            continue
        with at_fault(file):
            counts = _audit(name, said, file, auditor, author, digest, policy)
            if counts is None:
                continue
            if late := _lateness(f"{file} of {name}", counts.audit, policy, now):
                expired.append(late)
            else:
                found.append(counts)
    return tuple(found), expired[0] if expired else ""


def _audit(
    name: ModelName,
    said: Mapping[str, bytes],
    file: str,
    auditor: str,
    author: Collection[str],
    digest: str,
    policy: Policy,
) -> AuditSaid | None:
    """Return an audit that the policy lets count, however old; None: its auditor is not in it."""
    what = f"{file} of {name}"
    _, keyid = unchecked(said[file], what, Predicate)
    keys = policy.keys_of_auditor(auditor)
    if keyid in author or {key.keyid for key in keys} & set(author):
        raise Refused("self-audit", f"{what} is signed by a key of its author's")
    if not keys:
        return None
    statement = read(said[file], keys, Audit, what)
    if (statement.model, statement.digest, statement.predicate.version) != (
        name.bare,
        digest,
        name.version,
    ):
        raise Refused(
            "audit of another model",
            f"{what} is of {statement.model}@{statement.predicate.version}, "
            f"{'of the same files' if statement.digest == digest else 'of other files'}",
        )
    with at_fault(result_file(auditor)):
        _check_result(name, said, auditor, keys, statement)
    _check_verdict(what, statement.predicate, policy)
    return AuditSaid(auditor, statement.keyid, statement.predicate)


def _check_result(
    name: ModelName,
    said: Mapping[str, bytes],
    auditor: str,
    keys: Collection[PublicKey],
    audit: Statement[Audit],
) -> None:
    """Refuse the same verdict in the words of other tools if it is not the same."""
    file = result_file(auditor)
    if file not in said:
        return
    what = f"{file} of {name}"
    other = read(said[file], keys, TestResult, what)
    if (other.model, other.digest) != (audit.model, audit.digest):
        raise Refused("audit of another model", f"{what} is of {other.model}, another release")
    if (other.predicate.result == "PASSED") != audit.predicate.passed:
        raise Refused(
            "audit verdict",
            f"{what} says {other.predicate.result}, the audit {audit.predicate.conclusion!r}",
        )


def _check_verdict(what: str, audit: Audit, policy: Policy) -> None:
    drawn = conclusion_from(audit.p_value, audit.smallest_fpr, policy.max_fpr)
    for conclusion, why in (
        (audit.conclusion, ""),
        (
            drawn,
            f" at the policy's false-positive rate of {policy.max_fpr:g} (p-value "
            f"{audit.p_value}, smallest rate {audit.smallest_fpr})",
        ),
    ):
        if conclusion not in policy.verdicts:
            raise Refused(
                "audit verdict",
                f"{what} says {conclusion!r}{why}; the policy lets in "
                f"{', '.join(map(repr, policy.verdicts))}",
            )


def _lateness(what: str, audit: Audit, policy: Policy, now: datetime) -> str:
    """Return why an audit is too old; empty if it is not.

    Raises:
        Refused: "clock": it was made in the future.
    """
    made, expires = datetime.fromisoformat(audit.made), datetime.fromisoformat(audit.expires)
    if made > now + AHEAD:
        raise Refused(
            "clock",
            f"{what} was made at {audit.made}, but this computer's clock says {moment(now)}: set "
            "the clock, or ask the auditor",
        )
    if expires <= now:
        return f"{what} expired at {audit.expires}; it is {moment(now)} here: a new audit is needed"
    if made < now - policy.max_audit_age:
        return (
            f"{what} was made at {audit.made}; the policy lets in what is at most "
            f"{policy.max_audit_age_days:g} days old"
        )
    return ""


def _no_audit(name: ModelName, said: Mapping[str, bytes], policy: Policy) -> Refused:
    there = [auditor for file in sorted(said) if (auditor := auditor_of(file))]
    if not there:
        return Refused(
            "audit missing",
            f"nobody says that {name} was audited: ask its publisher for an audit, or let it pass "
            "by --allow-unaudited, which is recorded",
        )
    if policy.auditors:
        line = f"{name} was audited by {', '.join(there)}, the policy trusts {_names(policy)}"
    else:
        line = f"{name} was audited by {', '.join(there)}, the policy trusts no auditor yet"
    return Refused(
        "audit missing",
        f"{line}; name an auditor (badnets hub trust ADDRESS --auditor NAME=KEY.pub), or let it "
        "pass by --allow-unaudited, which is recorded",
    )


def _names(policy: Policy) -> str:
    return ", ".join(sorted(policy.auditors))


def _check_subject(
    name: ModelName, found: Statement[Predicate], version: str | None, digest: str, file: str
) -> None:
    if found.model != name.bare or found.digest != digest or version not in (None, name.version):
        of = f"{found.model}@{version}" if version else found.model
        raise Refused(
            "statement of another model",
            f"{file} of {name} is of {of}, digest {found.digest[:16]}...: it was put in its place",
        )


def _present(name: ModelName, said: Mapping[str, bytes], file: str) -> bytes:
    if file not in said:
        raise Refused("missing file", f"{name}: {file}, its author's statement, is missing")
    return said[file]

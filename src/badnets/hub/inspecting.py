"""What is claimed of a model, and by whom, before anything of it is believed or parsed as one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from badnets.bundles import read_bundle
from badnets.core.errors import BundleError
from badnets.core.results import Result
from badnets.hub.beside import read_statements, statements_of
from badnets.hub.checking import Verified
from badnets.hub.names import STATEMENT, ModelName, auditor_of
from badnets.hub.receipts import RECEIPT, Receipt
from badnets.hub.refusals import Refused
from badnets.hub.statements import (
    Audit,
    Manifest,
    Predicate,
    Provenance,
    TestResult,
    unchecked,
)

if TYPE_CHECKING:
    from badnets.hub.pulling import Pull

UNCHECKED = "claims, none of them checked here: `badnets hub pull` and `badnets hub verify` do"


class SaidBy(Result):
    """A statement and what it says.

    Attributes:
        file: its name.
        says: its gist.
        of: the model that it names.
        key: of whoever signed it, by its own word.
    """

    file: str = Field(title="statement")
    says: str = Field(title="says")
    of: str = Field(title="of")
    key: str = Field(title="key")


class HeldVersion(Result):
    """A version in a repository.

    Attributes:
        version: of the model.
        bytes: of all its files.
        audits: auditors who say something of it.
        yanked: why it was taken back.
    """

    version: str = Field(title="version")
    bytes: int = Field(title="bytes")
    audits: str | None = Field(default=None, title="audited by")
    yanked: str | None = Field(default=None, title="taken back")


class Inspected(Result):
    """What is claimed of a model.

    Attributes:
        model: AUTHOR/MODEL, as it is said.
        version: of it.
        where: folder or repository.
        architecture: of the network, as its configuration says.
        classes: how many it tells apart.
        parameters: bytes of its tensors.
        training: as its maker says.
        base_model: what it was retrained from, as its author says.
        pulled: when, and from where.
        note: that none of it was checked.
        statements: what lies beside it.
        versions: those in the repository.
    """

    model: str = Field(title="model")
    version: str | None = Field(default=None, title="version")
    where: str = Field(title="where")
    architecture: str | None = Field(default=None, title="network")
    classes: int | None = Field(default=None, title="classes")
    parameters: int | None = Field(default=None, title="tensors")
    training: dict[str, Any] = Field(default_factory=dict)
    base_model: str | None = Field(default=None, title="base model")
    pulled: str | None = Field(default=None, title="pulled")
    note: str = Field(default=UNCHECKED, title="note")
    statements: tuple[SaidBy, ...] = Field(default=(), title="statements")
    versions: tuple[HeldVersion, ...] = Field(default=(), title="versions")


class CountedAudit(Result):
    """An audit that counts.

    Attributes:
        auditor: by the name that the policy has.
        conclusion: the verdict.
        expires: until when it may be relied on.
        keyid: of the key that signed it.
    """

    auditor: str = Field(title="audited by")
    conclusion: str = Field(title="says")
    expires: str = Field(title="until")
    keyid: str


class VerifiedModel(Result):
    """What was checked of a model.

    Attributes:
        passed: always true; what is refused has a reason instead.
        model: AUTHOR/MODEL@VERSION.
        author_key: that signed it.
        digest: of the manifest of its files.
        audits: those that count.
        unaudited: the same in words, where there is none.
        base_model: what it was retrained from.
        files: how many were compared, byte by byte.
        pulled: when, by its receipt.
        let_pass: what was let pass that is usually refused.
        passing: the same in words.
    """

    passed: bool = True
    model: str = Field(title="verified")
    author_key: str = Field(title="signed by the key")
    digest: str = Field(title="digest")
    unaudited: str | None = Field(default=None, title="audits", exclude=True)
    base_model: str | None = Field(default=None, title="base model")
    files: int = Field(title="files compared")
    pulled: str | None = Field(default=None, title="pulled")
    let_pass: tuple[str, ...] = ()
    passing: str | None = Field(default=None, title="let pass", exclude=True)
    audits: tuple[CountedAudit, ...] = Field(title="audits")

    @classmethod
    def of(cls, found: Verified) -> VerifiedModel:
        """Return it in words."""
        vetted = found.vetted
        base = vetted.base_model
        return cls(
            passed=True,
            model=str(vetted.name),
            author_key=vetted.keyid,
            digest=vetted.digest,
            unaudited=None if vetted.audits else "none that counts",
            base_model=f"{base.name}@{base.version}" if base else None,
            files=len(vetted.files),
            pulled=found.receipt.pulled if found.receipt else None,
            let_pass=found.let_pass,
            passing="; ".join(found.let_pass) or None,
            audits=tuple(
                CountedAudit(
                    auditor=one.auditor,
                    conclusion=one.audit.conclusion,
                    expires=one.audit.expires,
                    keyid=one.keyid,
                )
                for one in vetted.audits
            ),
        )


def inspect(path: Path, statements: Path | None = None) -> Inspected:
    """Return what is claimed of the model in a folder; its tensors are not read.

    Raises:
        BundleError: it is no bundle.
        Refused: what lies beside it is no statement.
    """
    said = read_statements(statements or statements_of(path))
    bundle = read_bundle(path)
    manifest, about = None, dict[str, Any]()
    if STATEMENT in said:
        manifest, _ = unchecked(said[STATEMENT], STATEMENT, Manifest)
        base = manifest.predicate.base_model
        about = {"version": manifest.predicate.version}
        if base is not None:
            about["base_model"] = f"{base.name}@{base.version}"
    if RECEIPT in said:
        try:
            receipt = Receipt.from_json(said[RECEIPT], RECEIPT)
        except BundleError as error:
            raise Refused("malformed", str(error)) from None
        about["pulled"] = f"{receipt.pulled} from {receipt.repository.place}"
    return Inspected(
        model=manifest.model if manifest else "nobody says",
        where=str(path),
        architecture=bundle.config.architecture.name,
        classes=bundle.config.num_classes,
        parameters=len(bundle.tensors),
        training=dict(bundle.claims.training),
        note=UNCHECKED,
        statements=_said_by(said),
        **about,
    )


def inspect_remote(name: ModelName, asked: Pull) -> Inspected:
    """Return what a repository has of a model; none of its files is fetched, statements alone.

    Raises:
        Refused: the repository's metadata are not sound, or it has no such model.
        Unchecked: it cannot be reached.
    """
    with asked.asking() as fetcher:
        listed = asked.listing(name.author, fetcher)
        release = asked.chosen(name, listed)
        said = asked.said(release, fetcher)
        releases = listed.releases(name)
    return Inspected(
        model=name.bare,
        version=release.name.version,
        where=asked.repository.place,
        note=UNCHECKED,
        statements=_said_by(said),
        versions=tuple(
            HeldVersion(
                version=version,
                bytes=sum(target.length for target in one.files.values()),
                audits=", ".join(filter(None, map(auditor_of, sorted(one.files)))) or None,
                yanked=one.yanked,
            )
            for version, one in releases.items()
        ),
    )


def _said_by(said: Mapping[str, bytes]) -> tuple[SaidBy, ...]:
    found = []
    for file in (one for one in sorted(said) if one.endswith(".intoto.json")):
        claim, keyid = unchecked(said[file], file, Predicate)
        predicate = claim.predicate
        version = getattr(predicate, "version", None)
        gist = predicate.TYPE
        if isinstance(predicate, Audit):
            gist = f"{predicate.conclusion} (made {predicate.made}, expires {predicate.expires})"
        elif isinstance(predicate, Manifest):
            gist = f"{len(predicate.files)} files, network {predicate.architecture}"
        elif isinstance(predicate, Provenance):
            made = predicate.build_definition
            given, from_ = len(made.external_parameters), len(made.resolved_dependencies)
            gist = f"how it was made: settings ({given}), digests of data and models ({from_})"
        elif isinstance(predicate, TestResult):
            gist = f"{predicate.result.lower()}: that audit, in words that other tools read"
        of = f"{claim.model}@{version}" if version else claim.model
        found.append(SaidBy(file=file, says=gist, of=of, key=keyid[:16]))
    return tuple(found)

"""What an attacker writes: statements and metadata that anybody's key may sign, right or wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, TargetFile

from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import ALLOWED, LISTED, FileEntry
from badnets.bundles.manifest import Manifest as BundleManifest
from badnets.hub.keys import Key
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName, audit_file, result_file
from badnets.hub.oms import sign_oms
from badnets.hub.statements import (
    PAYLOAD_TYPE,
    Audit,
    BaseModelRef,
    BuildDefinition,
    Builder,
    Manifest,
    Provenance,
    Resource,
    RunDetails,
    SaidFile,
    Statement,
    TestResult,
    manifest_digest,
    moment,
    now,
    sign,
)

Content = Mapping[str, bytes]
"""File name -> content."""
Plain = dict[str, Any]
DAY = timedelta(days=1)
ARCHITECTURE = "gu-mnist"
AUDITOR = "carol"
AUDIT, RESULT = audit_file(AUDITOR), result_file(AUDITOR)


def said_files(files: Content) -> tuple[SaidFile, ...]:
    """Return the files of a bundle as a statement lists them."""
    return tuple(
        SaidFile(name=name, length=len(files[name]), sha256=sha256_bytes(files[name]))
        for name in sorted(ALLOWED)
    )


def listed(files: Content) -> dict[str, bytes]:
    """Return files with a ``manifest.json`` that lists them as they are."""
    entries = {
        name: FileEntry(sha256=sha256_bytes(files[name]), size=len(files[name])) for name in LISTED
    }
    return {**files, "manifest.json": BundleManifest(files=entries).to_json()}


def a_provenance(base: BaseModelRef | None = None) -> Provenance:
    """Return how a model was made, from another or from nothing."""
    made_from = (Resource(name=base.name, digest={"sha256": base.digest}),) if base else ()
    return Provenance(
        buildDefinition=BuildDefinition(
            buildType="https://badnets.dev/training/v1",
            externalParameters={"epochs": 4},
            resolvedDependencies=made_from,
        ),
        runDetails=RunDetails(builder=Builder(id="https://example.org", version={"badnets": "1"})),
    )


def an_audit(version: str, **changes: Any) -> Audit:
    """Return an audit that found nothing, made yesterday, with some fields changed."""
    values: dict[str, Any] = {
        "version": version,
        "conclusion": "nothing found",
        "threshold": 0.05,
        "passed": True,
        "null": None,
        "pValue": 0.5,
        "smallestFpr": 0.02,
        "maxFpr": 0.05,
        "coverage": (),
        "methods": (),
        "sampleSize": 100,
        "tool": {"badnets": "1"},
        "made": moment(now() - DAY),
        "expires": moment(now() + 90 * DAY),
        "reportSha256": "0" * 64,
    }
    return Audit.of(**values | changes)


PASSED = TestResult.of(
    result="PASSED", configuration=(), passedTests=(), warnedTests=(), failedTests=()
)
"""The same as `an_audit` in the words of other tools."""


def statements(
    name: ModelName,
    files: Content,
    keys: Mapping[str, Key],
    *,
    base: BaseModelRef | None = None,
    author: str = "",
) -> dict[str, bytes]:
    """Return what author and auditor say of a release, nothing wrong with it.

    Args:
        name: with its version.
        files: of the bundle.
        keys: by the name of their owner.
        base: what it was retrained from.
        author: who signs; the model's own when empty.
    """
    key, listing = keys[author or name.author], said_files(files)
    digest, version = manifest_digest(listing), name.version or ""
    oms = sign_oms(name.bare, {one.name: one.sha256 for one in listing}, key)
    manifest = Manifest(
        version=version,
        files=listing,
        architecture=ARCHITECTURE,
        base_model=base,
        oms_sha256=sha256_bytes(oms),
    )
    provenance, audit = a_provenance(base), an_audit(version)
    return {
        OMS: oms,
        STATEMENT: sign(Statement(name.bare, digest, manifest), key),
        PROVENANCE: sign(Statement(name.bare, digest, provenance), key),
        AUDIT: sign(Statement(name.bare, digest, audit), keys[AUDITOR]),
        RESULT: sign(Statement(name.bare, digest, PASSED), keys[AUDITOR]),
    }


def payload_of(envelope: bytes) -> Plain:
    """Return what an envelope holds."""
    found: Plain = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return found


def enveloped(
    payload: bytes, key: Key, *, keyid: str = "", kind: str = PAYLOAD_TYPE, pae: bool = True
) -> bytes:
    """Return a payload in an envelope.

    Args:
        payload: need not be JSON.
        key: signs it.
        keyid: that it is said to be signed by; the key's own when empty.
        kind: of the payload, as it is signed.
        pae: whether the kind is signed too, as it must be.
    """
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    signature = base64.b64encode(key.sign(signed if pae else payload)).decode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": keyid or key.public.keyid, "sig": signature}],
    }
    return json.dumps(envelope, indent=2, sort_keys=True).encode() + b"\n"


def resigned(envelope: bytes, key: Key, change: Callable[[Plain], object], **how: Any) -> bytes:
    """Return a statement with something else said, signed anew; ``how`` as for `enveloped`."""
    said = payload_of(envelope)
    change(said)
    payload = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return enveloped(payload, key, **how)


def reenveloped(envelope: bytes, change: Callable[[Plain], object]) -> bytes:
    """Return an envelope that was changed, not signed anew."""
    plain = json.loads(envelope)
    change(plain)
    return json.dumps(plain).encode()


@dataclass(frozen=True)
class Forge:
    """Writes metadata of a repository by any key; each write makes a new version and leads to it.

    Args:
        folder: of the repository.
        keys: by the name of their owner.
    """

    folder: Path
    keys: Mapping[str, Key]

    def path(self, role: str) -> Path:
        """Return the file of the newest metadata of a role."""
        folder = self.folder / "metadata"
        if role == "timestamp":
            return folder / "timestamp.json"
        found = folder.glob(f"*.{role}.json")
        return max(found, key=lambda path: int(path.name.partition(".")[0]))

    def read(self, role: str) -> Metadata[Any]:
        """Return the newest metadata of a role."""
        return Metadata.from_bytes(self.path(role).read_bytes())

    def write(
        self,
        role: str,
        change: Callable[[Any], object] = id,
        by: Iterable[str] = (),
        *,
        after: Callable[[bytes], bytes] = bytes,
        lead: bool = True,
    ) -> None:
        """Write new metadata of a role.

        Args:
            role: of a repository.
            change: of what is signed; its version is one higher already.
            by: whose keys sign; those that should when empty.
            after: change of the file once it is signed.
            lead: whether snapshot and timestamp lead to it.
        """
        read = self.read(role)
        read.signed.version += 1
        change(read.signed)
        read.signatures.clear()
        for name in by or self._rightful(role):
            read.sign(self.keys[name].signer, append=True)
        data = after(read.to_bytes())
        number = f"{read.signed.version}." if role != "timestamp" else ""
        (self.folder / "metadata" / f"{number}{role}.json").write_bytes(data)
        if lead and role not in ("root", "timestamp"):
            self._lead(role, read.signed.version, data)

    def _lead(self, role: str, version: int, data: bytes) -> None:
        of = MetaFile(version, len(data), {"sha256": sha256_bytes(data)})
        if role == "snapshot":
            self.write("timestamp", lambda signed: setattr(signed, "snapshot_meta", of))
        else:
            self.write("snapshot", lambda signed: signed.meta.update({f"{role}.json": of}))

    def raw(self, role: str, change: Callable[[bytes], bytes]) -> None:
        """Change the file of a role as it lies there."""
        path = self.path(role)
        path.write_bytes(change(path.read_bytes()))

    def release(
        self,
        name: ModelName,
        files: Content,
        change: Callable[[dict[str, TargetFile]], object] = id,
    ) -> None:
        """Publish files by their author's key and the publisher's.

        Args:
            name: with its version.
            files: the bundle's and the statements.
            change: of the targets of this release, by their path.
        """
        added = {}
        for file, data in files.items():
            path = f"{name.bare}/{name.version}/{file}"
            target = TargetFile(len(data), {"sha256": sha256_bytes(data)}, path)
            added[path] = target
            at = self.folder / "targets" / name.bare / (name.version or "")
            at.mkdir(parents=True, exist_ok=True)
            (at / f"{target.hashes['sha256']}.{file}").write_bytes(data)
        change(added)
        self.write(name.author, lambda signed: signed.targets.update(added))

    @staticmethod
    def _rightful(role: str) -> tuple[str, ...]:
        if role == "root":
            return ("root-1", "root-2")
        return ("publisher",) if role in ("targets", "snapshot", "timestamp") else (role,)


def expired(signed: Any) -> None:
    """Let metadata have expired a day ago."""
    signed.expires = (datetime.now(UTC) - DAY).replace(microsecond=0)

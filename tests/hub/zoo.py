"""A small repository, written by python-tuf alone, so that what is wrong with it can be chosen."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from badnets.bundles import BundleConfig, Claims, MadeBy, write_bundle
from badnets.bundles.digests import sha256_bytes, sha256_file
from badnets.bundles.manifest import ALLOWED
from badnets.hub.attacks.forging import PASSED, a_provenance, an_audit
from badnets.hub.keys import Key
from badnets.hub.names import PROVENANCE, STATEMENT, ModelName, audit_file, result_file
from badnets.hub.statements import (
    BaseModelRef,
    Manifest,
    SaidFile,
    Statement,
    manifest_digest,
    sign,
)

from .said import key_of

CONFIG = BundleConfig.from_json(
    json.dumps(
        {
            "task": "classification",
            "architecture": {"name": "gu-mnist"},
            "input": {"channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0]},
            "classes": ["a", "b"],
        }
    ).encode(),
    "config",
)
CLAIMS = Claims(made_by=MadeBy(tool="badnets", version="1"), training={"epochs": 4})
DAY = timedelta(days=1)


def tensors(count: int = 4) -> bytes:
    """Return a safetensors file with so many bytes of weights."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}})
    return struct.pack("<Q", len(header)) + header.encode() + bytes(k % 251 for k in range(count))


def bundle(path: Path, count: int = 4) -> Path:
    """Write a bundle with so many bytes of weights."""
    write_bundle(path, tensors=tensors(count), config=CONFIG, claims=CLAIMS)
    return path


def files_of(folder: Path) -> tuple[SaidFile, ...]:
    return tuple(
        SaidFile(
            name=name, length=(folder / name).stat().st_size, sha256=sha256_file(folder / name)
        )
        for name in sorted(ALLOWED)
    )


def statements(
    name: ModelName,
    files: tuple[SaidFile, ...],
    *,
    author: str | None = None,
    auditor: str | None = "carol",
    auditor_key: Key | None = None,
    base: BaseModelRef | None = None,
    provenance_of_base: bool = True,
    **audit: Any,
) -> dict[str, bytes]:
    """Return what author and auditor say of a release; fields of the audit may be overruled."""
    key = key_of(author or name.author)
    digest = manifest_digest(files)
    version = name.version or ""
    manifest = Manifest(version=version, files=files, architecture="gu-mnist", base_model=base)
    provenance = a_provenance(base if provenance_of_base else None)
    said = {
        STATEMENT: sign(Statement(name.bare, digest, manifest), key),
        PROVENANCE: sign(Statement(name.bare, digest, provenance), key),
    }
    if auditor is not None:
        by = auditor_key or key_of(auditor, "auditor")
        audit |= {"version": audit.pop("at")} if "at" in audit else {}
        of, audit_digest = audit.pop("of", name.bare), audit.pop("digest", digest)
        said[audit_file(auditor)] = sign(
            Statement(of, audit_digest, an_audit(**{"version": version} | audit)), by
        )
        if not audit:
            said[result_file(auditor)] = sign(Statement(name.bare, digest, PASSED), by)
    return said


@dataclass
class Zoo:
    """A repository in a folder.

    Attributes:
        folder: of metadata and targets.
        authors: name -> its targets.
        versions: role -> version of its metadata.
    """

    folder: Path
    authors: dict[str, Targets] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    delegated: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    @property
    def metadata(self) -> Path:
        return self.folder / "metadata"

    @property
    def root_file(self) -> Path:
        return self.metadata / "1.root.json"

    def begin(self, authors: Iterable[str] = ("alice", "bob")) -> Zoo:
        self.metadata.mkdir(parents=True)
        self.write_root()
        for author in authors:
            self.authors[author] = Targets()
            self.delegated[author] = (author, [f"{author}/*/*/*"])
            self.write_author(author, publish=False)
        self.write_targets()
        self.publish()
        return self

    def write_root(self, *, expires: timedelta = 365 * DAY, threshold: int = 1) -> None:
        version = self.versions["root"] = self.versions.get("root", 0) + 1
        root = Root(version=version, expires=_in(expires), consistent_snapshot=True)
        for key in ("root-1", "root-2"):
            root.add_key(key_of(key, "root").public.key, "root")
        root.roles["root"].threshold = threshold
        for role in ("targets", "snapshot", "timestamp"):
            root.add_key(key_of("publisher", "publisher").public.key, role)
        self._write(f"{version}.root", root, key_of("root-1", "root"), key_of("root-2", "root"))

    def write_targets(self, **expiry: timedelta) -> None:
        roles: dict[str, DelegatedRole] = {}
        keys: dict[str, Any] = {}
        for role, (owner, paths) in self.delegated.items():
            key = key_of(owner).public.key
            keys[key.keyid] = key
            roles[role] = DelegatedRole(role, [key.keyid], 1, True, paths=paths)
        version = self.versions["targets"] = self.versions.get("targets", 0) + 1
        targets = Targets(
            version=version,
            expires=_in(expiry.get("expires", 90 * DAY)),
            delegations=Delegations(keys, roles),
        )
        self._write(f"{version}.targets", targets, key_of("publisher", "publisher"))

    def write_author(
        self,
        author: str,
        *,
        key: Key | None = None,
        expires: timedelta = 90 * DAY,
        publish: bool = True,
    ) -> None:
        version = self.versions[author] = self.versions.get(author, 0) + 1
        targets = self.authors[author]
        targets.version, targets.expires = version, _in(expires)
        self._write(f"{version}.{author}", targets, key or key_of(author))
        if publish:
            self.publish()

    def publish(
        self, *, snapshot: timedelta = 7 * DAY, timestamp: timedelta = DAY, key: Key | None = None
    ) -> None:
        key = key or key_of("publisher", "publisher")
        version = self.versions["snapshot"] = self.versions.get("snapshot", 0) + 1
        meta = {}
        for role in ("targets", *self.authors):
            data = (self.metadata / f"{self.versions[role]}.{role}.json").read_bytes()
            meta[f"{role}.json"] = MetaFile(
                self.versions[role], len(data), {"sha256": sha256_bytes(data)}
            )
        data = self._write(
            f"{version}.snapshot", Snapshot(version=version, expires=_in(snapshot), meta=meta), key
        )
        stamp = self.versions["timestamp"] = self.versions.get("timestamp", 0) + 1
        of = MetaFile(version, len(data), {"sha256": sha256_bytes(data)})
        self._write(
            "timestamp", Timestamp(version=stamp, expires=_in(timestamp), snapshot_meta=of), key
        )

    def release(
        self,
        name: str,
        folder: Path,
        said: Mapping[str, bytes] | None = None,
        *,
        custom: Any = None,
        **about: Any,
    ) -> str:
        """Publish a release; return the digest of its manifest."""
        named = ModelName.of(name)
        files = files_of(folder)
        said = statements(named, files, **about) if said is None else said
        content = {one.name: (folder / one.name).read_bytes() for one in files} | dict(said)
        for file, data in content.items():
            self.put(named, file, data, custom)
        self.write_author(named.author)
        return manifest_digest(files)

    def put(self, name: ModelName, file: str, data: bytes, custom: Any = None) -> Path:
        path = f"{name.bare}/{name.version}/{file}"
        digest = sha256_bytes(data)
        target = TargetFile(len(data), {"sha256": digest}, path)
        if custom is not None:
            target.unrecognized_fields["custom"] = custom
        self.authors[name.author].targets[path] = target
        where = self.where(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(data)
        return where

    def where(self, path: str) -> Path:
        folder, _, file = path.rpartition("/")
        target = self.authors[path.partition("/")[0]].targets[path]
        return self.folder / "targets" / folder / f"{target.hashes['sha256']}.{file}"

    def _write(self, name: str, signed: Any, *keys: Key) -> bytes:
        metadata = Metadata(signed)
        for key in keys:
            metadata.sign(key.signer, append=True)
        data = metadata.to_bytes()
        (self.metadata / f"{name}.json").write_bytes(data)
        return data


def _in(time: timedelta) -> datetime:
    return (datetime.now(UTC) + time).replace(microsecond=0)

"""A repository in memory whose every byte can be chosen, and a client of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
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
    Targets,
    Timestamp,
)

from badnets.bundles.digests import sha256_bytes
from badnets.hub.fetching import Absent, Body, Deadline, Fetcher
from badnets.hub.home import Home, TrustedRepository
from badnets.hub.keys import Key
from badnets.hub.metadata import Listing, listing

from .said import key_of

TOP = ("root", "timestamp", "snapshot", "targets")


def soon(days: float = 30) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)


@dataclass
class Simulated:
    """A repository with the author alice; metadata is published role by role.

    Attributes:
        roles: what each role says next.
        signers: who signs it.
        files: what is served, by name.
        asked: what was asked for.
        hashes: whether metadata that lead to others say their digests.
    """

    roles: dict[str, Any] = field(default_factory=dict)
    signers: dict[str, list[Key]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hashes: bool = True

    def begin(self) -> Simulated:
        root, snapshot, timestamp, targets = Root(), Snapshot(), Timestamp(), Targets()
        self.roles = {"root": root, "timestamp": timestamp, "snapshot": snapshot}
        self.roles["targets"] = targets
        targets.delegations = Delegations({}, {})
        for role, signed in self.roles.items():
            signed.version, signed.expires = 0, soon()
            self.signers[role] = [key_of(f"{role}-1", "root")]
            root.add_key(self.signers[role][0].public.key, role)
        self.delegate("targets", "alice")
        self.publish("root", "alice", "targets", "snapshot", "timestamp")
        return self

    def delegate(
        self,
        delegator: str,
        role: str,
        *paths: str,
        terminating: bool = True,
        key: Key | None = None,
    ) -> None:
        """Let a role list files; it is published apart."""
        if role not in self.roles:
            self.roles[role] = Targets(expires=soon())
            self.roles[role].version = 0
            self.signers[role] = []
        key = key or key_of(f"by-{delegator}-{role}")
        self.signers[role].append(key)
        targets = self.roles[delegator]
        targets.delegations = targets.delegations or Delegations({}, {})
        given = [*paths] or [f"{role}/*/*/*"]
        targets.delegations.roles[role] = DelegatedRole(role, [], 1, terminating, paths=given)
        targets.add_key(key.public.key, role)

    def publish(self, *roles: str) -> None:
        """Give each role its next version, and let the snapshot and the timestamp list it."""
        for role in roles:
            signed = self.roles[role]
            signed.version += 1
            self.serve(role, self.signed(role))

    def serve(self, role: str, data: bytes) -> None:
        """Serve these bytes as the present metadata of a role, and list them."""
        version = self.roles[role].version
        self.files[role if role == "timestamp" else f"{version}.{role}"] = data
        listed = MetaFile(version, len(data), {"sha256": sha256_bytes(data)})
        listed = listed if self.hashes else MetaFile(version)
        if role == "snapshot":
            self.roles["timestamp"].snapshot_meta = listed
        elif role not in TOP or role == "targets":
            self.roles["snapshot"].meta[f"{role}.json"] = listed

    def signed(self, role: str) -> bytes:
        metadata = Metadata(self.roles[role])
        for key in self.signers[role]:
            metadata.sign(key.signer, append=True)
        return metadata.to_bytes()

    def rotate(self, role: str) -> None:
        """Let another key sign a role of the top."""
        number = int(self.signers[role][0].public.name.rpartition("-")[2]) + 1
        old, new = self.signers[role][0], key_of(f"{role}-{number}", "root")
        self.signers[role] = [new]
        self.roles["root"].revoke_key(old.public.keyid, role)
        self.roles["root"].add_key(new.public.key, role)

    # As a source.

    @contextmanager
    def opened(self, name: str, start: int, deadline: Deadline) -> Iterator[Body]:
        """Give a file, as from a server."""
        name = name.removeprefix("metadata/").removesuffix(".json")
        self.asked.append(name)
        if name not in self.files:
            raise Absent(f"{name} is missing")
        data = self.files[name]
        yield Body(0, len(data), io.BytesIO(data).readinto)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Client:
    """Whoever trusts the repository's first root.

    Attributes:
        repository: as it is trusted.
        source: the repository.
    """

    repository: TrustedRepository
    source: Simulated

    @classmethod
    def of(cls, source: Simulated, home: Path, root: bytes | None = None) -> Client:
        """Return one; no byte but the root is known to it yet."""
        trusted = Home(home).trust("simulated", root or source.files["1.root"])
        source.asked.clear()
        return cls(trusted, source)

    def refresh(self, author: str = "alice") -> Listing:
        """Return what an author has now."""
        deadline = Deadline(10)
        with self.repository.locked(deadline):
            return listing(self.repository, author, Fetcher(self.source, deadline))

    @property
    def versions(self) -> dict[str, int]:
        """Role -> version of what is kept."""
        return {
            path.stem: Metadata.from_file(str(path)).signed.version
            for path in sorted(self.repository.metadata.glob("*.json"))
        }

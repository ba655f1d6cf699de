"""Repositories of models to measure with: made by what `badnets hub` itself is made of."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import BundleConfig, Claims, MadeBy, write_bundle
from badnets.hub.attacks.forging import AUDIT, AUDITOR, PASSED, RESULT, an_audit
from badnets.hub.beside import statements_of
from badnets.hub.home import Home, TrustedRepository
from badnets.hub.keys import Key, Keyring
from badnets.hub.names import STATEMENT, ModelName
from badnets.hub.policy import Policy
from badnets.hub.releases import check_release
from badnets.hub.repository import Repository
from badnets.hub.signing import sign_bundle
from badnets.hub.statements import (
    Manifest,
    Statement,
    sign,
    unchecked,
)

_CONFIG = {
    "task": "classification",
    "architecture": {"name": "gu-mnist"},
    "input": {"channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0]},
    "classes": ["a", "b"],
}


@dataclass(frozen=True)
class World:
    """A repository, those who may publish in it, and an auditor.

    Args:
        folder: of all of it.
        repository: as its publisher has it.
        authors: by name.
        auditor: whose audits count.
    """

    folder: Path
    repository: Repository
    authors: dict[str, Key]
    auditor: Key

    @classmethod
    def new(cls, folder: Path, authors: Sequence[str]) -> World:
        """Make an empty repository in which these authors may publish."""
        keys = folder / "keys"
        for key in (Key.new("root", "root"), Key.new("publisher", "publisher")):
            key.write(keys, None)
        people = {name: Key.new("author", name) for name in authors}
        for key in people.values():
            key.write(keys, None)
        repository = Repository.create(folder / "repo", Keyring([keys]))
        for name, key in people.items():
            repository.delegate(name, key.public)
        return cls(folder, repository, people, Key.new("auditor", AUDITOR))

    def bundle(self, path: Path, content: bytes) -> Path:
        """Write a model with these bytes as its weights."""
        header = {"weight": {"dtype": "U8", "shape": [len(content)]}}
        header["weight"]["data_offsets"] = [0, len(content)]
        said = json.dumps(header).encode()
        claims = Claims(made_by=MadeBy(tool="badnets", version="1"), training={"epochs": 4})
        write_bundle(
            path,
            tensors=struct.pack("<Q", len(said)) + said + content,
            config=BundleConfig.from_json(json.dumps(_CONFIG).encode(), "config"),
            claims=claims,
        )
        return path

    def sign(self, name: ModelName, bundle: Path) -> Path:
        """Write what author and auditor say of a model; return the folder with it."""
        sign_bundle(bundle, name, self.authors[name.author])
        folder = statements_of(bundle)
        said, _ = unchecked((folder / STATEMENT).read_bytes(), STATEMENT, Manifest)
        for file, predicate in ((AUDIT, an_audit(str(name.version))), (RESULT, PASSED)):
            statement = Statement(name.bare, said.digest, predicate)
            (folder / file).write_bytes(sign(statement, self.auditor))
        return folder

    def publish(self, name: ModelName, bundle: Path, statements: Path) -> None:
        """Publish a model, checked as it always is."""
        author, auditors = self.authors[name.author].public, [self.auditor.public]
        release = check_release(name, bundle, statements, [author], auditors)
        self.repository.publish(name, release.files)

    @property
    def policy(self) -> Policy:
        """What lets in models that the auditor has looked at."""
        return Policy().with_people({}, {AUDITOR: self.auditor.public})

    def trusted(self, home: Home, place: str | None = None) -> TrustedRepository:
        """Trust the repository, at an address or as a folder."""
        root = (self.folder / "repo/metadata/1.root.json").read_bytes()
        return home.trust(place or str(self.folder / "repo"), root, self.policy)

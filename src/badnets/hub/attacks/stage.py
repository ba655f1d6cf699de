"""Where attacks are tried: a repository, its keys, a web server and a user, all on loopback."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from badnets.bundles import BundleConfig, Claims, MadeBy, write_bundle
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import ALLOWED, MODEL
from badnets.core.errors import BadnetsError
from badnets.hub.attacks.forging import (
    ARCHITECTURE,
    AUDITOR,
    Content,
    Forge,
    listed,
    said_files,
    statements,
)
from badnets.hub.attacks.rows import WentWrong
from badnets.hub.attacks.web import Served, Web, web
from badnets.hub.beside import statements_of
from badnets.hub.checking import Verified, verify
from badnets.hub.home import Home, TrustedRepository
from badnets.hub.keys import Key, Keyring, PublicKey
from badnets.hub.names import ModelName
from badnets.hub.policy import Policy
from badnets.hub.pulling import Pull
from badnets.hub.receipts import Receipt
from badnets.hub.repository import ReleaseFile, Repository
from badnets.hub.statements import BaseModelRef, manifest_digest

MODEL_NAME = "alice/model"
WEIGHTS = 8192
"""Bytes: more than the first 4,096, which is all that a script of the paper's time hashed."""

AUTHORS, AUDITORS = ("alice", "bob", "mallory"), (AUDITOR, "dave")
_SILENCE_S, _PAUSE_S, _DEADLINE_S = 5.0, 0.01, 60.0  # a busy machine may be slow
_CONFIG = {
    "task": "classification",
    "architecture": {"name": ARCHITECTURE},
    "input": {"channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0]},
    "classes": ["a", "b"],
}


def tensors(seed: int = 0, header: dict[str, Any] | None = None) -> bytes:
    """Return a small safetensors file; another seed gives other weights of the same length."""
    said = header or {"weight": {"dtype": "U8", "shape": [WEIGHTS], "data_offsets": [0, WEIGHTS]}}
    head = json.dumps(said).encode()
    data = bytes((k * 7 + seed) % 251 for k in range(WEIGHTS))
    return struct.pack("<Q", len(head)) + head + data


@dataclass(frozen=True)
class World:
    """What is made once, and copied for each row.

    Attributes:
        folder: of all of it.
        web: serves what rows show.
        keys: by the name of their owner.
        ring: the same on disk, as a publisher has them.
        files: content of alice/model's bundle.
        old: the repository as it was yesterday: alice/model@1.0, alice/tuned@1.0, which was
            retrained from bob/base@1.0.
        new: the same with alice/model@1.1.
        home: of a user who pulled alice/model@1.1 and @1.0.
        pulled: what came, in a folder with what is said of it beside.
        policy: of that user: trusts the auditor carol.
    """

    folder: Path
    web: Web
    keys: dict[str, Key]
    ring: Keyring
    files: Content
    old: Path
    new: Path
    home: Path
    pulled: Path
    policy: Policy

    @property
    def root(self) -> bytes:
        """The root that users trust."""
        return (self.new / "metadata" / "1.root.json").read_bytes()

    def digest(self, name: str = MODEL_NAME) -> str:
        """Return the digest of a model's files, which are the same in each of its versions."""
        return manifest_digest(said_files(self.files_of(name)))

    def files_of(self, name: str) -> Content:
        """Return the content of a model's bundle."""
        seed = {"alice/model": 0, "bob/base": 1, "alice/tuned": 2}.get(name, 3)
        return listed({**self.files, MODEL: tensors(seed)})

    @cached_property
    def base(self) -> BaseModelRef:
        """The model that alice/tuned was retrained from."""
        return BaseModelRef(name="bob/base", version="1.0", digest=self.digest("bob/base"))


@contextmanager
def world(folder: Path | None = None) -> Iterator[World]:
    """Make keys, a bundle, a repository and a user; all of it is deleted after the block."""
    with TemporaryDirectory(dir=folder, prefix="badnets-bench-") as made, web() as server:
        yield _world(Path(made), server)


def _world(folder: Path, server: Web) -> World:
    keys: dict[str, Key] = {}
    for number in (1, 2, 3):
        keys[f"root-{number}"] = Key.new("root", f"root-{number}")
    keys["publisher"] = Key.new("publisher", "publisher")
    keys |= {name: Key.new("author", name) for name in AUTHORS}
    keys |= {name: Key.new("auditor", name) for name in AUDITORS}
    for key in keys.values():
        key.write(folder / "keys", None)
    keys |= {"thief": Key.new("publisher", "thief"), "alice-2": Key.new("author", "alice-2")}
    ring = Keyring([folder / "keys"])
    config = BundleConfig.from_json(json.dumps(_CONFIG).encode(), "config")
    claims = Claims(made_by=MadeBy(tool="badnets", version="1"), training={"epochs": 4})
    bundle = write_bundle(folder / "bundle", tensors=tensors(), config=config, claims=claims).path
    files = {name: (bundle / name).read_bytes() for name in sorted(ALLOWED)}
    policy = Policy().with_people({}, {AUDITOR: keys[AUDITOR].public})
    at = World(
        folder, server, keys, ring, files, folder / "old", folder / "new", folder / "home",
        folder / "pulled" / "model", policy,
    )  # fmt: skip
    repository = Repository.create(at.new, ring, threshold=2)
    for author in AUTHORS:
        repository.delegate(author, keys[author].public)
    for name in ("bob/base@1.0", "alice/tuned@1.0", "alice/model@1.0"):
        publish(at, repository, ModelName.of(name))
    shutil.copytree(at.new, at.old)
    publish(at, repository, ModelName.of("alice/model@1.1"))
    scene = Scene(at, folder / "first")
    home = scene.trusted.folder.parent.parent
    for version in ("1.0", "1.1"):
        scene.pull(f"{MODEL_NAME}@{version}")
    shutil.copytree(home / "repositories", at.home / "repositories")
    at.pulled.parent.mkdir()
    for came in (scene.came, statements_of(scene.came)):
        shutil.copytree(came, at.pulled.parent / came.name.replace(scene.came.name, "model"))
    return at


def publish(at: World, repository: Repository, name: ModelName) -> None:
    """Publish a release that nothing is wrong with."""
    files = at.files_of(name.bare)
    base = at.base if name.bare == "alice/tuned" else None
    said = statements(name, files, at.keys, base=base)
    repository.publish(name, on_disk(at.folder / "release" / str(name), {**files, **said}))


def on_disk(folder: Path, files: Content) -> dict[str, ReleaseFile]:
    """Return files as a publisher has them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, data in files.items():
        (folder / name).write_bytes(data)
        found[name] = ReleaseFile(folder / name, len(data), sha256_bytes(data))
    return found


@dataclass
class Scene:
    """A copy of the world for one row.

    Attributes:
        world: that is copied.
        folder: what the row may write to; deleted after it.
        policy: the user's.
        settings: of `Pull`, where not the usual ones.
        came: what was pulled last.
    """

    world: World
    folder: Path
    policy: Policy = field(init=False)
    settings: dict[str, Any] = field(default_factory=dict)
    came: Path = field(init=False)

    def __post_init__(self) -> None:
        self.policy = self.world.policy

    @property
    def keys(self) -> dict[str, Key]:
        """Everybody's."""
        return self.world.keys

    def public(self, name: str) -> PublicKey:
        """Return the public key of somebody."""
        return self.keys[name].public

    # The repository.

    @cached_property
    def repository(self) -> Path:
        """The folder that is served: today's repository, unless `show` was called."""
        return Path(shutil.copytree(self.world.new, self.folder / "repository"))

    @cached_property
    def served(self) -> Served:
        """The same on the web."""
        return self.world.web.serve(self.repository)

    @property
    def forge(self) -> Forge:
        """What writes metadata into it."""
        return Forge(self.repository, self.keys)

    @property
    def publisher(self) -> Repository:
        """The true publisher's side of it."""
        return Repository(self.repository, self.world.ring)

    def show(self, other: Path) -> Self:
        """Put another repository in its place."""
        shutil.rmtree(self.repository)
        shutil.copytree(other, self.repository)
        return self

    def forged(self, role: str, *args: Any, **how: Any) -> Self:
        """Write metadata: see `Forge.write`."""
        self.forge.write(role, *args, **how)
        return self

    def file(self, name: str, of: str = f"{MODEL_NAME}/1.1") -> Path:
        """Return where a file of a release lies."""
        (found,) = (self.repository / "targets" / of).glob(f"*.{name}")
        return found

    def change(self, name: str, change: Callable[[bytes], bytes]) -> Self:
        """Change a file of alice/model@1.1 where it lies."""
        path = self.file(name)
        path.write_bytes(change(path.read_bytes()))
        return self

    def release(
        self,
        change: Callable[[dict[str, bytes]], object] = id,
        *,
        name: str = f"{MODEL_NAME}@1.2",
        files: Content | None = None,
        targets: Callable[[dict[str, Any]], object] = id,
        base: BaseModelRef | None = None,
        author: str = "",
    ) -> Self:
        """Publish alice/model@1.2, by the true keys, with something wrong in it.

        Args:
            change: of the content of all its files.
            name: of another model.
            files: of its bundle; the same as before when None.
            targets: change of what the author lists, by path.
            base: what it is said to be retrained from.
            author: who signs the statements.
        """
        named = ModelName.of(name)
        own = self.world.files if files is None else files
        content = {**own, **statements(named, own, self.keys, base=base, author=author)}
        change(content)
        self.forge.release(named, content, targets)
        return self

    # The user.

    @cached_property
    def home(self) -> Home:
        """What the user keeps: nothing yet, unless `seen` was called."""
        return Home(self.folder / "home")

    def seen(self) -> Self:
        """Let the user have pulled alice/model before."""
        shutil.copytree(self.world.home, self.home.folder)
        return self

    @cached_property
    def trusted(self) -> TrustedRepository:
        """The repository as the user trusts it, on the web."""
        return self.home.trust(self.served.url, self.world.root, self.policy)

    def under(self, **policy: Any) -> Self:
        """Let the user have another policy."""
        self.policy = Policy.of(**(self.policy.model_dump() | policy))
        return self

    def asking(self, **settings: Any) -> Self:
        """Let the user pull with other settings: see `Pull`."""
        self.settings |= settings
        return self

    def pull(self, name: str = MODEL_NAME) -> Receipt:
        """Pull a model, and see that a pull that is refused leaves nothing behind."""
        out = self.folder / "out"
        out.mkdir(parents=True, exist_ok=True)
        before = set(out.iterdir())
        path = out / f"model-{len(before)}"
        usual: dict[str, Any] = {
            "deadline_s": _DEADLINE_S, "silence_s": _SILENCE_S, "pause_s": _PAUSE_S,
        }  # fmt: skip
        asked = Pull(self.trusted, self.home.cache, **(usual | self.settings))
        try:
            receipt = asked.to(ModelName.of(name), path)
        except BadnetsError as error:
            if left := sorted(one.name for one in set(out.iterdir()) - before):
                raise WentWrong(f"left behind {', '.join(left)} after: {error}") from error
            raise
        self.came = path
        return receipt

    def bundle(self, name: str = MODEL_NAME) -> Content:
        """Pull a model, and return the content of its bundle."""
        self.pull(name)
        return {one.name: one.read_bytes() for one in self.came.iterdir()}

    @cached_property
    def lying(self) -> Path:
        """A model that was pulled and lies here, with what is said of it beside."""
        if not self.home.folder.exists():
            self.seen()
        path = self.folder / "lying" / "model"
        shutil.copytree(self.world.pulled.parent, path.parent)
        return path

    @property
    def beside(self) -> Path:
        """What is said of `lying`."""
        return statements_of(self.lying)

    def verify(self, **how: Any) -> Verified:
        """Verify what lies here."""
        return verify(self.lying, home=self.home.folder, **how)

    def touch(
        self, name: str, change: Callable[[bytes], bytes], folder: Path | None = None
    ) -> Self:
        """Change a file of what lies here, read-only or not."""
        path = (folder or self.lying) / name
        path.chmod(0o644)
        path.write_bytes(change(path.read_bytes()))
        return self

"""What a publisher's own commands refuse: signing, attesting, publishing, changing keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from badnets.bundles.manifest import CARD, CONFIG, MODEL
from badnets.hub.attacks.forging import (
    AUDIT,
    RESULT,
    Content,
    listed,
    resigned,
    statements,
)
from badnets.hub.attacks.payloads import PLAIN
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import AUDITORS, MODEL_NAME, Scene, on_disk, tensors
from badnets.hub.keys import Key, Keyring, PublicKey
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName
from badnets.hub.releases import check_release
from badnets.hub.repository import Repository
from badnets.hub.signing import attest, sign_bundle

Run = Callable[[Scene], object]
NAME = ModelName.of(f"{MODEL_NAME}@1.2")
VERDICT: dict[str, Any] = {
    "conclusion": "nothing found", "p_value": 0.5, "smallest_fpr": 0.02, "max_fpr": 0.05,
    "null": "reference",
}  # fmt: skip


@dataclass(frozen=True)
class Ready:
    """A release that is ready to be published.

    Attributes:
        bundle: folder of the network.
        said: folder of what is said of it.
    """

    bundle: Path
    said: Path


def ready(scene: Scene, change: Callable[[dict[str, bytes]], object] = id) -> Ready:
    """Return a release on its author's disk.

    Args:
        scene: whose folder it is written to.
        change: of the content of its statements.
    """
    content = statements(NAME, scene.world.files, scene.keys)
    change(content)
    found = Ready(scene.folder / "net", scene.folder / "net.statements")
    for folder, files in ((found.bundle, scene.world.files), (found.said, content)):
        on_disk(folder, files)
    return found


def checked(scene: Scene, release: Ready, name: ModelName = NAME) -> object:
    """Check a release as ``badnets hub publish`` does."""
    auditors = [scene.public(one) for one in AUDITORS]
    return check_release(name, release.bundle, release.said, [scene.public("alice")], auditors)


def _bundle(change: Callable[[Path], object]) -> Run:
    """Return what checks a release whose bundle was changed after it was signed."""

    def run(scene: Scene) -> None:
        release = ready(scene)
        change(release.bundle)
        checked(scene, release)

    return run


def _said(change: Callable[[Path], object]) -> Run:
    """Return what checks a release whose statements' folder was changed."""

    def run(scene: Scene) -> None:
        release = ready(scene)
        change(release.said)
        checked(scene, release)

    return run


def _statement(file: str, by: str, change: Callable[[dict[str, Any]], object] = id) -> Run:
    def run(scene: Scene) -> None:
        checked(scene, ready(scene, lambda said: said.update(
            {file: resigned(said[file], scene.keys[by], change)}
        )))  # fmt: skip

    return run


def _write(content: Content) -> Callable[[Path], object]:
    return lambda folder: [(folder / name).write_bytes(data) for name, data in content.items()]


def _with_weights(data: bytes) -> Run:
    """Return what checks a bundle with other weights, its own list of digests made to fit."""

    def run(scene: Scene) -> None:
        release = ready(scene)
        _write(listed({**scene.world.files, MODEL: data}))(release.bundle)
        checked(scene, release)

    return run


def _links(folder: Path) -> None:
    (folder / CARD).rename(folder.parent / "kept")
    (folder / CARD).symlink_to(folder.parent / "kept")


def _linked_statement(folder: Path) -> None:
    (folder / AUDIT).rename(folder.parent / "kept")
    (folder / AUDIT).symlink_to(folder.parent / "kept")


def _other_version(scene: Scene) -> None:
    checked(scene, ready(scene), ModelName.of(f"{MODEL_NAME}@1.3"))


def _other_name(scene: Scene) -> None:
    checked(scene, ready(scene), ModelName.of("alice/other@1.2"))


def _unknown_auditor(scene: Scene) -> None:
    release = ready(scene)
    check_release(NAME, release.bundle, release.said, [scene.public("alice")], [])


def _sign(by: str, name: str = f"{MODEL_NAME}@1.2", **how: Any) -> Run:
    def run(scene: Scene) -> None:
        release = ready(scene, dict.clear)
        sign_bundle(release.bundle, ModelName.of(name), scene.keys[by], release.said, **how)

    return run


def _attest(by: str | Callable[[Scene], Key], verdict: dict[str, Any] | bytes = VERDICT,
            name: str | None = None) -> Run:  # fmt: skip
    """Return what signs a verdict on a model that its author signed."""

    def run(scene: Scene) -> None:
        release = ready(scene, lambda said: [said.pop(one) for one in (AUDIT, RESULT)])
        path = scene.folder / "verdict.json"
        path.write_bytes(verdict if isinstance(verdict, bytes) else json.dumps(verdict).encode())
        key = scene.keys[by] if isinstance(by, str) else by(scene)
        named = None if name is None else ModelName.of(name)
        attest(release.bundle, path, key, release.said, name=named)

    return run


def _unlabelled(scene: Scene) -> Key:
    """The author's key in a file that does not say what it is for."""
    own = scene.keys["alice"]
    return Key(PublicKey.of(own.public.key, "someone"), own.signer)


def _namesake(scene: Scene) -> Key:
    return Key.new("auditor", "alice")


def _published(name: str) -> Run:
    def run(scene: Scene) -> None:
        files = on_disk(scene.folder / "release", scene.world.files)
        scene.publisher.publish(ModelName.of(name), files)

    return run


def _without_key(*names: str) -> Run:
    """Return what publishes without a private key that is needed."""

    def run(scene: Scene) -> None:
        folder = scene.folder / "keys"
        for name in scene.keys:
            if (scene.world.folder / "keys" / f"{name}.key").exists() and name not in names:
                scene.keys[name].write(folder, None)
        files = on_disk(scene.folder / "release", scene.world.files)
        Repository(scene.repository, Keyring([folder])).publish(NAME, files)

    return run


def _after(role: str, change: Callable[[Scene], object]) -> Run:
    """Return what publishes into a repository that somebody changed behind its publisher's back."""

    def run(scene: Scene) -> None:
        change(scene)
        _published(str(NAME))(scene)

    return run


def _wrong_passphrase(scene: Scene) -> None:
    path, _ = Key.new("author", "new").write(scene.folder / "keys", b"right")
    Key.read(path, lambda _: b"wrong")


def _mixed_pair(scene: Scene) -> None:
    folder = scene.folder / "keys"
    scene.keys["alice"].write(folder, None)
    (folder / "alice.pub").write_bytes(scene.public("bob").to_pem())
    Keyring([folder]).find(scene.public("bob").keyid)


def _private_given(scene: Scene) -> None:
    path, _ = Key.new("author", "new").write(scene.folder / "keys", None)
    PublicKey.read(path)


def _overwritten(scene: Scene) -> None:
    for _ in range(2):
        Key.new("author", "new").write(scene.folder / "keys", None)


def _rotate_alone(scene: Scene) -> None:
    """One of two root keys that are needed, to exchange the keys."""
    folder = scene.folder / "keys"
    for name in ("root-1", "publisher"):
        scene.keys[name].write(folder, None)
    Repository(scene.repository, Keyring([folder])).rotate("publisher", Key.new("publisher", "new"))


def _drop(role: str) -> Callable[[Scene], object]:
    return lambda scene: scene.forge.path(role).unlink()


GROUP = Group(
    "publisher",
    "What signing, attesting, publishing and changing keys refuse, before a client has to.",
    (
        Attack("publish: a bundle changed after it was signed", "wrong use", _bundle(
            lambda folder: (folder / CONFIG).write_text("{}")), "changed or damaged"),
        Attack("publish: other weights than were signed", "digest", _with_weights(tensors(9)),
               "is not the file that"),
        Attack("publish: a pickle as weights", "wrong use", _with_weights(PLAIN), "header"),
        Attack("publish: a file more in the bundle", "wrong use", _bundle(
            lambda folder: (folder / "x.py").write_text("1")), "which no bundle has"),
        Attack("publish: a link in the bundle", "wrong use", _bundle(_links), "is a link"),
        Attack("publish: a file more among the statements", "extra file", _said(
            lambda folder: (folder / "x.txt").write_text("1"))),
        Attack("publish: a link among the statements", "links", _said(_linked_statement)),
        Attack("publish: no statement of the author", "missing file", _said(
            lambda folder: (folder / STATEMENT).unlink()), "its author's statement, is missing"),
        Attack("publish: nothing says how it was made", "provenance", _said(
            lambda folder: (folder / PROVENANCE).unlink())),
        Attack("publish: signed by another author", "signature", _statement(STATEMENT, "bob")),
        Attack("publish: another version than was signed", "statement of another model",
               _other_version),
        Attack("publish: another name than was signed", "statement of another model", _other_name),
        Attack("publish: an audit by the author", "self-audit", _statement(AUDIT, "alice")),
        Attack("publish: an audit by a key that is not at hand", "wrong use", _unknown_auditor,
               "not at hand"),
        Attack("publish: an audit of another model", "audit of another model", _statement(
            AUDIT, "carol", lambda one: one["subject"][0].update(name="alice/other"))),
        Attack("publish: an audit that has expired", "audit expired", _statement(
            AUDIT, "carol", lambda one: one["predicate"].update(
                made="2020-01-01T00:00:00Z", expires="2021-01-01T00:00:00Z"))),
        Attack("publish: a test result without its audit", "missing file", _said(
            lambda folder: (folder / AUDIT).unlink()), "which belongs to"),
        Attack("publish: an OMS signature that was not named", "digest", _said(
            lambda folder: (folder / OMS).write_bytes((folder / OMS).read_bytes() + b" "))),
        Attack("publish: by somebody who is no author here", "wrong use",
               _published("eve/model@1.0"), "may not publish here"),
        Attack("publish: without the author's key", "wrong use", _without_key("alice"),
               "can be found"),
        Attack("publish: without the publisher's key", "wrong use", _without_key("publisher"),
               "can be found"),
        Attack("publish: after the snapshot was changed by somebody", "digest", _after(
            "snapshot", lambda scene: scene.forge.raw("snapshot", lambda data: data + b" "))),
        Attack("publish: after somebody else signed the timestamp", "signature", _after(
            "timestamp", lambda scene: scene.forge.write("timestamp", by=("thief",)))),
        Attack("publish: after an author's metadata were deleted", "missing file",
               _after("alice", _drop("alice"))),
        Attack("publish: after the timestamp was exchanged for something else", "malformed", _after(
            "timestamp", lambda scene: scene.forge.raw("timestamp", lambda data: b"{}"))),
        Attack("sign: by an auditor's key", "wrong use", _sign("carol"),
               "is the key of an auditor"),
        Attack("sign: in the name of another", "wrong use", _sign("mallory"), "signs mallory/"),
        Attack("sign: without a version", "wrong use", _sign("alice", MODEL_NAME), "a version"),
        Attack("attest: by an author's key", "wrong use", _attest("bob"),
               "is the key of an author"),
        Attack("attest: by the author's key in another file", "self-audit", _attest(_unlabelled)),
        Attack("attest: by an auditor of the author's name", "self-audit", _attest(_namesake),
               "auditor's own"),
        Attack("attest: under another name than the author signed", "statement of another model",
               _attest("carol", name="alice/other@1.2")),
        Attack("attest: a verdict that is none", "wrong use", _attest("carol", b"{}"),
               "no verdict"),
        Attack("attest: a verdict that its own numbers contradict", "wrong use",
               _attest("carol", VERDICT | {"p_value": 0.001}), "no verdict"),
        Attack("attest: a verdict on another bundle", "wrong use",
               _attest("carol", VERDICT | {"bundle": "0" * 64}), "another model"),
        Attack("delegate: a key that is another author's", "wrong use", lambda scene: (
            scene.publisher.delegate("eve", scene.public("alice"))), "share no key"),
        Attack("delegate: a name that somebody has", "wrong use", lambda scene: (
            scene.publisher.delegate("alice", scene.public("alice-2"))), "rotate"),
        Attack("delegate: a key of another kind", "wrong use", lambda scene: (
            scene.publisher.delegate("eve", scene.public("root-1"))), "ECDSA P-256"),
        Attack("yank: a version that is not there", "wrong use", lambda scene: (
            scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@9"), "x")), "no such version"),
        Attack("rotate: by one of the two root keys that are needed", "wrong use", _rotate_alone,
               "can be found"),
        Attack("rotate: to a key that is another author's", "wrong use", lambda scene: (
            scene.publisher.rotate("alice", scene.keys["bob"])), "an author's here already"),
        Attack("keys: the wrong passphrase", "wrong use", _wrong_passphrase, "passphrase is wrong"),
        Attack("keys: a public key that is not the private one's", "wrong use", _mixed_pair,
               "not one key"),
        Attack("keys: a private key given as the public one", "wrong use", _private_given,
               "is a private key"),
        Attack("keys: a new key over an old one", "wrong use", _overwritten, "never replaced"),
    ),
)  # fmt: skip

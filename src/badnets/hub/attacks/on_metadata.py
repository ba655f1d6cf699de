"""Metadata of The Update Framework: old, held back, mixed, forged, too large, by the wrong key.

References:
    The Update Framework, specification 1.0.31, section 1.5.2: the attacks that it is made against.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Root, SuccinctRoles

from badnets.bundles.digests import sha256_bytes
from badnets.hub.attacks.forging import DAY, Forge, Plain, expired
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import MODEL_NAME, WEIGHTS, Scene
from badnets.hub.attacks.web import endless
from badnets.hub.names import ModelName
from badnets.hub.repository import Repository
from badnets.hub.statements import moment, now

_FAR = 10**6


def _json(change: Callable[[Plain], object]) -> Callable[[bytes], bytes]:
    """Return what changes metadata as they lie there, without signing them anew."""

    def changed(data: bytes) -> bytes:
        plain = json.loads(data)
        change(plain)
        return json.dumps(plain).encode()

    return changed


def _raw(role: str, change: Callable[[bytes], bytes]) -> Callable[[Scene], object]:
    def run(scene: Scene) -> None:
        scene.forge.raw(role, change)
        scene.pull()

    return run


def _forged(role: str, *args: Any, **how: Any) -> Callable[[Scene], object]:
    return lambda scene: scene.forged(role, *args, **how).pull()


def _leads_to(role: str, changes: dict[str, Any]) -> Callable[[Scene], object]:
    """Return what changes what a snapshot says of a role's metadata."""

    def change(signed: Any) -> None:
        for name, value in changes.items():
            setattr(signed.meta[f"{role}.json"], name, value)

    return lambda scene: scene.seen().forged("snapshot", change).pull()


def _old(scene: Scene) -> None:
    scene.seen().show(scene.world.old).pull()


def _old_and_late(scene: Scene) -> None:
    """Yesterday's repository to somebody who has seen none, once its timestamp has run out."""
    scene.show(scene.world.old).forged("timestamp", expired).pull()


def _old_after_loss(scene: Scene) -> None:
    """Yesterday's repository, to a client whose copies of metadata were deleted."""
    scene.seen()
    for path in scene.trusted.metadata.glob("*.json"):
        path.unlink()
    scene.show(scene.world.old).pull()


def _old_snapshot(scene: Scene) -> None:
    old = Forge(scene.world.old, scene.keys).path("snapshot")
    data, number = old.read_bytes(), int(old.name.partition(".")[0])
    of = MetaFile(number, len(data), {"sha256": sha256_bytes(data)})
    scene.seen().forged("timestamp", lambda signed: setattr(signed, "snapshot_meta", of)).pull()


def _under_new_number(role: str) -> Callable[[Scene], object]:
    """Return what shows yesterday's metadata of a role under today's number."""

    def run(scene: Scene) -> None:
        old = Forge(scene.world.old, scene.keys).path(role)
        scene.forge.path(role).write_bytes(old.read_bytes())
        scene.pull()

    return run


def _misnumbered(scene: Scene) -> None:
    own = scene.forge.path("alice")
    far = MetaFile(_FAR)
    own.with_name(f"{_FAR}.alice.json").write_bytes(own.read_bytes())
    scene.forged("snapshot", lambda signed: signed.meta.update({"alice.json": far})).pull()


def _without_author(scene: Scene) -> None:
    scene.seen().forged("snapshot", lambda signed: signed.meta.pop("alice.json")).pull()


def _author_unlisted(scene: Scene) -> None:
    """The same to somebody who has seen nothing of it."""
    scene.forged("snapshot", lambda signed: signed.meta.pop("alice.json")).pull()


def _new_root(scene: Scene, by: tuple[str, ...], **how: Any) -> Scene:
    """Change the keys: whoever has the thief's signs from now on."""

    def change(root: Root) -> None:
        for role in ("targets", "snapshot", "timestamp"):
            root.add_key(scene.public("thief").key, role)

    return scene.forged("root", change, by, **how)


def _twice_by_one_key(scene: Scene) -> None:
    def twice(plain: Plain) -> None:
        plain["signatures"].append(plain["signatures"][0])

    _new_root(scene, ("root-1",), after=_json(twice)).pull()


def _one_key_two_names(scene: Scene) -> None:
    """The same key under another id, so that two signatures are counted."""

    def twice(plain: Plain) -> None:
        first = plain["signatures"][0]
        plain["signatures"].append({"keyid": scene.public("root-2").keyid, "sig": first["sig"]})

    _new_root(scene, ("root-1",), after=_json(twice)).pull()


def _revoked(role: str, at: str, leaving: str) -> Callable[[Scene], object]:
    """Return what signs by a key that was exchanged."""

    def run(scene: Scene) -> None:
        def change(signed: Any) -> None:
            new = "thief" if leaving == "publisher" else "alice-2"
            signed.revoke_key(scene.public(leaving).keyid, role)
            signed.add_key(scene.public(new).key, role)

        scene.forged(at, change).forged(role).pull()

    return run


def _other_repository(scene: Scene) -> None:
    """What the same publisher signed for another repository of his."""
    other = Repository.create(scene.folder / "other", scene.world.ring, threshold=1)
    data = (other.folder / "metadata" / "timestamp.json").read_bytes()
    scene.forge.raw("timestamp", lambda _: data)
    scene.pull()


def _root_ahead(scene: Scene) -> None:
    scene.forge.write("root", lambda signed: setattr(signed, "version", 5), ("root-1", "root-2"))
    metadata = scene.repository / "metadata"
    (metadata / "5.root.json").rename(metadata / "2.root.json")
    scene.pull()


def _endless(part: str) -> Callable[[Scene], object]:
    def run(scene: Scene) -> None:
        scene.served.faults[part] = endless()
        scene.pull()

    return run


def _delegations(change: Callable[[Scene, Delegations], object]) -> Callable[[Scene], object]:
    """Return what changes who may publish, by the publisher's true key."""
    return lambda scene: scene.forged(
        "targets", lambda signed: change(scene, signed.delegations)
    ).pull()


def _mallory_first(scene: Scene, given: Delegations, role: DelegatedRole) -> None:
    key = scene.public("mallory").key
    given.keys[key.keyid] = key
    given.roles = {"eve": role, **(given.roles or {})}


def _shadow(paths: list[str] | None, prefixes: list[str] | None) -> Callable[[Scene], object]:
    def change(scene: Scene, given: Delegations) -> None:
        keyid = scene.public("mallory").keyid
        role = DelegatedRole("eve", [keyid], 1, True, paths=paths, path_hash_prefixes=prefixes)
        _mallory_first(scene, given, role)

    return _delegations(change)


def _role(change: Callable[[DelegatedRole], object]) -> Callable[[Scene], object]:
    def run(scene: Scene, given: Delegations) -> None:
        change((given.roles or {})["alice"])

    return _delegations(run)


def _hash_bins(scene: Scene, given: Delegations) -> None:
    given.roles = None
    given.succinct_roles = SuccinctRoles([scene.public("mallory").keyid], 1, 2, "bin")


def _rsa(scene: Scene, given: Delegations) -> None:
    keyid = (given.roles or {})["alice"].keyids[0]
    own = given.keys[keyid]
    given.keys[keyid] = SSlibKey(keyid, "rsa", "rsassa-pss-sha256", own.keyval)


def _outside(scene: Scene) -> None:
    """Bob, who is an author too, lists a model in alice's name."""
    name = ModelName.of("alice/other@1.0")

    def change(signed: Any) -> None:
        own = scene.forge.read("alice").signed.targets
        for path in scene.world.files:
            target = own[f"{MODEL_NAME}/1.1/{path}"]
            target.path = name.target(path)
            signed.targets[target.path] = target

    scene.forged("bob", change).pull("alice/other")


def _again_with_others(scene: Scene) -> None:
    """A version that was let in, published again with other weights, all rightly signed."""
    files = scene.world.files_of("alice/another")
    scene.seen().release(name=f"{MODEL_NAME}@1.1", files=files).pull()


def _withdrawn(scene: Scene) -> None:
    def change(signed: Any) -> None:
        for path in [one for one in signed.targets if one.startswith(f"{MODEL_NAME}/1.0/")]:
            del signed.targets[path]

    scene.seen().forged("alice", change).pull()


def _yanked(scene: Scene) -> None:
    scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@1.1"), "it was backdoored")
    scene.pull(f"{MODEL_NAME}@1.1")


def _all_yanked(scene: Scene) -> None:
    for version in ("1.0", "1.1"):
        scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@{version}"), "it was backdoored")
    scene.pull()


def _clock(scene: Scene) -> None:
    """The user's clock was set back by ten years, so that nothing looks expired."""
    scene.seen()
    path = scene.trusted.folder / "seen.json"
    plain = json.loads(path.read_bytes())
    plain["time"] = moment(now() + timedelta(days=3650))
    path.write_text(json.dumps(plain))
    scene.pull()


def _wrong_kind(scene: Scene) -> None:
    other = scene.forge.path("snapshot").read_bytes()
    scene.forge.raw("timestamp", lambda _: other)
    scene.pull()


def _other_trust(scene: Scene) -> None:
    _ = scene.trusted
    other = Repository.create(scene.folder / "other", scene.world.ring, threshold=1)
    root = (other.folder / "metadata" / "1.root.json").read_bytes()
    scene.home.trust(scene.served.url, root)


def _untrusted(scene: Scene) -> None:
    _ = scene.trusted
    scene.home.repository("https://example.org/other")


def _own_root(scene: Scene) -> None:
    """A root that was changed before the user was given it."""
    root = _json(lambda plain: plain["signed"].update(version=7))(scene.world.root)
    scene.home.trust(scene.served.url, root)


def _half_root(scene: Scene) -> None:
    root = _json(lambda plain: plain.update(signatures=plain["signatures"][:1]))(scene.world.root)
    scene.home.trust(scene.served.url, root)


def _never_listed(scene: Scene) -> None:
    scene.pull("alice/nothing")


def _no_author(scene: Scene) -> None:
    scene.pull("eve/model")


def _no_version(scene: Scene) -> None:
    scene.pull(f"{MODEL_NAME}@7")


def _signed(change: Callable[[Plain], object]) -> Callable[[bytes], bytes]:
    return _json(lambda plain: change(plain["signed"]))


def _sig(change: Callable[[Plain], object]) -> Callable[[bytes], bytes]:
    return _json(lambda plain: change(plain["signatures"][0]))


def _long_author(scene: Scene) -> None:
    """More bytes than the snapshot lists."""
    scene.forge.raw("alice", lambda data: data + b" " * 1000)
    scene.pull()


def _too_large(scene: Scene) -> None:
    scene.asking(most_bytes=WEIGHTS // 2).pull()


GROUP = Group(
    "metadata",
    "What The Update Framework is there for: rollback, freeze, mixing, forgery, stolen keys.",
    (
        Attack("yesterday's repository, to a user who has seen today's", "rolled back", _old),
        Attack("yesterday's repository, to a new user, late", "expired", _old_and_late),
        Attack(
            "yesterday's repository, after the user's copies of metadata were deleted",
            "rolled back", _old_after_loss,
        ),
        Attack("a new timestamp that leads to yesterday's snapshot", "rolled back", _old_snapshot),
        Attack(
            "a snapshot with an older version of the author's metadata", "rolled back",
            _leads_to("alice", {"version": 1}),
        ),
        Attack(
            "a snapshot with an older version of targets", "rolled back",
            _leads_to("targets", {"version": 1}),
        ),
        Attack("a snapshot that lists the author no more", "rolled back", _without_author),
        Attack("the same, to a new user", "malformed", _author_unlisted, "are listed"),
        Attack(
            "yesterday's snapshot under today's number", "digest", _under_new_number("snapshot")
        ),
        Attack(
            "yesterday's metadata of the author under today's number", "digest",
            _under_new_number("alice"),
        ),
        Attack(
            "a snapshot that says the author's metadata have another version", "rolled back",
            _misnumbered, "metadata of alice",
        ),
        Attack("a timestamp that has expired", "expired", _forged("timestamp", expired)),
        Attack("a snapshot that has expired", "expired", _forged("snapshot", expired)),
        Attack("targets that have expired", "expired", _forged("targets", expired)),
        Attack("an author's metadata that have expired", "expired", _forged("alice", expired)),
        Attack("a root that has expired", "expired", _forged("root", expired)),
        Attack("the user's clock set back by years", "clock", _clock),
        Attack("a timestamp signed by another key", "signature", _forged("timestamp",
               by=("thief",))),
        Attack("a snapshot signed by another key", "signature", _forged("snapshot", by=("thief",))),
        Attack(
            "targets signed by an author's key", "signature", _forged("targets", by=("alice",))
        ),
        Attack(
            "an author's metadata signed by another author", "signature",
            _forged("alice", by=("mallory",)),
        ),
        Attack(
            "an author's metadata signed by the publisher, whose key was stolen", "signature",
            _forged("alice", by=("publisher",)),
        ),
        Attack(
            "a timestamp that nobody signed", "signature",
            _raw("timestamp", _json(lambda plain: plain.update(signatures=[]))),
        ),
        Attack(
            "a timestamp whose expiry was changed", "signature",
            _raw("timestamp", _signed(lambda one: one.update(expires=moment(now() + 9 * DAY)))),
        ),
        Attack(
            "a signature that names another key", "signature",
            _raw("timestamp", _sig(lambda one: one.update(keyid="0" * 64))),
        ),
        Attack(
            "a signature that is no signature", "signature",
            _raw("timestamp", _sig(lambda one: one.update(sig="00"))),
        ),
        Attack(
            "a new root by one of the two keys that it needs", "signature",
            lambda scene: _new_root(scene, ("root-1",)).pull(),
        ),
        Attack("one key's signature twice under a new root", "malformed", _twice_by_one_key),
        Attack("one key's signature under two keys' ids", "signature", _one_key_two_names),
        Attack(
            "a new root by keys of the publisher", "signature",
            lambda scene: _new_root(scene, ("publisher", "thief")).pull(),
        ),
        Attack("a root that leaves out versions", "rolled back", _root_ahead),
        Attack("the same publisher's timestamp of another repository", "digest", _other_repository),
        Attack(
            "a timestamp by a key that was exchanged", "signature",
            _revoked("timestamp", "root", "publisher"),
        ),
        Attack(
            "an author's metadata by a key that was exchanged", "signature",
            _revoked("alice", "targets", "alice"),
        ),
        Attack("a timestamp without end", "too large", _endless("timestamp")),
        Attack("a new root without end", "too large", _endless("2.root")),
        Attack("an author's metadata longer than listed", "too large", _long_author),
        Attack("a snapshot in the timestamp's place", "malformed", _wrong_kind),
        Attack("a timestamp that is no JSON", "malformed", _raw("timestamp",
               lambda data: data[9:])),
        Attack(
            "a timestamp of lists within lists", "malformed",
            _raw("timestamp", lambda data: b"[" * 8000 + b"]" * 8000),
        ),
        Attack(
            "a timestamp whose version is below 1", "malformed",
            _raw("timestamp", _signed(lambda one: one.update(version=-1))),
        ),
        Attack(
            "a timestamp of another specification", "malformed",
            _raw("timestamp", _signed(lambda one: one.update(spec_version="2.0.0"))),
        ),
        Attack(
            "a timestamp that expires at no time", "malformed",
            _raw("timestamp", _signed(lambda one: one.update(expires="tomorrow"))),
        ),
        Attack("an author lists a model in another's name", "name", _outside),
        Attack(
            "the publisher lets another sign in an author's name", "author",
            _shadow(["alice/*/*/*"], None), "in the name of",
        ),
        Attack(
            "the same by the first digits of paths' digests", "author", _shadow(None, [""]),
            "in the name of",
        ),
        Attack(
            "an author's paths reach further than the name", "author",
            _role(lambda role: setattr(role, "paths", ["*/*/*/*"])), "other paths",
        ),
        Attack(
            "an author's role lets later ones answer too", "author",
            _role(lambda role: setattr(role, "terminating", False)), "other paths",
        ),
        Attack("authors exchanged for nameless bins", "author", _delegations(_hash_bins)),
        Attack("an author's key that is said to be of another kind", "signature",
               _delegations(_rsa)),
        Attack("a version that was let in, published again with other weights", "replaced",
               _again_with_others),
        Attack("a version that was let in is gone", "rolled back", _withdrawn, "has it no more"),
        Attack("two versions with the same number", "version", lambda scene: (
            scene.release(name=f"{MODEL_NAME}@1.1.0").pull()
        ), "same version"),
        Attack("a version that was taken back, asked for by number", "yanked", _yanked),
        Attack("every version was taken back", "yanked", _all_yanked, "every version"),
        Attack("a version that nobody published", "version", _no_version, "there are"),
        Attack("a model that nobody published", "name", _never_listed),
        Attack("an author whom nobody knows", "author", _no_author, "no author"),
        Attack("another root for an address that is trusted", "not trusted", _other_trust),
        Attack("a repository that was never trusted", "not trusted", _untrusted),
        Attack("a root that was changed before it was given", "wrong use", _own_root, "no root"),
        Attack("a first root by one of the two keys it needs", "wrong use", _half_root, "no root"),
        Attack("a model larger than the user takes", "too large", _too_large, "--max-gib"),
    ),
)  # fmt: skip

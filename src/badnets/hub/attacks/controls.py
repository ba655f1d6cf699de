"""What must be let in, so that nothing passes by refusing everything; and what no check can see."""

from __future__ import annotations

import json
from collections.abc import Callable

from badnets.bundles.manifest import CONFIG, MODEL
from badnets.hub.attacks.by_publishers import NAME, VERDICT, checked, ready
from badnets.hub.attacks.forging import (
    AUDIT,
    RESULT,
    expired,
    listed,
    resigned,
)
from badnets.hub.attacks.interrupted import killed, partial, publish_next
from badnets.hub.attacks.on_bytes import flipped
from badnets.hub.attacks.rows import AUDIT_RATE, Control, Limit, check
from badnets.hub.attacks.stage import MODEL_NAME, WEIGHTS, Scene, tensors
from badnets.hub.attacks.web import Answer, Handler, sent, status
from badnets.hub.inspecting import inspect
from badnets.hub.keys import Key
from badnets.hub.linting.linting import lint
from badnets.hub.names import OMS, ModelName, audit_file
from badnets.hub.oms import verify_oms
from badnets.hub.policy import pem_of
from badnets.hub.pulling import Allowing
from badnets.hub.signing import attest, sign_bundle

Run = Callable[[Scene], object]
_FAR = 10**6


def _same(scene: Scene, name: str = MODEL_NAME) -> None:
    """Pull a model, and see that every byte is that of its author."""
    came = scene.bundle(name)
    check(came == scene.world.files_of(ModelName.of(name).bare), f"{name} came with other bytes")


def _next(scene: Scene) -> None:
    """See that alice/model@1.2 is what is pulled now."""
    check(scene.pull().version == "1.2", "an older version came")


def _let_pass(words: str, scene: Scene, name: str = MODEL_NAME) -> None:
    """See that what is let pass stands in the receipt."""
    said = scene.pull(name).let_pass
    check(any(words in one for one in said), f"the receipt does not record {words!r}: {said}")


def _as_folder(scene: Scene) -> None:
    scene.served.url = str(scene.repository)
    _same(scene)


def _offline(scene: Scene) -> None:
    _same(scene)
    scene.served.faults[""] = status(500)
    scene.asking(offline=True)
    _same(scene)


def _from_cache(scene: Scene) -> None:
    _same(scene)
    scene.served.faults["/targets/"] = status(500)
    scene.served.faults["targets/"] = status(500)
    _same(scene)


def _poisoned(scene: Scene) -> None:
    """The cache was changed: what is in it is thrown away, and the true file comes."""
    _same(scene)
    for blob in scene.home.cache.folder.iterdir():
        data = blob.read_bytes()
        blob.unlink()
        blob.write_bytes(flipped(5)(data))
    _same(scene)


def _written_through(scene: Scene) -> None:
    _same(scene)
    path = scene.came / MODEL
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    _same(scene)


def _resumed(scene: Scene) -> None:
    data = scene.file(MODEL).read_bytes()
    partial(scene, data[: WEIGHTS // 2])
    _same(scene)


def _resumed_wrong(scene: Scene) -> None:
    partial(scene, b"x" * (WEIGHTS // 2))
    _same(scene)


def _once(answer: Callable[[Scene], Answer]) -> Run:
    """Return what pulls while the weights are answered so the first time alone."""

    def run(scene: Scene) -> None:
        def first(handler: Handler, data: bytes) -> None:
            scene.served.faults.clear()
            answer(scene)(handler, data)

        scene.served.faults[MODEL] = first
        _same(scene)

    return run


def _broken_off(scene: Scene) -> Answer:
    return sent(lambda data: data[:999], said=scene.file(MODEL).stat().st_size)


def _moved(scene: Scene) -> None:
    """The repository has moved: its root is the same, so what was seen of it still counts."""
    scene.seen()
    place = scene.trusted.place
    scene.served.url = place.replace("127.0.0.1", "localhost")
    scene.__dict__.pop("trusted")
    _same(scene)
    check(len(scene.home.repositories()) == 1, "it is taken for another repository")


def _redirected(scene: Scene) -> None:
    name = scene.file(MODEL).name
    kept = scene.repository / "blobs"
    kept.mkdir()
    (kept / "x").write_bytes(scene.file(MODEL).read_bytes())
    scene.served.faults[name] = status(302, Location=f"{scene.served.url}/blobs/x")
    _same(scene)


def _rotated(role: str) -> Run:
    """Return what exchanges a key rightly; a user who has seen the old one goes on."""

    def run(scene: Scene) -> None:
        new = Key.new("author" if role == "alice" else "root" if role == "root" else "publisher",
                      "alice" if role == "alice" else "new")  # fmt: skip
        old = scene.public("root-1") if role == "root" else None
        scene.seen().publisher.rotate(role, new, old)
        if role == "alice":
            kept, scene.keys["alice"] = scene.keys["alice"], new
            try:
                scene.release()
            finally:
                scene.keys["alice"] = kept
            return _next(scene)
        return _same(scene)

    return run


def _fast_forward(scene: Scene) -> None:
    """Somebody used the publisher's key to number far ahead; the key was exchanged since."""
    scene.pull()
    scene.forged("timestamp", lambda signed: setattr(signed, "version", _FAR))
    scene.pull()
    stamp = scene.forge.path("timestamp")
    data = json.loads(stamp.read_bytes())
    check(data["signed"]["version"] == _FAR, "it was not numbered ahead")
    scene.publisher.rotate("publisher", Key.new("publisher", "new"))
    _same(scene)


def _killed_publisher(scene: Scene) -> None:
    killed(scene)
    _same(scene)
    publish_next(scene)
    _next(scene)


def _yanked(scene: Scene) -> None:
    scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@1.1"), "wrong labels")
    check(scene.pull().version == "1.0", "the version that was taken back came")


def _yanked_asked_for(scene: Scene) -> None:
    scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@1.1"), "wrong labels")
    scene.asking(allowing=Allowing(yanked=True))
    _let_pass("taken back", scene, f"{MODEL_NAME}@1.1")


def _unaudited(scene: Scene) -> None:
    def change(said: dict[str, bytes]) -> None:
        del said[AUDIT], said[RESULT]

    scene.release(change).under(unaudited="allow")
    _let_pass("no audit", scene)


def _expired(scene: Scene) -> None:
    scene.forged("timestamp", expired).asking(allowing=Allowing(expired=True))
    _let_pass("expired", scene)


def _unaudited_base(scene: Scene) -> None:
    """A model's own audit does not hide that its base model has none."""

    def change(said: dict[str, bytes]) -> None:
        del said[AUDIT], said[RESULT]

    files = scene.world.files_of("bob/base")
    scene.release(change, name="bob/base@1.1", files=files)
    base = scene.world.base.model_copy(update={"version": "1.1"})
    scene.release(name="alice/tuned@1.1", base=base)
    scene.asking(allowing=Allowing(unaudited=True))
    _let_pass("base model bob/base@1.1: no audit", scene, "alice/tuned")


def _any_base(scene: Scene) -> None:
    scene.under(base_model="any")
    _let_pass("base model", scene, "alice/tuned")


def _pinned(scene: Scene) -> None:
    _same(scene.under(authors={"alice": pem_of(scene.public("alice"))}))


def _two_audits(scene: Scene) -> None:
    def change(said: dict[str, bytes]) -> None:
        said[audit_file("dave")] = resigned(said[AUDIT], scene.keys["dave"], id)

    both = {who: pem_of(scene.public(who)) for who in ("carol", "dave")}
    scene.release(change).under(auditors=both)
    check(len(scene.pull().audits) == 2, "two audits do not count as two")


def _verified(scene: Scene) -> None:
    scene.verify()


def _verified_by_key(scene: Scene) -> None:
    """On a computer that has never pulled anything, by the author's key and a policy."""
    _ = scene.lying
    scene.verify(author=scene.public("alice"), policy=scene.policy)


def _inspected(scene: Scene) -> None:
    check(inspect(scene.lying).model == MODEL_NAME, "it is called otherwise")


def _oms(scene: Scene) -> None:
    verify_oms(scene.lying, scene.beside / OMS, scene.public("alice"))


def _linted(scene: Scene) -> None:
    report = lint(scene.lying)
    check(not report.counts["error"], f"lint finds {report.counts['error']} errors")


def _published(scene: Scene) -> None:
    """The publisher's own functions in turn: sign, attest, check, publish; then pull."""
    release = ready(scene, dict.clear)
    verdict = scene.folder / "verdict.json"
    verdict.write_text(json.dumps(VERDICT))
    sign_bundle(release.bundle, NAME, scene.keys["alice"], release.said)
    attest(release.bundle, verdict, scene.keys["carol"], release.said)
    found = checked(scene, release)
    scene.publisher.publish(NAME, found.files)  # type: ignore[attr-defined]
    _next(scene)


def _unicode(scene: Scene) -> None:
    """A class named in letters of another script, a card with emoji: they are but text."""
    files = dict(scene.world.files)
    config = json.loads(files[CONFIG])
    config["classes"] = ["猫", "собака"]
    files[CONFIG] = json.dumps(config, ensure_ascii=False).encode()
    scene.release(files=listed(files))
    _next(scene)


def _odd_tensors(scene: Scene) -> None:
    """Names such as ../../x name tensors here and no files."""
    half = WEIGHTS // 2
    header = {
        "../../x": {"dtype": "U8", "shape": [half], "data_offsets": [0, half]},
        "b": {"dtype": "U8", "shape": [half], "data_offsets": [half, WEIGHTS]},
    }
    scene.release(files=listed({**scene.world.files, MODEL: tensors(header=header)}))
    _next(scene)


def _between(scene: Scene) -> None:
    """A version is published between two questions of one pull."""

    def publish(data: bytes) -> bytes:
        scene.served.changes.clear()
        publish_next(scene)
        return data

    scene.served.changes["snapshot"] = publish
    check(scene.pull().version == "1.1", "another version came than was current at first")
    _next(scene)


CONTROLS: tuple[Control, ...] = (
    Control("a model, to a new user", _same),
    Control("the same, to a user who has pulled it before", lambda scene: _same(scene.seen())),
    Control("an older version that is asked for", lambda scene: _same(scene, f"{MODEL_NAME}@1.0")),
    Control("a version written otherwise: 1.1.0 for 1.1",
            lambda scene: _same(scene, f"{MODEL_NAME}@1.1.0")),
    Control("a model that was retrained from an audited one",
            lambda scene: _same(scene, "alice/tuned")),
    Control("a new version, to a user who has pulled the one before",
            lambda scene: _next(scene.seen().release())),
    Control("from a repository that is a folder", _as_folder),
    Control("offline, as it was fetched last", _offline),
    Control("from the cache, while the server gives no files", _from_cache),
    Control("from a poisoned cache: the true file comes", _poisoned),
    Control("after the pulled file was written to: the true file comes", _written_through),
    Control("a download that was broken off is taken up", _resumed),
    Control("one that was broken off with other bytes is begun anew", _resumed_wrong),
    Control("a server that breaks off once", _once(_broken_off)),
    Control("a server that has no time once", _once(lambda scene: status(503))),
    Control("a server that leads to another file of its own with the same bytes", _redirected),
    Control("a repository that has moved", _moved),
    Control("the publisher's key exchanged", _rotated("publisher")),
    Control("a root key exchanged", _rotated("root")),
    Control("an author's key exchanged, and a new version signed by the new one",
            _rotated("alice")),
    Control("recovery from a stolen key that was used to number far ahead", _fast_forward),
    Control("after a publisher was killed; and what is published next", _killed_publisher),
    Control("a version published in the middle of a pull", _between),
    Control("a version was taken back: the one before comes", _yanked),
    Control("a version that was taken back, asked for: recorded", _yanked_asked_for),
    Control("a model without an audit, where the policy lets it pass: recorded", _unaudited),
    Control("a timestamp that has expired, where the user lets it pass: recorded", _expired),
    Control("a base model that nobody looked at, where the policy lets it pass: recorded",
            _any_base),
    Control("a base model without an audit, where the user lets it pass: recorded",
            _unaudited_base),
    Control("an author by the key that the policy names", _pinned),
    Control("two audits by two auditors", _two_audits),
    Control("an audit of an unknown auditor beside one that counts",
            lambda scene: scene.release(lambda said: said.update({audit_file("dave"): resigned(
                said[AUDIT], scene.keys["dave"], id)})).pull()),
    Control("signed, attested, checked and published by the publisher's own commands", _published),
    Control("text of other scripts", _unicode),
    Control("tensors with odd names", _odd_tensors),
    Control("verify: what was pulled, offline", _verified),
    Control("verify: by the author's key, where nothing was pulled", _verified_by_key),
    Control("inspect: what was pulled", _inspected),
    Control("lint: what was pulled", _linted),
    Control("OpenSSF Model Signing: what was pulled", _oms),
)  # fmt: skip


def _backdoored(scene: Scene) -> None:
    """Other weights, rightly signed, with an honest audit that found nothing in them."""
    files = listed({**scene.world.files, MODEL: tensors(13)})
    scene.release(files=files)
    _next(scene)


def _left_out(scene: Scene) -> None:
    """Dave found a backdoor; the author publishes Carol's audit alone."""
    both = {who: pem_of(scene.public(who)) for who in ("carol", "dave")}
    scene.release().under(auditors=both)
    _next(scene)


def _old_to_new(scene: Scene) -> None:
    scene.show(scene.world.old).pull()


def _both_keys(scene: Scene) -> None:
    _backdoored(scene)


def _taken_back_meanwhile(scene: Scene) -> None:
    scene.publisher.yank(ModelName.of(f"{MODEL_NAME}@1.1"), "it is backdoored")
    scene.verify()


LIMITS: tuple[Limit, ...] = (
    Limit(
        "a backdoored model, signed by its true author, in which the audit finds nothing",
        "Signatures say who made it, not what it does. The audit is what stands in its way, at "
        f"the audit's own rate: {AUDIT_RATE[0]}, under '{AUDIT_RATE[1]}'.",
        _backdoored,
    ),
    Limit(
        "author's and auditor's keys stolen together",
        "Nothing tells the thief from the two. Keep them with different people; name several "
        "auditors; exchange keys (badnets hub rotate) and yank what they signed.",
        _both_keys,
    ),
    Limit(
        "an audit that found a backdoor, left out by the author beside one that did not",
        "Who publishes chooses which audits are shown, and one that counts is enough. Name only "
        "auditors in the policy who publish what they find.",
        _left_out,
    ),
    Limit(
        "yesterday's repository, to a new user, before its timestamp expires",
        "A new user has seen nothing newer. A timestamp holds for a day unless its publisher says "
        "otherwise.",
        _old_to_new,
    ),
    Limit(
        "a model that was taken back after it was pulled, verified offline",
        "Verify asks no server. Pull it again, or inspect AUTHOR/MODEL, to see that it was.",
        _taken_back_meanwhile,
    ),
)

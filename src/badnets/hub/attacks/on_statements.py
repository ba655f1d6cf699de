"""What authors and auditors say: by the wrong one, of another model, expired, bent, contradictory.

Each is published by the true keys of repository and author: what is wrong is in the statements.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from badnets.bundles.manifest import CARD, CLAIMS
from badnets.hub.attacks.forging import (
    AUDIT,
    RESULT,
    Plain,
    enveloped,
    listed,
    reenveloped,
    resigned,
    said_files,
    statements,
)
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import MODEL_NAME, Scene, tensors
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName, audit_file, result_file
from badnets.hub.policy import pem_of
from badnets.hub.statements import BaseModelRef, SaidFile, manifest_digest, moment, now

Run = Callable[[Scene], object]
Change = Callable[[Plain], object]
_OWNERS = {STATEMENT: "alice", PROVENANCE: "alice", AUDIT: "carol", RESULT: "carol"}
_BAD: dict[str, Any] = {"conclusion": "backdoor likely", "passed": False, "pValue": 0.001}
_TUNED, _BASE = "alice/tuned@1.1", "bob/base"


def _said(file: str, change: Change = id, by: str = "", **how: Any) -> Run:
    """Return what publishes a statement that says something else, signed by somebody."""

    def run(scene: Scene) -> None:
        key = scene.keys[by or _OWNERS[file]]
        scene.release(
            lambda said: said.update({file: resigned(said[file], key, change, **how)})
        ).pull()

    return run


def _predicate(file: str, by: str = "", **fields: Any) -> Run:
    """Return the same with other fields of the predicate."""
    return _said(file, lambda said: said["predicate"].update(fields), by)


def _verdict(**fields: Any) -> Run:
    """Return what publishes another verdict, and nothing that contradicts it."""

    def run(scene: Scene) -> None:
        def change(said: dict[str, bytes]) -> None:
            del said[RESULT]
            said[AUDIT] = resigned(
                said[AUDIT], scene.keys["carol"], lambda one: one["predicate"].update(fields)
            )

        scene.release(change).pull()

    return run


def _payload(file: str, change: Callable[[bytes], bytes]) -> Run:
    """Return the same with other bytes, which the right key signs."""

    def run(scene: Scene) -> None:
        def changed(said: dict[str, bytes]) -> None:
            payload = base64.b64decode(json.loads(said[file])["payload"])
            said[file] = enveloped(change(payload), scene.keys[_OWNERS[file]])

        scene.release(changed).pull()

    return run


def _envelope(file: str, change: Change) -> Run:
    """Return what publishes an envelope that was changed and not signed anew."""
    return _bytes(file, lambda data: reenveloped(data, change))


def _bytes(file: str, change: Callable[[bytes], bytes]) -> Run:
    return lambda scene: scene.release(lambda said: said.update({file: change(said[file])})).pull()


def _in_place_of(file: str, other: str) -> Run:
    return lambda scene: scene.release(lambda said: said.update({file: said[other]})).pull()


def _without(*files: str) -> Run:
    return lambda scene: scene.release(lambda said: [said.pop(file) for file in files]).pull()


def _of_another(*files: str, name: str, seed: int = 0) -> Run:
    """Return what puts statements of another release in the place of this one's."""

    def run(scene: Scene) -> None:
        content = listed({**scene.world.files, "model.safetensors": tensors(seed)})
        other = statements(ModelName.of(name), content, scene.keys)
        scene.release(lambda said: said.update({file: other[file] for file in files})).pull()

    return run


def _files(change: Callable[[list[Plain]], object]) -> Run:
    """Return what changes the list of files, with a digest that fits where that can be."""
    return _said(STATEMENT, lambda said: change(said["predicate"]["files"]))


def _renamed(scene: Scene) -> None:
    """The card called otherwise, its place in the order kept: the OMS root digest is the same."""
    scene.release(
        lambda said: said.update(
            {
                STATEMENT: resigned(
                    said[STATEMENT],
                    scene.keys["alice"],
                    lambda one: one["predicate"]["files"][0].update(name="CARD.md"),
                )
            }
        )
    ).pull()


def _terabyte(scene: Scene) -> None:
    """The author signs that a file has so many bytes, with a digest that fits."""

    def change(one: Plain) -> None:
        one["predicate"]["files"][-1]["length"] = 10**12
        files = tuple(SaidFile(**file) for file in one["predicate"]["files"])
        one["subject"][0]["digest"]["sha256"] = manifest_digest(files)

    _said(STATEMENT, change)(scene)


def _exchanged(scene: Scene) -> None:
    """Two files exchange their content, and the author signs that; the audit is the old one."""
    files = dict(scene.world.files)
    files[CARD], files[CLAIMS] = files[CLAIMS], files[CARD]
    other = statements(ModelName.of(f"{MODEL_NAME}@1.2"), scene.world.files, scene.keys)
    audits = {file: other[file] for file in (AUDIT, RESULT)}
    scene.release(lambda said: said.update(audits), files=listed(files)).pull()


def _other_weights(scene: Scene) -> None:
    """The author publishes other weights, with the audit of the ones before."""
    other = statements(ModelName.of(f"{MODEL_NAME}@1.2"), scene.world.files, scene.keys)
    audits = {file: other[file] for file in (AUDIT, RESULT)}
    files = listed({**scene.world.files, "model.safetensors": tensors(9)})
    scene.release(lambda said: said.update(audits), files=files).pull()


def _self_audit(scene: Scene) -> None:
    scene.under(auditors={"carol": pem_of(scene.public("alice"))})
    _said(AUDIT, by="alice")(scene)


def _by_another(policy_knows: bool) -> Run:
    """Return what adds an audit by somebody else than the policy's auditor."""

    def run(scene: Scene) -> None:
        def change(said: dict[str, bytes]) -> None:
            key = scene.keys["dave"]
            said[audit_file("dave")] = resigned(said.pop(AUDIT), key, id)
            said[result_file("dave")] = resigned(said.pop(RESULT), key, id)

        if policy_knows:
            scene.under(auditors={"dave": pem_of(scene.public("carol"))})
        scene.release(change).pull()

    return run


def _under(run: Run, **policy: Any) -> Run:
    return lambda scene: run(scene.under(**policy))


def _two_verdicts(scene: Scene) -> None:
    """Carol passes it, dave finds a backdoor; the policy knows both."""

    def change(said: dict[str, bytes]) -> None:
        said[audit_file("dave")] = resigned(
            said[AUDIT],
            scene.keys["dave"],
            lambda one: one["predicate"].update(_BAD),
        )

    both = {who: pem_of(scene.public(who)) for who in ("carol", "dave")}
    scene.under(auditors=both).release(change).pull()


def _pinned(who: str, key: str) -> Run:
    def run(scene: Scene) -> None:
        scene.under(authors={who: pem_of(scene.public(key))}).pull()

    return run


def _key_exchanged(scene: Scene) -> None:
    """Who holds the publisher's key gives alice's name to another key, and signs other weights."""

    def change(signed: Any) -> None:
        signed.revoke_key(scene.public("alice").keyid, "alice")
        signed.add_key(scene.public("alice-2").key, "alice")

    scene.forged("targets", change)
    scene.keys["alice"], kept = scene.keys["alice-2"], scene.keys["alice"]
    try:
        _other_weights(scene)
    finally:
        scene.keys["alice"] = kept


def _tuned(change: Callable[[Scene, dict[str, bytes]], object] = lambda scene, said: None) -> Run:
    """Return what publishes a model that was retrained from bob/base@1.0."""

    def run(scene: Scene) -> None:
        scene.release(lambda said: change(scene, said), name=_TUNED, base=scene.world.base).pull(
            "alice/tuned"
        )

    return run


def _from_base(**changes: str) -> Run:
    """Return what says of a model that it was retrained from another base."""

    def run(scene: Scene) -> None:
        base = BaseModelRef(**(scene.world.base.model_dump() | changes))
        scene.release(name=_TUNED, base=base).pull("alice/tuned")

    return run


def _base_unaudited(scene: Scene) -> None:
    def change(said: dict[str, bytes]) -> None:
        del said[AUDIT], said[RESULT]

    _with_base(scene, change)


def _base_found_bad(scene: Scene) -> None:
    def change(said: dict[str, bytes]) -> None:
        del said[RESULT]
        said[AUDIT] = resigned(
            said[AUDIT], scene.keys["carol"], lambda one: one["predicate"].update(_BAD)
        )

    _with_base(scene, change)


def _with_base(scene: Scene, change: Callable[[dict[str, bytes]], object]) -> None:
    files = scene.world.files_of(_BASE)
    scene.release(change, name=f"{_BASE}@1.1", files=files)
    _from_base(version="1.1")(scene)


def _base_yanked(scene: Scene) -> None:
    scene.publisher.yank(ModelName.of(f"{_BASE}@1.0"), "it was backdoored")
    _tuned()(scene)


def _round(scene: Scene) -> None:
    """Each of two models was retrained from the other."""
    digest = manifest_digest(said_files(scene.world.files))
    for one, other in (("one", "two"), ("two", "one")):
        base = BaseModelRef(name=f"alice/{other}", version="1.0", digest=digest)
        scene.release(name=f"alice/{one}@1.0", base=base)
    scene.pull("alice/one")


def _unnamed_base(scene: Scene) -> None:
    def change(scene: Scene, said: dict[str, bytes]) -> None:
        said[PROVENANCE] = resigned(
            said[PROVENANCE],
            scene.keys["alice"],
            lambda one: one["predicate"]["buildDefinition"].update(resolvedDependencies=[]),
        )

    _tuned(change)(scene)


def _twice(key: str) -> Callable[[bytes], bytes]:
    """Return what gives a key of JSON a second time: which one counts depends on the reader."""

    def change(data: bytes) -> bytes:
        value = json.dumps(json.loads(data)[key]).encode()
        return data.rstrip()[:-1] + b', "' + key.encode() + b'": ' + value + b"}"

    return change


def _deep(data: bytes) -> bytes:
    return b'{"a":' * 5000 + b"1" + b"}" * 5000


def _ages(**days: float) -> dict[str, str]:
    return {name: moment(now() + timedelta(days=count)) for name, count in days.items()}


GROUP = Group(
    "statements",
    "What authors and auditors sign: by the wrong key, of another model, bent or out of date.",
    (
        Attack("the author's statement by another author", "signature", _said(STATEMENT,
               by="mallory")),
        Attack(
            "another's signature said to be of the author's key", "signature",
            lambda scene: _said(
                STATEMENT, by="mallory", keyid=scene.public("alice").keyid
            )(scene), "was changed",
        ),
        Attack(
            "a word changed in the author's statement", "signature",
            _envelope(STATEMENT, lambda one: one.update(payload=base64.b64encode(
                base64.b64decode(one["payload"]).replace(b"1.2", b"1.3")).decode())),
        ),
        Attack(
            "the payload signed without its type", "signature", _said(STATEMENT, pae=False)
        ),
        Attack(
            "a payload of another type", "malformed", _said(STATEMENT, kind="application/json")
        ),
        Attack(
            "the type of the payload changed after signing", "malformed",
            _envelope(STATEMENT, lambda one: one.update(payloadType="text/plain")),
        ),
        Attack("an audit in the place of the author's statement", "signature",
               _in_place_of(STATEMENT, AUDIT)),
        Attack("how it was made in the place of what it is", "malformed",
               _in_place_of(STATEMENT, PROVENANCE), "not https://badnets.dev/model-manifest"),
        Attack("a test result in the place of the audit", "malformed", _in_place_of(AUDIT, RESULT)),
        Attack(
            "a statement of a kind that nobody knows", "malformed",
            _said(STATEMENT, lambda one: one.update(predicateType="https://example.org/v1")),
        ),
        Attack(
            "a statement that is none of in-toto", "malformed",
            _said(STATEMENT, lambda one: one.update(_type="https://in-toto.io/Statement/v0.1")),
        ),
        Attack("a key of the envelope given twice", "malformed", _bytes(STATEMENT,
               _twice("payload"))),
        Attack("a key of the statement given twice", "malformed",
               _payload(STATEMENT, _twice("predicate"))),
        Attack("a field that nobody knows", "malformed", _predicate(STATEMENT, trusted=True)),
        Attack("a number that is none", "malformed",
               _payload(AUDIT, lambda data: data.replace(b'"pValue":0.5', b'"pValue":NaN'))),
        Attack("a number with 5,000 digits", "malformed",
               _payload(AUDIT, lambda data: data.replace(b'"sampleSize":100',
                                                         b'"sampleSize":' + b"9" * 5000))),
        Attack("objects within objects, 5,000 deep", "malformed", _payload(STATEMENT, _deep)),
        Attack("a payload in UTF-16", "malformed",
               _payload(STATEMENT, lambda data: data.decode().encode("utf-16"))),
        Attack("a payload that is empty", "malformed", _payload(STATEMENT, lambda data: b"")),
        Attack("two signatures", "malformed",
               _envelope(STATEMENT, lambda one: one.update(signatures=one["signatures"] * 2))),
        Attack("no signature", "malformed",
               _envelope(STATEMENT, lambda one: one.update(signatures=[]))),
        Attack("base64 that ends in other bits", "malformed", _envelope(
            STATEMENT, lambda one: one["signatures"][0].update(
                sig=one["signatures"][0]["sig"].replace("=", "") + "===")), "base64"),
        Attack("two subjects", "malformed",
               _said(STATEMENT, lambda one: one.update(subject=one["subject"] * 2))),
        Attack("a subject with its version in the name", "malformed",
               _said(STATEMENT, lambda one: one["subject"][0].update(name=f"{MODEL_NAME}@1.2"))),
        Attack("a statement of 2 MiB", "too large",
               _bytes(STATEMENT, lambda data: data + b" " * 2**21)),
        Attack("the author's statement missing", "missing file", _without(STATEMENT)),
        Attack("the author's statement of another model", "statement of another model",
               _of_another(STATEMENT, name="alice/other@1.2")),
        Attack("the author's statement of another version", "statement of another model",
               _of_another(STATEMENT, name=f"{MODEL_NAME}@1.1")),
        Attack("a digest that is not that of its files", "malformed",
               _said(STATEMENT, lambda one: one["subject"][0]["digest"].update(sha256="0" * 64)),
               "not that of its files"),
        Attack("a file called otherwise, the OMS root digest the same", "malformed", _renamed),
        Attack("a file listed twice", "malformed", _files(lambda files: files.append(files[0]))),
        Attack("a file not listed", "malformed", _files(lambda files: files.pop())),
        Attack("files in another order", "malformed", _files(lambda files: files.reverse())),
        Attack("a file of 1 TB", "too large", _terabyte),
        Attack("another network's name", "statement of another model",
               _predicate(STATEMENT, architecture="resnet18"), "is said to be"),
        Attack("no number of a version", "malformed", _predicate(STATEMENT, version="1.2-rc1")),
        Attack("how it was made is not said", "provenance", _without(PROVENANCE), "nothing says"),
        Attack("how it was made, by another", "signature", _said(PROVENANCE, by="mallory")),
        Attack("how another model was made", "statement of another model",
               _of_another(PROVENANCE, name="alice/other@1.2")),
        Attack("how it was made does not name the base model", "provenance", _unnamed_base,
               "does not"),
        Attack("the OMS signature missing that is named", "missing file", _without(OMS)),
        Attack("an OMS signature that is not named", "extra file",
               _predicate(STATEMENT, oms_sha256=None)),
        Attack("another OMS signature than the one named", "digest",
               _bytes(OMS, lambda data: data + b" "), "not the one that its author signed"),
        Attack("no audit", "audit missing", _without(AUDIT, RESULT), "nobody says"),
        Attack("an audit by somebody whom the policy does not know", "audit missing",
               _by_another(policy_knows=False), "the policy trusts carol"),
        Attack("an audit while the policy knows no auditor", "audit missing",
               _under(lambda scene: scene.pull(), auditors={}), "trusts no auditor yet"),
        Attack("an audit under an auditor's name by another key", "signature",
               _said(AUDIT, by="mallory")),
        Attack("an audit by one auditor under the name of another", "signature",
               _by_another(policy_knows=True)),
        Attack("an audit by the author", "self-audit", _said(AUDIT, by="alice")),
        Attack("an audit by the author, whom the policy has as an auditor", "self-audit",
               _self_audit),
        Attack("an audit of another digest", "audit of another model",
               _of_another(AUDIT, RESULT, name=f"{MODEL_NAME}@1.2", seed=9)),
        Attack("an audit of another name", "audit of another model",
               _of_another(AUDIT, RESULT, name="alice/other@1.2")),
        Attack("an audit of another version", "audit of another model",
               _of_another(AUDIT, RESULT, name=f"{MODEL_NAME}@1.1")),
        Attack("other weights with the audit of those before", "audit of another model",
               _other_weights),
        Attack("two files exchanged, with the audit of those before", "audit of another model",
               _exchanged),
        Attack("a test result of another model beside the audit", "audit of another model",
               _of_another(RESULT, name="alice/other@1.2"), "test-"),
        Attack("a test result by another than the audit", "signature", _said(RESULT, by="mallory")),
        Attack("a test result that contradicts the audit", "audit verdict",
               _predicate(RESULT, result="FAILED"), "says FAILED"),
        Attack("an audit that found a backdoor", "audit verdict", _verdict(**_BAD)),
        Attack("an audit that checked nothing", "audit verdict",
               _verdict(conclusion="not checked", passed=False)),
        Attack("an audit that found nothing at a rate laxer than the policy's", "audit verdict",
               _predicate(AUDIT, pValue=0.03, maxFpr=0.01, threshold=0.01), "at the policy's"),
        Attack("an audit that too few clean models vouch for", "audit verdict",
               _predicate(AUDIT, smallestFpr=0.2), "at the policy's"),
        Attack("an audit that rests on no clean models", "audit verdict",
               _predicate(AUDIT, pValue=None, smallestFpr=None), "at the policy's"),
        Attack("one auditor of two found a backdoor", "audit verdict", _two_verdicts),
        Attack("an audit that passes what it found", "malformed",
               _predicate(AUDIT, "carol", **(_BAD | {"passed": True}))),
        Attack("an audit that has expired", "audit expired",
               _predicate(AUDIT, **_ages(made=-9, expires=-1)), "expired at"),
        Attack("an audit older than the policy lets in", "audit expired",
               _under(_predicate(AUDIT, **_ages(made=-9)), max_audit_age_days=5.0), "at most 5"),
        Attack("an audit of next week", "clock", _predicate(AUDIT, **_ages(made=7, expires=99))),
        Attack("an audit that expires before it was made", "malformed",
               _predicate(AUDIT, **_ages(made=-1, expires=-9))),
        Attack("an author whom the policy does not let in", "author", _pinned("bob", "bob"),
               "lets nobody called"),
        Attack("an author by another key than the policy's", "author", _pinned("alice", "alice-2"),
               "another key than the policy"),
        Attack("another key put in the author's place by the publisher, other weights",
               "audit of another model", _key_exchanged),
        Attack("a base model without an audit", "base model", _base_unaudited, "audit missing"),
        Attack("a base model in which a backdoor was found", "base model", _base_found_bad,
               "audit verdict"),
        Attack("a base model that was taken back", "base model", _base_yanked, "yanked"),
        Attack("a base model with other files", "base model", _from_base(digest="0" * 64),
               "other files"),
        Attack("a base model that is not here", "base model", _from_base(name="bob/gone"), "name"),
        Attack("a base model of an author whom nobody knows", "base model",
               _from_base(name="eve/base"), "author"),
        Attack("a version of the base model that is not here", "base model",
               _from_base(version="9.0"), "version"),
        Attack("two models, each retrained from the other", "base model", _round, "on and on"),
    ),
)  # fmt: skip

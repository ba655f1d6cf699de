"""Signed statements: read back as they were said, refused for all that can be wrong with them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope

from badnets.core.errors import SettingError
from badnets.hub.refusals import Refused
from badnets.hub.statements import (
    PREDICATES as KINDS,
)
from badnets.hub.statements import (
    Audit,
    Manifest,
    Predicate,
    SaidFile,
    Statement,
    manifest_digest,
    read,
    sign,
    unchecked,
)
from tests.hub.said import FILES, PREDICATES, key_of

ALICE = key_of("alice")
SAID = Statement[Predicate]("alice/net", manifest_digest(FILES), PREDICATES[0])
SIGNED = sign(SAID, ALICE)


@pytest.mark.parametrize("predicate", PREDICATES, ids=lambda one: type(one).__name__)
def test_what_is_said_is_read_back(predicate: Predicate) -> None:
    assert {type(one) for one in PREDICATES} == set(KINDS.values())
    data = sign(Statement("alice/net", "0" * 64, predicate), ALICE)
    back = read(data, [key_of("bob").public, ALICE.public], type(predicate))
    assert back == Statement("alice/net", "0" * 64, predicate, ALICE.public.keyid)
    claimed, keyid = unchecked(data, "it", Predicate)
    assert (claimed.predicate, claimed.keyid, keyid) == (predicate, "", ALICE.public.keyid)


def test_other_tools_verify_it() -> None:
    Envelope.from_dict(json.loads(SIGNED)).verify([ALICE.public.key], 1)


def test_a_name_cannot_be_exchanged_under_the_same_digest() -> None:
    first, second, *others = FILES
    swapped = (
        SaidFile(name=second.name, length=first.length, sha256=first.sha256),
        SaidFile(name=first.name, length=second.length, sha256=second.sha256),
    )
    assert manifest_digest((*swapped, *others)) != manifest_digest(FILES)
    assert manifest_digest(reversed(FILES)) == manifest_digest(FILES)
    assert manifest_digest(FILES[:1]) == (
        __import__("hashlib")
        .sha256(b'[{"length":0,"name":"README.md","sha256":"' + b"0" * 64 + b'"}]')
        .hexdigest()
    )


def resigned(change: Any) -> bytes:
    """What the true author would sign if the payload were changed so."""
    payload = json.loads(base64.b64decode(json.loads(SIGNED)["payload"]))
    text = change(payload)
    return enveloped(text if isinstance(text, bytes) else json.dumps(payload).encode())


def enveloped(text: bytes) -> bytes:
    envelope = Envelope(text, "application/vnd.in-toto+json", {})
    envelope.sign(ALICE.signer)
    return json.dumps(envelope.to_dict()).encode()


def altered(**changes: Any) -> bytes:
    return json.dumps({**json.loads(SIGNED), **changes}).encode()


SIGNATURE = json.loads(SIGNED)["signatures"][0]
REFUSED: dict[str, tuple[bytes, str]] = {
    "larger than read": (SIGNED + b" " * 2**20, "too large"),
    "no JSON": (b"{", "malformed"),
    "a key twice": (SIGNED.replace(b'"payloadType"', b'"payload": "", "payloadType"'), "malformed"),
    "unknown field": (altered(more=1), "malformed"),
    "other payload type": (altered(payloadType="application/json"), "malformed"),
    "no signature": (altered(signatures=[]), "malformed"),
    "two signatures": (altered(signatures=[SIGNATURE, SIGNATURE]), "malformed"),
    "base64 in other words": (altered(payload=json.loads(SIGNED)["payload"] + "\n"), "malformed"),
    "unknown key": (altered(signatures=[{**SIGNATURE, "keyid": "0" * 64}]), "signature"),
    "another's key id": (
        altered(signatures=[{**SIGNATURE, "keyid": key_of("bob").public.keyid}]), "signature"),
    "no signature in it": (altered(signatures=[{**SIGNATURE, "sig": ""}]), "signature"),
    "payload exchanged": (
        altered(payload=base64.b64encode(b'{"_type": "https://in-toto.io/Statement/v1"}').decode()),
        "signature"),
    "two subjects": (resigned(lambda one: one["subject"].append(one["subject"][0])), "malformed"),
    "other digest kind": (
        resigned(lambda one: one["subject"][0]["digest"].update(md5="0")), "malformed"),
    "subject of no model": (resigned(lambda one: one["subject"][0].update(name="x")), "malformed"),
    "another predicate type": (
        resigned(lambda one: one.update(predicateType="https://slsa.dev/provenance/v1")),
        "malformed"),
    "unknown predicate type": (resigned(lambda one: one.update(predicateType="x")), "malformed"),
    "field of another": (resigned(lambda one: one["predicate"].update(x=1)), "malformed"),
    "python's name": (resigned(lambda one: one["predicate"].update(omsSha256=None)), "malformed"),
    "a file twice": (
        resigned(lambda one: one["predicate"]["files"].append(one["predicate"]["files"][0])),
        "malformed"),
    "a path": (
        resigned(lambda one: one["predicate"]["files"][0].update(name="../x")), "malformed"),
    "a length as text": (
        resigned(lambda one: one["predicate"]["files"][0].update(length="1")), "malformed"),
    "no version": (resigned(lambda one: one["predicate"].update(version="1.x")), "malformed"),
    "a key twice inside": (
        resigned(lambda one: json.dumps(one).replace(
            '"subject"', '"subject": [], "subject"', 1).encode()), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_statement_is_refused_for_its_reason(case: str) -> None:
    data, reason = REFUSED[case]
    with pytest.raises(Refused) as caught:
        read(data, [ALICE.public, key_of("bob").public], Manifest)
    assert caught.value.reason == reason and "\n" not in str(caught.value)


def test_a_key_that_would_steer_a_terminal_is_shown_as_text() -> None:
    data = SIGNED.replace(ALICE.public.keyid.encode(), rb"68cd\n\u001b[2J")
    with pytest.raises(Refused, match=r"by the key 68cd\\n\\x1b\[2J, not") as caught:
        read(data, [ALICE.public], Manifest)
    assert str(caught.value).isprintable()


def test_a_statement_of_another_kind_is_refused() -> None:
    with pytest.raises(Refused, match=r"not https://badnets\.dev/backdoor-audit/v1"):
        read(SIGNED, [ALICE.public], Audit)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255), st.integers(0, 2))
def test_no_mutant_says_anything_else(place: int, byte: int, how: int) -> None:
    middle = (bytes([byte]), b"", bytes([byte]) + SIGNED[place : place + 1])[how]
    mutant = SIGNED[:place] + middle + SIGNED[place + 1 :]
    try:
        back = read(mutant, [ALICE.public], Manifest)
    except Refused:
        return
    assert (back.model, back.digest, back.predicate) == (SAID.model, SAID.digest, SAID.predicate)


@pytest.mark.parametrize(
    ("field", "value"),
    [("passed", False), ("threshold", 0.1), ("expires", "2025-01-01T00:00:00Z"), ("version", "x"),
     ("pValue", 2.0), ("conclusion", "clean")],
)  # fmt: skip
def test_an_audit_agrees_with_itself(field: str, value: object) -> None:
    with pytest.raises(SettingError, match="Audit"):
        Audit.of(**{**PREDICATES[2].plain(), "coverage": (), "methods": (), field: value})

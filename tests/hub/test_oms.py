"""OpenSSF Model Signing: model-signing verifies ours, and we verify what it signs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

from badnets.bundles.digests import sha256_file
from badnets.core.errors import DataError
from badnets.hub.keys import Key
from badnets.hub.oms import read_oms, sign_oms, verify_oms
from badnets.hub.refusals import Refused
from tests.hub.said import key_of

model_signing: Any = pytest.importorskip("model_signing")
KEY = key_of("alice")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for name in ("README.md", "config.json", "model.safetensors", "sub/extra.json"):
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "model"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return KEY.write(tmp_path / "keys", None)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def theirs(model: Path, signature: Path, keys: tuple[Path, Path]) -> None:
    model_signing.verifying.Config().use_elliptic_key_verifier(public_key=keys[1]).verify(
        model, signature
    )


def test_model_signing_verifies_ours_and_sees_a_change(
    model: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    signature = tmp_path / "model.sig"
    signature.write_bytes(sign_oms("alice/net", digests(model), KEY))
    theirs(model, signature, keys)
    verify_oms(model, signature, KEY.public)
    (model / "config.json").write_bytes(b"Config.json")
    with pytest.raises(ValueError, match="mismatch"):
        theirs(model, signature, keys)
    with pytest.raises(Refused, match="digest"):
        verify_oms(model, signature, KEY.public)


@pytest.fixture
def signed(model: Path, keys: tuple[Path, Path]) -> Path:
    """A folder that model-signing has signed, as its users do: the signature lies in it."""
    signature = model / "model.sig"
    model_signing.signing.Config().use_elliptic_key_signer(private_key=keys[0]).set_hashing_config(
        model_signing.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
    ).sign(model, signature)
    return model


def test_we_verify_what_model_signing_signs(signed: Path) -> None:
    said = verify_oms(signed, signed / "model.sig", KEY.public)
    assert set(said.files) == set(digests(signed)) - {"model.sig"}


def git(model: Path) -> None:
    (model / ".git").mkdir()
    (model / ".git/evil.py").write_text("1")


def link(model: Path) -> None:
    (model / "config.json").unlink()
    (model / "config.json").symlink_to("README.md")


def swapped(model: Path) -> None:
    one, other = model / "README.md", model / "config.json"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda m: (m / "README.md").write_bytes(b"readme.md"), "digest"),
    "added": (lambda m: (m / "x").write_bytes(b""), "extra file"),
    "added where git is ignored": (git, "extra file"),
    "added .gitattributes": (lambda m: (m / ".gitattributes").write_bytes(b""), "extra file"),
    "removed": (lambda m: (m / "README.md").unlink(), "missing file"),
    "renamed": (lambda m: (m / "README.md").rename(m / "README.mc"), "extra file"),
    "swapped": (swapped, "digest"),
    "link to the same": (link, "links"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_folder_that_was_tampered_with_is_refused(signed: Path, case: str) -> None:
    change, reason = TAMPERED[case]
    change(signed)
    with pytest.raises(Refused) as caught:
        verify_oms(signed, signed / "model.sig", KEY.public)
    assert caught.value.reason == reason


def test_what_is_not_there_is_told(model: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        verify_oms(model, model / "model.sig", KEY.public)


SIGNED = json.loads(sign_oms("net", {"a": "0" * 64, "b": "1" * 64}, KEY))


def resigned(change: Callable[[Any], object], key: Key = KEY) -> bytes:
    payload = json.loads(base64.b64decode(SIGNED["dsseEnvelope"]["payload"]))
    change(payload)
    envelope = Envelope(json.dumps(payload).encode(), "application/vnd.in-toto+json", {})
    envelope.sign(key.signer)
    return json.dumps({**SIGNED, "dsseEnvelope": envelope.to_dict()}).encode()


def predicate(**changes: Any) -> Callable[[Any], object]:
    return lambda said: said["predicate"].update(changes)


def serialization(**changes: Any) -> Callable[[Any], object]:
    return lambda said: said["predicate"]["serialization"].update(changes)


ONE = {"name": "a", "algorithm": "sha256", "digest": "0" * 64}
REFUSED = {
    "other media type": (json.dumps({**SIGNED, "mediaType": "x"}).encode(), "malformed"),
    "another's key": (resigned(lambda said: None, key_of("bob")), "signature"),
    "hint of another": (
        json.dumps({**SIGNED, "verificationMaterial": {"publicKey": {"hint": "0" * 64}}}).encode(),
        "signature",
    ),
    "shards": (resigned(serialization(method="shards")), "malformed"),
    "blake2b": (resigned(serialization(hash_type="blake2b")), "malformed"),
    "root digest": (
        resigned(lambda said: said["subject"][0]["digest"].update(sha256="0" * 64)),
        "malformed",
    ),
    "a file twice": (resigned(predicate(resources=[ONE, ONE])), "malformed"),
    "a file outside": (resigned(predicate(resources=[{**ONE, "name": "../a"}])), "malformed"),
    "another predicate": (resigned(lambda said: said.update(predicateType="x")), "malformed"),
    "no resources": (resigned(predicate(resources=[])), "malformed"),
    "base64": (
        json.dumps({**SIGNED, "dsseEnvelope": {**SIGNED["dsseEnvelope"], "payload": "!"}}).encode(),
        "malformed",
    ),
    "too large": (b" " * (2**20 + 1), "too large"),
    "no JSON": (b"\xff", "malformed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_signature_is_refused_for_its_reason(case: str) -> None:
    data, reason = REFUSED[case]
    assert read_oms(resigned(lambda said: None), KEY.public).files
    with pytest.raises(Refused) as caught:
        read_oms(data, KEY.public)
    assert caught.value.reason == reason

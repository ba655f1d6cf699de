"""Keys on disk: kept from others, never replaced, and refused in one line."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from badnets.core.errors import SettingError, TakenError
from badnets.hub.keys import Key, PublicKey, Role


@pytest.mark.parametrize("role", ["root", "publisher", "author", "auditor"])
@pytest.mark.parametrize("passphrase", [None, b"a long one"])
def test_a_key_comes_back_as_it_was(tmp_path: Path, role: Role, passphrase: bytes | None) -> None:
    key = Key.new(role, "alice")
    private, public = key.write(tmp_path / "keys", passphrase)
    back = Key.read(private, lambda path: passphrase or b"never asked for")
    assert back == key and back.public.name == "alice" and back.public.role == role
    known = PublicKey.read(public)
    assert known == key.public == back.public and (known.name, known.role) == ("alice", role)
    signature = back.sign(b"said")
    assert known.signed(b"said", signature)
    assert not known.signed(b"sad", signature) and not known.signed(b"said", signature[:-1])
    assert not Key.new(role, "alice").public.signed(b"said", signature)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert (b"ENCRYPTED" in private.read_bytes()) == (passphrase is not None)
    for path in (private, public):
        kept = path.read_bytes()
        with pytest.raises(TakenError, match="never replaced"):
            Key.new(role, "alice").write(tmp_path / "keys", None)
        assert path.read_bytes() == kept
    assert len(list((tmp_path / "keys").iterdir())) == 2


def written(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_that_cannot_be_used_are_refused_in_a_line(tmp_path: Path) -> None:
    key = Key.new("author", "alice")
    private, public = key.write(tmp_path, b"right")
    p384 = ec.generate_private_key(ec.SECP384R1())
    k1 = ec.generate_private_key(ec.SECP256K1())
    other = p384.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    cases = {
        "passphrase is wrong": (private, b"wrong"),
        "its passphrase is needed": (private, None),
        "may be read or written by others": (written(tmp_path / "open", pem(p384), 0o640), None),
        "another kind": (written(tmp_path / "p384", pem(p384)), None),
        "another kind than": (written(tmp_path / "k1", pem(k1)), None),
        "is a public key": (written(tmp_path / "swapped", public.read_bytes()), None),
        "no private key in it": (written(tmp_path / "junk", b"junk"), None),
        "is missing": (tmp_path / "none", None),
    }
    for words, (path, passphrase) in cases.items():
        with pytest.raises(SettingError, match=words) as caught:
            Key.read(path, None if passphrase is None else {path: passphrase}.__getitem__)
        assert "\n" not in str(caught.value)
    for words, path in {
        "is a private key": private,
        "no public key": written(tmp_path / "junk.pub", b"junk"),
        "ecdsa-sha2-nistp384": written(tmp_path / "p384.pub", other),
    }.items():
        with pytest.raises(SettingError, match=words):
            PublicKey.read(path)


def test_the_key_of_a_program_of_others_is_read(tmp_path: Path) -> None:
    plain = ec.generate_private_key(ec.SECP256R1())
    key = Key.read(written(tmp_path / "bob.key", pem(plain)))
    assert (key.public.name, key.public.role) == ("bob", None)
    key.public.check_role("author")


def test_a_key_for_something_else_is_refused() -> None:
    with pytest.raises(SettingError, match="the key of an author, the key of an auditor is needed"):
        Key.new("author", "alice").public.check_role("auditor")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Exception, match="permission denied"):
        Key.new("author", "alice").write(tmp_path, None)


def test_why_a_passphrase_cannot_be_asked_for_is_not_called_a_wrong_one(tmp_path: Path) -> None:
    path, _ = Key.new("publisher", "p").write(tmp_path, b"secret")

    def no_terminal(path: Path) -> bytes:
        raise SettingError("there is no terminal to ask at")

    with pytest.raises(SettingError, match="no terminal"):
        Key.read(path, no_terminal)

"""Keys: made, written and read; a private one lies in a file that its owner alone may read.

Authors and auditors have ECDSA P-256 keys, as the same key then writes signatures of OpenSSF Model
Signing; a repository's own are Ed25519. A PEM file may begin with the line ``badnets ROLE NAME``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, get_args

from badnets.bundles.atomic import new_file
from badnets.core.errors import SettingError, TakenError
from badnets.core.files import read_file
from badnets.hub.names import check_part

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, SSlibKey

Role = Literal["root", "publisher", "author", "auditor"]
"""What a key is for. The publisher's signs targets, snapshot and timestamp of a repository."""

PRIVATE, PUBLIC = ".key", ".pub"
PEOPLE: tuple[Role, ...] = ("author", "auditor")
_MOST_BYTES = 2**14
_LABEL = re.compile(r"badnets (root|publisher|author|auditor) ([a-z0-9._-]{1,64})\n")
_NOBODYS = "a key is made by `badnets hub keygen`"

Ask = Callable[[Path], bytes]
"""Gives the passphrase of a key file when it is needed; may raise."""


@dataclass(frozen=True)
class PublicKey:
    """What a signature is checked by.

    Attributes:
        keyid: names it, 64 hex digits; made from the key itself, as securesystemslib does.
        name: whose it is, as its file says; nothing proves that.
        role: what it is for, as its file says; None where it does not.
        key: securesystemslib's own.
    """

    keyid: str
    name: str = field(compare=False)
    role: Role | None = field(compare=False)
    key: SSlibKey = field(compare=False, repr=False)

    @classmethod
    def of(cls, key: SSlibKey, name: str, role: Role | None = None) -> Self:
        """Return the key with its true id; one that somebody else wrote beside it counts nothing.

        Raises:
            SettingError: it is neither of ECDSA P-256 nor of Ed25519.
        """
        from securesystemslib.signer import SSlibKey

        try:
            own = SSlibKey.from_crypto(key._crypto_key())
        except ValueError:
            raise SettingError(f"{name[:80]!r}: its key cannot be read") from None
        if (own.keytype, own.scheme) not in (
            ("ecdsa", "ecdsa-sha2-nistp256"),
            ("ed25519", "ed25519"),
        ):
            raise SettingError(
                f"{name[:80]!r}: a key of {own.scheme}; of ECDSA P-256 or Ed25519 it must be"
            )
        return cls(own.keyid, name, role, own)

    @classmethod
    def from_pem(cls, data: bytes, what: str, name: str = "") -> Self:
        """Return the key in a PEM file.

        Args:
            data: the file.
            what: what to call it in an error.
            name: whose it is, where the file does not say.

        Raises:
            SettingError: it holds no public key of a kind that is used here.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
        from securesystemslib.signer import SSlibKey

        role, labelled = _label(data)
        if b"PRIVATE KEY" in data:
            raise SettingError(f"{what} is a private key: give the public one, NAME{PUBLIC}")
        try:
            key = SSlibKey.from_crypto(load_pem_public_key(data))
        except (ValueError, UnsupportedAlgorithm):
            raise SettingError(f"{what} holds no public key that can be read: {_NOBODYS}") from None
        try:
            return cls.of(key, labelled or name, role)
        except SettingError as error:
            raise SettingError(f"{what}: {error}") from None

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Return the key in a file.

        Raises:
            SettingError: it is missing, or holds no public key of a kind that is used here.
        """
        path = Path(path)
        return cls.from_pem(read_file(path, _MOST_BYTES, error=SettingError), str(path), path.stem)

    def to_pem(self) -> bytes:
        """Return the content of a file for it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = self.key._crypto_key()
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return _labelled(self.role, self.name) + pem

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Return whether a signature is this key's, of exactly these bytes."""
        from securesystemslib.exceptions import UnverifiedSignatureError
        from securesystemslib.signer import Signature

        try:
            self.key.verify_signature(Signature(self.keyid, signature.hex()), data)
        except UnverifiedSignatureError:
            return False
        return True

    def check_role(self, *roles: Role) -> None:
        """Refuse a key whose file says that it is for something else.

        Raises:
            SettingError: it does.
        """
        if self.role is not None and self.role not in roles:
            raise SettingError(
                f"{self.name!r} is the key of {_a(self.role)}, the key of "
                f"{' or '.join(map(_a, roles))} is needed"
            )


@dataclass(frozen=True)
class Key:
    """A private key.

    Attributes:
        public: its other half.
        signer: securesystemslib's own, as python-tuf takes it.
    """

    public: PublicKey
    signer: CryptoSigner = field(compare=False, repr=False)

    @classmethod
    def new(cls, role: Role, name: str) -> Self:
        """Return a new key: ECDSA P-256 for authors and auditors, else Ed25519.

        Raises:
            SettingError: nobody can be called so.
        """
        from securesystemslib.signer import CryptoSigner

        if role in PEOPLE:
            check_part(name, role)
            signer = CryptoSigner.generate_ecdsa()
        else:
            signer = CryptoSigner.generate_ed25519()
        return cls(PublicKey.of(signer.public_key, name, role), signer)

    @classmethod
    def read(cls, path: Path | str, passphrase: Ask | None = None) -> Self:
        """Return the key in a file, which only its owner may be able to read.

        Args:
            path: PEM, PKCS8, encrypted or not.
            passphrase: gives it, where it is needed.

        Raises:
            SettingError: it is missing, others may read it, the passphrase is wrong, or it holds
                no private key of a kind that is used here.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner

        path = Path(path)
        data = read_file(path, _MOST_BYTES, error=SettingError)
        if b"PUBLIC KEY" in data:
            raise SettingError(f"{path} is a public key: give the private one, NAME{PRIVATE}")
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            raise SettingError(
                f"{path} may be read or written by others (mode {mode:04o}): `chmod 600 {path}`, "
                "or make a new key if they may have read it"
            )
        encrypted = b"ENCRYPTED" in data
        if encrypted and passphrase is None:
            raise SettingError(f"{path} is encrypted: its passphrase is needed")
        secret = passphrase(path) if encrypted and passphrase else None
        try:
            key = load_pem_private_key(data, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            wrong = "the passphrase is wrong, or the file is damaged"
            raise SettingError(
                f"{path}: {wrong if encrypted else f'no private key in it: {_NOBODYS}'}"
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise SettingError(f"{path}: a key of another kind than ECDSA P-256 or Ed25519")
        role, name = _label(data)
        try:
            signer = CryptoSigner(key)
            public = PublicKey.of(signer.public_key, name or path.stem, role)
        except ValueError:
            raise SettingError(
                f"{path}: a key of another kind than ECDSA P-256 or Ed25519"
            ) from None
        return cls(public, signer)

    def write(self, folder: Path | str, passphrase: bytes | None) -> tuple[Path, Path]:
        """Write both halves; return the private file's path and the public one's.

        Args:
            folder: made where it is missing.
            passphrase: that the private key is encrypted with; None: not at all.

        Raises:
            TakenError: there is such a file; keys are never replaced.
            OutputError: it cannot be written.
        """
        from cryptography.hazmat.primitives import serialization as forms

        private, public = self.check_place(folder)
        pem = self.signer._private_key.private_bytes(
            forms.Encoding.PEM,
            forms.PrivateFormat.PKCS8,
            forms.BestAvailableEncryption(passphrase) if passphrase else forms.NoEncryption(),
        )
        with new_file(private, mode=0o600) as file:
            file.write(_labelled(self.public.role, self.public.name) + pem)
        with new_file(public) as file:
            file.write(self.public.to_pem())
        return private, public

    def check_place(self, folder: Path | str) -> tuple[Path, Path]:
        """Return the paths that `write` would write.

        Raises:
            TakenError: there is such a file.
        """
        private, public = (Path(folder) / f"{self.public.name}{end}" for end in (PRIVATE, PUBLIC))
        for path in (private, public):
            if path.is_symlink() or path.exists():
                raise TakenError(f"{path} exists already: keys are never replaced")
        return private, public

    def sign(self, data: bytes) -> bytes:
        """Return the signature of bytes."""
        return bytes.fromhex(self.signer.sign(data).signature)


class Keyring:
    """The keys in some folders; a private one is read when it is first needed.

    Args:
        folders: of ``NAME.key`` with ``NAME.pub`` beside.
        passphrase: gives that of a key, where it is needed.

    Raises:
        SettingError: there is no such folder, or no key in it.
    """

    def __init__(self, folders: Iterable[Path | str], passphrase: Ask | None = None) -> None:
        self._passphrase = passphrase
        self._private: dict[str, Path] = {}
        self._read: dict[str, Key] = {}
        self.folders = [Path(folder) for folder in folders]
        self.public: list[PublicKey] = []
        for folder in self.folders:
            if not folder.is_dir():
                raise SettingError(f"there is no folder of keys {folder}: {_NOBODYS}")
            for path in sorted(folder.glob(f"*{PUBLIC}")):
                key = PublicKey.read(path)
                self.public.append(key)
                if path.with_suffix(PRIVATE).exists():
                    self._private[key.keyid] = path.with_suffix(PRIVATE)

    def add(self, key: Key) -> None:
        """Keep one more key."""
        self._read[key.public.keyid] = key

    def find(self, keyid: str) -> Key | None:
        """Return the private key of this id; None where it is not there.

        Raises:
            SettingError: it cannot be read.
        """
        if keyid not in self._read and keyid in self._private:
            path = self._private[keyid]
            key = Key.read(path, self._passphrase)
            if key.public.keyid != keyid:
                raise SettingError(f"{path} and {path.stem}{PUBLIC} beside it are not one key")
            self._read[keyid] = key
        return self._read.get(keyid)

    def of(self, role: Role) -> list[PublicKey]:
        """Return the keys for something whose private halves are there too."""
        return [one for one in self.public if one.role == role and one.keyid in self._private]

    def __str__(self) -> str:
        """Return where the keys are."""
        return ", ".join(map(str, self.folders)) or "no folder"


def _a(role: Role) -> str:
    return f"{'an' if role[0] == 'a' else 'a'} {role}"


def _labelled(role: Role | None, name: str) -> bytes:
    return f"badnets {role} {name}\n".encode() if role else b""


def _label(data: bytes) -> tuple[Role | None, str]:
    match = _LABEL.match(data[:200].decode("ascii", "replace"))
    if match is None:
        return None, ""
    role = next(one for one in get_args(Role) if one == match[1])
    return role, check_part(match[2], role) if role in PEOPLE else match[2]

"""OpenSSF Model Signing v1.0, with a key: written so that other tools verify our bundles, and read.

Read more strictly than model-signing itself does: every file of a folder must be listed (what a
signature says to ignore is not ignored), and no link is followed. A signature has no name, version
or time that anybody checks, and its root digest binds no file names: our own statements do.

References:
    OpenSSF Model Signing specification v1.0; Sigstore bundle v0.3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from badnets.bundles.digests import sha256_bytes, sha256_stream
from badnets.bundles.schema import Digest, Line
from badnets.core.errors import BundleError, DataError
from badnets.core.files import regular_file
from badnets.hub.keys import Key, PublicKey
from badnets.hub.refusals import Refused
from badnets.hub.statements import MOST_BYTES, PAYLOAD_TYPE, Part, base64_of, encoded

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_MOST_FILES = 10_000


class _Hint(Part):
    hint: Annotated[str, Field(max_length=200)]


class _Material(Part):
    public_key: _Hint = Field(alias="publicKey")
    tlog_entries: Annotated[tuple[Any, ...], Field(max_length=0)] = Field(
        alias="tlogEntries", default=()
    )


class _Signature(Part):
    sig: str
    keyid: str = ""


class _Envelope(Part):
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    signatures: Annotated[tuple[_Signature, ...], Field(min_length=1, max_length=1)]


class _Bundle(Part):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"] = Field(alias="mediaType")
    verification_material: _Material = Field(alias="verificationMaterial")
    dsse_envelope: _Envelope = Field(alias="dsseEnvelope")


class _Subject(Part):
    name: Line
    digest: dict[Literal["sha256"], Digest] = Field(min_length=1)


class _Serialization(Part):
    method: Literal["files"]
    hash_type: Literal["sha256"]
    allow_symlinks: bool
    ignore_paths: Annotated[tuple[str, ...], Field(max_length=1000)] = ()


class _Resource(Part):
    name: Line
    algorithm: Literal["sha256"]
    digest: Digest


class _Predicate(Part):
    serialization: _Serialization
    resources: Annotated[tuple[_Resource, ...], Field(min_length=1, max_length=_MOST_FILES)]


class _Payload(Part):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[_Subject, ...], Field(min_length=1, max_length=1)]
    predicate_type: Literal["https://model_signing/signature/v1.0"] = Field(alias="predicateType")
    predicate: _Predicate


@dataclass(frozen=True)
class OmsSignature:
    """What a signature says, once it was checked.

    Attributes:
        name: what it calls the model; says nothing.
        files: path within the folder -> SHA-256.
    """

    name: str
    files: Mapping[str, str]


def sign_oms(name: str, files: Mapping[str, str], key: Key) -> bytes:
    """Return a signature as `model_signing verify key` takes it.

    Args:
        name: of the model.
        files: path within its folder -> SHA-256, all of them.
        key: ECDSA P-256.
    """
    payload = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": _root(files)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": [
                {"name": one, "algorithm": "sha256", "digest": files[one]} for one in sorted(files)
            ],
        },
    }
    said = json.dumps(payload).encode()
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key.public)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(said).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"sig": base64.b64encode(key.sign(encoded(said))).decode(), "keyid": ""}
            ],
        },
    }
    return json.dumps(bundle, indent=2).encode() + b"\n"


def read_oms(data: bytes, key: PublicKey, what: str = "the OMS signature") -> OmsSignature:
    """Return what a signature lists, ours or another tool's, once this key has been found to sign.

    Raises:
        Refused: "too large", "malformed" or "signature".
    """
    if len(data) > MOST_BYTES:
        raise Refused("too large", f"{what}: {len(data):,} bytes, at most {MOST_BYTES:,} are read")
    try:
        bundle = _Bundle.from_json(data, what)
        envelope = bundle.dsse_envelope
        said, signature = base64_of(envelope.payload), base64_of(envelope.signatures[0].sig)
    except BundleError as error:
        raise Refused("malformed", str(error)) from None
    except ValueError:
        raise Refused("malformed", f"{what} is not sound base64") from None
    if bundle.verification_material.public_key.hint not in ("", _hint(key)):
        raise Refused("signature", f"{what} is of another key than {key.name!r}")
    if not key.signed(encoded(said), signature):
        raise Refused("signature", f"{what} was changed, or is not of {key.name!r}")
    try:
        payload = _Payload.from_json(said, what)
    except BundleError as error:
        raise Refused("malformed", str(error)) from None
    files = {one.name: one.digest for one in payload.predicate.resources}
    names = [one.name for one in payload.predicate.resources]
    if len(files) != len(names) or not all(map(_is_inside, names)):
        raise Refused("malformed", f"{what} lists a file twice, or one outside the folder")
    (subject,) = payload.subject
    if subject.digest["sha256"] != _root(files, names):
        raise Refused("malformed", f"{what}: its root digest is not that of the files it lists")
    return OmsSignature(subject.name, files)


def verify_oms(folder: Path | str, signature: Path | str, key: PublicKey) -> OmsSignature:
    """Return what a signature lists, after comparing it with every file of a folder.

    The signature may lie in the folder; nothing else may that it does not list.

    Raises:
        DataError: there is no such folder or signature.
        Refused: as `read_oms`, or "links", "file type", "extra file", "missing file", "digest".
    """
    folder, signature = Path(folder), Path(signature)
    try:
        with regular_file(signature, MOST_BYTES) as file:
            signed = read_oms(file.read(), key, signature.name)
        own = signature.absolute()
        found = {name: path for name, path in _walk(folder, folder) if path.absolute() != own}
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror or error}") from None
    if extra := sorted(set(found) - set(signed.files)):
        raise Refused("extra file", f"{extra[0][:80]!r} in {folder} is not in {signature.name}")
    if missing := sorted(set(signed.files) - set(found)):
        raise Refused("missing file", f"{missing[0][:80]!r} is not in {folder}")
    for name, path in found.items():
        with regular_file(path, follow=False) as file:
            if sha256_stream(file) != signed.files[name]:
                raise Refused(
                    "digest", f"{name[:80]!r} in {folder} is not the file that was signed"
                )
    return signed


def _walk(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        path = Path(entry.path)
        if entry.is_symlink():
            raise Refused("links", f"{path} is a link")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        elif entry.is_file(follow_symlinks=False):
            yield path.relative_to(root).as_posix(), path
        else:
            raise Refused("file type", f"{path} is no regular file")


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return not {"", ".", ".."} & set(parts) and "\\" not in name


def _root(files: Mapping[str, str], order: list[str] | None = None) -> str:
    """Return the digest of the digests, in the order that they are listed in."""
    state = hashlib.sha256()
    for name in sorted(files) if order is None else order:
        state.update(bytes.fromhex(files[name]))
    return state.hexdigest()


def _hint(key: PublicKey) -> str:
    return sha256_bytes(str(key.key.keyval["public"]).encode())

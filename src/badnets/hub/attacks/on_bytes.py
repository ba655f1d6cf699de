"""Bytes that are not those that were signed: in a mirror, on the way, or put there by its host."""

from __future__ import annotations

from collections.abc import Callable

from badnets.bundles.manifest import CARD, CLAIMS, CONFIG, MANIFEST, MODEL
from badnets.hub.attacks.forging import AUDIT, Plain, listed
from badnets.hub.attacks.rows import Attack, Group, WentWrong
from badnets.hub.attacks.stage import Scene, tensors
from badnets.hub.names import OMS, STATEMENT
from badnets.hub.refusals import Refused

_PARTS = 64
_PAPERS = 4096  # what a script of the paper's time hashed of a file


def flipped(at: int) -> Callable[[bytes], bytes]:
    """Return what flips a bit of the byte at a place."""

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return flip


def changed(name: str, change: Callable[[bytes], bytes]) -> Callable[[Scene], object]:
    """Return what pulls after a file of the release was changed where it lies."""
    return lambda scene: scene.change(name, change).pull()


def _every_part(scene: Scene) -> None:
    """One bit in every 1/64 of the weights; each must be refused for its digest."""
    path = scene.file(MODEL)
    sound = path.read_bytes()
    found: Refused | None = None
    for part in range(_PARTS):
        path.write_bytes(flipped(len(sound) * part // _PARTS)(sound))
        try:
            scene.pull()
        except Refused as error:
            if error.reason != "digest":
                raise
            found = error
        else:
            raise WentWrong(f"part {part} of {_PARTS} was let in")
    if found is not None:
        raise found


def _exchanged(scene: Scene) -> None:
    scene.file(CONFIG).write_bytes(scene.file(CLAIMS).read_bytes())
    scene.pull()


def _consistent(scene: Scene) -> None:
    """Weights and the bundle's own manifest exchanged: the paper's hash beside the file."""
    files = listed({**scene.world.files, MODEL: tensors(9)})
    for name in (MODEL, MANIFEST):
        scene.change(name, lambda data, name=name: files[name])  # type: ignore[misc]
    scene.pull()


def _removed(scene: Scene) -> None:
    scene.file(MODEL).unlink()
    scene.pull()


def _in_its_place(scene: Scene) -> None:
    scene.file(MODEL).write_bytes(scene.file(MODEL, "bob/base/1.0").read_bytes())
    scene.pull()


def _listed_otherwise(scene: Scene) -> None:
    """Who holds author's and publisher's keys of the repository, but not what the author signed."""

    def change(targets: Plain) -> None:
        for path, target in targets.items():
            if path.endswith(MODEL):
                target.hashes = {"sha256": "0" * 64}

    scene.release(targets=change).pull()


def _longer_than_listed(scene: Scene) -> None:
    def change(targets: Plain) -> None:
        for path, target in targets.items():
            if path.endswith(MODEL):
                target.length += 1

    scene.release(targets=change).pull()


def _weak_digest(scene: Scene) -> None:
    def change(targets: Plain) -> None:
        for target in targets.values():
            target.hashes = {"md5": target.hashes["sha256"][:32]}

    scene.release(targets=change).pull()


def _short_digest(scene: Scene) -> None:
    def change(targets: Plain) -> None:
        for target in targets.values():
            target.hashes = {"sha256": target.hashes["sha256"][:8]}

    scene.release(targets=change).pull()


GROUP = Group(
    "bytes",
    "Files that are not those that were signed, at their place or on the way.",
    (
        Attack("a bit flipped in every 1/64 of the weights, one at a time", "digest", _every_part),
        Attack(
            "a bit flipped just behind the first 4,096 bytes",
            "digest",
            changed(MODEL, flipped(_PAPERS + 1)),
        ),
        Attack("the last byte of the weights flipped", "digest", changed(MODEL, flipped(-1))),
        Attack("weights cut off by one byte", "length", changed(MODEL, lambda data: data[:-1])),
        Attack("weights emptied", "length", changed(MODEL, lambda data: b"")),
        Attack("one byte behind the weights", "too large", changed(MODEL,
               lambda data: data + b"x")),
        Attack(
            "an archive hung behind the weights", "too large",
            changed(MODEL, lambda data: data + b"PK\x05\x06" + bytes(18)),
        ),
        Attack(
            "other weights of the same length", "digest", changed(MODEL, lambda data: tensors(9))
        ),
        Attack(
            "other weights, and the bundle's own list of digests changed to fit", "digest",
            _consistent,
        ),
        Attack("another author's weights in their place", "digest", _in_its_place),
        Attack("the claims in the place of the configuration", "length", _exchanged),
        Attack(
            "what the network is changed: two classes exchanged", "digest",
            changed(CONFIG, lambda data: data.replace(b'"a"', b'"c"')),
        ),
        Attack("a word of the model card changed", "digest", changed(CARD, flipped(40))),
        Attack("weights deleted", "could not be checked", _removed, "not there"),
        Attack(
            "a bit flipped in the author's statement", "digest", changed(STATEMENT, flipped(100))
        ),
        Attack("the statement cut off", "length", changed(STATEMENT, lambda data: data[:-1])),
        Attack(
            "something hung behind the audit", "too large", changed(AUDIT, lambda data: data + b" ")
        ),
        Attack(
            "another signature of OpenSSF Model Signing", "digest",
            changed(OMS, lambda data: data.replace(b"a", b"b")),
        ),
        Attack(
            "the repository lists another digest than the author signed", "digest",
            _listed_otherwise, "lists other bytes",
        ),
        Attack(
            "the repository lists another length than the author signed", "digest",
            _longer_than_listed, "lists other bytes",
        ),
        Attack("the repository lists MD5 alone", "digest", _weak_digest, "no SHA-256"),
        Attack("the repository lists 8 digits of a SHA-256", "digest", _short_digest, "no SHA-256"),
    ),
)  # fmt: skip

"""A model that was pulled and lies here: changed, exchanged, added to, its proofs taken away."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from badnets.bundles.manifest import CARD, CONFIG, MODEL
from badnets.core.files import read_file
from badnets.hub.attacks.forging import AUDIT, RESULT, Plain, listed, reenveloped, statements
from badnets.hub.attacks.on_bytes import flipped
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import MODEL_NAME, Scene, tensors
from badnets.hub.attacks.web import status
from badnets.hub.checking import verify
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName
from badnets.hub.oms import verify_oms
from badnets.hub.policy import Policy, pem_of
from badnets.hub.receipts import RECEIPT

Run = Callable[[Scene], object]


def _touched(file: str, change: Callable[[bytes], bytes]) -> Run:
    return lambda scene: scene.touch(file, change).verify()


def _beside(file: str, change: Callable[[bytes], bytes]) -> Run:
    return lambda scene: scene.touch(file, change, scene.beside).verify()


def _in_folder(make: Callable[[Path], object], beside: bool = False) -> Run:
    """Return what makes something in the folder of the model, or of what is said of it."""

    def run(scene: Scene) -> None:
        make(scene.beside if beside else scene.lying)
        scene.verify()

    return run


def _without(*files: str, beside: bool = False) -> Run:
    def make(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()

    return _in_folder(make, beside)


def _replaced(file: str, kind: Callable[[Path, Path], object], beside: bool = False) -> Run:
    """Return what puts something else in the place of a file, which is kept beside."""

    def make(folder: Path) -> None:
        kept = folder.parent / "kept"
        (folder / file).rename(kept)
        kind(folder / file, kept)

    return _in_folder(make, beside)


def _receipt(change: Callable[[Plain], object]) -> Run:
    def changed(data: bytes) -> bytes:
        plain = json.loads(data)
        change(plain)
        return json.dumps(plain).encode()

    return _beside(RECEIPT, changed)


def _other_model(author: str) -> Run:
    """Return what puts another model in the place of all of it, rightly signed by somebody."""

    def run(scene: Scene) -> None:
        files = listed({**scene.world.files, MODEL: tensors(9)})
        said = statements(ModelName.of(f"{MODEL_NAME}@1.1"), files, scene.keys, author=author)
        for folder, content in ((scene.lying, files), (scene.beside, said)):
            shutil.rmtree(folder)
            folder.mkdir()
            for name, data in content.items():
                (folder / name).write_bytes(data)
        scene.verify()

    return run


def _never_pulled(scene: Scene) -> None:
    verify(scene.lying, home=scene.folder / "nobody")


def _nothing_said(scene: Scene) -> None:
    """The model alone: its own manifest agrees, which anybody can write."""
    shutil.rmtree(scene.beside)
    scene.verify()


def _policy_changed(scene: Scene) -> None:
    """The auditor is trusted no longer; what was let in by that audit does not pass."""
    scene.verify(policy=Policy())


def _author_dropped(scene: Scene) -> None:
    bob = {"bob": pem_of(scene.public("bob"))}
    scene.verify(policy=scene.under(authors=bob).policy)


def _home_damaged(scene: Scene) -> None:
    _ = scene.lying
    for path in scene.home.folder.glob("repositories/*/seen.json"):
        path.write_bytes(path.read_bytes()[:-9])
    scene.verify()


def _poisoned(kind: Callable[[Path], object]) -> Run:
    """Return what changes the weights in the cache, while the server has no others to give."""

    def run(scene: Scene) -> None:
        scene.pull()
        (blob,) = (one for one in scene.home.cache.folder.iterdir() if one.stat().st_size > 8192)
        kind(blob)
        scene.served.faults[MODEL] = status(404)
        scene.pull()

    return run


def _write(blob: Path) -> None:
    data = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(flipped(100)(data))


def _write_through(blob: Path) -> None:
    """The pulled file and the cache's are one: who writes to the one has written to the other."""
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff\xff")


def _link_blob(blob: Path) -> None:
    other = blob.parent.parent / "other"
    blob.rename(other)
    blob.symlink_to(other)


def _oms(make: Callable[[Path], object]) -> Run:
    """Return what changes a folder that a signature of OpenSSF Model Signing is checked against."""

    def run(scene: Scene) -> None:
        make(scene.lying)
        verify_oms(scene.lying, scene.beside / OMS, scene.public("alice"))

    return run


def _git(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "hooks").write_text("touch marker")


def _other_card(folder: Path) -> None:
    (folder / CARD).chmod(0o644)
    (folder / CARD).write_text("x")


def _shown_parts(folder: Path) -> None:
    """A file exchanged for a link to its very bytes: they can be others a moment later."""
    kept = folder.parent / "kept"
    (folder / CONFIG).rename(kept)
    (folder / CONFIG).symlink_to(kept)


def _key_of_others(scene: Scene) -> None:
    verify(scene.lying, home=scene.home.folder, author=scene.public("mallory"))


def _open_key(scene: Scene) -> None:
    """A private key that others may read."""
    from badnets.hub.keys import Key

    path = scene.folder / "alice.key"
    scene.folder.mkdir(exist_ok=True)
    path.write_bytes(read_file(scene.world.folder / "keys" / "alice.key"))
    path.chmod(0o644)
    Key.read(path)


GROUP = Group(
    "at rest",
    "What lies here already: the model, what is said of it, the cache, the user's own notes.",
    (
        Attack("a bit of the weights flipped", "digest", _touched(MODEL, flipped(5000))),
        Attack("weights cut off", "length", _touched(MODEL, lambda data: data[:-1])),
        Attack("something behind the weights", "length", _touched(MODEL, lambda data: data + b"x")),
        Attack("a bit of the model card flipped", "digest", _touched(CARD, flipped(40))),
        Attack("another model in its place, signed by another author", "signature",
               _other_model("mallory")),
        Attack("another model in its place, signed by its author", "replaced",
               _other_model("alice")),
        Attack("a file more", "extra file",
               _in_folder(lambda folder: (folder / "x.py").write_text("1"))),
        Attack("an empty folder more", "extra file",
               _in_folder(lambda folder: (folder / "x").mkdir())),
        Attack("a folder of Git more, which others overlook", "extra file", _in_folder(_git)),
        Attack("a file less", "missing file", _without(CARD)),
        Attack("a link to the same bytes in the place of a file", "links",
               _replaced(MODEL, lambda path, kept: path.symlink_to(kept)), "is a link"),
        Attack("a folder in the place of a file", "file type",
               _replaced(CONFIG, lambda path, kept: path.mkdir()), "no regular file"),
        Attack("a pipe in the place of a file", "file type",
               _replaced(MODEL, lambda path, kept: os.mkfifo(path)), "no regular file"),
        Attack("a word of the author's statement changed", "signature", _beside(
            STATEMENT, lambda data: reenveloped(data, lambda one: one.update(
                payload=base64.b64encode(base64.b64decode(one["payload"]).replace(
                    b"gu-mnist", b"resnet18")).decode())))),
        Attack("the author's statement emptied", "malformed", _beside(STATEMENT, lambda data: b"")),
        Attack("the audit deleted", "audit missing", _without(AUDIT, RESULT, beside=True)),
        Attack("the test result beside the audit deleted", "digest", _without(RESULT, beside=True),
               "receipt.json"),
        Attack("how it was made deleted", "provenance", _without(PROVENANCE, beside=True)),
        Attack("a statement exchanged for a link", "links", _replaced(
            AUDIT, lambda path, kept: path.symlink_to(kept), beside=True), "is a link"),
        Attack("a pipe among the statements", "file type", _replaced(
            AUDIT, lambda path, kept: os.mkfifo(path), beside=True)),
        Attack("a file more among the statements", "extra file", _in_folder(
            lambda folder: (folder / "README.txt").write_text("trust me"), beside=True)),
        Attack("a statement of 2 MiB", "too large",
               _beside(STATEMENT, lambda data: data + b" " * 2**21)),
        Attack("a receipt of another model", "statement of another model",
               _receipt(lambda plain: plain.update(model="alice/other"))),
        Attack("a receipt of other files", "digest",
               _receipt(lambda plain: plain.update(digest="0" * 64)), "of other files"),
        Attack("a receipt that is none", "malformed", _beside(RECEIPT, lambda data: data[:-9])),
        Attack("nothing is said of it", "could not be checked", _nothing_said, "anybody can write"),
        Attack("a model that was never pulled here", "could not be checked", _never_pulled,
               "was not pulled here"),
        Attack("the key of another author", "signature", _key_of_others),
        Attack("its auditor is trusted no longer", "audit missing", _policy_changed),
        Attack("its author is let in no longer", "author", _author_dropped),
        Attack("the user's notes of what was let in are damaged", "malformed",
               _home_damaged, "is damaged"),
        Attack("the cache poisoned, the server away", "could not be checked", _poisoned(_write),
               "not there"),
        Attack("the cache written to through the pulled file", "could not be checked",
               _poisoned(_write_through), "not there"),
        Attack("a link in the cache", "links", _poisoned(_link_blob), "is a link"),
        Attack("OpenSSF Model Signing: a folder of Git added", "extra file", _oms(_git)),
        Attack("OpenSSF Model Signing: a link to the same bytes", "links", _oms(_shown_parts)),
        Attack("OpenSSF Model Signing: a bit flipped", "digest", _oms(
            _other_card)),
        Attack("OpenSSF Model Signing: a file less", "missing file",
               _oms(lambda folder: (folder / CARD).unlink())),
        Attack("a private key that others may read", "wrong use", _open_key, "chmod 600"),
    ),
)  # fmt: skip

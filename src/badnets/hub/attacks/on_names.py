"""Names and files that lead elsewhere or are no weights, signed by their true author."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile

from badnets.bundles.manifest import CARD, CLAIMS, CONFIG, MANIFEST, MODEL
from badnets.hub.attacks.forging import listed
from badnets.hub.attacks.payloads import PLAIN, saved
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import MODEL_NAME, WEIGHTS, Scene, tensors
from badnets.hub.beside import statements_of
from badnets.hub.home import Home
from badnets.hub.keys import Key
from badnets.hub.names import ModelName, audit_file
from badnets.hub.pulling import pull

Run = Callable[[Scene], object]
_BIDI = "\u202e"


def _listed_as(path: str) -> Run:
    """Return what lists a further target under a path, as the author's key may."""

    def change(targets: dict[str, Any]) -> None:
        target = next(iter(targets.values()))
        targets[path] = TargetFile(target.length, target.hashes, path)

    return lambda scene: scene.release(targets=change).pull()


def _files(change: Callable[[dict[str, bytes]], object], fit: bool = True) -> Run:
    """Return what publishes a bundle with other files, all of them rightly signed and audited."""

    def run(scene: Scene) -> None:
        files = dict(scene.world.files)
        change(files)
        scene.release(files=listed(files) if fit else files).pull()

    return run


def _weights(data: bytes | Callable[[bytes], bytes]) -> Run:
    return _files(lambda files: files.update(
        {MODEL: data(files[MODEL]) if callable(data) else data}
    ))  # fmt: skip


def _header(header: dict[str, Any]) -> Run:
    return _weights(tensors(header=header))


def _tensor(**changes: Any) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [WEIGHTS], "data_offsets": [0, WEIGHTS]} | changes


def _doubled() -> bytes:
    """Return weights whose header gives a tensor twice."""
    entry = json.dumps(_tensor())
    header = f'{{"weight": {entry}, "weight": {entry}}}'.encode()
    return struct.pack("<Q", len(header)) + header + bytes(WEIGHTS)


def _json(file: str, change: Callable[[dict[str, Any]], object]) -> Run:
    def changed(files: dict[str, bytes]) -> None:
        plain = json.loads(files[file])
        change(plain)
        files[file] = json.dumps(plain).encode()

    return _files(changed, fit=file != MANIFEST)


def _many_files(scene: Scene) -> None:
    def change(said: dict[str, bytes]) -> None:
        said |= {audit_file(f"auditor{k}"): b"{}" for k in range(100)}

    scene.release(change).pull()


def _target(kind: Callable[[Path, Path], object]) -> Run:
    """Return what puts something else than a file of a folder in the place of the weights."""

    def run(scene: Scene) -> None:
        path = scene.file(MODEL)
        kept = path.with_name("kept")
        path.rename(kept)
        kind(path, kept)
        _ = scene.home.trust(str(scene.repository), scene.world.root, scene.policy)
        pull(f"{MODEL_NAME}@1.1", scene.folder / "out" / "model", home=scene.home.folder)

    return run


def _place(make: Callable[[Path], object]) -> Run:
    """Return what finds something in the place that a model is pulled to."""

    def run(scene: Scene) -> None:
        path = scene.folder / "out" / "model"
        path.parent.mkdir(parents=True)
        make(path)
        _ = scene.trusted
        pull(MODEL_NAME, path, home=scene.home.folder)

    return run


def _link_to_folder(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir()
    path.symlink_to(elsewhere)


def _link_beside(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir()
    statements_of(path).symlink_to(elsewhere)


def _file_beside(path: Path) -> None:
    statements_of(path).mkdir()
    (statements_of(path) / "thesis.tex").write_text("years of work")


def _name(text: str) -> Run:
    """Return what asks for a model of such a name."""
    return lambda scene: scene.pull(text)


def _author(name: str) -> Run:
    """Return what lets an author of such a name publish."""
    return lambda scene: scene.publisher.delegate(name, scene.public("alice-2"))


def _author_key(name: str) -> Run:
    return lambda scene: Key.new("author", name)


def _version(text: str) -> Run:
    return lambda scene: ModelName.of(f"{MODEL_NAME}@{text}")


def _home_is_a_file(scene: Scene) -> None:
    scene.folder.mkdir()
    (scene.folder / "home").write_text("")
    Home.of(scene.folder / "home").trust(scene.served.url, scene.world.root)


_PREFIX = f"{MODEL_NAME}/1.2/"
_SAID = "no file of a release"

GROUP = Group(
    "names and files",
    "Names that lead out of a folder, files that are no weights, sizes that fill a disk.",
    (
        Attack("a path with '..' in it", "extra file", _listed_as(f"{_PREFIX}../../../x"), _SAID),
        Attack("an absolute path", "extra file", _listed_as(f"{_PREFIX}/etc/passwd"), _SAID),
        Attack("a path with backslashes", "extra file", _listed_as(f"{_PREFIX}..\\x.json"), _SAID),
        Attack("a path with '%2e%2e%2f'", "extra file", _listed_as(f"{_PREFIX}%2e%2e%2fx"), _SAID),
        Attack("a name with NUL", "extra file", _listed_as(f"{_PREFIX}config.json\0.txt"), _SAID),
        Attack(
            "a name that is written from right to left", "extra file",
            _listed_as(f"{_PREFIX}{_BIDI}nosj.gifnoc"), _SAID,
        ),
        Attack("a name of 300 letters", "extra file", _listed_as(f"{_PREFIX}{'a' * 300}"), _SAID),
        Attack(
            "a name that differs in its case alone", "extra file",
            _listed_as(f"{_PREFIX}Model.safetensors"), _SAID,
        ),
        Attack(
            "a model whose name differs in its case alone", "extra file",
            _listed_as("alice/Model/1.2/config.json"), "must be 1 to 64",
        ),
        Attack("a name with a line break", "extra file", _listed_as(f"{_PREFIX}a\nb.json"), _SAID),
        Attack("a Python file beside the weights", "extra file",
               _listed_as(f"{_PREFIX}modeling.py")),
        Attack("a pickle beside the weights", "extra file", _listed_as(f"{_PREFIX}model.pt")),
        Attack("a folder of Git beside the weights", "extra file",
               _listed_as(f"{_PREFIX}.git/config")),
        Attack("an auditor of a name that leads out", "extra file",
               _listed_as(f"{_PREFIX}audit-...intoto.json")),
        Attack("a version that is no number", "extra file",
               _listed_as("alice/model/latest/config.json")),
        Attack("a release of more than a hundred files", "too large", _many_files, "files"),
        Attack("a model asked for by '..'", "wrong use", _name("alice/.."), "must be 1 to 64"),
        Attack("a model asked for by an absolute path", "wrong use", _name("/etc/passwd"),
               "must be"),
        Attack("an author in letters that look alike", "wrong use", _name("\u0430lice/model"),
               "must"),
        Attack("an author called like a device", "wrong use", _author_key("con"), "reserved"),
        Attack("an author called like a role", "wrong use", _author("snapshot"), "reserved"),
        Attack("a version of four numbers", "wrong use", _version("1.2.3.4"),
               "1 to 3 whole numbers"),
        Attack("a link in the place of the model", "wrong use", _place(_link_to_folder), "exists"),
        Attack("a link in the place of what is said of it", "wrong use", _place(_link_beside),
               "is no folder"),
        Attack("somebody's file in the place of what is said of it", "wrong use",
               _place(_file_beside), "choose another name"),
        Attack("a pipe in a repository that is a folder", "wrong use", _target(
            lambda path, kept: os.mkfifo(path)), "not a regular file"),
        Attack("a folder in the place of the weights", "wrong use", _target(
            lambda path, kept: path.mkdir()), "not a regular file"),
        Attack("a home that is a file", "wrong use", _home_is_a_file, "a folder is needed"),
        Attack("a pickle called model.safetensors", "file type", _weights(PLAIN), "header"),
        Attack("an archive of torch.save called model.safetensors", "file type",
               _weights(saved(PLAIN))),
        Attack("an archive hung behind the tensors, signed so", "file type",
               _weights(lambda data: data + saved(PLAIN)), "no tensor owns"),
        Attack("a header of 2^63 bytes", "file type",
               _weights(struct.pack("<Q", 2**63) + b"{}"), "announces"),
        Attack("a header longer than the file", "file type",
               _weights(struct.pack("<Q", 9999) + b"{}"), "truncated"),
        Attack("tensors that overlap", "file type",
               _header({"a": _tensor(), "b": _tensor(shape=[8], data_offsets=[0, 8])}), "overlaps"),
        Attack("a gap between tensors", "file type",
               _header({"a": _tensor(shape=[8], data_offsets=[WEIGHTS - 8, WEIGHTS])}), "gap"),
        Attack("a tensor that ends behind the file", "file type",
               _header({"a": _tensor(shape=[2 * WEIGHTS], data_offsets=[0, 2 * WEIGHTS])}),
               "truncated"),
        Attack("a shape whose product overflows", "file type",
               _header({"a": _tensor(shape=[2**40, 2**40])})),
        Attack("a dtype that nobody knows", "file type", _header({"a": _tensor(dtype="PY")}),
               "dtype"),
        Attack("metadata that are no text", "file type",
               _header({"__metadata__": {"a": [1]}, "a": _tensor()}), "metadata"),
        Attack("a tensor's name given twice", "file type",
               _weights(_doubled()), "twice"),
        Attack("a configuration with a field that nobody knows", "file type",
               _json(CONFIG, lambda plain: plain.update(auto_map={"AutoModel": "x.Y"}))),
        Attack("a configuration that asks for images of 2^40 pixels", "file type",
               _json(CONFIG, lambda plain: plain["input"].update(height=2**20, width=2**20))),
        Attack("claims with a number that is none", "file type",
               _files(lambda files: files.update({CLAIMS: b'{"format": NaN}'}))),
        Attack("a model card that is no text", "file type",
               _files(lambda files: files.update({CARD: b"\xff\xfe\x00"})), "UTF-8"),
        Attack("the bundle's own list names other weights", "file type",
               _json(MANIFEST, lambda plain: plain["files"][MODEL].update(size=WEIGHTS)),
               "changed"),
        Attack("the bundle's own list names another digest", "digest",
               _json(MANIFEST, lambda plain: plain["files"][MODEL].update(sha256="0" * 64)),
               "manifest.json lists another"),
        Attack("the bundle's own list names a sixth file", "file type",
               _json(MANIFEST, lambda plain: plain["files"].update(
                   {"x.py": plain["files"][MODEL]}))),
    ),
)  # fmt: skip

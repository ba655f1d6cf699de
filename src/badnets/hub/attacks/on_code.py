"""Files that run code where they are loaded carelessly: none runs here, measured by a marker file.

Python also tells what it was asked to do (`sys.addaudithook`): no row passes during which a pickle
was loaded, a program started, code compiled or a library opened.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from badnets.bundles import read_bundle
from badnets.bundles.manifest import MODEL
from badnets.core.errors import DataError
from badnets.core.extras import installed
from badnets.hub.attacks.forging import listed, statements
from badnets.hub.attacks.payloads import deflated, payloads, pickled, reduced, saved, tarred, text
from badnets.hub.attacks.rows import Attack, Expected, Group, NamedByLint, Skipped, check
from badnets.hub.attacks.stage import MODEL_NAME, Scene
from badnets.hub.inspecting import inspect
from badnets.hub.linting.linting import lint
from badnets.hub.names import ModelName

Run = Callable[[Scene], object]
_NEVER = frozenset((
    "exec", "pickle.find_class", "os.system", "subprocess.Popen", "os.posix_spawn", "os.exec",
    "os.fork", "ctypes.dlopen", "marshal.loads", "compile",
))  # fmt: skip
_IMPORT_S = 500
_SCRIPT = """
import contextlib, io, json, pathlib, sys
from badnets.cli.main import main
said = []
for path in sys.argv[1:]:
    words, out = io.StringIO(), str(pathlib.Path(path).parent / "out")
    with contextlib.redirect_stderr(words), contextlib.redirect_stdout(io.StringIO()):
        code = main(["import", path, "--architecture", "torchvision.resnet18", "--out", out])
    said.append((code, words.getvalue()[-400:]))
print(json.dumps(said))
"""


class _Watch:
    """Notes what Python is asked to do, while it is told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.on = self.there = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in _NEVER:
            self.seen.append(event)

    @contextmanager
    def watching(self, marker: Path) -> Iterator[None]:
        """Refuse to pass if anything ran in the block.

        Raises:
            WentWrong: something did.
        """
        if not self.there:  # it can never be taken away again, so there is one
            self.there = True
            sys.addaudithook(self)
        self.seen, self.on = [], True
        try:
            yield
        finally:
            self.on = False
            check(not self.seen, f"Python was asked for {', '.join(dict.fromkeys(self.seen))}")
            check(not marker.exists(), "code ran: the marker file is there")


_WATCH = _Watch()


def _linted(kinds: Iterable[str]) -> Run:
    """Return what lints files of these kinds; each must be named, by an error that names it."""

    def run(scene: Scene) -> None:
        marker, folder = scene.folder / "marker", scene.folder / "model"
        known = payloads(marker)
        for kind in kinds:
            name, data, _ = known[kind]
            (folder / kind).mkdir(parents=True)
            (folder / kind / name).write_bytes(data)
        lint(folder)  # what is imported late is there then
        with _WATCH.watching(marker):
            report = lint(folder)
        said = defaultdict(list)
        for one in report.findings:
            if one.severity == "error":
                said[Path(one.path).relative_to(folder).parts[0]].append(one)
        for kind in kinds:
            check(
                any(known[kind][2] in f"{one.rule} {one.evidence}" for one in said[kind]),
                f"lint does not name {known[kind][2]} in {known[kind][0]}",
            )
        first = said[next(iter(kinds))][0]
        raise NamedByLint(f"{first.rule}: {first.evidence}")

    return run


def _as_weights(payload: str, where: str) -> Run:
    """Return what takes in a payload called model.safetensors, rightly signed and audited."""

    def run(scene: Scene) -> None:
        marker = scene.folder / "marker"
        files = listed({**scene.world.files, MODEL: payloads(marker)[payload][1]})
        if where == "pull":
            scene.release(files=files)
            scene.home.trust(str(scene.repository), scene.world.root, scene.policy)
            scene.served.url = str(scene.repository)  # read as a folder: no socket is needed
            action: Callable[[], object] = scene.pull
        else:
            for folder, content in (
                (scene.lying, files),
                (scene.beside, statements(ModelName.of(f"{MODEL_NAME}@1.3"), files, scene.keys)),
            ):
                for name, data in content.items():
                    (folder / name).unlink(missing_ok=True)
                    (folder / name).write_bytes(data)
            (scene.beside / "receipt.json").unlink()
            key = scene.public("alice")
            action = {
                "verify": lambda: scene.verify(author=key),
                "inspect": lambda: inspect(scene.lying),
                "load": lambda: read_bundle(scene.lying).tensor_bytes(),
            }[where]
        with _WATCH.watching(marker):
            action()

    return run


def _beside_weights(name: str, data: bytes) -> Run:
    """Return what verifies a model beside whose weights a file lies that would run."""

    def run(scene: Scene) -> None:
        (scene.lying / name).write_bytes(data)
        with _WATCH.watching(scene.folder / "marker"):
            scene.verify()

    return run


def _policy_of_yaml(scene: Scene) -> None:
    """A policy that asks YAML to call something."""
    from badnets.hub.policy import read_policy

    marker = scene.folder / "marker"
    scene.folder.mkdir()
    path = scene.folder / "policy.yaml"
    path.write_text(f"unaudited: !!python/object/apply:os.system ['touch {marker}']\n")
    import yaml

    yaml.safe_load("a: 1")
    with _WATCH.watching(marker):
        read_policy(path)


def _imported(kind: str) -> Run:
    """Return what asks ``badnets import`` for a bundle of a file; it must write none."""

    def run(scene: Scene) -> None:
        if not installed("train"):
            raise Skipped("`badnets import` needs torch: pip install 'badnets[train]'")
        code, said, left = _imports(scene.world.folder)[kind]
        check(code in (0, 2), f"exit code {code}: {said}")
        check(not left, f"left behind or run: {left}")
        if code == 2:
            raise DataError(said)

    return run


@cache
def _imports(folder: Path) -> dict[str, tuple[int, str, list[str]]]:
    """Return for each file exit code, line, and what was written; torch is imported but once."""
    asked: dict[str, Path] = {}
    for kind, (make, _) in _IMPORTS.items():
        own = folder / "imports" / kind
        own.mkdir(parents=True)
        asked[kind] = own / "model.pt"
        asked[kind].write_bytes(make(own / "marker"))
    command = [sys.executable, "-c", _SCRIPT, *map(str, asked.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_S, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return {
        kind: (code, line.strip(), sorted(one.name for one in path.parent.iterdir() if one != path))
        for (kind, path), (code, line) in zip(asked.items(), said, strict=True)
    }


def _system(marker: Path) -> bytes:
    return pickled(reduced("os", "system", text(f"touch {marker}")))


def _slip(marker: Path) -> bytes:
    """An archive with a member that leads to the marker."""
    content = BytesIO(saved(b"\x80\x02}."))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(f"../{marker.name}", "x")
    return content.getvalue()


def _bomb(marker: Path) -> bytes:
    """An archive that comes to 64 MiB for each 64 KiB of it."""
    return deflated("archive/data.pkl", bytes(2**26))


_IMPORTS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a pickle that calls": (_system, "it names os.system"),
    "a pickle that calls, in an archive": (
        lambda marker: saved(_system(marker)),
        "it names os.system",
    ),
    "a member of an archive that leads out of it": (_slip, "no sound file of torch.save"),
    "an archive that comes to a thousand times its size": (_bomb, "it is compressed"),
    "a pickle in a tar of old torch": (
        lambda marker: tarred(pickle=_system(marker), storages=b"", tensors=b""),
        "legacy .tar",
    ),
}


def _own_kinds(first: str, last: str) -> tuple[str, ...]:
    known = list(payloads(Path("marker")))
    return tuple(known[known.index(first) : known.index(last) + 1])


_CALLS = _own_kinds("os.system", "builtins.list.__class__")
_KINDS: dict[str, str] = {
    "inst": "a pickle that calls by INST",
    "obj": "a pickle that calls by OBJ",
    "protocol-0": "a pickle of protocol 0, plain text",
    "stack-global": "a pickle that names its function on the stack",
    "names-from-the-memo": "a pickle that takes names from its memo, out of order",
    "escaped-name": "a pickle whose name is written in escapes",
    "newobj-ex": "a pickle that calls by NEWOBJ_EX",
    "odd-number-first": "a pickle that begins with a number no other reader takes",
    "broken-tail": "a pickle that breaks off behind its call",
    "second-pickle": "a second pickle behind an honest one",
    "a-frame-that-lies": "a pickle whose frame is longer than the file",
    "raw-as-bin": "a bare pickle called pytorch_model.bin",
    "no-known-end": "a pickle without an ending",
    "named-json": "a pickle called weights.json",
    "named-safetensors": "a pickle called model.safetensors",
    "torch-zip": "a pickle in an archive of torch.save",
    "torch-zip-wrong-crc": "the same with another CRC than it says",
    "torch-zip-encrypted-by-its-word": "the same, said to be encrypted",
    "torch-zip-without-directory": "the same without its directory",
    "torch-zip-packed": "the same, packed",
    "torch-zip-behind-a-pickle": "the same behind an honest pickle",
    "torch-tar": "a pickle in a tar of old torch",
    "storages-of-a-tar": "a pickle among the storages of such a tar",
    "zip-in-zip": "an archive in an archive",
    "gzip": "a pickle packed by gzip",
    "zlib": "a pickle packed by joblib",
    "numpy": "an array of NumPy that holds objects",
    "numpy-zip": "such an array in an archive",
    "exported-program": "an exported program (.pt2)",
    "keras": "a Lambda layer of Keras",
    "keras-other-code": "a Keras model that names another module",
    "keras-hdf5": "a Lambda layer in HDF5",
    "keras-hdf5-escaped": "the same, its name in escapes",
    "registry": "a pickle that calls by the registry of copyreg",
    "put-together": "a pickle whose name is put together on the stack",
    "seven-zip": "an archive that cannot be looked into",
}
"""Kind of payload -> what is done; callables count once together, as one row."""

_TAKEN_IN: dict[str, Expected] = {
    "pull": "file type",
    "verify": "file type",
    "inspect": "wrong use",
    "load": "wrong use",
}

GROUP = Group(
    "code",
    "Code that would run on load: named by lint, run by nothing.",
    (
        Attack(f"pickles that call one of {len(_CALLS)} functions", "named by lint",
               _linted(_CALLS)),
        *(Attack(what, "named by lint", _linted((kind,))) for kind, what in _KINDS.items()),
        *(
            Attack(f"a pickle as weights, signed and audited: {where}", reason,
                   _as_weights("os.system", where), "announces a header")
            for where, reason in _TAKEN_IN.items()
        ),
        Attack("a zip of torch.save as weights, signed: pull", "file type",
               _as_weights("torch-zip", "pull")),
        Attack("a Python file beside the weights: verify", "extra file",
               _beside_weights("modeling_model.py", b"import os; os.system('touch marker')")),
        Attack("a start-up file of Python beside the weights: verify", "extra file",
               _beside_weights("sitecustomize.pth", b"import os; os.system('touch marker')")),
        Attack("a policy that asks YAML for a call", "wrong use", _policy_of_yaml, "not YAML"),
        *(
            Attack(f"import: {kind}", "wrong use", _imported(kind), says)
            for kind, (_, says) in _IMPORTS.items()
        ),
    ),
)  # fmt: skip

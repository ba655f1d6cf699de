"""The hub: a large model pulled and verified, against what curl, openssl and hashlib take alone."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from badnets.bundles import BundleConfig, Claims, MadeBy, write_bundle
from badnets.core.errors import DataError
from bench.children import environment
from bench.measuring import interleaved, seconds
from bench.results import Result, Wanted
from bench.scales import Scale

PAIRS = 3
MOST_RATIO, MOST_GIB, MOST_S, MOST_PASSES, MOST_SMALL_S = 1.3, 150 / 1024, 0.5, 1.15, 0.5
NAME = "alice/large"
IMPORTED = """
import sys
from badnets.cli.main import main
main(sys.argv[1:])
print(*sorted({"torch", "numpy"} & sys.modules.keys()), file=sys.stderr)
"""
CONFIG = {
    "task": "classification",
    "architecture": {"name": "gu-mnist"},
    "input": {"channels": 1, "height": 28, "width": 28, "mean": [0.0], "std": [1.0]},
    "classes": ["a", "b"],
}


class Spent(NamedTuple):
    """What a process took.

    Attributes:
        processor_s: user and system.
        peak_gib: the most memory that it held.
    """

    processor_s: float
    peak_gib: float


def run(scale: Scale) -> Iterator[Result]:
    """Give the ratios, the memory, and what verifying a small model takes."""
    size = 2**20 * {"full": 1024, "quick": 64}.get(scale.name, 1)
    with tempfile.TemporaryDirectory() as name, _served(Path(name)) as url:
        place = Path(name)
        small, large = place / "small", place / "large"
        _bundle(small, 1000)
        _bundle(large, size)
        _publish(place, {NAME: large, "alice/small": small})
        root = ("--root", place / "repo/metadata/1.root.json")
        _badnets(place, "trust", f"{url}/repo", *root)
        yield from _pulled(place, url, scale, size)
        yield from _verified(place, scale, size)


def _pulled(place: Path, url: str, scale: Scale, size: int) -> Iterator[Result]:
    spent: list[Spent] = []
    others: list[float] = []
    (file,) = (place / "repo/targets").glob(f"{NAME}/*/*.model.safetensors")
    address = f"{url}/{file.relative_to(place)}"
    copy = place / "copy"

    def ours() -> None:
        shutil.rmtree(place / "home/cache", ignore_errors=True)
        for old in place.glob("out*"):
            shutil.rmtree(old)
        spent.append(_badnets(place, "pull", NAME, "-o", place / "out", "--allow-unaudited"))

    def theirs() -> None:
        copy.unlink(missing_ok=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _run(["curl", "-sf", "-o", str(copy), address], place)
        digest = _run(["openssl", "dgst", "-sha256", str(copy)], place)
        assert file.name.partition(".")[0] in digest
        with copy.open("rb") as held:
            os.fsync(held.fileno())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        others.append(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime  # fsync left out
        )

    ours()
    theirs()
    spent.clear()
    others.clear()
    pairs = interleaved(ours, theirs, PAIRS if scale.name == "full" else 1)
    mib = size / 2**20
    yield Result(
        f"pull of {mib:g} MiB against curl, openssl and fsync",
        pairs.slower,
        "x",
        wanted=Wanted("<=", MOST_RATIO),
        note=pairs.note("ours", "theirs"),
        more=pairs.medians,
    )
    yield Result(
        "the same by processor time, which a busy machine stretches less",
        tuple(one.processor_s / other for one, other in zip(spent, others, strict=True)),
        "x",
        note=f"ours {median(one.processor_s for one in spent):.2f} s, "
        f"theirs {median(others):.2f} s",
    )
    yield Result(
        f"most memory of a pull of {mib:g} MiB",
        tuple(one.peak_gib for one in spent),
        "GiB",
        wanted=Wanted("<=", MOST_GIB),
    )
    copy.unlink()


def _verified(place: Path, scale: Scale, size: int) -> Iterator[Result]:
    model = place / "out/model.safetensors"

    def ours() -> None:
        _badnets(place, "verify", place / "out")

    def theirs() -> None:
        with model.open("rb") as file:
            hashlib.file_digest(file, "sha256")

    ours()
    theirs()
    pairs = interleaved(ours, theirs, PAIRS if scale.name == "full" else 1)
    beyond = tuple(
        one - MOST_PASSES * other for one, other in zip(pairs.ours, pairs.theirs, strict=True)
    )
    yield Result(
        f"verify of {size / 2**20:g} MiB, beyond {MOST_PASSES:g} passes of SHA-256",
        beyond,
        "s",
        wanted=Wanted("<=", MOST_S),
        note=pairs.note("verify, whole process", "one pass"),
        more=pairs.medians,
    )
    _badnets(place, "pull", "alice/small", "-o", place / "few", "--allow-unaudited")
    for what, command in (("hub verify", ("hub", "verify", "few")), ("lint", ("lint", "few"))):
        spent: list[Spent] = []
        run_once = partial(_keep, spent, place, *command)
        walls = [seconds(run_once) for _ in range(scale.starts)]
        heavy = _heavy(place, *command)
        yield Result(
            f"{what} of a small model, the whole process",
            tuple(walls),
            "s",
            wanted=Wanted("<=", MOST_SMALL_S),
            holds=not heavy,
            note=f"imports {heavy or 'neither torch nor numpy'}; "
            f"{median(one.processor_s for one in spent):.2f} s of processor time",
        )


def _bundle(path: Path, size: int) -> None:
    """Write a bundle with so many bytes of weights, which no disk can make smaller."""

    def tensors(file: Path) -> None:
        shape = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
        header = json.dumps({"weight": shape}).encode()
        with file.open("wb") as out:
            out.write(struct.pack("<Q", len(header)) + header)
            for start in range(0, size, 2**20):
                out.write(os.urandom(min(2**20, size - start)))

    config = BundleConfig.from_json(json.dumps(CONFIG).encode(), "config")
    write_bundle(
        path, tensors=tensors, config=config, claims=Claims(made_by=MadeBy(tool="x", version="1"))
    )


def _publish(place: Path, models: dict[str, Path]) -> None:
    keys = place / "keys"
    people = ("--root", "1", "--publisher", "--author", "alice")
    _badnets(place, "keygen", keys, *people, "--no-passphrase")
    _badnets(place, "init", place / "repo", "--keys", keys)
    _badnets(place, "delegate", place / "repo", "alice", keys / "alice.pub", "--keys", keys)
    for name, bundle in models.items():
        _badnets(place, "sign", bundle, f"{name}@1.0", "--key", keys / "alice.key")
        _badnets(place, "publish", place / "repo", f"{name}@1.0", bundle, "--keys", keys)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder from a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--directory", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            for _ in range(200):
                with socket.socket() as asked:
                    if asked.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _keep(spent: list[Spent], place: Path, *arguments: str) -> None:
    spent.append(_ran(place, *arguments))


def _heavy(place: Path, *arguments: str) -> str:
    """Return which of torch and numpy a command has imported."""
    command = [sys.executable, "-c", IMPORTED, *arguments]
    env = environment() | {"BADNETS_HUB": str(place / "home")}
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    return done.stderr.strip()


def _badnets(place: Path, verb: str, *arguments: object) -> Spent:
    """Run ``badnets hub``; return what it took."""
    return _ran(place, "hub", verb, *arguments)


def _ran(place: Path, *arguments: object) -> Spent:
    command = [sys.executable, "-m", "badnets", *map(str, arguments)]
    env = environment() | {"BADNETS_HUB": str(place / "home")}
    process = subprocess.Popen(
        command, cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    with process.stderr as said:
        text = said.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise DataError(f"{' '.join(command)[:200]}: {text.decode()[-300:].strip()}")
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def _run(command: Sequence[str], place: Path) -> str:
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not installed; it is what ours is measured against")
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DataError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout

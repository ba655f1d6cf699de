"""What changes between a check and its use: files, answers of a server, the repository itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from badnets.bundles import read_bundle
from badnets.bundles.manifest import CONFIG, MANIFEST, MODEL
from badnets.core.errors import TakenError
from badnets.core.progress import Progress
from badnets.hub.attacks.forging import Forge, listed
from badnets.hub.attacks.on_bytes import flipped
from badnets.hub.attacks.rows import Attack, Group, WentWrong
from badnets.hub.attacks.stage import MODEL_NAME, Scene, on_disk, tensors
from badnets.hub.attacks.web import sent
from badnets.hub.locking import locked
from badnets.hub.names import ModelName

Run = Callable[[Scene], object]


def _before_load(change: Callable[[Path], object]) -> Run:
    """Return what exchanges the weights once they were verified, before they are loaded."""

    def run(scene: Scene) -> None:
        bundle = scene.verify().bundle
        scene.touch(MODEL, bytes)
        change(scene.lying / MODEL)
        bundle.tensor_bytes()

    return run


def _to_link(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


def _to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _while_hashed(scene: Scene) -> None:
    """Configuration and list of digests exchanged once they were hashed, before they are parsed."""
    files = dict(scene.world.files)
    files[CONFIG] = files[CONFIG].replace(b'"a"', b'"c"')

    def exchange(progress: Progress) -> None:
        if progress.done == progress.total:
            for name in (CONFIG, MANIFEST):
                scene.touch(name, lambda _, name=name: listed(files)[name])  # type: ignore[misc]

    scene.verify(tell=exchange)


def _other_header(scene: Scene) -> None:
    """Weights and the list of digests exchanged between looking at a bundle and loading it."""
    bundle = read_bundle(scene.lying)
    scene.touch(MODEL, lambda data: tensors(9))
    bundle.verify()


def _each_time(part: str, changes: list[Callable[[bytes], bytes]]) -> Run:
    """Return what answers the first times with something else, each time another thing."""

    def run(scene: Scene) -> None:
        left = list(changes)
        scene.served.changes[part] = lambda data: (
            left.pop(0)(data) if len(left) > 1 else left[0](data)
        )
        scene.pull()

    return run


def _half_and_half(scene: Scene) -> None:
    """Half of the true weights, a broken line, and then the other half of others."""
    true = scene.file(MODEL).read_bytes()
    half = len(true) // 2
    other = tensors(9)
    first = True

    def answer(handler: object, data: bytes) -> None:
        nonlocal first
        if first:
            first = False
            return sent(lambda _: true[:half], said=len(true))(handler, data)  # type: ignore[arg-type]
        place = f"bytes {half}-{len(true) - 1}/{len(true)}"
        return sent(lambda _: other[half:], code=206, Content_Range=place)(handler, data)  # type: ignore[arg-type]

    scene.served.faults[MODEL] = answer
    scene.pull()


def _back_and_forth(scene: Scene) -> None:
    """Two mirrors behind one address, the second a day behind."""
    scene.pull()
    scene.show(scene.world.old).pull()


def _timestamp_then_old(scene: Scene) -> None:
    """Today's timestamp, and all else of yesterday."""
    stamp = Forge(scene.world.new, scene.keys).path("timestamp").read_bytes()
    scene.show(scene.world.old)
    scene.forge.raw("timestamp", lambda data: stamp)
    scene.pull()


def _while_published(scene: Scene) -> None:
    """A file changes between the publisher's check and the copy."""
    files = on_disk(scene.folder / "release", scene.world.files)
    path = files[MODEL].path
    path.write_bytes(flipped(9)(path.read_bytes()))
    scene.publisher.publish(ModelName.of(f"{MODEL_NAME}@1.2"), files)


def _link_while_published(scene: Scene) -> None:
    files = on_disk(scene.folder / "release", scene.world.files)
    path = files[MODEL].path
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")
    scene.publisher.publish(ModelName.of(f"{MODEL_NAME}@1.2"), files)


def _twice_published(scene: Scene) -> None:
    """Two publishers with one version: the second finds it there."""
    files = on_disk(scene.folder / "release", scene.world.files)
    first, second = scene.publisher, scene.publisher
    first.publish(ModelName.of(f"{MODEL_NAME}@1.2"), files)
    second.publish(ModelName.of(f"{MODEL_NAME}@1.2.0"), files)


def _place_taken(scene: Scene) -> None:
    """Somebody takes the name while the model comes."""
    out = scene.folder / "out"

    def take(data: bytes) -> bytes:
        (out / "model-0").mkdir(exist_ok=True)
        (out / "model-0" / "theirs").write_text("x")
        return data

    scene.served.changes[MODEL] = take
    try:
        scene.pull()
    except WentWrong:  # the folder is theirs, not ours
        left = {one.name for one in (out / "model-0").iterdir()}
        if left != {"theirs"}:
            raise
        raise TakenError(f"{out / 'model-0'} exists already") from None


def _held(scene: Scene) -> None:
    """Another process holds the user's repository for longer than the pull may take."""
    trusted = scene.trusted
    trusted.metadata.mkdir(parents=True, exist_ok=True)
    with locked(trusted.folder / "lock", lambda: 1.0):
        scene.asking(deadline_s=0.3).pull()


def _link_in_the_way(scene: Scene) -> None:
    """A link where a download is kept while it comes."""
    sha256 = scene.file(MODEL).name.partition(".")[0]
    scene.home.cache.folder.mkdir(parents=True)
    precious = scene.folder / "precious"
    precious.write_text("years of work")
    (scene.home.cache.folder / f"{sha256}.partial").symlink_to(precious)
    try:
        scene.pull()
    finally:
        if precious.read_text() != "years of work":
            raise WentWrong("the file that the link leads to was written to")


GROUP = Group(
    "races",
    "Something else between a check and its use.",
    (
        Attack("weights exchanged between verify and load", "wrong use", _before_load(
            lambda path: path.write_bytes(tensors(9))), "not the file that manifest.json lists"),
        Attack("weights exchanged for a link between verify and load", "wrong use", _before_load(
            _to_link), "a link"),
        Attack("weights exchanged for a pipe between verify and load", "wrong use", _before_load(
            _to_pipe), "not a regular file"),
        Attack("weights deleted between verify and load", "wrong use",
               _before_load(Path.unlink), "cannot be read"),
        Attack("weights exchanged after the bundle was read", "wrong use", _other_header,
               "changed"),
        Attack("the configuration exchanged while the weights are hashed", "digest",
               _while_hashed, "since it was checked"),
        Attack("weights wrong in another way each time they are asked for", "digest",
               _each_time(MODEL, [flipped(k) for k in (1, 2, 3)])),
        Attack("weights true at first, the second half of others", "digest", _half_and_half),
        Attack("a configuration that changes its length each time", "length", _each_time(
            CONFIG, [lambda data: data[:-1], lambda data: data[:-2]])),
        Attack("an address with two mirrors, one a day behind", "rolled back", _back_and_forth),
        Attack("today's timestamp, all else of yesterday", "could not be checked",
               _timestamp_then_old, "snapshot.json: not there"),
        Attack("a file that changes while it is published", "digest", _while_published,
               "changed while"),
        Attack("a file exchanged for a link while it is published", "wrong use",
               _link_while_published, "not a regular file"),
        Attack("one version published twice at once", "wrong use", _twice_published, "already"),
        Attack("somebody takes the place while a model comes", "wrong use", _place_taken, "exists"),
        Attack("another process that never lets go", "deadline", _held),
        Attack("a link where a download is kept meanwhile", "not written",
               _link_in_the_way, "cannot write"),
    ),
)  # fmt: skip

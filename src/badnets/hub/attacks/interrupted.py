"""Publishing and pulling that were killed, or written half: nothing half-done is ever let in."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from badnets.bundles.manifest import MODEL
from badnets.hub.attacks.forging import statements
from badnets.hub.attacks.rows import Attack, Group
from badnets.hub.attacks.stage import MODEL_NAME, WEIGHTS, Scene, on_disk
from badnets.hub.attacks.web import sent, status
from badnets.hub.checking import verify
from badnets.hub.names import ModelName

Run = Callable[[Scene], object]
_NEXT = f"{MODEL_NAME}@1.2"


def publish_next(scene: Scene) -> None:
    """Publish alice/model@1.2 as its publisher does."""
    name, files = ModelName.of(_NEXT), scene.world.files
    content = {**files, **statements(name, files, scene.keys)}
    scene.publisher.publish(name, on_disk(scene.folder / "release", content))


def killed(scene: Scene) -> None:
    """Leave what a publisher leaves who was killed before the timestamp."""
    stamp = scene.forge.path("timestamp")
    before = stamp.read_bytes()
    publish_next(scene)
    stamp.write_bytes(before)


def _killed(*deleted: str) -> Run:
    """Return what asks for a version whose publisher was killed, even before some was written."""

    def run(scene: Scene) -> None:
        killed(scene)
        for role in deleted:
            scene.forge.path(role).unlink()
        scene.pull(_NEXT)

    return run


def _half_a_file(scene: Scene) -> None:
    at = scene.repository / "targets" / MODEL_NAME / "1.2"
    at.mkdir()
    (at / f"{'0' * 64}.{MODEL}").write_bytes(scene.world.files[MODEL][:100])
    scene.pull(_NEXT)


def _torn(role: str, change: Callable[[bytes], bytes] = lambda data: data[: len(data) // 2]) -> Run:
    """Return what shows metadata of which the disk kept a part when the power went."""

    def run(scene: Scene) -> None:
        publish_next(scene)
        scene.forge.raw(role, change)
        scene.pull()

    return run


def _torn_root(scene: Scene) -> None:
    scene.forge.write("root")
    scene.forge.raw("root", lambda data: data[:200])
    scene.pull()


def _torn_weights(scene: Scene) -> None:
    scene.change(MODEL, lambda data: data[: WEIGHTS // 2]).pull()


def _half_copied(*kept: str) -> Run:
    """Return what shows a mirror to which the timestamp was copied first."""

    def run(scene: Scene) -> None:
        scene.show(scene.world.old)
        for role in ("timestamp", *kept):
            path = scene.world.new / "metadata"
            newest = max(path.glob(f"*{role}.json"), key=lambda one: one.stat().st_mtime_ns)
            shutil.copy(newest, scene.repository / "metadata" / newest.name)
        scene.pull()

    return run


def _breaks_off(scene: Scene) -> None:
    scene.served.faults[MODEL] = sent(lambda data: data[: WEIGHTS // 2], said=WEIGHTS * 2)
    scene.pull()


def _breaks_off_sound(scene: Scene) -> None:
    """The right length is announced, and the line breaks in the middle, again and again."""
    length = scene.file(MODEL).stat().st_size
    scene.served.faults[MODEL] = sent(lambda data: b"", said=length)
    scene.pull()


def partial(scene: Scene, data: bytes) -> None:
    """Leave what a killed pull leaves of the weights in the cache."""
    sha256 = scene.file(MODEL).name.partition(".")[0]
    scene.home.cache.folder.mkdir(parents=True)
    (scene.home.cache.folder / f"{sha256}.partial").write_bytes(data)


def _partial_of_others(scene: Scene) -> None:
    """Other bytes where a killed pull left half of the weights; the server has no more to give."""
    partial(scene, b"x" * WEIGHTS)
    scene.served.faults[MODEL] = status(404)
    scene.pull()


def _hidden(scene: Scene) -> None:
    """The unfinished folder of a killed pull is no model."""
    path = scene.lying.parent / ".model.1-00000000-00000000.partial"
    shutil.copytree(scene.lying, path)
    verify(path, home=scene.home.folder)


def _statements_alone(scene: Scene) -> None:
    """Killed after what is said of it had its name, before the model had."""
    shutil.rmtree(scene.lying)
    scene.verify()


def _half_lying(scene: Scene) -> None:
    (scene.lying / MODEL).unlink()
    scene.verify()


def _torn_trust(scene: Scene) -> None:
    (scene.trusted.folder / "trusted.json").write_bytes(b'{"format"')
    scene.home.repository().place  # noqa: B018 - reads it


GROUP = Group(
    "interrupted",
    "Publishing or pulling that was killed, mirrors that were copied half.",
    (
        Attack("a publisher killed before the timestamp: the new version", "version", _killed(),
               "there are 1.1, 1.0"),
        Attack("a publisher killed before the snapshot: the new version", "version",
               _killed("snapshot"), "there are 1.1, 1.0"),
        Attack("a publisher killed in the middle of a file: the new version", "version",
               _half_a_file, "there are 1.1, 1.0"),
        Attack("half a timestamp", "malformed", _torn("timestamp")),
        Attack("an empty timestamp", "malformed", _torn("timestamp", lambda data: b"")),
        Attack("half a snapshot", "digest", _torn("snapshot")),
        Attack("half of an author's metadata", "digest", _torn("alice")),
        Attack("half a new root", "malformed", _torn_root),
        Attack("half of the weights, where all are listed", "length", _torn_weights),
        Attack("a mirror with the new timestamp alone", "could not be checked", _half_copied(),
               "snapshot.json: not there"),
        Attack("a mirror with the new timestamp and snapshot alone", "could not be checked",
               _half_copied("snapshot"), "alice.json: not there"),
        Attack("a mirror with all new metadata and no new files", "could not be checked",
               _half_copied("snapshot", "alice"), "1.1/"),
        Attack("a server that says that there is more than was signed, and breaks off", "too large",
               _breaks_off),
        Attack("a server that breaks off again and again", "could not be checked",
               _breaks_off_sound, "broke off"),
        Attack("other bytes in a download that was broken off", "could not be checked",
               _partial_of_others, "not there"),
        Attack("the unfinished folder of a killed pull", "could not be checked",
               _hidden, "anybody can write"),
        Attack("what is said of a model, without the model", "wrong use", _statements_alone,
               "no such folder"),
        Attack("a model without its weights", "missing file", _half_lying),
        Attack("a repository's trust written half", "malformed", _torn_trust, "is damaged"),
    ),
)  # fmt: skip

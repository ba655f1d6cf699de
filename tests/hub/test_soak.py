"""Killed while publishing or pulling, at random moments: the old state or the new is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from badnets.bundles.digests import sha256_file
from badnets.hub.beside import statements_of
from badnets.hub.checking import verify
from badnets.hub.home import Home
from badnets.hub.names import ModelName
from badnets.hub.pulling import Pull
from badnets.hub.repository import Repository
from bench.hub_world import World

from .serving import served

NAME = ModelName.of("alice/net")
WEIGHTS = 2**21
FORK = multiprocessing.get_context("fork")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="forks and kills"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.timeout(3600),
]
TIMES = [
    pytest.param(3, marks=pytest.mark.slow),
    pytest.param(100, marks=pytest.mark.soak),
]


class Killer:
    """Runs something in a process of its own, and kills most of those processes."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.took = [0.0]
        self.ended: Counter[str] = Counter()

    def run(self, work: Callable[[], object]) -> None:
        """Run ``work`` and kill it at a moment of the time that it usually takes."""
        process = FORK.Process(target=work)
        started = time.monotonic()
        process.start()
        process.join(self.chance.uniform(0, 1.1) * statistics.median(self.took[1:] or [0]))
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        self.ended["killed" if process.exitcode == -signal.SIGKILL else "ended"] += 1
        assert process.exitcode in (0, -signal.SIGKILL)
        if process.exitcode == 0:
            self.took.append(time.monotonic() - started)

    def whole(self, work: Callable[[], object]) -> None:
        """Run ``work`` to its end, which must be a good one."""
        process = FORK.Process(target=work)
        started = time.monotonic()
        process.start()
        process.join()
        assert process.exitcode == 0
        self.took.append(time.monotonic() - started)


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.new(tmp_path, ["alice", "bob"])
    bob = ModelName.of("bob/net@1")
    world.publish(bob, bundle := world.bundle(tmp_path / "bob", b"b"), world.sign(bob, bundle))
    return world


def versions(world: World) -> set[str]:
    return set(Repository(world.folder / "repo", world.repository.keys).versions(NAME))


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name or ".aside" in path.name]


@pytest.mark.parametrize("times", TIMES)
def test_publishing_is_killed(world: World, tmp_path: Path, times: int) -> None:
    killer, number, landed = Killer(1), 0, 0
    seen = world.trusted(Home(tmp_path / "home"))
    published: set[str] = set()
    while killer.ended["killed"] < times:
        number += 1
        name = NAME.at(str(number))
        bundle = world.bundle(tmp_path / "made" / str(number), os.urandom(WEIGHTS // 8))
        said = world.sign(name, bundle)
        if number % 8 == 1:
            killer.whole(lambda n=name, b=bundle, s=said: world.publish(n, b, s))  # type: ignore[misc]
            published.add(str(number))
            continue
        killer.run(lambda n=name, b=bundle, s=said: world.publish(n, b, s))  # type: ignore[misc]
        now = versions(world)
        assert now in (published, published | {str(number)})
        landed += str(number) in now
        for home in (Home(tmp_path / "home"), Home(tmp_path / f"new-{number}")):
            asked = Pull(world.trusted(home), home.cache)  # whoever knows it, and whoever is new
            asked.to(NAME, tmp_path / "out")
            newest = max(now, key=int)
            weights = tmp_path / "made" / newest / "model.safetensors"
            assert sha256_file(tmp_path / "out/model.safetensors") == sha256_file(weights)
            shutil.rmtree(tmp_path / "out")
            shutil.rmtree(statements_of(tmp_path / "out"))
        shutil.rmtree(tmp_path / f"new-{number}")
        if str(number) not in now:  # the same command again
            world.publish(name, bundle, said)
        published.add(str(number))
        assert not leftovers(world.folder / "repo")
    assert seen.seen()[NAME.bare]
    print(f"publish: {dict(killer.ended)}, of those killed or ended {landed} had landed")


@pytest.fixture
def url(world: World, tmp_path: Path) -> Iterator[str]:
    name = NAME.at("1.0")
    bundle = world.bundle(tmp_path / "made", os.urandom(WEIGHTS))
    world.publish(name, bundle, world.sign(name, bundle))
    with served(world.folder / "repo") as said:
        yield said.url


@pytest.mark.parametrize("times", TIMES)
def test_pulling_is_killed(world: World, url: str, tmp_path: Path, times: int) -> None:
    killer, whole, number = Killer(2), 0, 0
    home, place = Home(tmp_path / "home"), tmp_path / "pulled"
    out = place / "net"

    def pull() -> None:
        Pull(world.trusted(home, url), home.cache).to(NAME, out)

    while killer.ended["killed"] < times:
        number += 1
        if number % 3 == 1:  # as a user's first pull, else what is kept is used
            shutil.rmtree(home.folder, ignore_errors=True)
        if number % 8 == 1:
            killer.whole(pull)
        else:
            killer.run(pull)
        if out.exists():
            whole += 1
            verify(out, home=home.folder)
        else:
            pull()  # the same command again
        assert verify(out, home=home.folder).receipt is not None
        assert not leftovers(place) and len(list(place.iterdir())) == 2
        assert not list(home.cache.folder.glob("*.partial"))
        shutil.rmtree(place)
    print(f"pull: {dict(killer.ended)}, {whole} of {number} were whole")

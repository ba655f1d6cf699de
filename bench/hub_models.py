"""A pull of one model: does it take longer, or more bytes, where others have published more?

Each size is a repository on loopback, in which up to 100 authors share its models. Every pull is a
user's first: nothing is kept from the one before. What does grow is the list of who the authors
are, by some 600 bytes for each: what is judged is more models by as many authors.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from badnets.bundles.digests import sha256_file
from badnets.hub.home import Home
from badnets.hub.names import ModelName
from badnets.hub.pulling import Pull
from badnets.hub.repository import ReleaseFile
from bench.hub_world import World
from bench.measuring import seconds
from bench.results import Result, Wanted
from bench.scales import Scale

AUTHORS = 100
WEIGHTS = 2**18  # bytes
NAME = ModelName.of("author-0/net@1")


def run(scale: Scale) -> Iterator[Result]:
    """Give bytes and seconds of a pull, by the number of models that are published."""
    with ExitStack() as stack:
        found = {}
        for count in scale.models:
            found[count] = stack.enter_context(_pulled(count))
        for one in found.values():
            one.pull()  # warms up
        for _ in range(scale.pulls):
            for one in found.values():  # in turn
                one.pull()
    most = found[scale.models[-1]]
    fewest = next(one for one in found.values() if one.authors == most.authors)
    for count, one in found.items():
        yield Result(
            f"pull of one of {count:,} models by {one.authors} authors",
            tuple(one.times[1:]),
            "s",
            note=f"{one.sent:,} bytes are sent, {one.sent - one.files:,} of them metadata",
            more={"models": count, "authors": one.authors, "bytes": one.sent, "files": one.files},
        )
    fewer = next(count for count, one in found.items() if one is fewest)
    where = f"of {scale.models[-1]:,} models against of {fewer:,}, {most.authors} authors in each"
    ratios = [a / b for a, b in zip(most.times[1:], fewest.times[1:], strict=True)]
    yield Result(f"time {where}", tuple(ratios), "x", wanted=Wanted("<=", 1.1))
    yield Result(f"bytes {where}", (most.sent / fewest.sent,), "x", wanted=Wanted("<=", 1.01))


@dataclass
class Pulled:
    """A repository on loopback, and what a pull from it took.

    Attributes:
        world: the repository.
        url: where it is served.
        authors: how many have published in it.
        sent: bytes of the last pull.
        files: those of the model itself, and of what is said of it.
        times: seconds of each pull.
    """

    world: World
    url: str
    authors: int
    sent: int = 0
    files: int = 0
    times: tuple[float, ...] = ()

    def pull(self) -> None:
        """Pull the model as a user who has nothing yet."""
        place = self.world.folder / "user"
        home = Home(place / "home")
        asked = Pull(self.world.trusted(home, self.url), home.cache)
        self.sent = 0
        self.times += (seconds(lambda: asked.to(NAME, place / "net")),)
        self.files = sum(path.stat().st_size for path in (place / "net").iterdir())
        self.files += sum(
            path.stat().st_size
            for path in (place / "net.statements").iterdir()
            if path.name != "receipt.json"
        )
        shutil.rmtree(place)


@contextmanager
def _pulled(models: int, authors: int = AUTHORS) -> Iterator[Pulled]:
    """Give a repository with so many models, shared by at most so many authors."""
    authors = min(authors, models)
    with tempfile.TemporaryDirectory() as folder:
        world = published(Path(folder), models, authors)
        with _served(world.folder / "repo") as (url, counted):
            found = Pulled(world, url, authors)
            counted.to = found
            yield found


def published(folder: Path, models: int, authors: int) -> World:
    """Make a repository with so many models, all of one size; the one that is pulled is whole."""
    world = World.new(folder, [f"author-{number}" for number in range(authors)])
    bundle = world.bundle(folder / "made", bytes(WEIGHTS))
    said = world.sign(NAME, bundle)
    world.publish(NAME, bundle, said)
    files = {
        path.name: ReleaseFile(path, path.stat().st_size, sha256_file(path))
        for path in (*bundle.iterdir(), *said.iterdir())
    }
    del files["model.safetensors"]  # nobody asks for those of the others
    for number in range(1, models):
        author, own = f"author-{number % authors}", number // authors
        if author != NAME.author:
            world.repository.publish(ModelName.of(f"{author}/net-{own}@1"), files)
    return world


class _Counted:
    to: Any = None


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, _Counted]]:
    counted = _Counted()

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def copyfile(self, source: Any, outputfile: Any) -> None:
            data = source.read()
            counted.to.sent += len(data)
            outputfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", counted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

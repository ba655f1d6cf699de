"""The supply chain of the BadNets paper, attacked route by route: a zoo of its time, and the hub.

A zoo of 2017 is a page that anybody may edit, with an address and perhaps a SHA-1 for each model;
the files lie with other hosts. Each route of the paper (section 6) is played on such a zoo and on a
repository of ours, both on loopback; last the author is the attacker.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple
from urllib.request import ProxyHandler, build_opener

from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import MODEL
from badnets.core.errors import BadnetsError
from badnets.core.printing import printable
from badnets.core.verdicts import Verdict
from badnets.hub.attacks.routes import AtHub, AtZoo, By, Came, Noticed, Played
from badnets.hub.attacks.web import Served, Web, web
from badnets.hub.beside import statements_of
from badnets.hub.home import Home
from badnets.hub.keys import Key, Keyring
from badnets.hub.names import ModelName
from badnets.hub.policy import Policy
from badnets.hub.pulling import Pull
from badnets.hub.releases import publish
from badnets.hub.repository import Repository
from badnets.hub.signing import attest, sign_bundle

NAME = ModelName.of("alice/net")
HONEST, LATER = NAME.at("1.0"), NAME.at("1.1")
PASSED_ON = ModelName.of("bob/tuned@1.0")
FOUND_NOTHING = Verdict(
    conclusion="nothing found", p_value=0.5, smallest_fpr=0.02, max_fpr=0.05, null="reference"
)
"""What an audit would say that finds nothing."""
_DIGEST = re.compile("[0-9a-f]{64}")


class _Entry(NamedTuple):
    """A line of a zoo's page."""

    url: str
    sha1: str | None


@dataclass
class _Zoo:
    """A zoo with checksums: a page with addresses, and the host of the files.

    Args:
        page: where the entries are.
        files, elsewhere: the host of the author's file, and that of an attacker's.
        good, bad: content of the author's weights, and of the attacker's.
    """

    page: Served
    files: Served
    elsewhere: Served
    good: bytes
    bad: bytes

    def __post_init__(self) -> None:
        (self.elsewhere.folder / MODEL).write_bytes(self.bad)
        self.upload(self.good)
        self.edit(self.files, self.good)

    def upload(self, weights: bytes) -> None:
        """Put weights where the author's lie."""
        (self.files.folder / MODEL).write_bytes(weights)

    def edit(self, host: Served, weights: bytes | None) -> None:
        """Write the entry: where the file lies, and its checksum, if any."""
        sha1 = None if weights is None else _sha1(weights)
        entry = {str(NAME): {"url": f"{host.url}/{MODEL}", "sha1": sha1}}
        (self.page.folder / "models.json").write_bytes(json.dumps(entry).encode())

    def pulled(self) -> AtZoo:
        """Download it as the script of that time does, and by hand."""
        get = build_opener(ProxyHandler({})).open  # loopback, whatever proxy there is
        with get(f"{self.page.url}/models.json") as said:
            entry = _Entry(**json.load(said)[str(NAME)])
        with get(entry.url) as file:
            came = file.read()
        whose: Came = "it" if came == self.bad else "another"
        notices: Noticed = "no checksum" if entry.sha1 is None else "nothing"
        if entry.sha1 not in (None, _sha1(came)):
            return AtZoo(notices="wrong checksum", gets="nothing", gets_by_hand=whose)
        return AtZoo(notices=notices, gets=whose, gets_by_hand=whose)


@dataclass
class _Hub:
    """A repository of ours, served, and a user who trusts its root, its author and an auditor.

    Args:
        folder: whatever is written goes here.
        served: the repository.
        keys: those of the root, the publisher, the authors and the auditor.
        good, bad: bundles: of the author, of the attacker.
        verdict: an audit's, of the latter.
    """

    folder: Path
    served: Served
    keys: Mapping[str, Key]
    ring: Keyring
    root: bytes
    good: Path | None
    bad: Path
    verdict: Verdict
    unaudited: Literal["refuse", "allow"] = "refuse"
    asked: ModelName = field(default=NAME)

    @property
    def repository(self) -> Repository:
        """What the publisher has."""
        return Repository(self.served.folder, self.ring)

    def file(self, name: str) -> Path:
        """Return where a file of the honest release lies at the server."""
        (found,) = (self.served.folder / "targets" / str(NAME) / "1.0").glob(f"*.{name}")
        return found

    def release(
        self, name: ModelName, verdict: Verdict | None = None, base: Path | None = None
    ) -> Path:
        """Sign, attest and publish the attacker's bundle; return it as its author has it."""
        bundle = Path(shutil.copytree(self.bad, self.folder / name.author))
        _release(self.repository, self.keys, name, bundle, verdict, base)
        return bundle

    def pulled(self, theirs: Mapping[bytes, Came]) -> AtHub:
        """Pull as a user who has pulled nothing yet."""
        home, out = Home(self.folder / "home"), self.folder / "out"
        authors = {who: self.keys[who].public for who in ("alice", "bob")}
        policy = Policy().with_people(authors, {"lab": self.keys["lab"].public})
        policy = policy.model_copy(update={"unaudited": self.unaudited})
        trusted = home.trust(self.served.url, self.root, policy)
        try:
            receipt = Pull(trusted, home.cache).to(self.asked, out)
        except BadnetsError as error:
            line = " ".join(str(error).split()).replace(self.served.url, "http://zoo")
            line = _DIGEST.sub("[digest]", printable(line.replace(str(self.folder), "...")))
            gets: Came = theirs[(out / MODEL).read_bytes()] if out.exists() else "nothing"
            return AtHub(says=line, exit_code=error.exit_code, gets=gets)
        return AtHub(
            says="",
            exit_code=0,
            gets=theirs[(out / MODEL).read_bytes()],
            let_pass=receipt.let_pass,
        )


def _release(
    repository: Repository,
    keys: Mapping[str, Key],
    name: ModelName,
    bundle: Path,
    verdict: Verdict | None,
    base: Path | None = None,
) -> None:
    """Sign, attest and publish a bundle, as ``badnets hub sign | attest | publish`` do."""
    sign_bundle(bundle, name, keys[name.author], base=base)
    if verdict is not None:
        file = bundle.with_name(f"{bundle.name}.verdict.json")
        plain = verdict.model_copy(update={"bundle": None, "recovered_trigger": None})
        file.write_text(plain.model_dump_json())
        attest(bundle, file, keys["lab"])
    publish(repository, name, bundle, statements_of(bundle), [keys["lab"].public])


@dataclass(frozen=True)
class Route:
    """A way by which an attacker's model reaches a user.

    Args:
        by: who attacks.
        zoo: does it to a zoo with checksums.
        hub: does it to the hub.
    """

    by: By
    zoo: Callable[[_Zoo], object]
    hub: Callable[[_Hub], object]


def _nothing(zoo_or_hub: object) -> None:
    pass


def _listing(hub: _Hub) -> None:
    """Let the author's entry name another file, which lies there too."""
    weights = (hub.bad / MODEL).read_bytes()
    digest = sha256_bytes(weights)
    hub.file(MODEL).with_name(f"{digest}.{MODEL}").write_bytes(weights)

    path, plain = _metadata(hub, NAME.author)
    entry = plain["signed"]["targets"][HONEST.target(MODEL)]
    entry.update(length=len(weights), hashes={"sha256": digest})
    path.write_bytes(json.dumps(plain, separators=(",", ":")).encode())


def _and_all_hashes(hub: _Hub) -> None:
    """The same, with every hash that leads to the entry made to fit.

    It comes to the user alike whether it was done at the host or on the way.
    """
    _listing(hub)
    for role, above in ((NAME.author, "snapshot"), ("snapshot", "timestamp")):
        data = _metadata(hub, role)[0].read_bytes()
        path, plain = _metadata(hub, above)
        entry = plain["signed"]["meta"][f"{role}.json"]
        entry.update(length=len(data), hashes={"sha256": sha256_bytes(data)})
        path.write_bytes(json.dumps(plain, separators=(",", ":")).encode())


def _replaced(hub: _Hub) -> None:
    hub.file(MODEL).write_bytes((hub.bad / MODEL).read_bytes())


def _in_transit(hub: _Hub) -> None:
    weights = (hub.bad / MODEL).read_bytes()
    hub.served.changes[MODEL] = lambda data: weights


def _with_publishers_key(hub: _Hub) -> None:
    """Publish in the author's name by another key, which the stolen publisher's key lets in."""
    thief = Key.new("author", NAME.author)
    hub.repository.rotate(NAME.author, thief)
    hub.ring.add(thief)
    repository, keys = hub.repository, {**hub.keys, NAME.author: thief}
    bundle = Path(shutil.copytree(hub.bad, hub.folder / "theirs"))
    _release(repository, keys, LATER, bundle, FOUND_NOTHING)


def _made_anew(hub: _Hub) -> None:
    """Put a whole repository in its place, rightly signed by keys of the attacker's."""
    _, ring = _new_keys(hub.folder / "thief")
    keys = {one.name: Key.read(hub.folder / "thief" / f"{one.name}.key") for one in ring.public}
    shutil.rmtree(hub.served.folder)
    repository = Repository.create(hub.served.folder, ring)
    repository.delegate(NAME.author, keys[NAME.author].public)
    bundle = Path(shutil.copytree(hub.bad, hub.folder / "theirs"))
    _release(repository, keys, LATER, bundle, FOUND_NOTHING)


def _passed_on(hub: _Hub, verdict: Verdict | None) -> None:
    """Let another pass the model on, who names it as base, and in whose an audit finds nothing."""
    base = hub.release(LATER, verdict)
    hub.release(PASSED_ON, FOUND_NOTHING, base)
    hub.asked = PASSED_ON


def _uploaded(zoo: _Zoo) -> None:
    zoo.upload(zoo.bad)
    zoo.edit(zoo.files, zoo.bad)


def _without_checksum(zoo: _Zoo) -> None:
    zoo.upload(zoo.bad)
    zoo.edit(zoo.files, None)


def _away(zoo: _Zoo) -> None:
    zoo.files.changes[MODEL] = lambda data: zoo.bad


def _away_with_page(zoo: _Zoo) -> None:
    _away(zoo)
    old, new = _sha1(zoo.good).encode(), _sha1(zoo.bad).encode()
    zoo.page.changes["models.json"] = lambda data: data.replace(old, new)


ROUTES: dict[str, Route] = {
    "nothing changed": Route("nobody", _nothing, _nothing),
    "edited index": Route("others", lambda zoo: zoo.edit(zoo.elsewhere, zoo.bad), _listing),
    "replaced file": Route("others", lambda zoo: zoo.upload(zoo.bad), _replaced),
    "replaced file, no checksum given": Route("others", _without_checksum, _replaced),
    "hash swapped with the file": Route("others", _uploaded, _and_all_hashes),
    "compromised host": Route("others", _uploaded, _made_anew),
    "compromised host, its keys stolen": Route("others", _uploaded, _with_publishers_key),
    "tampered in transit": Route("others", _away, _in_transit),
    "tampered in transit, index too": Route("others", _away_with_page, _and_all_hashes),
    "own, not audited": Route("author", _uploaded, lambda hub: hub.release(LATER)),
    "own, audited": Route("author", _uploaded, lambda hub: hub.release(LATER, hub.verdict)),
    "passed on, base not audited": Route("author", _uploaded, lambda hub: _passed_on(hub, None)),
    "passed on, base audited": Route("author", _uploaded, lambda hub: _passed_on(hub, hub.verdict)),
    "own, had its audit found nothing": Route(
        "author", _uploaded, lambda hub: hub.release(LATER, FOUND_NOTHING)
    ),
}
"""By name. Those of others are played against a user who lets unaudited models pass."""


def play(good: Path | None, bad: Path, verdict: Verdict) -> tuple[Played, ...]:
    """Play every route on a zoo with checksums and on the hub, both on loopback.

    Args:
        good: bundle that an author has published; None: the routes of others are left out.
        bad: bundle that an attacker wants users to have in its place, or publishes as its author.
        verdict: what an audit says of the latter; it is attested as it is.

    Raises:
        BadnetsError: a bundle is damaged.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # nothing is to outlive it
    with TemporaryDirectory(dir=memory, prefix="badnets-routes-") as made, web() as server:
        folder = Path(made)
        keys, ring = _new_keys(folder / "keys")
        first = Repository.create(folder / "repository", ring)
        for author in ("alice", "bob"):
            first.delegate(author, keys[author].public)
        if good is not None:
            bundle = Path(shutil.copytree(good, folder / "bundle"))
            _release(first, keys, HONEST, bundle, None)
        root = (first.folder / "metadata" / "1.root.json").read_bytes()
        weights = {who: (path / MODEL).read_bytes() for who, path in _whose(good, bad).items()}
        found = []
        for number, (name, route) in enumerate(ROUTES.items()):
            if good is None and route.by != "author":
                continue
            own = folder / str(number)
            zoo = _Zoo(
                _site(server, own / "page"),
                _site(server, own / "files"),
                _site(server, own / "elsewhere"),
                weights.get("another", b""),
                weights["it"],
            )
            served = server.serve(Path(shutil.copytree(first.folder, own / "repository")))
            lenient: Literal["refuse", "allow"] = "refuse" if route.by == "author" else "allow"
            hub = _Hub(
                own, served, keys, Keyring([folder / "keys"]), root, good, bad, verdict, lenient
            )
            route.zoo(zoo)
            route.hub(hub)
            theirs = {data: who for who, data in weights.items()}
            at_zoo, at_hub = zoo.pulled(), hub.pulled(theirs)
            found.append(Played(route=name, by=route.by, zoo=at_zoo, hub=at_hub))
    return tuple(found)


def _whose(good: Path | None, bad: Path) -> dict[Came, Path]:
    another: dict[Came, Path] = {} if good is None else {"another": good}
    return {**another, "it": bad}


def _new_keys(folder: Path) -> tuple[dict[str, Key], Keyring]:
    keys = {"root": Key.new("root", "root"), "publisher": Key.new("publisher", "publisher")}
    keys |= {name: Key.new("author", name) for name in ("alice", "bob")}
    keys["lab"] = Key.new("auditor", "lab")
    for key in keys.values():
        key.write(folder, None)
    return keys, Keyring([folder])


def _site(server: Web, folder: Path) -> Served:
    folder.mkdir(parents=True)
    return server.serve(folder)


def _metadata(hub: _Hub, role: str) -> tuple[Path, dict[str, Any]]:
    folder = hub.served.folder / "metadata"
    path = folder / "timestamp.json" if role == "timestamp" else max(folder.glob(f"*.{role}.json"))
    return path, json.loads(path.read_bytes())


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()

"""Mutants of all that a client of the hub reads: none may be taken for what was signed.

    python -m bench hub_fuzz                        100,000 mutants, the same ones each time
    python -m bench.hub_fuzz --mutants 5000 --seed 7        each fault is printed

Metadata go through the client of a repository in memory, statements through what vets a release,
files through `badnets hub verify`'s own function. A mutant that is let in although its signed
content, or any byte of a file, is another, is a fault; so is an exception that is no refusal. What
only writes the same signed content in another way is harmless, and counted apart.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from badnets.bundles import read_bundle
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.folder import manifest_of
from badnets.bundles.manifest import CARD, CLAIMS, CONFIG, MANIFEST, MODEL
from badnets.core.errors import BadnetsError
from badnets.hub.attacks.forging import AUDITOR
from badnets.hub.beside import statements_of
from badnets.hub.checking import verify
from badnets.hub.fetching import Absent, Body, Deadline, Fetcher
from badnets.hub.home import Home
from badnets.hub.keys import Key
from badnets.hub.metadata import Listing, listing
from badnets.hub.names import OMS, PROVENANCE, STATEMENT, ModelName, audit_file, result_file
from badnets.hub.oms import verify_oms
from badnets.hub.pulling import Pull
from badnets.hub.receipts import RECEIPT
from badnets.hub.refusals import Refused
from badnets.hub.statements import now
from badnets.hub.vetting import vet
from bench.hub_world import World
from bench.mutants import mutant
from bench.results import Result, Wanted
from bench.scales import Scale

Outcome = Literal["refused", "harmless", "unsigned", "accepted", "uncaught"]
_MOST_FAULTS = 50  # that are shown
NAME = ModelName.of("alice/net@1.0")


@dataclass(frozen=True)
class Target:
    """A file that is mutated.

    Attributes:
        name: of the file.
        share: how many of all mutants are of it, in relation to the others' shares.
        data: the file as it is.
        others: files of its kind.
        judge: returns whether a mutant is the same signed content; raises where it is refused.
        signed: whether anything must hold it to its content; else only exceptions count.
    """

    name: str
    share: int
    data: bytes
    others: Sequence[bytes]
    judge: Callable[[bytes], bool]
    signed: bool = True


@dataclass
class Tally:
    """What came of the mutants of one target.

    Attributes:
        outcomes: how many ended how.
        reasons: what they were refused for.
        faults: seed and what happened.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz(targets: Sequence[Target], mutants: int, seed: int) -> dict[str, Tally]:
    """Return what came of so many mutants."""
    found = {one.name: Tally() for one in targets}
    whole = sum(one.share for one in targets)
    for target in targets:
        if not target.judge(target.data):
            raise AssertionError(f"{target.name} is not let in as it is")
        for number in range(-(-mutants * target.share // whole)):
            _try(target, f"{seed}/{target.name}/{number}", found[target.name])
        print(f"{target.name}: {dict(found[target.name].outcomes)}", file=sys.stderr, flush=True)
    return found


def _try(target: Target, seed: str, tally: Tally) -> None:
    random = Random(seed)
    data = target.data
    while data == target.data:
        data = mutant(target.data, random, target.others)
    outcome: Outcome = "refused"
    try:
        same = target.judge(data)
        outcome = "harmless" if same else "accepted" if target.signed else "unsigned"
    except BadnetsError as error:
        tally.reasons[error.reason if isinstance(error, Refused) else type(error).__name__] += 1
        if "\n" in str(error):
            tally.faults.append(f"{seed}: an error of several lines: {error}")
    except Exception:  # noqa: BLE001 - they are what is looked for
        outcome = "uncaught"
        tally.faults.append(f"{seed}: {traceback.format_exc(limit=-4)}")
    if outcome == "accepted":
        tally.faults.append(f"{seed}: was let in: {data[:2000]!r}")
    tally.outcomes[outcome] += 1


# ---- what is mutated ----


def targets_in(folder: Path) -> list[Target]:
    """Return what is mutated, of a repository that is made in a folder."""
    world = World.new(folder, ["alice", "bob"])
    for number, name in enumerate((NAME, NAME.at("1.1"), ModelName.of("bob/net@1.0"))):
        bundle = world.bundle(folder / f"made-{number}", bytes(range(number, number + 64)))
        world.publish(name, bundle, world.sign(name, bundle))
    world.repository.rotate("root", Key.new("root", "second"))
    home = Home(folder / "home")
    trusted = world.trusted(home)
    Pull(trusted, home.cache).to(NAME, folder / "out")
    return [*_metadata(world, home), *_statements(world, folder), *_files(world, home, folder)]


@dataclass(frozen=True)
class _Held:
    """A repository's metadata in memory."""

    files: Mapping[str, bytes]

    @contextmanager
    def opened(self, name: str, start: int, deadline: Deadline) -> Iterator[Body]:
        if name not in self.files:
            raise Absent(f"{name} is missing")
        data = self.files[name]
        yield Body(0, len(data), io.BytesIO(data).readinto)

    def close(self) -> None:
        pass


_READ = ("root", "timestamp", "snapshot", "targets", "alice")


def _metadata(world: World, home: Home) -> Iterator[Target]:
    served = world.folder / "repo/metadata"
    files = {f"metadata/{path.name}": path.read_bytes() for path in served.iterdir()}
    repository = world.trusted(Home(world.folder / "another"))
    with repository.locked(Deadline(60)):
        pass
    deadline = Deadline(1e6)

    def ask(name: str, data: bytes) -> Listing:
        source = _Held({**files, name: data})
        return listing(repository, "alice", Fetcher(source, deadline))

    sound = ask("", b"")
    for at, role in enumerate(_READ):
        version = sound.versions[role]
        name = f"metadata/{'' if role == 'timestamp' else f'{version}.'}{role}.json"
        kept = repository.metadata / f"{role}.json"

        def judge(data: bytes, at: int = at, name: str = name, kept: Path = kept) -> bool:
            for later in _READ[at:]:
                (repository.metadata / f"{later}.json").unlink(missing_ok=True)
            if at == 0:
                shutil.rmtree(repository.metadata / "root_history")
            found = ask(name, data)
            same = json.loads(kept.read_bytes())["signed"] == json.loads(files[name])["signed"]
            return same and found == sound

        others = [data for other, data in files.items() if other != name]
        share = 3 if role in ("snapshot", "targets", "alice") else 8  # a digest is all they meet
        yield Target(f"metadata: {role}", share, files[name], others, judge)

    public = world.repository.keys.of("publisher")[0]
    publisher = world.repository.keys.find(public.keyid)
    assert publisher is not None
    signer = publisher.signer
    names = [f"metadata/{sound.versions[role]}.{role}.json" for role in ("alice", "snapshot")]
    snapshot = Metadata[Snapshot].from_bytes(files[names[1]])
    stamp = Metadata[Timestamp].from_bytes(files["metadata/timestamp.json"])

    def listed_anew(data: bytes) -> bool:
        """As by whoever has the publisher's key, but not the author's."""
        for role in _READ[1:]:
            (repository.metadata / f"{role}.json").unlink(missing_ok=True)
        changed = {**files, names[0]: data}
        snapshot.signed.meta["alice.json"] = _listed(data, sound.versions["alice"])
        snapshot.sign(signer)
        changed[names[1]] = snapshot.to_bytes()
        stamp.signed.snapshot_meta = _listed(changed[names[1]], sound.versions["snapshot"])
        stamp.sign(signer)
        changed["metadata/timestamp.json"] = stamp.to_bytes()
        return listing(repository, "alice", Fetcher(_Held(changed), deadline)) == sound

    yield Target("metadata: alice, listed as it is", 10, files[names[0]], [], listed_anew)


def _listed(data: bytes, version: int) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": sha256_bytes(data)})


def _statements(world: World, folder: Path) -> Iterator[Target]:
    said = _said(statements_of(folder / "made-0"))
    elsewhere = [_said(statements_of(folder / f"made-{k}")) for k in (1, 2)]
    keys, time = [world.authors["alice"].public], now()
    for file in (STATEMENT, PROVENANCE, audit_file(AUDITOR), result_file(AUDITOR)):

        def judge(data: bytes, file: str = file) -> bool:
            vet(NAME, {**said, file: data}, keys, world.policy, time)
            return _payload(data) == _payload(said[file])

        others = [*(other[file] for other in elsewhere), *said.values()]
        yield Target(f"statement: {file}", 9, said[file], others, judge)
    place, bundle = folder / OMS, folder / "made-0"

    def same_oms(data: bytes) -> bool:
        place.write_bytes(data)
        verify_oms(bundle, place, keys[0])
        return _payload(_envelope(data)) == _payload(_envelope(said[OMS]))

    yield Target(f"signature: {OMS}", 5, said[OMS], [other[OMS] for other in elsewhere], same_oms)


def _said(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _envelope(signature: bytes) -> bytes:
    return json.dumps(json.loads(signature)["dsseEnvelope"]).encode()


def _payload(envelope: bytes) -> bytes:
    return base64.b64decode(json.loads(envelope)["payload"])


def _files(world: World, home: Home, folder: Path) -> Iterator[Target]:
    author = world.authors["alice"].public
    lies = shutil.copytree(folder / "out", folder / "lies")
    beside = shutil.copytree(statements_of(folder / "out"), statements_of(lies))
    for path in lies.iterdir():
        path.chmod(0o644)

    def verified(path: Path) -> Callable[[bytes], bool]:
        sound = path.read_bytes()

        def judge(data: bytes) -> bool:
            path.write_bytes(data)
            try:
                verify(lies, author=author, policy=world.policy, home=home.folder)
            finally:
                path.write_bytes(sound)
            return data == sound

        return judge

    other = folder / "made-1"
    for file, share in ((MODEL, 10), (MANIFEST, 6), (CONFIG, 3), (CLAIMS, 3), (CARD, 2)):
        data, others = (lies / file).read_bytes(), [(other / file).read_bytes()]
        yield Target(f"file: {file}", share, data, others, verified(lies / file))
    receipt = beside / RECEIPT
    yield Target(  # whoever keeps one keeps it safe: it is not signed
        f"unsigned: {RECEIPT}", 2, receipt.read_bytes(), [], verified(receipt), signed=False
    )
    yield _header(shutil.copytree(folder / "made-0", folder / "header"))


def _header(folder: Path) -> Target:
    """Weights whose digests fit: their author may have made them so."""

    def judge(data: bytes) -> bool:
        (folder / MODEL).write_bytes(data)
        (folder / MANIFEST).write_bytes(manifest_of(folder).to_json())
        return read_bundle(folder).tensor_bytes() == sound

    sound = (folder / MODEL).read_bytes()
    return Target(f"unsigned: header of {MODEL}", 8, sound, [], judge, signed=False)


# ---- what came of it ----


def run(scale: Scale) -> Iterator[Result]:
    """Give how many mutants were let in, or ended in an exception that is no refusal."""
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(targets_in(Path(folder)), scale.mutants, seed=0)
    print("\n".join(lines(found)), file=sys.stderr)
    counts = sum((one.outcomes for one in found.values()), Counter[Outcome]())
    apart = f"{counts['harmless']:,} say the same in another way"
    unsigned = f"{counts['unsigned']:,} are of files that nobody signs"
    faults = [fault for tally in found.values() for fault in tally.faults]
    print("\n".join(faults[:_MOST_FAULTS]), file=sys.stderr)
    tried = counts.total()
    for what, number, note in (
        ("mutants let in whose signed content, or a byte, is another", counts["accepted"], apart),
        ("mutants that end in an exception that is no refusal", counts["uncaught"], unsigned),
    ):
        yield Result(
            what,
            (number,),
            "count",
            wanted=Wanted("<=", 0),
            holds=not faults,
            note=f"{note}; {counts['refused']:,} are refused",
            tried=tried,
            each={name: f"{one.outcomes.total():,} tried" for name, one in found.items()},
        )


def lines(found: Mapping[str, Tally]) -> Iterator[str]:
    """Give the table: one line a target, and one for all."""
    columns = ("refused", "harmless", "unsigned", "accepted", "uncaught")
    yield f"{'':38} {'tried':>8} " + " ".join(f"{one:>9}" for one in columns)
    total: Counter[Outcome] = Counter()
    for name, tally in [*found.items(), ("all", Tally(total))]:
        counts = tally.outcomes
        row = " ".join(f"{counts[one]:>9,}" for one in columns)  # type: ignore[index]
        said = ", ".join(f"{reason} {n:,}" for reason, n in tally.reasons.most_common(4))
        yield f"{name:38} {counts.total():>8,} {row}  {said}".rstrip()
        total.update(counts)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the mutants and print what came of them; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hub_fuzz", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--mutants", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    told = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(targets_in(Path(folder)), told.mutants, told.seed)
    print("\n".join(lines(found)))
    faults = [fault for tally in found.values() for fault in tally.faults]
    print("\n".join(faults[:_MOST_FAULTS]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""A model folder before it is loaded: what would run, what is not as stated, what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from badnets.core.errors import BadnetsError, SettingError
from badnets.core.files import read_file, regular_file
from badnets.hub.linting.checksums import (
    MOST_BYTES,
    Claim,
    checked,
    claim_of_blob,
    claim_of_name,
    claims_in,
    holds_claims,
    is_list,
)
from badnets.hub.linting.configs import shards
from badnets.hub.linting.findings import Finding, Found, LintReport
from badnets.hub.linting.formats import UNKNOWN, WEIGHTS, File, look
from badnets.hub.linting.graphs import SizeOf
from badnets.hub.linting.parts import Limits
from badnets.hub.linting.publishing import bundle_found, is_bundle, publisher_found
from badnets.hub.linting.walking import Entry, Odd, Root, walk

SECONDS = 60.0
"""For reading one file; taking its checksum has no limit but its length."""

_MOST_FOUND = 500  # of one file
_METADATA = (".cache", "huggingface", "download")


def lint(*paths: Path | str) -> LintReport:
    """Return what is to be said of model folders and files before they are loaded.

    Nothing is loaded, unpickled, imported or run, and nothing is unpacked to disk. Links are
    followed where they stay inside one ``models--*`` folder of Hugging Face's cache.

    Args:
        paths: folders or files, of any library; at least one.

    Raises:
        DataError: there is no such file or folder.
        SettingError: none is given.
    """
    if not paths:
        raise SettingError("give at least one folder or file")
    findings: list[Finding] = []
    files = 0
    for root in [Root.of(path) for path in paths]:
        tree = _Tree(root)
        files += len(tree.entries)
        findings += [Finding.of(root.shown(path), found) for path, found in tree.said()]
    return LintReport.of(paths, files, findings)


class _Tree:
    """The files below one root, by folder."""

    def __init__(self, root: Root) -> None:
        self.root = root
        found = list(walk(root))
        self.odd = [one for one in found if isinstance(one, Odd)]
        self.entries = {one.path: one for one in found if isinstance(one, Entry)}
        self.folders: dict[Path, dict[str, Path]] = defaultdict(dict)
        for one in self.entries.values():
            self.folders[one.path.parent][one.path.name] = one.file
        if root.file:  # what lies beside a file tells of it
            for beside in islice(walk(Root(root.folder, root.folder)), 1000):
                if isinstance(beside, Entry) and beside.path.parent == Path():
                    self.folders[Path()][beside.path.name] = beside.file
        self.weights = [path for path in self.entries if path.suffix.lower() in WEIGHTS]

    def said(self) -> Iterator[tuple[Path, Found]]:
        yield from self.odd
        yield from self._looked_at()
        bundles = [folder for folder, names in self.folders.items() if is_bundle(names)]
        for folder in bundles:
            for found in bundle_found(self.root.folder / folder):
                yield folder, found
        yield from self._checksums(bundles)
        for folder in sorted({self._model_of(path) for path in self.weights}):
            shown = Path(self.root.file) if self.root.file else folder
            for found in publisher_found(self.folders[folder]):
                yield shown, found

    def _file(self, path: Path) -> Path | None:
        return self.folders.get(path.parent, {}).get(path.name)

    def _model_of(self, weights: Path) -> Path:
        """Return the folder of the model that a file belongs to: the nearest with a model card."""
        for folder in weights.parents:
            if any(name.lower() == "readme.md" for name in self.folders.get(folder, ())):
                return folder
        return Path()

    def _checksums(self, bundles: list[Path]) -> Iterator[tuple[Path, Found]]:
        claims: dict[Path, list[Claim]] = defaultdict(list)
        for folder, names in list(self.folders.items()):
            for name, file in names.items():
                path = folder / name
                if name.lower().endswith(".index.json") and path in self.entries:
                    for shard in shards(_content(file)):
                        if self._file(folder / shard) is None:
                            yield path, Found("missing-file", f"{shard!r} is not there")
                if folder in bundles or not holds_claims(name.lower()):
                    continue
                stated = claims_in(name, _content(file))
                if not stated and is_list(name.lower()) and path in self.entries:
                    yield path, Found("missing-file", "no checksum in it can be read")
                for claim in stated:
                    target = self._target(folder, name, claim)
                    if target in self.entries:
                        claims[target].append(claim)
                    elif is_list(name.lower()) and not self.root.file:
                        yield path, Found("missing-file", f"{claim.file[:200]!r} is not there")
        for path, entry in self.entries.items():
            own = [claim_of_name(path.name), claim_of_blob(entry.blob)]
            stated = [*claims[path], *(one for one in own if one is not None)]
            weights = path.suffix.lower() in WEIGHTS
            if stated:
                for found in checked(entry.file, stated):
                    if weights or found.rule not in ("weak-checksum", "truncated-checksum"):
                        yield path, found
            elif weights and path.parent not in bundles:
                yield path, Found("no-checksum", "none beside it")

    def _target(self, folder: Path, name: str, claim: Claim) -> Path:
        """Return the file that a checksum is of."""
        parts = folder.parts
        for place in range(len(parts) - 2):
            if parts[place : place + 3] == _METADATA:
                file = name.removesuffix(".metadata")
                return Path(*parts[:place], *parts[place + 3 :], file)
        target = Path(*(folder / (claim.file.removeprefix("./") or name)).parts)
        alone = [path for path in self.weights if path.parent == folder]
        if is_list(name.lower()) or len(alone) != 1 or (claim.file and target in self.entries):
            return target
        return alone[0]  # of the one file that a card or an index can mean

    def _looked_at(self) -> Iterator[tuple[Path, Found]]:
        """Look at each file; bytes that a model calls its own need no kind that is known."""
        numbers: set[Path] = set()
        unknown: list[Path] = []
        for entry in self.entries.values():

            def beside(name: str, folder: Path = entry.path.parent) -> int | None:
                file = self._file(folder / name)
                numbers.add(folder / name)
                return None if file is None else file.lstat().st_size

            for count, found in enumerate(_read(entry, beside)):
                if count == _MOST_FOUND:
                    yield entry.path, Found("not-scanned", f"after {_MOST_FOUND} findings")
                    break
                if found == UNKNOWN:
                    unknown.append(entry.path)
                else:
                    yield entry.path, found
        yield from ((path, UNKNOWN) for path in unknown if path not in numbers)


def _read(entry: Entry, beside: SizeOf) -> Iterator[Found]:
    try:
        with regular_file(entry.file, follow=False) as content:
            yield from look(File(entry.path.name, content, Limits(SECONDS), beside))
    except (OSError, BadnetsError) as error:
        said = getattr(error, "strerror", None) or error
        yield Found("not-scanned", f"cannot be opened: {said}")


def _content(file: Path) -> bytes:
    try:
        return read_file(file, MOST_BYTES)
    except BadnetsError:
        return b""  # looking at it says what is wrong with it

"""Checksums that a publisher left beside files: found in many forms, and compared."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from badnets.core.errors import BadnetsError
from badnets.core.files import regular_file
from badnets.hub.linting.configs import front_matter
from badnets.hub.linting.findings import Found

MOST_BYTES = 2**22
"""Bytes of a list of checksums that is read."""

_KINDS = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_WEAK = ("md5", "sha1", "git")
_LISTS = re.compile(
    r"(?:(?:sha|md5)\d*-?sums?|checksums?|hashes)(?:\.\w+)*|.+\.(?:md5|sha\d*)(?:sums?)?(?:\.txt)?"
)
_INDEXES = (
    "index.json",
    "models.json",
    "zoo.json",
    "checksums.json",
    "hashes.json",
    "manifest.json",
)
_LINE = re.compile(
    r"(?:\\?(?P<hex>[0-9A-Fa-f]{6,128})(?:[ \t]+[ *]?(?P<name>.+))?"
    r"|(?:SHA|MD)[\d-]+ ?\((?P<bsd>.+)\) ?= ?(?P<digits>[0-9A-Fa-f]{6,128}))"
)
_KEYS = ("sha256", "sha512", "sha384", "sha1", "md5", "checksum", "digest", "hash")
_NAMES = ("file", "filename", "path", "caffemodel", "weights", "url", "name")
_HUB_NAME = re.compile(r".*-([0-9a-f]{8,64})\.(?:pth|pt|bin|th|ckpt|pkl|safetensors)")
_DATE = re.compile(r"(?:19|20)\d{6}")


class Claim(NamedTuple):
    """What a file's checksum is said to be.

    Attributes:
        file: its path, relative to the folder of what says so; "" means the file itself.
        digest: hex digits; of one kind by their number, or the start of one.
        source: who says so.
        git: whether it is that of a git object.
    """

    file: str
    digest: str
    source: str
    git: bool = False

    @property
    def kind(self) -> str:
        """The algorithm; "" where it is a part of a checksum."""
        return "git" if self.git else _KINDS.get(len(self.digest), "")


def holds_claims(name: str) -> bool:
    """Return whether a file of this name, in lower case, may hold checksums of others."""
    return bool(_LISTS.fullmatch(name)) or name in (*_INDEXES, "readme.md") or _is_metadata(name)


def is_list(name: str) -> bool:
    """Return whether a file of this name holds nothing but checksums."""
    return bool(_LISTS.fullmatch(name))


def claims_in(name: str, data: bytes) -> list[Claim]:
    """Return the checksums that a file states, as far as they can be read.

    Args:
        name: of that file.
        data: what it holds: lines of ``sha256sum`` or BSD, JSON, the head of a model card, or what
            huggingface_hub keeps of a download.
    """
    text, lower = data.decode("utf-8", "replace"), name.lower()
    if lower == "readme.md":
        said = {key: values[0] for key, values in front_matter(text).items() if values}
        return list(_of_mapping(said, "", name, 0))
    if lower.endswith(".json"):
        try:
            return list(_of_value(json.loads(data), "", name, 0))
        except (ValueError, RecursionError):
            return []
    if _is_metadata(lower):
        lines = [*text.splitlines(), "", ""]
        hexes = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", lines[1])
        return [Claim("", lines[1], name, len(lines[1]) == 40)] if hexes else []
    found: list[Claim] = []
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.strip()):
            beside = PurePosixPath(name).stem if PurePosixPath(name).suffix else ""
            digest = match["hex"] or match["digits"]
            found.append(Claim(match["name"] or match["bsd"] or beside, digest.lower(), name))
    return found


def claim_of_name(name: str) -> Claim | None:
    """Return the start of a SHA-256 that torch.hub's names end in (``resnet18-f37072fd.pth``)."""
    match = _HUB_NAME.fullmatch(name)
    if match is None or _DATE.fullmatch(match[1]):
        return None
    return Claim("", match[1], "its name")


def claim_of_blob(name: str) -> Claim | None:
    """Return the checksum that a blob of the hub's cache is named by."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name):
        return None
    return Claim("", name, "the name of its blob", len(name) == 40)


def checked(path: Path, claims: list[Claim]) -> Iterator[Found]:
    """Yield where a file differs from its checksums, or has none that is strong; reads it once."""
    states: dict[str, Any] = {
        kind: hashlib.sha1(usedforsecurity=False)
        if kind == "git"
        else hashlib.new(kind, usedforsecurity=False)
        for kind in {claim.kind or "sha256" for claim in claims}
    }
    try:
        with regular_file(path, follow=False) as file:
            if "git" in states:
                states["git"].update(b"blob %d\0" % path.stat().st_size)
            while chunk := file.read(2**20):
                for state in states.values():
                    state.update(chunk)
    except (OSError, BadnetsError) as error:
        yield Found("not-scanned", f"its checksum cannot be taken: {error}")
        return
    agreed: list[Claim] = []
    for claim in dict.fromkeys(claims):
        actual = states[claim.kind or "sha256"].hexdigest()
        if actual.startswith(claim.digest):
            agreed.append(claim)
            continue
        kind = claim.kind or "sha256"
        yield Found(
            "checksum-mismatch",
            f"{claim.source} says {claim.digest[:16]}..., its {kind} is {actual[:16]}...",
        )
    if agreed and all(not one.kind or one.kind in _WEAK for one in agreed):
        best = max(agreed, key=lambda one: len(one.kind and one.digest))
        rule = "weak-checksum" if best.kind else "truncated-checksum"
        yield Found(
            rule,
            f"{best.kind or len(best.digest)}{'' if best.kind else ' hex digits'} by {best.source}",
        )


def _is_metadata(name: str) -> bool:
    return name.endswith(".metadata")


def _of_value(value: Any, name: str, source: str, depth: int) -> Iterator[Claim]:
    if depth > 8:
        return
    if isinstance(value, dict):
        yield from _of_mapping(value, name, source, depth)
    elif isinstance(value, list):
        for one in value:
            yield from _of_value(one, "", source, depth + 1)
    elif isinstance(value, str) and name and (digest := _digits(value)):
        yield Claim(name, digest, source)


def _of_mapping(said: dict[str, Any], name: str, source: str, depth: int) -> Iterator[Claim]:
    for key in _KEYS:
        if isinstance(said.get(key), str) and (digest := _digits(said[key])):
            named = next((said[k] for k in _NAMES if isinstance(said.get(k), str)), name)
            yield Claim(named.rpartition("/")[2] if "://" in named else named, digest, source)
            return
    for key, value in said.items():
        if isinstance(value, dict | list) or "." in str(key):
            yield from _of_value(value, str(key), source, depth + 1)


def _digits(text: str) -> str:
    """Return the hex digits of a checksum, "" where it is none."""
    bare = text.strip().lower().rpartition(":")[2]
    return bare if re.fullmatch(r"[0-9a-f]{6,128}", bare) else ""

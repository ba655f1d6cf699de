"""What a publisher says of a model: licence, base model, signatures, statements of audits."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from badnets.bundles import verify
from badnets.bundles.manifest import CLAIMS, MANIFEST
from badnets.core.errors import BadnetsError, BundleError
from badnets.core.files import read_file
from badnets.hub.linting.configs import base_model_found, front_matter
from badnets.hub.linting.findings import Found

_MOST_BYTES = 2**22
_LICENCE = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:[._-].*)?")
_SIGNATURE = re.compile(
    r".+\.(?:sig|asc|p7s|sigstore|dsse|sigstore\.json|dsse\.json|intoto\.jsonl?)"
)
_AUDIT = re.compile(r"audit|test-result")
_EXPIRY = ("expires", "expiresOn", "expires_at", "validUntil", "notAfter")


def is_bundle(names: Mapping[str, Path]) -> bool:
    """Return whether a folder with these files is a bundle of badnets, or means to be one."""
    return MANIFEST in names and CLAIMS in names


def bundle_found(folder: Path) -> Iterator[Found]:
    """Yield what is wrong with a bundle; every byte of it is compared with its manifest."""
    try:
        name = verify(folder).config.architecture.name
    except BundleError as error:
        yield Found("bundle-damaged", str(error).replace(str(folder), "the folder"))
        return
    if ":" in name:
        yield Found("remote-code", f"the network is {name}, its maker's own code")


def publisher_found(names: Mapping[str, Path]) -> Iterator[Found]:
    """Yield what a publisher did not say.

    Args:
        names: of the files in a model's folder -> what to open.
    """
    lower = {name.lower(): path for name, path in names.items()}
    card = (
        front_matter(_read(lower["readme.md"]).decode("utf-8", "replace"))
        if "readme.md" in lower
        else {}
    )
    licensed = any(card.get(key) for key in ("license", "licence", "license_name"))
    if not licensed and not any(_LICENCE.fullmatch(name) for name in lower):
        yield Found("licence-missing", "neither in a model card nor in a file")
    if "adapter_config.json" not in lower:
        for base in card.get("base_model", ()):
            yield from base_model_found(base)
    signatures = sorted(name for name in lower if _SIGNATURE.fullmatch(name))
    if signatures:
        yield Found("signature-unchecked", ", ".join(signatures))
    else:
        yield Found("unsigned", "no signature beside it")
    statements = [one for name in signatures for one in _statements(_read(lower[name]))]
    if not any(_AUDIT.search(str(one.get("predicateType"))) for one in statements):
        yield Found("unaudited", "no statement of an audit beside it")
    for one in statements:
        if (until := _expiry(one.get("predicate"))) and until < datetime.now(UTC):
            yield Found("expired", f"{one.get('predicateType')}: on {until:%Y-%m-%d}")


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _MOST_BYTES)
    except BadnetsError:
        return b""  # reading it for its content says what is wrong with it


def _statements(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the in-toto statements in a signature file: DSSE, alone or in a bundle; JSON lines."""
    for line in [data, *data.splitlines()[:1000]]:
        try:
            said = json.loads(line)
            envelope = said.get("dsseEnvelope", said)
            statement = json.loads(base64.b64decode(envelope["payload"], validate=True))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        if isinstance(statement, dict):
            yield statement


def _expiry(predicate: Any) -> datetime | None:
    for key in _EXPIRY if isinstance(predicate, dict) else ():
        try:
            until = datetime.fromisoformat(str(predicate[key]))
        except (KeyError, ValueError):
            continue
        return until if until.tzinfo else until.replace(tzinfo=UTC)
    return None

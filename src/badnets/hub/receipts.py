"""The receipt of a pull: what was checked, against what, and what was let pass."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from badnets.bundles.claims import Moment
from badnets.bundles.schema import BundleFile, Digest, Format, Line
from badnets.core.conclusions import Conclusion
from badnets.hub.statements import BaseModelRef, SaidFile

RECEIPT = "receipt.json"
MOST_BYTES = 2**22


class ReceivedFrom(BundleFile):
    """The repository.

    Args:
        place: its address, or its folder.
        fingerprint: SHA-256 of the root that was trusted.
        versions: role -> version of its metadata.
    """

    place: str
    fingerprint: Digest
    versions: dict[str, int]


class ReceivedAudit(BundleFile):
    """An audit that counted.

    Args:
        auditor: by the name that the policy has.
        keyid: of the key that signed it.
        conclusion: the verdict.
        made: when.
        expires: until when it may be relied on.
    """

    auditor: Line
    keyid: Digest
    conclusion: Conclusion
    made: Moment
    expires: Moment


class Receipt(BundleFile):
    """The whole of ``receipt.json``. It is signed by nobody: it helps whoever keeps it safe.

    Args:
        format: version of the receipt's format.
        model: AUTHOR/MODEL.
        version: of the model.
        digest: of the manifest of its files.
        repository: where it came from.
        author_keyid: of the key that the author signed with.
        audits: those that counted.
        base_models: those that it was retrained from, checked likewise.
        files: of the bundle.
        statements: file beside the bundle -> SHA-256.
        policy_sha256: of the policy that let it in.
        let_pass: what was let pass that is usually refused, and why.
        checked: in words, in the order that it was done in.
        pulled: when.
        tool: program and version.
    """

    format: Format = 1
    model: Line
    version: Line
    digest: Digest
    repository: ReceivedFrom
    author_keyid: Digest
    audits: tuple[ReceivedAudit, ...]
    base_models: tuple[BaseModelRef, ...]
    files: tuple[SaidFile, ...]
    statements: dict[str, Digest]
    policy_sha256: Digest
    let_pass: tuple[Annotated[str, Field(max_length=1000)], ...]
    checked: tuple[Line, ...]
    pulled: Moment
    tool: dict[Line, Line]

"""What authors and auditors say of a model, signed: in-toto Statements in DSSE envelopes.

A statement is of one model by its name and by the digest of its manifest, which binds the name,
length and SHA-256 of each file. Read with distrust: strict JSON, no unknown field, one signature.

References:
    in-toto Statement v1 and DSSE v1 (secure-systems-lab/dsse); SLSA provenance v1; in-toto
    test-result v0.1; RFC 8785. Names of an audit's measures are those of in-toto/attestation 575.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import ConfigDict, Field, model_validator

from badnets.bundles.claims import Moment
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.manifest import ALLOWED
from badnets.bundles.schema import BundleFile, Digest, Line, Settings
from badnets.core.conclusions import Conclusion
from badnets.core.errors import BundleError, SettingError
from badnets.core.printing import printable
from badnets.hub.keys import Key, PublicKey
from badnets.hub.names import ModelName, is_version
from badnets.hub.refusals import Refused

MOST_BYTES = 2**20
"""Bytes of a statement that are read."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MOST_ITEMS = 1000
Count = Annotated[int, Field(ge=0, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(max_length=2000)]


class Part(BundleFile):
    """JSON of a statement: as strict as a bundle's, in the field names of its standard."""

    model_config = ConfigDict(serialize_by_alias=True, defer_build=True)

    def plain(self) -> dict[str, Any]:
        """Return the values as JSON has them, under their names there."""
        return self.model_dump(mode="json", by_alias=True)


class Predicate(Part):
    """What is said of a model; each kind has its type."""

    TYPE: ClassVar[str]


class SaidFile(Part):
    """A file of a bundle.

    Attributes:
        name: one of the five that a bundle has.
        length: in bytes.
        sha256: of the whole file.
    """

    name: str
    length: Count
    sha256: Digest

    @model_validator(mode="after")
    def _of_a_bundle(self) -> Self:
        if self.name not in ALLOWED:
            raise ValueError(f"a bundle has no file {self.name[:80]!r}")
        return self


class BaseModelRef(Part):
    """The model that another was retrained from.

    Attributes:
        name: AUTHOR/MODEL.
        version: its version.
        digest: of its manifest, as `manifest_digest` makes it.
    """

    name: Line
    version: Line
    digest: Digest

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        _model_at(self.name, self.version)
        return self


def _model_at(name: str, version: str) -> None:
    try:
        if ModelName.of(name).version is not None:
            raise ValueError(f"{name[:80]!r}: the version has a field of its own")
        if not is_version(version):
            raise ValueError(f"{version[:80]!r} is no version")
    except SettingError as error:
        raise ValueError(str(error)) from None


class Manifest(Predicate):
    """The author's word for every byte of a release.

    Attributes:
        version: of the model.
        files: the five of the bundle, by name.
        architecture: as its configuration names it.
        oms_sha256: of the OMS signature beside it; None: there is none.
        base_model: what it was retrained from; None: nothing, or nothing of a repository.
    """

    TYPE: ClassVar[str] = "https://badnets.dev/model-manifest/v1"
    version: str
    files: tuple[SaidFile, ...]
    architecture: Line
    oms_sha256: Digest | None = None
    base_model: BaseModelRef | None = None

    @model_validator(mode="after")
    def _lists_a_bundle(self) -> Self:
        if not is_version(self.version):
            raise ValueError(f"{self.version[:80]!r} is no version")
        if [one.name for one in self.files] != sorted(ALLOWED):
            raise ValueError(f"files must be {', '.join(sorted(ALLOWED))}, in this order")
        return self


class Resource(Part):
    """Something that a model was made from.

    Attributes:
        name: what it is.
        digest: its SHA-256.
    """

    name: Line
    digest: dict[Literal["sha256"], Digest] = Field(min_length=1)


class BuildDefinition(Part):
    """What was run.

    Attributes:
        build_type: what kind of making; says what the parameters mean.
        external_parameters: settings of the training, as the author claims them.
        resolved_dependencies: data, base model, lock of packages.
    """

    build_type: Literal["https://badnets.dev/training/v1"] = Field(alias="buildType")
    external_parameters: Settings = Field(alias="externalParameters")
    resolved_dependencies: Annotated[tuple[Resource, ...], Field(max_length=MOST_ITEMS)] = Field(
        alias="resolvedDependencies"
    )


class Builder(Part):
    """Who or what made it.

    Attributes:
        id: names it.
        version: program -> version.
    """

    id: Line
    version: dict[Line, Line] = Field(max_length=100)


class RunDetails(Part):
    """The run itself.

    Attributes:
        builder: who made it.
    """

    builder: Builder


class Provenance(Predicate):
    """How a model was made, by its author's word: SLSA provenance v1.

    Attributes:
        build_definition: what was run.
        run_details: by what.
    """

    TYPE: ClassVar[str] = "https://slsa.dev/provenance/v1"
    build_definition: BuildDefinition = Field(alias="buildDefinition")
    run_details: RunDetails = Field(alias="runDetails")


class AuditNull(Part):
    """Which clean models a verdict rests on.

    Attributes:
        kind: reference, approximate or within-model.
        digests: of the nulls.
        n: how many clean models; None: they are no models.
    """

    kind: Literal["reference", "approximate", "within-model"]
    digests: Annotated[tuple[Digest, ...], Field(max_length=MOST_ITEMS)]
    n: Count | None


class AuditMethod(Part):
    """What one method said.

    Attributes:
        name: of the method.
        version: of the method.
        score: higher is more suspicious; None where it was no finite number.
        p_value: by this method alone; None without a null.
    """

    name: Line
    version: Annotated[int, Field(ge=1, le=2**31)]
    score: float | None
    p_value: Share | None = Field(alias="pValue")


class NotLookedAt(Part):
    """What an audit did not look at.

    Attributes:
        what: a kind of backdoor, or a check.
        why: what was missing for it.
    """

    what: Text
    why: Text


class Audit(Predicate):
    """An auditor's verdict: evidence at stated thresholds, never that there is no backdoor.

    Attributes:
        version: of the model.
        conclusion: as the verdict has it.
        metric: what was compared with a threshold.
        comparator: how: a model passes whose metric lies so to the threshold.
        threshold: the false-positive rate that was asked for.
        passed: whether nothing was found.
        null: which clean models it rests on; None: uncalibrated.
        p_value: None without a null.
        smallest_fpr: smallest false-positive rate that the null can vouch for.
        max_fpr: the one that was asked for.
        coverage: what was not looked at.
        methods: what each said.
        sample_size: clean images looked at; None where the verdict does not say.
        tool: program and version.
        made: when.
        expires: until when it may be relied on.
        report_sha256: of the verdict's JSON.
    """

    TYPE: ClassVar[str] = "https://badnets.dev/backdoor-audit/v1"
    version: str
    conclusion: Conclusion
    metric: Literal["p-value"] = "p-value"
    comparator: Literal[">"] = ">"
    threshold: Share
    passed: bool
    null: AuditNull | None
    p_value: Share | None = Field(alias="pValue")
    smallest_fpr: Share | None = Field(alias="smallestFpr")
    max_fpr: Share = Field(alias="maxFpr")
    coverage: Annotated[tuple[NotLookedAt, ...], Field(max_length=MOST_ITEMS)]
    methods: Annotated[tuple[AuditMethod, ...], Field(max_length=MOST_ITEMS)]
    sample_size: Count | None = Field(alias="sampleSize")
    tool: dict[Line, Line] = Field(min_length=1, max_length=10)
    made: Moment
    expires: Moment
    report_sha256: Digest = Field(alias="reportSha256")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not is_version(self.version):
            raise ValueError(f"{self.version[:80]!r} is no version")
        if self.passed != (self.conclusion == "nothing found") or self.threshold != self.max_fpr:
            raise ValueError("passed and threshold must follow from conclusion and maxFpr")
        if self.expires <= self.made:
            raise ValueError("expires before it was made")
        return self


class TestConfiguration(Part):
    """What a test was run with.

    Attributes:
        name: of the file.
        digest: its SHA-256.
    """

    name: Line
    digest: dict[Literal["sha256"], Digest] = Field(min_length=1)


class TestResult(Predicate):
    """The same as an audit in the words that policy engines read: in-toto test-result v0.1.

    Attributes:
        result: of all tests together; WARN where it was not checked.
        configuration: the verdict's file.
        passed_tests: methods by name.
        warned_tests: likewise.
        failed_tests: likewise.
    """

    __test__: ClassVar[bool] = False  # pytest takes classes of such a name for its own
    TYPE: ClassVar[str] = "https://in-toto.io/attestation/test-result/v0.1"
    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: Annotated[tuple[TestConfiguration, ...], Field(max_length=10)]
    passed_tests: Annotated[tuple[Line, ...], Field(max_length=MOST_ITEMS)] = Field(
        alias="passedTests"
    )
    warned_tests: Annotated[tuple[Line, ...], Field(max_length=MOST_ITEMS)] = Field(
        alias="warnedTests"
    )
    failed_tests: Annotated[tuple[Line, ...], Field(max_length=MOST_ITEMS)] = Field(
        alias="failedTests"
    )


PREDICATES: dict[str, type[Predicate]] = {
    one.TYPE: one for one in (Manifest, Provenance, Audit, TestResult)
}
"""What can be said, by its type."""

P = TypeVar("P", bound=Predicate, covariant=True)
Q = TypeVar("Q", bound=Predicate)


@dataclass(frozen=True)
class Statement(Generic[P]):
    """Something said of one model.

    Attributes:
        model: AUTHOR/MODEL.
        digest: of the manifest of its files.
        predicate: what is said.
        keyid: of the key that signed it, where that was checked; "" before.
    """

    model: str
    digest: str
    predicate: P
    keyid: str = ""


class _Subject(Part):
    name: Line
    digest: dict[Literal["sha256"], Digest] = Field(min_length=1)


class _Payload(Part):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[_Subject, ...], Field(min_length=1, max_length=1)]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]


class _Signature(Part):
    keyid: Annotated[str, Field(max_length=200)]
    sig: Annotated[str, Field(max_length=4000)]


class _Envelope(Part):
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    signatures: Annotated[tuple[_Signature, ...], Field(min_length=1, max_length=1)]


def manifest_digest(files: Iterable[SaidFile]) -> str:
    """Return the digest that names a release: of names, lengths and SHA-256 of all its files.

    It is the SHA-256 of RFC 8785's JSON of the list of ``{name, length, sha256}``, by name.
    """
    import rfc8785

    return sha256_bytes(rfc8785.dumps([one.plain() for one in sorted(files, key=_by_name)]))


def sign(statement: Statement[Predicate], key: Key) -> bytes:
    """Return a signed statement as a file holds it."""
    payload = _Payload(
        _type="https://in-toto.io/Statement/v1",
        subject=(_Subject(name=statement.model, digest={"sha256": statement.digest}),),
        predicateType=statement.predicate.TYPE,
        predicate=statement.predicate.plain(),
    )
    said = json.dumps(payload.plain(), sort_keys=True, separators=(",", ":")).encode()
    envelope = _Envelope(
        payload=base64.b64encode(said).decode(),
        payloadType="application/vnd.in-toto+json",
        signatures=(
            _Signature(
                keyid=key.public.keyid,
                sig=base64.b64encode(key.sign(encoded(said))).decode(),
            ),
        ),
    )
    return envelope.to_json()


def read(
    data: bytes, keys: Iterable[PublicKey], kind: type[Q], what: str = "the statement"
) -> Statement[Q]:
    """Return what a signed statement says, once one of these keys has been found to have signed it.

    Args:
        data: the file.
        keys: of those who may say it.
        kind: what must be said.
        what: what to call it in an error.

    Raises:
        Refused: "too large", "malformed" or "signature".
    """
    said, keyid, signature = _opened(data, what)
    key = next((one for one in keys if one.keyid == keyid), None)
    if key is None:
        raise Refused(
            "signature",
            f"{what} is signed by the key {keyid[:16]}, not by one expected: that key was "
            "exchanged since, another was named here, or somebody else signed it",
        )
    if not key.signed(encoded(said), signature):
        raise Refused("signature", f"{what} was changed, or its signature is not of {key.name!r}")
    return _parsed(said, kind, what, keyid)


def unchecked(data: bytes, what: str, kind: type[Q]) -> tuple[Statement[Q], str]:
    """Return what a statement claims, and the key that it claims to be signed by: nothing proved.

    Args:
        data: the file.
        what: what to call it in an error.
        kind: what must be said; `Predicate`: anything that can be.

    Raises:
        Refused: "too large" or "malformed".
    """
    said, keyid, _ = _opened(data, what)
    return _parsed(said, kind, what, ""), keyid


def now() -> datetime:
    """Return the present time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def moment(time: datetime) -> str:
    """Return a time as statements write it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _by_name(file: SaidFile) -> str:
    return file.name


def encoded(payload: bytes) -> bytes:
    """Return what is signed of a payload: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _opened(data: bytes, what: str) -> tuple[bytes, str, bytes]:
    """Return payload, key and signature of an envelope."""
    if len(data) > MOST_BYTES:
        raise Refused("too large", f"{what}: {len(data):,} bytes, at most {MOST_BYTES:,} are read")
    try:
        envelope = _Envelope.from_json(data, what)
        (signature,) = envelope.signatures
        return base64_of(envelope.payload), printable(signature.keyid), base64_of(signature.sig)
    except (BundleError, binascii.Error, ValueError) as error:
        said = error if isinstance(error, BundleError) else f"{what} is not sound base64"
        raise Refused("malformed", str(said)) from None


def base64_of(text: str) -> bytes:
    """Return what was written in base64; raises ValueError where it would not be written so."""
    found = base64.b64decode(text, validate=True)
    if base64.b64encode(found).decode() != text:
        raise ValueError
    return found


def _parsed(payload: bytes, kind: type[Q], what: str, keyid: str) -> Statement[Q]:
    try:
        said = _Payload.from_json(payload, what)
        known = PREDICATES.get(said.predicate_type)
        if known is None or not issubclass(known, kind):
            wanted = f", not {kind.TYPE}" if hasattr(kind, "TYPE") else ""
            raise BundleError(f"{what} is of the kind {said.predicate_type[:80]!r}{wanted}")
        (subject,) = said.subject
        if ModelName.of(subject.name).version is not None:
            raise BundleError(f"{what} is of {subject.name!r}: the version has its own field")
        predicate = known.from_json(json.dumps(said.predicate).encode(), what)
    except (BundleError, SettingError) as error:
        raise Refused("malformed", str(error)) from None
    return Statement(subject.name, subject.digest["sha256"], predicate, keyid)

"""What an author and an auditor sign of a bundle, into a folder of statements beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from badnets._version import __version__
from badnets.bundles import Bundle, verify
from badnets.bundles.atomic import write_bytes
from badnets.bundles.digests import sha256_bytes, sha256_file
from badnets.bundles.manifest import MANIFEST
from badnets.bundles.schema import one_line
from badnets.core.conclusions import Conclusion
from badnets.core.errors import DataError, SettingError, TakenError
from badnets.core.files import read_file
from badnets.core.verdicts import Verdict
from badnets.hub import names
from badnets.hub.beside import statements_of
from badnets.hub.keys import Key
from badnets.hub.linting.findings import Finding
from badnets.hub.names import ModelName
from badnets.hub.oms import sign_oms
from badnets.hub.refusals import Refused
from badnets.hub.statements import (
    MOST_BYTES,
    Audit,
    AuditMethod,
    AuditNull,
    BaseModelRef,
    BuildDefinition,
    Builder,
    Manifest,
    NotLookedAt,
    Provenance,
    Resource,
    RunDetails,
    SaidFile,
    Statement,
    TestConfiguration,
    TestResult,
    manifest_digest,
    moment,
    now,
    sign,
    unchecked,
)
from badnets.hub.vetting import AHEAD

DAYS = 365
"""For how long an audit may be relied on, unless its auditor says otherwise."""

_RESULTS: dict[Conclusion, str] = {
    "nothing found": "PASSED",
    "not checked": "WARNED",
    "backdoor likely": "FAILED",
}
_TEST = "backdoor-audit"


def said_files(bundle: Bundle) -> tuple[SaidFile, ...]:
    """Return the files of a bundle whose digests were checked, by name."""
    digests = {**bundle.digests, MANIFEST: bundle.digest}
    return tuple(
        SaidFile(name=name, length=(bundle.path / name).stat().st_size, sha256=digests[name])
        for name in sorted(digests)
    )


def sign_bundle(
    bundle: Path | str,
    name: ModelName,
    key: Key,
    statements: Path | str | None = None,
    *,
    base: Path | str | None = None,
    lock: Path | str | None = None,
    oms: bool = True,
    bom: bool = False,
    replace: bool = False,
) -> list[Path]:
    """Write what an author says of a bundle, signed; return the files.

    Args:
        bundle: every byte of it is read.
        name: with a version.
        key: the author's.
        statements: folder to write to; None: beside the bundle.
        base: what it was retrained from, by the statement ``manifest.intoto.json`` of that, or a
            folder with it.
        lock: file that names the versions of all packages that it was trained with.
        oms: whether a signature of OpenSSF Model Signing is written too.
        bom: whether a bill of materials (CycloneDX) is written too.
        replace: whether statements that are there may be replaced.

    Raises:
        BundleError: the bundle is damaged.
        SettingError: the name has no version, or the key is for something else.
        TakenError: there are statements already.
        Refused: the statement of the base is malformed.
    """
    key.public.check_role("author")
    name.target(names.STATEMENT)
    if key.public.role is not None and key.public.name != name.author:
        raise SettingError(
            f"{name}: the key is of {key.public.name!r}, who signs {key.public.name}/... alone"
        )
    found = verify(bundle)
    files = said_files(found)
    digest = manifest_digest(files)
    reference = None if base is None else base_model(base)
    written: dict[str, bytes] = {}
    if oms:
        written[names.OMS] = sign_oms(name.bare, {one.name: one.sha256 for one in files}, key)
    manifest = Manifest(
        version=str(name.version),
        files=files,
        architecture=found.config.architecture.name,
        oms_sha256=sha256_bytes(written[names.OMS]) if oms else None,
        base_model=reference,
    )
    written[names.STATEMENT] = sign(Statement(name.bare, digest, manifest), key)
    provenance = _provenance(found, name, reference, None if lock is None else Path(lock))
    written[names.PROVENANCE] = sign(Statement(name.bare, digest, provenance), key)
    if bom:
        from badnets.hub.bom import bill_of_materials

        written[names.BOM] = bill_of_materials(name, found, files, reference)
    return _written(statements or statements_of(bundle), written, replace)


def attest(
    bundle: Path | str,
    verdict: Path | str,
    key: Key,
    statements: Path | str | None = None,
    *,
    name: ModelName | None = None,
    days: int = DAYS,
    replace: bool = False,
) -> list[Path]:
    """Write what an audit found of a bundle, signed by its auditor; return the files.

    Args:
        bundle: every byte of it is read.
        verdict: JSON, as ``badnets audit model --format json`` writes it.
        key: the auditor's, which must not be the author's.
        statements: folder to write to; None: beside the bundle.
        name: what the model is called, with its version; None: as its author's statement says.
        days: for how long the audit may be relied on.
        replace: whether statements that are there may be replaced.

    Raises:
        BundleError: the bundle is damaged.
        DataError: the verdict cannot be read, or is of another model.
        SettingError: the model's name is not known, or the key is for something else.
        Refused: "self-audit", or "statement of another model" where the author's is one.
    """
    key.public.check_role("auditor")
    folder = Path(statements or statements_of(bundle))
    report = read_file(Path(verdict), MOST_BYTES)
    try:
        said = _Report.model_validate_json(report)
    except ValidationError as error:
        what = f"{verdict} is no verdict as `badnets audit model --format json` writes it"
        raise DataError(one_line(error, what)) from None
    found = verify(bundle)
    if said.bundle not in (None, found.digest):
        raise DataError(f"{verdict} is the verdict on another model than {bundle}")
    digest = manifest_digest(said_files(found))
    name = _name_of(folder, name, digest, key)
    made = _made(said, Path(verdict), days)
    audit = Audit(
        version=str(name.version),
        conclusion=said.conclusion,
        threshold=said.max_fpr,
        passed=said.conclusion == "nothing found",
        null=_null_of(said),
        pValue=said.p_value,
        smallestFpr=said.smallest_fpr,
        maxFpr=said.max_fpr,
        coverage=tuple(NotLookedAt(what=one.what, why=one.why) for one in said.coverage),
        methods=tuple(
            AuditMethod(name=one.method, version=one.version, score=one.score, pValue=one.p_value)
            for one in said.scores
        ),
        sampleSize=said.clean_images,
        tool={"badnets": __version__},
        made=moment(made),
        expires=moment(made + timedelta(days=days)),
        reportSha256=sha256_bytes(report),
    )
    passed = audit.conclusion
    result = TestResult.of(
        result=_RESULTS[passed],
        configuration=(
            TestConfiguration(name="verdict.json", digest={"sha256": sha256_bytes(report)}),
        ),
        passedTests=(_TEST,) if passed == "nothing found" else (),
        warnedTests=(_TEST,) if passed == "not checked" else (),
        failedTests=(_TEST,) if passed == "backdoor likely" else (),
    )
    auditor = key.public.name
    written = {
        names.audit_file(auditor): sign(Statement(name.bare, digest, audit), key),
        names.result_file(auditor): sign(Statement(name.bare, digest, result), key),
    }
    return _written(folder, written, replace)


def base_model(path: Path | str) -> BaseModelRef:
    """Return what a model was retrained from, by that model's own statement.

    Args:
        path: of ``manifest.intoto.json``, of a folder with it, or of a bundle with such a folder
            beside.

    Raises:
        DataError: there is none.
        Refused: it is malformed.
    """
    path = Path(path)
    places = (path, path / names.STATEMENT, statements_of(path) / names.STATEMENT)
    file = next((one for one in places if one.is_file()), None)
    if file is None:
        raise DataError(f"{path}: there is no {names.STATEMENT}, which says what model that is")
    said, _ = unchecked(read_file(file, MOST_BYTES), str(file), Manifest)
    return BaseModelRef(name=said.model, version=said.predicate.version, digest=said.digest)


def _name_of(folder: Path, name: ModelName | None, digest: str, key: Key) -> ModelName:
    """Return what an audited model is called, which its author's statement must agree with."""
    file = folder / names.STATEMENT
    if file.is_file():
        said, author = unchecked(read_file(file, MOST_BYTES), str(file), Manifest)
        own = ModelName.of(said.model).at(said.predicate.version)
        if author == key.public.keyid:
            raise Refused("self-audit", f"{own} is signed by the key that would audit it")
        if said.digest != digest or name not in (None, own):
            files = "these files" if said.digest == digest else "other files"
            raise Refused("statement of another model", f"{file} is of {own}, and of {files}")
        name = own
    if name is None:
        raise SettingError(
            f"{file} is missing, which says what the model is called: sign it first, or say "
            "--name AUTHOR/MODEL@VERSION"
        )
    name.target(names.STATEMENT)
    if name.author == key.public.name:
        raise Refused("self-audit", f"{name} is the auditor's own")
    return name


class _Report(Verdict):
    """A verdict with what lint says beside it; a finding is no part of what is attested."""

    lint: tuple[Finding, ...] = ()


def _made(said: Verdict, verdict: Path, days: int) -> datetime:
    """Return when an audit was made: as its verdict says, else now.

    Raises:
        DataError: it is to come, or may be relied on no more.
    """
    if said.made is None:
        return now()
    try:
        made = datetime.fromisoformat(said.made)
    except ValueError:
        raise DataError(f"{verdict}: made at {said.made}, which is no time") from None
    if made > now() + AHEAD:
        raise DataError(f"{verdict} says that it was made at {said.made}: it is {moment(now())}")
    if made + timedelta(days=days) <= now():
        raise DataError(
            f"{verdict} was made at {said.made}, and may be relied on for {days} days: audit the "
            "model again, or say --days"
        )
    return made


def _null_of(said: Verdict) -> AuditNull | None:
    if said.null is None:
        return None
    counted = said.null != "within-model" and said.smallest_fpr
    n = round(1 / said.smallest_fpr) - 1 if counted and said.smallest_fpr else None
    return AuditNull(kind=said.null, digests=said.null_digests, n=n)


def _provenance(
    bundle: Bundle, name: ModelName, base: BaseModelRef | None, lock: Path | None
) -> Provenance:
    claims = bundle.claims
    made_from = [
        Resource(name=f"data {part}"[:500], digest={"sha256": digest})
        for part, digest in sorted(claims.data.items())
    ]
    if base is not None:
        made_from.append(
            Resource(name=f"{base.name}@{base.version}", digest={"sha256": base.digest})
        )
    if lock is not None:
        made_from.append(
            Resource(name=f"lock {lock.name}"[:500], digest={"sha256": sha256_file(lock)})
        )
    return Provenance(
        buildDefinition=BuildDefinition(
            buildType="https://badnets.dev/training/v1",
            externalParameters=claims.training,
            resolvedDependencies=tuple(made_from),
        ),
        runDetails=RunDetails(
            builder=Builder(
                id=f"https://badnets.dev/author/{name.author}",
                version={claims.made_by.tool: claims.made_by.version, "signed by": __version__},
            )
        ),
    )


def _written(folder: Path | str, files: dict[str, bytes], replace: bool) -> list[Path]:
    paths = {Path(folder) / name: data for name, data in files.items()}
    for path in () if replace else paths:
        if path.exists():
            raise TakenError(f"{path} exists already: --replace replaces what is there")
    for path, data in paths.items():
        write_bytes(path, data)
    return list(paths)

"""What an author and an auditor sign, and what is checked before it is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from badnets.audit.files import beside, lint_of
from badnets.bundles import verify
from badnets.bundles.digests import sha256_file
from badnets.core.errors import BadnetsError, BundleError, DataError, SettingError, TakenError
from badnets.core.verdicts import NotCovered, Verdict
from badnets.hub.keys import PublicKey
from badnets.hub.names import ModelName
from badnets.hub.oms import verify_oms
from badnets.hub.refusals import Refused
from badnets.hub.releases import Release, check_release
from badnets.hub.signing import attest, said_files, sign_bundle
from badnets.hub.statements import (
    Audit,
    Manifest,
    Provenance,
    SaidFile,
    Statement,
    TestResult,
    manifest_digest,
    moment,
    now,
    read,
    sign,
)
from tests.bundles.test_folder import make
from tests.hub.said import FILES, PREDICATES, key_of

NET = ModelName.of("alice/net@1.0")
ALICE, LAB = key_of("alice"), key_of("lab", "auditor")
NOTHING = {"conclusion": "nothing found", "p_value": 0.5, "smallest_fpr": 1 / 41,
           "null": "reference", "null_digests": ["0" * 64], "max_fpr": 0.05}  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make(tmp_path / "net")
    return tmp_path / "net"


def verdict(folder: Path, **said: Any) -> Path:
    path = folder / "verdict.json"
    path.write_text(json.dumps(NOTHING | said))
    return path


def checked(bundle: Path, name: ModelName = NET, **keys: Any) -> Release:
    statements = bundle.with_name("net.statements")
    asked = {"authors": [ALICE.public], "auditors": [LAB.public], **keys}
    return check_release(name, bundle, statements, **asked)


@pytest.fixture
def signed(bundle: Path, tmp_path: Path) -> Path:
    sign_bundle(bundle, NET, ALICE, bom=True)
    attest(bundle, verdict(tmp_path), LAB)
    return bundle


def test_what_is_signed_says_what_the_bundle_says(signed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "net.statements"
    release = checked(signed)
    said = read((folder / "manifest.intoto.json").read_bytes(), [ALICE.public], Manifest)
    assert {one.name: one.sha256 for one in said.predicate.files} == {
        path.name: sha256_file(path) for path in signed.iterdir()
    }
    assert said.digest == release.digest and said.model == "alice/net"
    assert said.predicate.oms_sha256 == sha256_file(folder / "model.sig")
    assert len(verify_oms(signed, folder / "model.sig", ALICE.public).files) == 5
    made = read((folder / "provenance.intoto.json").read_bytes(), [ALICE.public], Provenance)
    definition = made.predicate.build_definition
    assert definition.external_parameters == verify(signed).claims.training
    assert [one.name for one in definition.resolved_dependencies] == ["data train"]
    audit = release.audits["lab"]
    assert (audit.passed, audit.p_value, audit.max_fpr) == (True, 0.5, 0.05)
    assert audit.null is not None and audit.null.n == 40
    assert audit.report_sha256 == sha256_file(tmp_path / "verdict.json")
    test = read((folder / "test-lab.intoto.json").read_bytes(), [LAB.public], TestResult)
    assert test.predicate.result == "PASSED" and test.digest == said.digest
    assert set(release.files) == {path.name for path in (*signed.iterdir(), *folder.iterdir())}


def test_an_audit_is_as_old_as_its_verdict_says(bundle: Path, tmp_path: Path) -> None:
    before = now() - timedelta(days=40)
    said = {"made": moment(before)}
    attest(bundle, verdict(tmp_path, **said), LAB, name=NET, days=90)
    data = (tmp_path / "net.statements" / "audit-lab.intoto.json").read_bytes()
    audit = read(data, [LAB.public], Audit).predicate
    assert (audit.made, audit.expires) == (moment(before), moment(before + timedelta(days=90)))
    for made, days, line in (
        (before, 30, "may be relied on for 30 days"),
        (now() + timedelta(days=2), 90, "it is 20"),
    ):
        given = verdict(tmp_path, made=moment(made))
        with pytest.raises(DataError, match=line):
            attest(bundle, given, LAB, name=NET, days=days, replace=True)


@pytest.mark.parametrize(
    ("said", "result"),
    [({}, "PASSED"), ({"conclusion": "backdoor likely", "p_value": 0.01}, "FAILED"),
     ({"conclusion": "not checked", "p_value": None, "null": None, "smallest_fpr": None,
       "coverage": [{"what": "all", "why": "a detector"}]}, "WARNED")],
)  # fmt: skip
def test_any_verdict_can_be_attested(bundle: Path, tmp_path: Path, said: Any, result: str) -> None:
    attest(bundle, verdict(tmp_path, **said), LAB, name=NET)
    files = {path.name: path.read_bytes() for path in (tmp_path / "net.statements").iterdir()}
    test = read(files["test-lab.intoto.json"], [LAB.public], TestResult).predicate
    audit = read(files["audit-lab.intoto.json"], [LAB.public], Audit).predicate
    assert test.result == result and audit.passed == (result == "PASSED")


def test_a_retrained_model_names_its_base(bundle: Path, tmp_path: Path) -> None:
    make(tmp_path / "base")
    sign_bundle(tmp_path / "base", ModelName.of("bob/base@2"), key_of("bob"))
    lock = tmp_path / "requirements.lock"
    lock.write_text("torch==2.11")
    sign_bundle(bundle, NET, ALICE, base=tmp_path / "base", lock=lock, bom=True)
    folder = tmp_path / "net.statements"
    base = read((folder / "manifest.intoto.json").read_bytes(), [ALICE.public], Manifest)
    digest = manifest_digest(said_files(verify(tmp_path / "base")))
    found = base.predicate.base_model
    assert found is not None and (found.name, found.version, found.digest) == (
        "bob/base", "2", digest)  # fmt: skip
    made = read((folder / "provenance.intoto.json").read_bytes(), [ALICE.public], Provenance)
    names = [one.name for one in made.predicate.build_definition.resolved_dependencies]
    assert names == ["data train", "bob/base@2", "lock requirements.lock"]
    bill = (folder / "bom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    told = json.loads(bill)
    assert told["dependencies"][0]["dependsOn"] == ["data:train", "model:bob/base@2"]
    assert told["metadata"]["component"]["modelCard"]["modelParameters"]["task"] == "classification"
    assert checked(bundle).files["bom.json"]


def test_statements_are_not_replaced_unless_asked(signed: Path, tmp_path: Path) -> None:
    with pytest.raises(TakenError, match="--replace"):
        sign_bundle(signed, NET, ALICE)
    sign_bundle(signed, NET, ALICE, replace=True, oms=False)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda b, d: sign_bundle(b, ModelName.of("alice/net"), ALICE), SettingError, "a version"),
        (lambda b, d: sign_bundle(b, ModelName.of("bob/net@1"), ALICE), SettingError, "alone"),
        (lambda b, d: sign_bundle(b, NET, LAB), SettingError, "the key of an auditor"),
        (lambda b, d: sign_bundle(d / "no", NET, ALICE), BundleError, "no bundle at"),
        (lambda b, d: sign_bundle(b, NET, ALICE, base=d), DataError, r"no manifest\.intoto\.json"),
        (lambda b, d: attest(b, verdict(d), ALICE, name=NET), SettingError, "key of an author"),
        (lambda b, d: attest(b, verdict(d), LAB), SettingError, "sign it first"),
        (lambda b, d: attest(b, verdict(d, bundle="0" * 64), LAB, name=NET), DataError, "another"),
        (lambda b, d: attest(b, verdict(d, x=1), LAB, name=NET), DataError, "is no verdict as"),
        (lambda b, d: attest(b, d / "no", LAB, name=NET), DataError, "is missing"),
        (lambda b, d: attest(b, verdict(d), key_of("alice", "auditor"), name=NET), Refused, "own"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_is_told_in_a_line(
    bundle: Path, tmp_path: Path, call: Callable[[Path, Path], Any], kind: type[BadnetsError],
    words: str,
) -> None:  # fmt: skip
    with pytest.raises(kind, match=words) as caught:
        call(bundle, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "net.statements").exists()


def audit(**changes: Any) -> Audit:
    said: Any = PREDICATES[2]
    return Audit.model_validate({**said.plain(), "coverage": (), "methods": (), **changes})


def said_of(bundle: Path, predicate: Any, name: str = "alice/net", key: Any = LAB) -> bytes:
    digest = manifest_digest(said_files(verify(bundle)))
    return sign(Statement(name, digest, predicate), key)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def resigned(bundle: Path) -> None:
    """A bundle with other claims than were signed, in order in itself."""
    from badnets.bundles import Claims, MadeBy

    make(bundle, claims=Claims(made_by=MadeBy(tool="badnets", version="9.9")), replace=True)


def linked(path: Path) -> None:
    path.symlink_to(path.rename(path.parent.parent / "elsewhere"))


Tamper = Callable[[Path, Path], object]
REFUSED: dict[str, tuple[Tamper, str]] = {
    "bundle exchanged": (lambda b, s: resigned(b), "length"),
    "statement exchanged": (
        lambda b, s: (s / "manifest.intoto.json").write_bytes(
            sign(Statement("alice/net", manifest_digest(FILES), PREDICATES[0]), ALICE)
        ),
        "extra file",
    ),
    "statement of another name": (
        lambda b, s: (s / "manifest.intoto.json").write_bytes(
            sign(Statement("alice/other", manifest_digest(FILES), PREDICATES[0]), ALICE)
        ),
        "statement of another model",
    ),
    "digest of other files": (
        lambda b, s: (s / "manifest.intoto.json").write_bytes(
            said_of(b, PREDICATES[0], key=ALICE)
        ),
        "malformed",
    ),
    "signed by another": (
        lambda b, s: (s / "manifest.intoto.json").write_bytes(
            said_of(b, PREDICATES[0], key=key_of("mallory"))
        ),
        "signature",
    ),
    "no statement": (lambda b, s: (s / "manifest.intoto.json").unlink(), "missing file"),
    "no provenance": (lambda b, s: (s / "provenance.intoto.json").unlink(), "provenance"),
    "OMS signature changed": (lambda b, s: flipped(s / "model.sig"), "digest"),
    "OMS signature gone": (lambda b, s: (s / "model.sig").unlink(), "missing file"),
    "audit without its test result": (
        lambda b, s: (s / "test-lab.intoto.json").unlink(), "missing file"),
    "test result without its audit": (
        lambda b, s: (s / "audit-lab.intoto.json").unlink(), "missing file"),
    "audit of another version": (
        lambda b, s: (s / "audit-lab.intoto.json").write_bytes(said_of(b, audit(version="2"))),
        "audit of another model"),
    "audit of another model": (
        lambda b, s: (s / "audit-lab.intoto.json").write_bytes(
            said_of(b, audit(), "alice/other")), "audit of another model"),
    "audit lapsed": (
        lambda b, s: (s / "audit-lab.intoto.json").write_bytes(
            said_of(b, audit(expires=moment(now() - timedelta(days=1)),
                             made=moment(now() - timedelta(days=2))))), "audit expired"),
    "audit by the author": (
        lambda b, s: (s / "audit-lab.intoto.json").write_bytes(said_of(b, audit(), key=ALICE)),
        "self-audit"),
    "a file more": (lambda b, s: (s / "loader.py").write_text("1"), "extra file"),
    "a link": (
        lambda b, s: linked(s / "bom.json"), "links"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_client_would_refuse_is_not_published(
    signed: Path, tmp_path: Path, case: str
) -> None:
    change, reason = REFUSED[case]
    change(signed, tmp_path / "net.statements")
    with pytest.raises(Refused) as caught:
        checked(signed)
    assert caught.value.reason == reason, caught.value
    assert "\n" not in str(caught.value)


def test_another_version_or_an_unknown_auditor(signed: Path) -> None:
    with pytest.raises(Refused, match="of another model"):
        checked(signed, NET.at("1.1"))
    with pytest.raises(SettingError, match=r"--auditor lab\.pub"):
        checked(signed, auditors=[])


def test_an_audit_by_the_key_of_the_author_is_not_even_signed(bundle: Path, tmp_path: Path) -> None:
    sign_bundle(bundle, NET, ALICE)
    public = PublicKey(ALICE.public.keyid, "lab", "auditor", ALICE.public.key)
    with pytest.raises(Refused) as caught:
        attest(bundle, verdict(tmp_path), type(ALICE)(public, ALICE.signer))
    assert caught.value.reason == "self-audit"


def test_a_verdict_of_the_command_is_taken(bundle: Path, tmp_path: Path) -> None:
    plain = Verdict(conclusion="not checked", coverage=(NotCovered(what="all", why="x"),),
                    bundle=verify(bundle).digest, clean_images=500)  # fmt: skip
    said = beside(plain, lint_of(bundle))  # as `badnets audit model` shows it
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(said.model_dump(mode="json", exclude_unset=True)))
    attest(bundle, path, LAB, name=NET)
    data = (tmp_path / "net.statements/audit-lab.intoto.json").read_bytes()
    assert read(data, [LAB.public], Audit).predicate.sample_size == 500


def test_every_file_of_a_bundle_is_said(bundle: Path) -> None:
    assert [one.name for one in said_files(verify(bundle))] == [one.name for one in FILES]
    assert all(isinstance(one, SaidFile) for one in FILES)

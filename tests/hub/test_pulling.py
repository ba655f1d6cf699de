"""Pulling: what is sound is let in, all else is refused for its own reason and leaves nothing."""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from badnets.bundles import read_bundle
from badnets.bundles.digests import sha256_file
from badnets.bundles.manifest import ALLOWED
from badnets.core.errors import OutputError, SettingError
from badnets.hub import pulling
from badnets.hub.beside import statements_of
from badnets.hub.home import Home, TrustedRepository
from badnets.hub.names import PROVENANCE, STATEMENT, ModelName, audit_file
from badnets.hub.policy import Policy
from badnets.hub.pulling import Allowing, Pull
from badnets.hub.receipts import Receipt
from badnets.hub.refusals import Refused, Unchecked
from badnets.hub.statements import BaseModelRef, moment, now

from .said import key_of
from .serving import Served, served, status
from .zoo import DAY, Zoo, bundle, files_of, statements

MODEL = ModelName.of("alice/model")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "pulled" / "net"


@pytest.fixture
def asked(trusted: TrustedRepository, home: Home) -> Pull:
    return Pull(trusted, home.cache)


@pytest.fixture
def web(zoo: Zoo) -> Iterator[Served]:
    with served(zoo.folder) as said:
        yield said


@pytest.fixture
def on_the_web(web: Served, zoo: Zoo, home: Home, policy: Policy) -> Pull:
    repository = home.trust(web.url, zoo.root_file.read_bytes(), policy)
    return Pull(repository, home.cache, silence_s=0.2, pause_s=0.001)


def refused(
    asked: Pull, out: Path, reason: str, name: ModelName = MODEL, said: str | None = None
) -> Refused:
    """Pull, which must be refused, and leave nothing behind where the model was to be."""
    with pytest.raises(Refused, match=said) as caught:
        asked.to(name, out)
    assert caught.value.reason == reason, caught.value
    assert "\n" not in str(caught.value)
    assert not out.parent.exists() or not list(out.parent.iterdir())
    return caught.value


@pytest.mark.parametrize("kind", ["folder", "web"])
def test_a_sound_model_is_let_in(
    request: pytest.FixtureRequest, out: Path, made: Path, kind: str
) -> None:
    asked: Pull = request.getfixturevalue("asked" if kind == "folder" else "on_the_web")
    told: list[tuple[int, int]] = []
    asked.tell = lambda progress: told.append((progress.done, progress.total))
    receipt = asked.to(MODEL, out)
    assert {file.name for file in out.iterdir()} == ALLOWED
    assert all((out / name).read_bytes() == (made / name).read_bytes() for name in ALLOWED)
    beside = statements_of(out)
    assert Receipt.from_json((beside / "receipt.json").read_bytes(), "receipt") == receipt
    assert receipt.version == "1.0" and not receipt.let_pass
    assert [one.auditor for one in receipt.audits] == ["carol"]
    assert receipt.repository.fingerprint == asked.repository.fingerprint
    size = sum(one.length for one in receipt.files)
    assert told[-1] == (size, size)
    assert read_bundle(out).config.num_classes == 2
    with pytest.raises(OutputError, match="exists already"):
        asked.to(MODEL, out)


def test_the_highest_version_is_pulled_that_was_not_taken_back(
    asked: Pull, zoo: Zoo, out: Path, tmp_path: Path
) -> None:
    zoo.release("alice/model@1.2", bundle(tmp_path / "b", 5))
    zoo.release("alice/model@1.10", bundle(tmp_path / "c", 6))
    zoo.release("alice/model@2.0", bundle(tmp_path / "d", 7), custom={"yanked": "it was\npoisoned"})
    assert asked.to(MODEL, out).version == "1.10"
    refused(asked, out.parent / "x" / "y", "yanked", MODEL.at("2"), "poisoned")
    asked.allowing = Allowing(yanked=True)
    receipt = asked.to(MODEL.at("2.0"), out.parent / "two")
    assert "taken back" in receipt.let_pass[0]
    refused(asked, out.parent / "x" / "y", "version", MODEL.at("3.0"), "2.0, 1.10, 1.2, 1.0")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def flip_model(zoo: Zoo) -> None:
    flip(zoo.where("alice/model/1.0/model.safetensors"))


def flip_statement(zoo: Zoo) -> None:
    flip(zoo.where(f"alice/model/1.0/{STATEMENT}"))


def said_anew(zoo: Zoo, folder: Path, **about: Any) -> None:
    """Publish the same model again with other things said of it."""
    for path in list(zoo.authors["alice"].targets):
        del zoo.authors["alice"].targets[path]
    zoo.release("alice/model@1.0", folder, **about)


def without(file: str) -> Callable[[Zoo, Path], None]:
    def act(zoo: Zoo, made: Path) -> None:
        del zoo.authors["alice"].targets[f"alice/model/1.0/{file}"]
        zoo.write_author("alice")

    return act


def about(**changes: Any) -> Callable[[Zoo, Path], None]:
    return lambda zoo, folder: said_anew(zoo, folder, **changes)


def said_of(name: str, **changes: Any) -> Callable[[Zoo, Path], None]:
    def act(zoo: Zoo, made: Path) -> None:
        said = statements(ModelName.of(name), files_of(made), **{"author": "alice"} | changes)
        said_anew(zoo, made, said=said)

    return act


def listed(path: str) -> Callable[[Zoo, Path], None]:
    def act(zoo: Zoo, made: Path) -> None:
        targets = zoo.authors["alice"].targets
        targets[path] = targets["alice/model/1.0/config.json"]
        zoo.write_author("alice")

    return act


def other_bytes_listed(zoo: Zoo, made: Path) -> None:
    zoo.put(MODEL.at("1.0"), "README.md", b"other")
    zoo.write_author("alice")


def pickle_inside(zoo: Zoo, made: Path) -> None:
    """The true author signs a pickle under another name."""
    folder = made.parent / "pickle"
    shutil.copytree(made, folder, dirs_exist_ok=True)
    (folder / "model.safetensors").write_bytes(b"\x80\x04cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    said_anew(zoo, folder)


def own_manifest_differs(zoo: Zoo, made: Path) -> None:
    """The signed files do not agree with one another."""
    folder = made.parent / "other"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    other = bundle(made.parent / "longer", 4) if not (made.parent / "longer").exists() else None
    path = (other or made.parent / "longer") / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    said_anew(zoo, folder)


def delegated(role: str, owner: str, *paths: str) -> Callable[[Zoo, Path], None]:
    def act(zoo: Zoo, made: Path) -> None:
        before = dict(zoo.delegated)
        before.pop(role, None)
        zoo.delegated = {role: (owner, list(paths)), **before}
        if role not in zoo.authors:
            zoo.authors[role] = zoo.authors["bob"]
            zoo.write_author(role, key=key_of(owner), publish=False)
        zoo.write_targets()
        zoo.publish()

    return act


def signed_by(**keys: str) -> Callable[[Zoo, Path], None]:
    """Metadata that another key signed."""

    def act(zoo: Zoo, made: Path) -> None:
        if "author" in keys:
            zoo.write_author("alice", key=key_of(keys["author"]))
        else:
            zoo.publish(key=key_of(keys["publisher"], "publisher"))

    return act


def expired(**roles: Any) -> Callable[[Zoo, Path], None]:
    def act(zoo: Zoo, made: Path) -> None:
        if "author" in roles:
            zoo.write_author("alice", expires=roles["author"])
        elif "targets" in roles:
            zoo.write_targets(expires=roles["targets"])
            zoo.publish()
        elif "root" in roles:
            zoo.write_root(expires=roles["root"])
        else:
            zoo.publish(**roles)

    return act


def another_in_its_place(zoo: Zoo, made: Path) -> None:
    one, two = (zoo.where(f"alice/model/1.0/{file}") for file in ("config.json", "claims.json"))
    one.write_bytes(two.read_bytes())


def endless_timestamp(zoo: Zoo, made: Path) -> None:
    (zoo.metadata / "timestamp.json").write_bytes(b" " * 100_000)


def no_json(zoo: Zoo, made: Path) -> None:
    (zoo.metadata / "timestamp.json").write_bytes(b"[" * 5000)


ago = moment(now() - 2 * DAY)
ATTACKS: dict[str, tuple[Callable[..., None], str]] = {
    "a bit of the model flipped": (lambda zoo, made: flip_model(zoo), "digest"),
    "a bit of a statement flipped": (lambda zoo, made: flip_statement(zoo), "digest"),
    "another file in its place": (another_in_its_place, "length"),
    "timestamp of other metadata": (endless_timestamp, "too large"),
    "timestamp that is no JSON": (no_json, "malformed"),
    "timestamp expired": (expired(timestamp=-DAY), "expired"),
    "snapshot expired": (expired(snapshot=-DAY), "expired"),
    "targets expired": (expired(targets=-DAY), "expired"),
    "author expired": (expired(author=-DAY), "expired"),
    "root expired": (expired(root=-DAY), "expired"),
    "publisher by another key": (signed_by(publisher="mallory"), "signature"),
    "author by another key": (signed_by(author="bob"), "signature"),
    "no statement": (without(STATEMENT), "missing file"),
    "no provenance": (without(PROVENANCE), "provenance"),
    "no audit": (without(audit_file("carol")), "audit missing"),
    "a file of the bundle is not listed": (without("config.json"), "missing file"),
    "other bytes listed than signed": (other_bytes_listed, "digest"),
    "statement by another author": (about(author="bob"), "signature"),
    "audit by another key": (about(auditor_key=key_of("eve", "auditor")), "signature"),
    "audit by the author": (about(auditor_key=key_of("alice")), "self-audit"),
    "audit by the author in another name": (
        about(auditor="dave", auditor_key=key_of("alice")),
        "self-audit",
    ),
    "audit by somebody unknown": (about(auditor="dave"), "audit missing"),
    "audit of another model": (about(of="alice/other"), "audit of another model"),
    "audit of another version": (about(at="0.9"), "audit of another model"),
    "audit of other files": (about(digest="1" * 64), "audit of another model"),
    "audit expired": (about(expires=moment(now() - DAY), made=ago), "audit expired"),
    "audit too old": (about(made=moment(now() - 400 * DAY)), "audit expired"),
    "audit in the future": (about(made=moment(now() + 2 * DAY)), "clock"),
    "backdoor found": (
        about(conclusion="backdoor likely", passed=False, pValue=0.02),
        "audit verdict",
    ),
    "not checked": (about(conclusion="not checked", passed=False, pValue=None), "audit verdict"),
    "passed at a rate of its own": (
        about(pValue=0.03, maxFpr=0.02, threshold=0.02),
        "audit verdict",
    ),
    "null too small": (about(smallestFpr=0.2, maxFpr=0.3, threshold=0.3), "audit verdict"),
    "statement of another model": (said_of("alice/other@1.0"), "statement of another model"),
    "statement of another version": (said_of("alice/model@0.9"), "statement of another model"),
    "statement of another author's": (said_of("bob/model@1.0"), "statement of another model"),
    "a path that climbs": (listed("alice/model/1.0/../../config.json"), "extra file"),
    "a path with a backslash": (listed("alice/model/1.0/..\\config.json"), "extra file"),
    "a twin by letter case": (listed("alice/model/1.0/CONFIG.json"), "extra file"),
    "a model's twin by letter case": (listed("alice/Model/1.0/config.json"), "extra file"),
    "a script beside": (listed("alice/model/1.0/loader.py"), "extra file"),
    "a version twice": (listed("alice/model/1/config.json"), "version"),
    "a version that is none": (listed("alice/model/v2/config.json"), "extra file"),
    "a pickle, signed": (pickle_inside, "file type"),
    "files that disagree, signed": (own_manifest_differs, "digest"),
    "another role has the name": (delegated("bob", "bob", "*/*/*/*"), "author"),
    "wider paths": (delegated("alice", "alice", "alice/*/*/*", "bob/*/*/*"), "author"),
    "the name given to another key": (delegated("alice", "bob", "alice/*/*/*"), "signature"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_is_refused_for_its_own_reason(
    asked: Pull, zoo: Zoo, made: Path, out: Path, attack: str
) -> None:
    act, reason = ATTACKS[attack]
    act(zoo, made)
    refused(asked, out, reason)
    assert not asked.repository.seen()


def test_what_was_seen_is_not_rolled_back(asked: Pull, zoo: Zoo, out: Path, tmp_path: Path) -> None:
    shutil.copytree(zoo.folder, tmp_path / "old")
    zoo.release("alice/model@1.1", bundle(tmp_path / "b", 5))
    assert asked.to(MODEL, out).version == "1.1"
    shutil.rmtree(out.parent)
    shutil.rmtree(zoo.folder)
    (tmp_path / "old").rename(zoo.folder)
    refused(asked, out, "rolled back")


def test_what_was_let_in_neither_goes_nor_changes(
    asked: Pull, zoo: Zoo, out: Path, tmp_path: Path
) -> None:
    asked.to(MODEL, out)
    shutil.rmtree(out.parent)
    said_anew(zoo, bundle(tmp_path / "b", 5))
    refused(asked, out, "replaced")
    without(STATEMENT)(zoo, tmp_path)
    for path in list(zoo.authors["alice"].targets):
        del zoo.authors["alice"].targets[path]
    zoo.write_author("alice")
    refused(asked, out, "rolled back", said="has it no more")


def test_authors_may_be_named_with_their_keys(asked: Pull, zoo: Zoo, out: Path) -> None:
    policy = asked.repository.policy
    asked.policy = policy.with_people({"bob": key_of("bob").public}, {})
    refused(asked, out, "author", said="nobody called 'alice'")
    asked.policy = policy.with_people({"alice": key_of("other").public}, {})
    refused(asked, out, "author", said="another key")
    asked.policy = policy.with_people({"alice": key_of("alice").public}, {})
    assert asked.to(MODEL, out).author_keyid == key_of("alice").public.keyid


def test_names_that_are_not_there(asked: Pull, out: Path) -> None:
    refused(asked, out, "author", ModelName.of("zoe/model"), "no author 'zoe'")
    refused(asked, out, "name", ModelName.of("alice/other"), "no model 'other'")


def test_an_unaudited_model_passes_only_when_asked_for_and_it_is_recorded(
    asked: Pull, zoo: Zoo, made: Path, out: Path
) -> None:
    said_anew(zoo, made, auditor=None)
    refused(asked, out, "audit missing", said="allow-unaudited")
    asked.allowing = Allowing(unaudited=True)
    assert asked.to(MODEL, out).let_pass == ("no audit that counts",)


def test_a_bad_verdict_is_refused_even_so(asked: Pull, zoo: Zoo, made: Path, out: Path) -> None:
    said_anew(zoo, made, conclusion="backdoor likely", passed=False, pValue=0.02)
    asked.allowing = Allowing(unaudited=True)
    refused(asked, out, "audit verdict")


BASES: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "audited": ({}, {}, None),
    "unaudited": ({"auditor": None}, {}, "base model"),
    "found to have a backdoor": (
        {"conclusion": "backdoor likely", "passed": False, "pValue": 0.01},
        {},
        "base model",
    ),
    "not in the provenance": ({}, {"provenance_of_base": False}, "provenance"),
}


@pytest.mark.parametrize("case", BASES)
def test_the_base_model_is_held_to_the_same_policy(
    asked: Pull, zoo: Zoo, made: Path, out: Path, tmp_path: Path, case: str
) -> None:
    base_about, own_about, reason = BASES[case]
    digest = zoo.release("bob/base@2.0", bundle(tmp_path / "base", 9), **base_about)
    base = BaseModelRef(name="bob/base", version="2.0", digest=digest)
    said_anew(zoo, made, base=base, **own_about)
    if reason is None:
        assert asked.to(MODEL, out).base_models == (base,)
        return
    refused(asked, out, reason)
    if reason == "base model":
        asked.policy = Policy.of(**{**asked.repository.policy.model_dump(), "base_model": "any"})
        assert "base model" in asked.to(MODEL, out).let_pass[0]


def test_what_is_let_pass_of_a_base_model_is_recorded(
    asked: Pull, zoo: Zoo, made: Path, out: Path, tmp_path: Path
) -> None:
    why = {"yanked": "x" * 600}
    folder = bundle(tmp_path / "base", 9)
    digest = zoo.release("bob/base@2.0", folder, auditor=None, custom=why)
    said_anew(zoo, made, base=BaseModelRef(name="bob/base", version="2.0", digest=digest))
    asked.allowing = Allowing(unaudited=True, yanked=True)
    unaudited, taken_back = asked.to(MODEL, out).let_pass
    assert unaudited == "base model bob/base@2.0: no audit that counts"
    assert taken_back.startswith("base model bob/base@2.0: taken back by its author: xxx")


@pytest.mark.parametrize(
    ("name", "digest"), [("bob/gone", None), ("bob/base", "1" * 64), ("alice/model", None)]
)
def test_a_base_model_that_cannot_be_had(
    asked: Pull, zoo: Zoo, made: Path, out: Path, tmp_path: Path, name: str, digest: str | None
) -> None:
    zoo.release("bob/base@1.0", bundle(tmp_path / "base", 9))
    base = BaseModelRef(name=name, version="1.0", digest=digest or "2" * 64)
    said_anew(zoo, made, base=base)
    refused(asked, out, "base model")


# ---- clocks, and being offline ----


@pytest.mark.parametrize("days", [1.2, 3650])
def test_a_clock_that_went_back(asked: Pull, out: Path, days: float) -> None:
    asked.to(MODEL, out)
    shutil.rmtree(out.parent)
    seen = asked.repository.folder / "seen.json"
    last = moment(now() + timedelta(days=days))
    seen.write_text(re.sub(r'"time": ".*"', f'"time": "{last}"', seen.read_text()))
    refused(asked, out, "clock", said="set the clock")


@pytest.mark.parametrize("days", [1.2, 3650])
def test_a_clock_that_is_ahead(asked: Pull, zoo: Zoo, out: Path, days: float) -> None:
    zoo.publish(timestamp=-timedelta(days=days))
    refused(asked, out, "expired", said="If the clock is right")


def test_offline_what_was_fetched_last_counts(on_the_web: Pull, web: Served, out: Path) -> None:
    on_the_web.to(MODEL, out)
    web.asked.clear()
    on_the_web.offline = True
    assert on_the_web.to(MODEL, out.parent / "again").version == "1.0"
    assert not web.asked
    with pytest.raises(Unchecked, match="--offline asks no server"):
        on_the_web.to(ModelName.of("bob/model"), out.parent / "other")


def test_offline_with_nothing_fetched(on_the_web: Pull, out: Path) -> None:
    on_the_web.offline = True
    with pytest.raises(Unchecked, match="pull once without --offline"):
        on_the_web.to(MODEL, out)


def test_offline_with_an_expired_timestamp_is_a_clear_choice(
    on_the_web: Pull, zoo: Zoo, out: Path
) -> None:
    zoo.publish(timestamp=timedelta(seconds=1))
    on_the_web.to(MODEL, out)
    shutil.rmtree(out.parent)
    time.sleep(1.1)
    on_the_web.offline = True
    refused(on_the_web, out, "expired", said="--allow-expired")
    on_the_web.allowing = Allowing(expired=True)
    assert "expired at" in on_the_web.to(MODEL, out).let_pass[0]


def test_expired_metadata_are_let_pass_only_forward(
    asked: Pull, zoo: Zoo, out: Path, tmp_path: Path
) -> None:
    asked.allowing = Allowing(expired=True)
    expired(timestamp=-DAY)(zoo, out)
    shutil.copytree(zoo.folder, tmp_path / "old")
    zoo.publish(timestamp=-DAY)
    asked.to(MODEL, out)
    shutil.rmtree(out.parent)
    shutil.rmtree(zoo.folder)
    (tmp_path / "old").rename(zoo.folder)
    refused(asked, out, "rolled back")


# ---- servers ----


@pytest.mark.parametrize("code", [404, 500])
@pytest.mark.parametrize("part", ["timestamp", "model.safetensors"])
def test_a_server_that_fails(
    on_the_web: Pull, web: Served, out: Path, part: str, code: int
) -> None:
    web.faults[part] = status(code)
    with pytest.raises(Unchecked, match=f"answers {code}"):
        on_the_web.to(MODEL, out)
    assert not list(out.parent.iterdir()) if out.parent.exists() else True


def test_the_deadline_is_for_all_of_it(on_the_web: Pull, web: Served, out: Path) -> None:
    def drip(handler: Any, data: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        for byte in data:
            time.sleep(0.05)
            handler.wfile.write(bytes([byte]))

    web.faults["README"] = drip
    on_the_web.deadline_s = 0.5
    started = time.monotonic()
    refused(on_the_web, out, "deadline")
    assert time.monotonic() - started < 2


def test_a_pull_that_broke_off_is_taken_up(
    on_the_web: Pull, web: Served, zoo: Zoo, out: Path, tmp_path: Path
) -> None:
    zoo.release("alice/model@2.0", bundle(tmp_path / "large", 500_000))

    def breaks(handler: Any, data: bytes) -> None:
        handler.send_response(206 if "Range" in handler.headers else 200)
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start:300_000])
        handler.close_connection = True

    web.faults["safetensors"] = breaks
    with pytest.raises(Unchecked, match="what came is kept"):
        on_the_web.to(MODEL, out)
    web.faults.clear()
    web.asked.clear()
    on_the_web.to(MODEL, out)
    (start,) = (start for path, start in web.asked if "safetensors" in path)
    assert start == 300_000


def test_a_repository_that_moved_keeps_what_was_seen(
    on_the_web: Pull, zoo: Zoo, home: Home, out: Path, tmp_path: Path
) -> None:
    on_the_web.to(MODEL, out)
    shutil.rmtree(out.parent)
    moved = zoo.folder.rename(tmp_path / "moved")
    with pytest.raises(Unchecked):
        on_the_web.to(MODEL, out)
    again = home.trust(str(moved), (moved / "metadata/1.root.json").read_bytes())
    assert again.folder == on_the_web.repository.folder and again.seen()
    assert again.policy == on_the_web.repository.policy
    Pull(again, home.cache).to(MODEL, out)


# ---- keys ----


def test_roots_follow_one_another(asked: Pull, zoo: Zoo, out: Path) -> None:
    zoo.write_root()
    zoo.write_root()
    assert asked.to(MODEL, out).repository.versions["root"] == 3


def test_a_root_signed_by_others_is_refused(asked: Pull, zoo: Zoo, out: Path) -> None:
    data = zoo.root_file.read_bytes().replace(b'"version":1', b'"version":2')
    (zoo.metadata / "2.root.json").write_bytes(data)
    refused(asked, out, "signature")


# ---- disks ----


def test_the_cache_is_checked_on_every_use(on_the_web: Pull, web: Served, out: Path) -> None:
    on_the_web.to(MODEL, out)
    (blob,) = on_the_web.cache.folder.glob(sha256_file(out / "model.safetensors"))
    shutil.rmtree(out.parent)
    blob.chmod(0o644)
    flip(blob)
    web.asked.clear()
    on_the_web.to(MODEL, out)
    assert any("safetensors" in path for path, _ in web.asked)
    assert sha256_file(blob) == blob.name
    web.asked.clear()
    on_the_web.to(MODEL, out.parent / "again")
    assert not any("targets/" in path for path, _ in web.asked)


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file_in_the_cache_is_not_followed(
    asked: Pull, zoo: Zoo, out: Path, tmp_path: Path, kind: str
) -> None:
    where = zoo.where("alice/model/1.0/model.safetensors")
    blob = asked.cache.folder / where.name.partition(".")[0]
    blob.parent.mkdir(parents=True)
    blob.symlink_to(where) if kind == "link" else blob.mkdir()
    refused(asked, out, "links")


def test_a_full_disk_leaves_nothing_half_done(
    asked: Pull, zoo: Zoo, out: Path, tmp_path: Path
) -> None:
    zoo.release("alice/model@2.0", bundle(tmp_path / "large", 3_000_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        with pytest.raises(OutputError, match="larger than the limit"):
            asked.to(MODEL, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not list(out.parent.iterdir())
    assert asked.to(MODEL, out).version == "2.0"


def test_a_disk_without_space_is_seen_before(
    asked: Pull, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(OutputError, match="no such space left"):
        asked.to(MODEL, out)
    asked.most_bytes = 100
    refused(asked, out, "too large", said="max-gib")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(asked: Pull, out: Path) -> None:
    asked.repository.folder.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="BADNETS_HUB"):
            asked.to(MODEL, out)
    finally:
        asked.repository.folder.chmod(0o700)


def test_a_home_that_cannot_be_a_folder(asked: Pull, out: Path) -> None:
    asked.repository.metadata.write_text("in the way")
    with pytest.raises(OutputError, match="BADNETS_HUB"):
        asked.to(MODEL, out)


def test_statements_replace_nothing_else(asked: Pull, out: Path) -> None:
    beside = statements_of(out)
    beside.mkdir(parents=True)
    (beside / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        asked.to(MODEL, out)
    assert (beside / "notes.txt").exists() and not out.exists()


def _pull(repository: TrustedRepository, home: Home, path: Path) -> None:
    Pull(repository, home.cache).to(MODEL, path)


def test_two_pulls_at_once_are_safe(
    on_the_web: Pull, web: Served, zoo: Zoo, home: Home, out: Path, tmp_path: Path
) -> None:
    zoo.release("alice/model@2.0", bundle(tmp_path / "large", 2_000_000))
    context = multiprocessing.get_context("fork")
    paths = [out.parent / str(k) for k in range(2)]
    pulls = [
        context.Process(target=_pull, args=(on_the_web.repository, home, path)) for path in paths
    ]
    for one in pulls:
        one.start()
    for one in pulls:
        one.join()
    assert [one.exitcode for one in pulls] == [0, 0]
    assert len({sha256_file(path / "model.safetensors") for path in paths}) == 1
    assert sum("model.safetensors" in path for path, _ in web.asked) == 1
    assert sorted(path.name for path in out.parent.iterdir()) == sorted(
        f"{k}{end}" for k in range(2) for end in ("", ".statements")
    )


def test_the_name_may_be_a_text(
    trusted: TrustedRepository, home: Home, out: Path, tmp_path: Path
) -> None:
    receipt = pulling.pull("alice/model@1", out, home=home.folder)
    assert receipt.version == "1.0"
    with pytest.raises(SettingError, match="AUTHOR/MODEL"):
        pulling.pull("model", out, home=home.folder)
    with pytest.raises(Refused, match="trust it first"):
        pulling.pull("alice/model", out, home=tmp_path / "none")


def test_models_of_other_authors_cost_nothing(
    web: Served, zoo: Zoo, policy: Policy, tmp_path: Path
) -> None:
    spent = []
    for more in (0, 50):
        own = zoo.authors["alice"].targets["alice/model/1.0/config.json"]
        for k in range(more):
            zoo.authors["bob"].targets[f"bob/model-{k}/1.0/config.json"] = own
        zoo.write_author("bob")
        web.asked.clear()
        before = web.sent
        home = Home(tmp_path / f"home-{more}")
        trusted = home.trust(web.url, zoo.root_file.read_bytes(), policy)
        Pull(trusted, home.cache).to(MODEL, tmp_path / f"out-{more}")
        spent.append((len(web.asked), web.sent - before))
    (requests, sent), (requests_then, sent_then) = spent
    assert requests == requests_then and abs(sent - sent_then) < 64

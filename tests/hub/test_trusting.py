"""What a user trusts: roots by their fingerprint, policies by their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from badnets.core.errors import BadnetsError, DataError, SettingError
from badnets.hub.home import Home
from badnets.hub.policy import Policy, read_policy
from badnets.hub.refusals import Refused

from .said import key_of
from .zoo import Zoo


@pytest.fixture
def empty(tmp_path: Path) -> Zoo:
    zoo = Zoo(tmp_path / "zoo")
    zoo.metadata.mkdir(parents=True)
    zoo.write_root()
    return zoo


def test_a_repository_is_known_by_its_root(empty: Zoo, home: Home) -> None:
    root = empty.root_file.read_bytes()
    first = home.trust("https://one.example", root, Policy(unaudited="allow"))
    moved = home.trust("https://two.example", root)
    assert moved.folder == first.folder and moved.place == "https://two.example"
    assert moved.policy.unaudited == "allow"
    assert home.repository().place == home.repository(moved.fingerprint[:12]).place
    empty.write_root()
    other = (empty.metadata / "2.root.json").read_bytes()
    with pytest.raises(Refused, match="another root"):
        home.trust("https://two.example", other)
    home.trust("https://three.example", other)
    with pytest.raises(SettingError, match="--from"):
        home.repository()
    home.forget(home.repository("https://three.example"))
    assert home.repository() == moved
    with pytest.raises(Refused, match="not trusted"):
        home.repository("https://three.example")


def test_a_root_that_was_exchanged_at_home_is_noticed(empty: Zoo, home: Home) -> None:
    trusted = home.trust("https://one.example", empty.root_file.read_bytes())
    empty.write_root()
    (trusted.folder / "root.json").write_bytes((empty.metadata / "2.root.json").read_bytes())
    with pytest.raises(Refused, match="not the root that was trusted"):
        _ = trusted.root


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 9999, b"x" * 600_000, b"timestamp"])
def test_what_is_no_root_is_not_trusted(home: Home, zoo: Zoo, data: bytes) -> None:
    data = (zoo.metadata / "timestamp.json").read_bytes() if data == b"timestamp" else data
    with pytest.raises(DataError) as caught:
        home.trust("https://one.example", data)
    assert "\n" not in str(caught.value) and not home.repositories()


def test_a_root_needs_its_own_signatures(empty: Zoo, home: Home) -> None:
    data = empty.root_file.read_bytes().replace(b'"version":1', b'"version":7')
    with pytest.raises(DataError, match="no root"):
        home.trust("https://one.example", data)


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file"):
        Home.of(tmp_path / "file")


def test_the_home_is_the_users_own_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("BADNETS_HUB", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Home.of().folder.name == "hub"
    monkeypatch.setenv("BADNETS_HUB", str(tmp_path / "a"))
    assert Home.of() == Home(tmp_path / "a") and Home.of(tmp_path / "b") == Home(tmp_path / "b")


def test_a_policy_names_keys_by_file_or_as_they_are(tmp_path: Path) -> None:
    carol, alice = key_of("carol", "auditor").public, key_of("alice").public
    (tmp_path / "carol.pub").write_bytes(carol.to_pem())
    pem = "".join(f"    {line}\n" for line in alice.to_pem().decode().splitlines()[-4:])
    path = tmp_path / "policy.yaml"
    path.write_text(
        f"authors:\n  alice: |\n{pem}auditors: {{carol: carol.pub}}\nmax_audit_age_days: 30\n"
    )
    policy = read_policy(path)
    assert policy.keys_of_author("alice") == (alice,) and policy.keys_of_author("bob") == ()
    assert policy.keys_of_auditor("carol") == (carol,) and policy.max_audit_age.days == 30
    assert Policy.from_json(policy.to_json(), "kept") == policy
    assert Policy().keys_of_author("anybody") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unaudited: perhaps", "unaudited"),
        ("verdict: [nothing found]", "unknown line of a policy 'verdict': did you mean 'verdicts'"),
        ("unaudited: refuse\nunaudited: allow", "given twice"),
        ("- a", "mapping"),
        ("a: [", "not YAML"),
        ("max_fpr: 2", "max_fpr"),
        ("verdicts: [clean]", "verdicts"),
        ("verdicts: []", "verdicts"),
        ("auditors: {carol: missing.pub}", "missing"),
        ("auditors: {carol: 7}", "auditors"),
        ("auditors: {Carol: carol.pub}", "Carol"),
        ("authors: {carol: carol.pub}\nauditors: {carol: carol.pub}", "nobody audits himself"),
        ("max_audit_age_days: 2026-01-01", "JSON"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_in_a_line(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "carol.pub").write_bytes(key_of("carol", "auditor").public.to_pem())
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(BadnetsError, match=said) as caught:
        read_policy(tmp_path / "policy.yaml")
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_people_are_added_to_a_policy() -> None:
    keys: dict[str, Any] = {name: key_of(name).public for name in ("alice", "bob")}
    policy = Policy().with_people({"alice": keys["alice"]}, {})
    policy = policy.with_people({"bob": keys["bob"]}, {"carol": key_of("carol", "auditor").public})
    assert set(policy.authors) == {"alice", "bob"} and set(policy.auditors) == {"carol"}
    with pytest.raises(SettingError, match="audits himself"):
        policy.with_people({}, {"dave": keys["alice"]})

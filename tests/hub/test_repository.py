"""A repository: what its publisher does to it is what a client of python-tuf then sees."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError

from badnets.core.errors import BadnetsError, SettingError
from badnets.hub.keys import Key, Keyring, PublicKey
from badnets.hub.names import ModelName
from badnets.hub.refusals import Refused
from badnets.hub.repository import Repository
from badnets.hub.statements import now
from tests.hub.published import Client, files_in, keys_in, repository_of

NET = ModelName.of("alice/net@1.0")


def test_what_is_published_can_be_pulled(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice", "bob")
    for number, name in enumerate(("alice/net@1.0", "alice/net@1.1", "bob/net@1.0")):
        again = repository if number < 2 else Repository(tmp_path / "repo", repository.keys)
        again.publish(ModelName.of(name), files_in(tmp_path / name, name.encode()))
        assert client.pull(name) == name.encode()
    assert client.pull("alice/net@2.0") is None
    assert repository.versions(NET) == {"1.0": None, "1.1": None}
    (stored,) = (tmp_path / "repo/targets/alice/net/1.0").iterdir()
    assert stored.read_bytes() == b"alice/net@1.0"
    left = {path.name for path in (tmp_path / "repo").rglob("*") if ".partial" in path.name}
    assert not left


def test_a_version_never_changes(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    repository.publish(NET, files_in(tmp_path / "a"))
    for version in ("1.0", "1", "1.0.0"):
        with pytest.raises(SettingError, match="published already"):
            repository.publish(NET.at(version), files_in(tmp_path / "b", b"other"))
    assert client.pull() == b"weights"


def test_a_yanked_version_stays_and_says_so(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    for version in ("1.0", "1.1"):
        repository.publish(NET.at(version), files_in(tmp_path / version))
    repository.yank(NET.at("1.1"), "wrong labels")
    assert repository.versions(NET) == {"1.0": None, "1.1": "wrong labels"}
    assert client.pull("alice/net@1.1") == b"weights"
    with pytest.raises(SettingError, match=r"no such version; published: 1\.0, 1\.1"):
        repository.yank(NET.at("3"), "x")


def test_who_may_not_publish_is_told_so(tmp_path: Path) -> None:
    repository, _ = repository_of(tmp_path, "alice")
    alice = repository.keys_of("alice")[0]
    bob = Key.new("author", "bob")
    for call, words in (
        (lambda: repository.publish(ModelName.of("bob/net@1"), {}), "'bob' may not publish here"),
        (lambda: repository.delegate("bob", alice), "authors share no key"),
        (lambda: repository.delegate("alice", bob.public), "`badnets hub rotate`"),
        (lambda: repository.delegate("targets", bob.public), "reserved"),
        (lambda: repository.delegate("bob", Key.new("root", "r").public), "ECDSA P-256"),
        (lambda: repository.delegate("bob", Key.new("auditor", "x").public), "key of an auditor"),
        (lambda: Repository(tmp_path / "none", repository.keys), "badnets hub init"),
    ):
        with pytest.raises(SettingError, match=words):
            call()
    repository.delegate("bob", bob.public)
    with pytest.raises(SettingError, match="0 of them can be found"):
        repository.publish(ModelName.of("bob/net@1"), files_in(tmp_path / "x"))


def test_a_file_that_changes_meanwhile_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    files = files_in(tmp_path / "x")
    files["model.safetensors"].path.write_bytes(b"Weights")
    before = sorted((tmp_path / "repo/metadata").iterdir())
    with pytest.raises(Refused) as caught:
        repository.publish(NET, files)
    assert caught.value.reason == "digest"
    assert sorted((tmp_path / "repo/metadata").iterdir()) == before
    assert not [path for path in (tmp_path / "repo/targets").rglob("*") if path.is_file()]
    repository.publish(NET, files_in(tmp_path / "y"))
    assert client.pull() == b"weights"


@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "targets.json", "alice.json"])
@pytest.mark.parametrize("how", ["changed", "unsigned", "missing", "junk"])
def test_nothing_is_signed_on_top_of_what_others_changed(
    tmp_path: Path, name: str, how: str
) -> None:
    repository, _ = repository_of(tmp_path, "alice")
    repository.publish(NET, files_in(tmp_path / "x"))
    (*_, path) = sorted((tmp_path / "repo/metadata").glob(f"*{name}"))
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"changed": data.replace(b'"version":', b'"x":0,"version":'), "junk": b"junk",
             "unsigned": data.replace(b'"sig":"', b'"sig":"00')}[how]
        )  # fmt: skip
    before = {path: path.read_bytes() for path in (tmp_path / "repo").rglob("*.json")}
    with pytest.raises(BadnetsError) as caught:
        Repository(tmp_path / "repo", repository.keys).publish(
            NET.at("2"), files_in(tmp_path / "y")
        )
    assert "\n" not in str(caught.value)
    assert before == {path: path.read_bytes() for path in (tmp_path / "repo").rglob("*.json")}


def test_a_number_once_taken_is_left_to_what_a_cache_may_hold(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    orphan = tmp_path / "repo/metadata/1.alice.json"
    orphan.write_bytes(b"of a publisher who was killed")
    half = tmp_path / "repo/targets/alice/net/1.0/00.model.safetensors"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    repository.publish(NET, files_in(tmp_path / "x"))
    assert orphan.read_bytes() == b"of a publisher who was killed" and not half.exists()
    assert client.pull() == b"weights"


@pytest.mark.parametrize("role", ["root", "publisher", "alice"])
def test_a_key_is_exchanged(tmp_path: Path, role: str) -> None:
    repository, client = repository_of(tmp_path, "alice")
    repository.publish(NET, files_in(tmp_path / "x"))
    assert client.pull() == b"weights"
    kinds = {"root": "root", "publisher": "publisher", "alice": "author"}
    new = Key.new(kinds[role], "new")  # type: ignore[arg-type]
    new.write(tmp_path / "new", None)
    repository.rotate(role, new)
    assert client.pull() == b"weights" == Client(tmp_path / "repo", tmp_path / "fresh").pull()
    gone = "alice" if role == "alice" else role
    for path in (tmp_path / "keys").glob(f"{gone}.*"):
        path.unlink()
    keys = Keyring([tmp_path / "keys", tmp_path / "new"])
    again = Repository(tmp_path / "repo", keys)
    again.publish(NET.at("2"), files_in(tmp_path / "y", b"second"))
    again.rotate("root", Key.new("root", "third"))
    again.refresh()
    assert client.pull("alice/net@2") == b"second"
    if role != "root":
        with pytest.raises(SettingError, match="already"):
            again.rotate(role, new)


def test_a_lost_publisher_key_is_exchanged_by_the_root_alone(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    repository.publish(NET, files_in(tmp_path / "x"))
    for path in (tmp_path / "keys").glob("publisher.*"):
        path.unlink()
    again = Repository(tmp_path / "repo", Keyring([tmp_path / "keys"]))
    with pytest.raises(SettingError, match=r"0 of them can be found in .*--keys DIR"):
        again.refresh()
    again.rotate("publisher", Key.new("publisher", "new"))
    assert client.pull() == b"weights"


def test_two_of_three_root_keys_are_needed(tmp_path: Path) -> None:
    keys = keys_in(tmp_path / "keys", "alice", roots=3)
    repository = Repository.create(tmp_path / "repo", keys, threshold=2)
    client = Client(tmp_path / "repo", tmp_path / "client")
    new = Key.new("root", "new")
    with pytest.raises(SettingError, match="say with --old which one goes"):
        repository.rotate("root", new)
    leaving = PublicKey.read(tmp_path / "keys/root-2.pub")
    for name in ("root-1.key", "root-3.key"):
        (tmp_path / "keys" / name).rename(tmp_path / name)
    alone = Repository(tmp_path / "repo", Keyring([tmp_path / "keys"]))
    with pytest.raises(SettingError, match="root must be signed by 2 of the keys"):
        alone.rotate("root", new, leaving)
    (tmp_path / "root-1.key").rename(tmp_path / "keys/root-1.key")
    Repository(tmp_path / "repo", Keyring([tmp_path / "keys"])).rotate("root", new, leaving)
    client.pull("alice/net@1")
    assert (tmp_path / "repo/metadata/2.root.json").exists()


def test_a_repository_lapses_and_is_refreshed(tmp_path: Path) -> None:
    repository, client = repository_of(tmp_path, "alice")
    repository.publish(NET, files_in(tmp_path / "x"))

    def renewed(days: int) -> set[str]:
        clock = lambda: now() + timedelta(days=days)  # noqa: E731
        again = Repository(tmp_path / "repo", repository.keys, clock)
        return {one.role for one in again.refresh() if one.renewed}

    assert renewed(-60) == {"timestamp"}
    with pytest.raises(RepositoryError, match="expired"):
        client.pull()
    assert renewed(0) == {"timestamp"}
    assert client.pull() == b"weights"
    assert renewed(46) == {"timestamp", "snapshot", "targets", "alice"}


def test_init_wants_its_keys(tmp_path: Path) -> None:
    Key.new("root", "root").write(tmp_path / "keys", None)
    with pytest.raises(SettingError, match="publisher key is missing"):
        Repository.create(tmp_path / "repo", Keyring([tmp_path / "keys"]))
    assert not (tmp_path / "repo").exists()
    with pytest.raises(SettingError, match="there is no folder of keys"):
        Keyring([tmp_path / "none"])

"""The scenarios of tuf-conformance by their names, played to the hub's client.

It is stricter than TUF asks for: only the role that has an author's name, and nobody else, may list
that author's models. What a scenario is there to show is kept; where the hub's rule says how it
ends, that is asserted.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Metadata, MetaFile, TargetFile, Timestamp

from badnets.core.errors import DataError
from badnets.hub.home import Home, TrustedRepository
from badnets.hub.keys import Key, PublicKey
from badnets.hub.names import ModelName
from badnets.hub.policy import Policy
from badnets.hub.pulling import Pull
from badnets.hub.refusals import Refused, Unchecked

from .published import files_in, repository_of
from .said import key_of
from .simulated import TOP, Client, Simulated, soon
from .zoo import Zoo

ALL = dict.fromkeys(("root", "timestamp", "snapshot", "targets", "alice"), 1)
MODEL = ModelName.of("alice/model")


@pytest.fixture
def repo() -> Simulated:
    return Simulated().begin()


@pytest.fixture
def client(repo: Simulated, tmp_path: Path) -> Client:
    return Client.of(repo, tmp_path / "home")


def refused(client: Client, reason: str, author: str = "alice") -> None:
    """Refresh, which must be refused for this reason."""
    with pytest.raises(Refused) as caught:
        client.refresh(author)
    assert caught.value.reason in reason.split(" or "), caught.value
    line = str(caught.value)
    assert "\n" not in line and not re.search(r"Expected|must be >=|Final|[0-9]/[0-9] keys", line)


def kept(client: Client, **changes: int) -> bool:
    """Return whether what is kept is the first state but for these roles; 0: none is kept."""
    return client.versions == {role: v for role, v in (ALL | changes).items() if v}


# ---- basic ----


def test_basic_refresh_requests(repo: Simulated, client: Client) -> None:
    client.refresh()
    assert repo.asked == ["2.root", "timestamp", "1.snapshot", "1.targets", "1.alice"]


def test_basic_refresh_trusted_data(repo: Simulated, client: Client) -> None:
    assert client.refresh().versions == ALL
    for name in ("root", "snapshot", "targets", "alice"):
        assert (client.repository.metadata / f"{name}.json").read_bytes() == repo.files[f"1.{name}"]


def test_implicit_refresh(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.publish("alice", "snapshot", "timestamp")
    assert client.refresh().versions == ALL | {"alice": 2, "snapshot": 2, "timestamp": 2}


def test_invalid_initial_root(repo: Simulated, tmp_path: Path) -> None:
    root = json.loads(repo.files["1.root"])
    del root["signed"]["version"]
    with pytest.raises(DataError, match="no root"):
        Client.of(repo, tmp_path / "home", json.dumps(root).encode())
    assert not (tmp_path / "home").exists()


def test_unsigned_initial_root(repo: Simulated, tmp_path: Path) -> None:
    root = json.loads(repo.files["1.root"])
    root["signatures"][0]["sig"] = "00" * 64
    with pytest.raises(DataError, match="no root"):
        Client.of(repo, tmp_path / "home", json.dumps(root).encode())
    assert not (tmp_path / "home").exists()


UNSIGNED = {
    "root": {"root": 1},
    "timestamp": {"root": 2},
    "snapshot": {"root": 2, "timestamp": 2},
    "targets": {"root": 2, "timestamp": 2, "snapshot": 2},
    "alice": {"root": 2, "timestamp": 2, "snapshot": 2, "targets": 2},
}


@pytest.mark.parametrize("role", UNSIGNED)
def test_unsigned_metadata(repo: Simulated, client: Client, role: str) -> None:
    repo.signers[role] = []
    repo.publish("root", "alice", "targets", "snapshot", "timestamp")
    refused(client, "signature")
    assert client.versions == UNSIGNED[role]


@pytest.mark.parametrize("role", ["root", "snapshot", "targets", "alice"])
def test_url_and_metadata_version_mismatch(repo: Simulated, client: Client, role: str) -> None:
    repo.hashes = False
    repo.roles[role].version += 1
    repo.publish("root", "alice", "targets", "snapshot", "timestamp")
    repo.files[f"2.{role}"] = repo.files.pop(f"3.{role}")
    lists = {"snapshot": "timestamp", "targets": "snapshot", "alice": "snapshot"}
    if role == "snapshot":
        repo.roles["timestamp"].snapshot_meta = MetaFile(2)
    elif role != "root":
        repo.roles["snapshot"].meta[f"{role}.json"] = MetaFile(2)
    if role in lists:  # says 2, where 3 is written
        repo.serve(lists[role], repo.signed(lists[role]))
    refused(client, "rolled back")
    assert role not in client.versions or client.versions[role] == 1


def test_timestamp_content_changes(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.roles["timestamp"].snapshot_meta = MetaFile(100)
    repo.files["timestamp"] = repo.signed("timestamp")
    repo.asked.clear()
    assert client.refresh().versions == ALL
    assert repo.asked == ["2.root", "timestamp"]
    stored = Metadata[Timestamp].from_file(str(client.repository.metadata / "timestamp.json"))
    assert stored.signed.snapshot_meta.version == 1


@pytest.mark.parametrize("hashes", [True, False])
def test_basic_metadata_hash_support(repo: Simulated, client: Client, hashes: bool) -> None:
    repo.hashes = hashes
    repo.publish("alice", "targets", "snapshot", "timestamp")
    assert client.refresh().versions["alice"] == 2


@pytest.mark.parametrize("role", ["targets", "alice"])
def test_targets_hash_mismatch(repo: Simulated, client: Client, role: str) -> None:
    client.refresh()
    repo.publish(role)
    repo.roles["snapshot"].meta[f"{role}.json"].hashes["sha256"] = "0" * 64
    repo.publish("snapshot", "timestamp")
    refused(client, "digest")
    assert kept(client, snapshot=2, timestamp=2)


def test_snapshot_hash_mismatch(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.publish("snapshot")
    repo.roles["timestamp"].snapshot_meta.hashes["sha256"] = "0" * 64
    repo.publish("timestamp")
    refused(client, "digest")
    assert kept(client, timestamp=2)


def test_metadata_bytes_match(repo: Simulated, client: Client) -> None:
    repo.files["timestamp"] += b" "
    client.refresh()
    assert (client.repository.metadata / "timestamp.json").read_bytes() == repo.files["timestamp"]


def test_custom_fields(repo: Simulated, client: Client) -> None:
    repo.roles["root"].unrecognized_fields["custom-field"] = "value"
    repo.roles["root"].roles["root"].unrecognized_fields["another-field"] = {"a": 1}
    repo.publish("root")
    assert client.refresh().versions["root"] == 2


def test_deprecated_keyid_hash_algorithms(repo: Simulated, client: Client) -> None:
    repo.rotate("snapshot")
    for key in repo.roles["root"].keys.values():
        key.unrecognized_fields["keyid_hash_algorithms"] = "md5"
    repo.publish("root", "snapshot", "timestamp")
    assert client.refresh().versions["snapshot"] == 2


def test_what_no_signature_covers_is_not_kept(repo: Simulated, client: Client) -> None:
    """Of a timestamp's list python-tuf reads the snapshot alone, and drops all else."""
    timestamp = json.loads(repo.files["timestamp"])
    timestamp["signed"]["meta"]["more.json"] = {"version": 1}
    sound, repo.files["timestamp"] = repo.files["timestamp"], json.dumps(timestamp).encode()
    refused(client, "malformed")
    assert client.versions == {"root": 1}
    repo.files["timestamp"] = sound
    client.refresh()


def test_snapshot_404(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.publish("snapshot", "timestamp")
    del repo.files["2.snapshot"]
    with pytest.raises(Unchecked):
        client.refresh()
    assert repo.asked[-1] == "2.snapshot" and kept(client, timestamp=2)


@pytest.mark.parametrize("role", ["targets", "alice"])
def test_targets_404(repo: Simulated, client: Client, role: str) -> None:
    client.refresh()
    repo.publish(role, "snapshot", "timestamp")
    del repo.files[f"2.{role}"]
    with pytest.raises(Unchecked):
        client.refresh()
    assert repo.asked[-1] == f"2.{role}" and kept(client, timestamp=2, snapshot=2)


def test_timestamp_404(repo: Simulated, client: Client) -> None:
    client.refresh()
    del repo.files["timestamp"]
    with pytest.raises(Unchecked):
        client.refresh()
    assert repo.asked[-1] == "timestamp" and kept(client)


def test_incorrect_metadata_type(repo: Simulated, client: Client) -> None:
    repo.signers["snapshot"] = repo.signers["timestamp"]
    repo.roles["snapshot"].meta = {"snapshot.json": MetaFile(1)}
    repo.publish("root", "snapshot")
    repo.files["timestamp"] = repo.files["2.snapshot"]
    refused(client, "malformed")
    assert client.versions == {"root": 2}


# ---- expiration: a freeze ends where what is held back expires ----


def test_freeze(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.publish("alice", "snapshot")
    assert client.refresh().versions == ALL  # what is held back is not seen ...
    repo.roles["timestamp"] = Metadata.from_bytes(repo.files["timestamp"]).signed
    repo.roles["timestamp"].expires = soon(-0.01)
    repo.files["timestamp"] = repo.signed("timestamp")
    _written(client, "timestamp", repo.files["timestamp"])
    refused(client, "expired")  # ... until what is shown instead has expired


def _written(client: Client, role: str, data: bytes) -> None:
    (client.repository.metadata / f"{role}.json").write_bytes(data)


def test_root_expired(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.roles["root"].expires = soon(-1)
    repo.publish("root", "alice", "targets", "snapshot", "timestamp")
    refused(client, "expired")
    assert kept(client, root=2)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "alice"])
def test_expired(repo: Simulated, client: Client, role: str) -> None:
    """Of each role: test_timestamp_expired, test_snapshot_expired, test_targets_expired."""
    client.refresh()
    repo.roles[role].expires = soon(-5)
    repo.publish("alice", "targets", "snapshot", "timestamp")
    refused(client, "expired")
    accepted = ("timestamp", "snapshot", "targets", "alice")
    assert kept(client, **dict.fromkeys(accepted[: accepted.index(role)], 2))


def test_expired_local_root(repo: Simulated, tmp_path: Path) -> None:
    repo.roles["root"].expires = soon(-1)
    repo.publish("root")
    client = Client.of(repo, tmp_path / "home", repo.files["2.root"])
    refused(client, "expired")
    repo.roles["root"].expires = soon(3)
    repo.publish("root")
    assert client.refresh().versions["root"] == 3


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "alice"])
def test_expired_local(repo: Simulated, client: Client, role: str) -> None:
    """Of each role, test_expired_local_timestamp among them."""
    client.refresh()
    repo.roles[role].expires = soon(-1)
    _written(client, role, repo.signed(role))
    repo.roles[role].expires = soon(3)
    repo.publish("alice", "targets", "snapshot", "timestamp")
    assert client.refresh().versions == dict.fromkeys(ALL, 2) | {"root": 1}


# ---- rollback, and recovery from a fast-forward ----


def test_new_timestamp_version_rollback(repo: Simulated, client: Client) -> None:
    repo.publish("timestamp")
    client.refresh()
    repo.roles["timestamp"].version = 0
    repo.publish("timestamp")
    refused(client, "rolled back")
    assert kept(client, timestamp=2) and repo.asked[-1] == "timestamp"


@pytest.mark.parametrize("hashes", [False, True], ids=["basic", "with hashes"])
def test_snapshot_rollback(repo: Simulated, client: Client, hashes: bool) -> None:
    repo.hashes = hashes
    repo.publish("snapshot", "timestamp")
    client.refresh()
    repo.roles["snapshot"].version = 0
    repo.publish("snapshot", "timestamp")
    refused(client, "rolled back")
    assert kept(client, timestamp=2, snapshot=2) and repo.asked[-1] == "timestamp"


@pytest.mark.parametrize("role", ["targets", "alice"])
@pytest.mark.parametrize("hashes", [False, True], ids=["basic", "with hashes"])
def test_targets_rollback(repo: Simulated, client: Client, hashes: bool, role: str) -> None:
    repo.hashes = hashes
    repo.publish(role, "snapshot", "timestamp")
    client.refresh()
    repo.roles[role].version = 0
    repo.publish(role, "snapshot", "timestamp")
    refused(client, "rolled back")
    assert kept(client, **{"timestamp": 3, "snapshot": 2, role: 2})


def test_targets_role_removal(repo: Simulated, client: Client) -> None:
    client.refresh()
    del repo.roles["snapshot"].meta["alice.json"]
    repo.publish("snapshot", "timestamp")
    refused(client, "rolled back")
    assert kept(client, timestamp=2)


@pytest.mark.parametrize("role", ["targets", "alice"])
def test_targets_fast_forward_recovery(repo: Simulated, client: Client, role: str) -> None:
    repo.roles[role].version = 98
    repo.publish(role, "snapshot", "timestamp")
    assert client.refresh().versions[role] == 99
    repo.rotate("snapshot")
    repo.roles[role].version = 0
    repo.publish("root", role, "snapshot", "timestamp")
    assert client.refresh().versions[role] == 1


def test_new_snapshot_fast_forward_recovery(repo: Simulated, client: Client) -> None:
    repo.roles["snapshot"].version = 98
    repo.publish("snapshot", "timestamp")
    assert client.refresh().versions["snapshot"] == 99
    repo.rotate("snapshot")
    repo.rotate("timestamp")
    repo.roles["snapshot"].version = 0
    repo.publish("root", "targets", "snapshot", "timestamp")
    assert client.refresh().versions["snapshot"] == 1


def test_new_timestamp_fast_forward_recovery(repo: Simulated, client: Client) -> None:
    repo.roles["timestamp"].version = 98
    repo.publish("timestamp")
    assert client.refresh().versions["timestamp"] == 99
    repo.rotate("timestamp")
    repo.roles["timestamp"].version = 0
    repo.publish("root", "timestamp")
    assert client.refresh().versions["timestamp"] == 1


# ---- keys ----


def several(repo: Simulated, role: str, *numbers: int) -> list[Key]:
    """Give a role of the top these keys and no others."""
    keys = [key_of(f"k{number}", "root") for number in numbers]
    for keyid in list(repo.roles["root"].roles[role].keyids):
        repo.roles["root"].revoke_key(keyid, role)
    for key in keys:
        repo.roles["root"].add_key(key.public.key, role)
    return keys


def test_snapshot_does_not_meet_threshold(repo: Simulated, client: Client) -> None:
    repo.signers["snapshot"] = several(repo, "snapshot", 1, 2, 3)
    repo.roles["root"].roles["snapshot"].threshold = 3
    repo.publish("root", "snapshot", "timestamp")
    client.refresh()
    repo.signers["snapshot"].pop()
    repo.publish("snapshot", "timestamp")
    refused(client, "signature")
    assert client.versions["snapshot"] == 2


def test_snapshot_has_too_few_keys(repo: Simulated, client: Client) -> None:
    repo.signers["snapshot"] = several(repo, "snapshot", 1, 2, 3)
    repo.roles["root"].roles["snapshot"].threshold = 4
    repo.publish("root", "snapshot", "timestamp")
    refused(client, "signature")
    assert client.versions == {"root": 2, "timestamp": 2}


def signed_twice(data: bytes, times: int) -> bytes:
    metadata = json.loads(data)
    metadata["signatures"] *= times
    return json.dumps(metadata).encode()


def test_duplicate_keys(repo: Simulated, client: Client) -> None:
    repo.roles["root"].roles["snapshot"].keyids *= 9
    repo.roles["root"].roles["snapshot"].threshold = 6
    repo.publish("root", "snapshot")
    repo.serve("snapshot", signed_twice(repo.files["2.snapshot"], 9))
    repo.publish("timestamp")
    refused(client, "malformed")
    assert client.versions == {"root": 1}


def test_duplicate_sig_keyids(repo: Simulated, client: Client) -> None:
    repo.publish("snapshot")
    repo.serve("snapshot", signed_twice(repo.files["2.snapshot"], 2))
    repo.publish("timestamp")
    refused(client, "malformed")
    assert "snapshot" not in client.versions


SIGNERS: dict[str, Callable[[], CryptoSigner]] = {
    "rsa/rsassa-pss-sha256": lambda: CryptoSigner.generate_rsa(size=1024),
    "ecdsa/ecdsa-sha2-nistp256": CryptoSigner.generate_ecdsa,
    "ed25519/ed25519": CryptoSigner.generate_ed25519,
}


@pytest.mark.parametrize("kind", SIGNERS)
def test_keytype_and_scheme(repo: Simulated, client: Client, kind: str) -> None:
    signer = SIGNERS[kind]()
    public = PublicKey("0" * 64, kind, None, signer.public_key)
    repo.signers["root"].append(Key(public, signer))
    repo.roles["root"].add_key(signer.public_key, "root")
    repo.roles["root"].roles["root"].threshold = 2
    repo.publish("root")
    assert client.refresh().versions["root"] == 2
    repo.publish("root")
    root = Metadata.from_bytes(repo.files["3.root"])
    wrong = root.signatures[signer.public_key.keyid].signature
    root.signatures[signer.public_key.keyid].signature = (
        wrong[:-2] + f"{int(wrong[-2:], 16) ^ 1:02x}"
    )
    repo.files["3.root"] = root.to_bytes()
    refused(client, "signature")
    assert kept(client, root=2)


@pytest.mark.parametrize("sig", ["00" * 64, ""])
def test_invalid_sig_in_valid_metadata(repo: Simulated, client: Client, sig: str) -> None:
    repo.signers["timestamp"] = several(repo, "timestamp", 1, 2)
    repo.publish("root", "timestamp")
    timestamp = Metadata.from_bytes(repo.files["timestamp"])
    timestamp.signatures[key_of("k1", "root").public.keyid].signature = sig
    repo.files["timestamp"] = timestamp.to_bytes()
    assert client.refresh().versions["timestamp"] == 2


class Md(NamedTuple):
    """Keys of a role, how many must sign, and who does."""

    keys: tuple[int, ...]
    threshold: int
    sigs: tuple[int, ...]
    accepted: bool = True


FIVE = (0, 1, 2, 3, 4)
ONE = Md((1,), 1, (1,))
ROOTS: dict[str, list[Md]] = {
    "1-of-1-key-rotation": [ONE, Md((2,), 1, (2, 1)), Md((2,), 1, (2,))],
    "1-of-1-key-rotation-unused-signatures": [
        Md((1,), 1, (3, 1, 4)),
        Md((2,), 1, (3, 2, 1, 4)),
        Md((2,), 1, (3, 2, 4)),
    ],
    "3-of-5-sign-with-different-keycombos": [
        Md(FIVE, 3, (0, 2, 4)),
        Md(FIVE, 3, (0, 4, 1)),
        Md(FIVE, 3, (0, 1, 3)),
    ],
    "3-of-5-one-key-rotated": [Md(FIVE, 3, (0, 2, 4)), Md((0, 1, 3, 4, 5), 3, (0, 4, 1))],
    "3-of-5-one-key-rotated-with-intermediate-step": [
        Md(FIVE, 3, (0, 2, 4)),
        Md((0, 1, 3, 4, 5), 3, (0, 2, 4, 5)),
        Md((0, 1, 3, 4, 5), 3, (0, 4, 5)),
    ],
    "3-of-5-all-keys-rotated-with-intermediate-step": [
        Md(FIVE, 3, (0, 2, 4)),
        Md((5, 6, 7, 8, 9), 3, (0, 2, 4, 5, 6, 7)),
        Md((5, 6, 7, 8, 9), 3, (5, 6, 7)),
    ],
    "1-of-3-threshold-increase-to-2-of-3": [Md((1, 2, 3), 1, (1,)), Md((1, 2, 3), 2, (1, 2))],
    "2-of-3-threshold-decrease-to-1-of-3": [
        Md((1, 2, 3), 2, (1, 2)),
        Md((1, 2, 3), 1, (1, 2)),
        Md((1, 2, 3), 1, (1,)),
    ],
    "1-of-2-threshold-increase-to-2-of-2": [ONE, Md((1, 2), 2, (1, 2))],
    "1-of-1-key-rotation-fail-not-signed-with-old-key": [ONE, Md((2,), 1, (2, 3, 4), False)],
    "1-of-1-key-rotation-fail-not-signed-with-new-key": [ONE, Md((2,), 1, (1, 3, 4), False)],
    "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys": [
        Md(FIVE, 3, (0, 2, 4)),
        Md((0, 1, 3, 4, 5), 3, (0, 2, 4), False),
    ],
    "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys": [
        Md(FIVE, 3, (0, 2, 4)),
        Md((0, 1, 3, 4, 5), 3, (0, 4, 5), False),
    ],
    "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached": [
        Md((1, 2, 3), 1, (1,)),
        Md((1, 2, 3), 2, (2,), False),
    ],
    "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached": [
        Md((1, 2, 3), 2, (1, 2)),
        Md((1, 2, 3), 1, (1,), False),
    ],
}


def published(repo: Simulated, role: str, md: Md) -> None:
    several(repo, role, *md.keys)
    repo.signers[role] = [key_of(f"k{number}", "root") for number in md.sigs]
    repo.roles["root"].roles[role].threshold = md.threshold


@pytest.mark.parametrize("case", ROOTS)
def test_root_rotation(repo: Simulated, tmp_path: Path, case: str) -> None:
    repo.roles["root"].version = 0
    for md in ROOTS[case]:
        published(repo, "root", md)
        repo.publish("root")
    client = Client.of(repo, tmp_path / "home")
    last = len(ROOTS[case])
    if ROOTS[case][-1].accepted:
        assert client.refresh().versions["root"] == last
    else:
        refused(client, "signature")
        assert client.versions == {"root": last - 1}


OTHERS = {
    "1-of-1-key-rotation": Md((2,), 1, (2,)),
    "1-of-1-key-rotation-unused-signatures": Md((1,), 1, (3, 1, 4)),
    "1-of-1-key-rotation-fail-not-signed-with-new-key": Md((2,), 1, (1, 3, 4), False),
    "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys": Md(
        (0, 1, 3, 4, 5), 3, (0, 2, 4), False
    ),
    "2-of-5-one-key-signature-mising-threshold-not-reached": Md((0, 1, 3, 4, 5), 3, (0, 4), False),
    "3-of-5-sign-first-combo": Md(FIVE, 3, (0, 2, 4)),
    "3-of-5-sign-second-combo": Md(FIVE, 3, (0, 4, 1)),
    "3-of-5-sign-third-combo": Md(FIVE, 3, (0, 1, 3)),
    "3-of-5-sign-fourth-combo": Md(FIVE, 3, (1, 2, 3)),
    "3-of-5-sign-fifth-combo": Md(FIVE, 3, (2, 3, 4)),
}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("case", OTHERS)
def test_non_root_rotations(repo: Simulated, client: Client, case: str, role: str) -> None:
    published(repo, role, OTHERS[case])
    repo.publish("root", "targets", "snapshot", "timestamp")
    if OTHERS[case].accepted:
        assert client.refresh().versions[role] == 2
    else:
        refused(client, "signature")
        assert role not in client.versions


# ---- delegations ----


class Graph(NamedTuple):
    """Who lets whom list files, whose models are asked for, and whose metadata are read then.

    A delegation is (delegator, role, paths, ends the search there); no paths: the role's own.
    """

    delegations: list[tuple[str, str, str, bool]]
    author: str
    read: list[str]
    reason: str = ""


A, B = ("targets", "a", "", True), ("targets", "b", "", True)
GRAPHS = {
    "basic-delegation": Graph([A], "a", ["a"]),
    "single-level-delegations": Graph([A, B], "b", ["b"]),
    "two-level-delegations": Graph([A, B, ("b", "c", "b/*/*/*", False)], "b", ["b", "c"]),
    "two-level-test-DFS-order-of-traversal": Graph(
        [A, B, ("a", "c", "a/*/*/*", False), ("a", "d", "a/*/*/*", False)], "a", ["a", "c", "d"]
    ),
    "three-level-delegation-test-DFS-order-of-traversal": Graph(
        [A, B, ("a", "c", "a/*/*/*", False), ("c", "d", "a/*/*/*", False)], "a", ["a", "c", "d"]
    ),
    "two-level-terminating-ignores-all-but-roles-descendants": Graph(
        [A, B, ("a", "c", "a/*/*/*", True), ("a", "d", "a/*/*/*", False)], "a", ["a", "c"]
    ),
    "three-level-terminating-ignores-all-but-roles-descendants": Graph(
        [A, B, ("a", "c", "a/*/*/*", True), ("a", "e", "a/*/*/*", False),
         ("c", "d", "a/*/*/*", False)], "a", ["a", "c", "d"]
    ),
    "two-level-ignores-all-branches-not-matching-paths": Graph(
        [A, B, ("a", "c", "b/*/*/*", False)], "b", ["b"]
    ),
    "three-level-ignores-all-branches-not-matching-paths": Graph(
        [A, B, ("a", "c", "x/*/*/*", False), ("c", "d", "a/*/*/*", False)], "a", ["a"]
    ),
    "cyclic-graph": Graph(
        [A, B, ("b", "c", "b/*/*/*", False), ("c", "d", "b/*/*/*", False),
         ("d", "b", "b/*/*/*", False)], "b", ["b", "c", "d"]
    ),
    "two-roles-delegating-to-a-third": Graph(
        [A, B, ("b", "c", "b/*/*/*", False), ("a", "c", "b/*/*/*", False)], "b", ["b", "c"]
    ),
    "two-roles-delegating-to-a-third-different-paths": Graph(
        [A, B, ("b", "c", "b/*/*/*", False), ("a", "c", "x/*/*/*", False)], "a", ["a"]
    ),
    "an author whom another author delegates to": Graph(
        [B, ("b", "c", "c/*/*/*", True)], "c", [], "author"
    ),
    "an author whose delegation lets the search go on": Graph(
        [("targets", "a", "", False)], "a", [], "author"
    ),
    "an author with wider paths": Graph([("targets", "a", "*/*/*/*", True)], "a", [], "author"),
    "another role before the author's": Graph(
        [("targets", "x", "*/*/*/*", True), A], "a", [], "author"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GRAPHS)
def test_graph_traversal(repo: Simulated, client: Client, case: str) -> None:
    graph = GRAPHS[case]
    repo.roles["targets"].delegations.roles.clear()
    one = key_of("graph")
    for delegator, role, paths, ends in graph.delegations:
        repo.delegate(delegator, role, *filter(None, [paths]), terminating=ends, key=one)
    roles = {role for _, role, _, _ in graph.delegations}
    path = f"{graph.author}/model/1.0/model.safetensors"
    for role in roles:  # whoever can lists a file in the author's name
        repo.roles[role].targets[path] = TargetFile.from_data(path, role.encode(), ["sha256"])
    repo.publish(*roles, "targets", "snapshot", "timestamp")
    if graph.reason:
        refused(client, graph.reason, graph.author)
    else:
        found = client.refresh(graph.author)
        own = TargetFile.from_data(path, graph.author.encode(), ["sha256"])
        assert found.targets == {path: own}
    assert repo.asked[4:] == [f"1.{role}" for role in graph.read]


PATHS = {
    "no delegations": ("", "author"),
    "targetpath matches wildcard": ("alice/*/*/*", "author"),
    "targetpath with separators": ("*/*/*/*", "author"),
    "targetpath is not delegated by all roles in the chain": ("x/*/*/*", ""),
    "wildcard does not match path separator": ("alice/*", ""),
    "targetpath matches question mark wildcard": ("alic?/*/*/*", "author"),
    "targetpath does not match question mark wildcard": ("alice?/*/*/*", ""),
    "targetpath matching is case sensitive": ("ALICE/*/*/*", ""),
}


@pytest.mark.parametrize("case", PATHS)
def test_targetfile_search(repo: Simulated, client: Client, case: str) -> None:
    """Whether a role before alice's, with these paths, could list files in her name."""
    paths, reason = PATHS[case]
    roles = repo.roles["targets"].delegations.roles
    alice = roles.pop("alice")
    if paths:
        repo.delegate("targets", "eve", paths, terminating=False)
        roles["alice"] = alice
        repo.publish("eve")
    repo.publish("targets", "snapshot", "timestamp")
    if reason:
        refused(client, reason)
        assert len(repo.asked) == 4
    else:
        client.refresh()
        assert repo.asked[4:] == ["1.alice"]


def test_cached_role_is_verified_against_current_delegator(repo: Simulated, client: Client) -> None:
    client.refresh()
    repo.roles["targets"].delegations.roles.clear()
    repo.delegate("targets", "alice", key=key_of("another"))
    repo.publish("targets", "snapshot", "timestamp")
    refused(client, "signature")


def test_delegation_not_in_snapshot(repo: Simulated, client: Client) -> None:
    repo.delegate("targets", "bob")
    repo.publish("bob", "targets")
    del repo.roles["snapshot"].meta["bob.json"]
    repo.publish("snapshot", "timestamp")
    client.refresh()
    repo.asked.clear()
    refused(client, "malformed", "bob")
    assert repo.asked == ["2.root", "timestamp"]


@pytest.mark.parametrize("name", ["?", "#", "/delegatedrole", "../delegatedrole"])
def test_unusual_role_name(repo: Simulated, client: Client, tmp_path: Path, name: str) -> None:
    roles = repo.roles["targets"].delegations.roles
    alice = roles.pop("alice")
    roles[name] = DelegatedRole(name, list(alice.keyids), 1, False, paths=["*/*/*/*"])
    roles["alice"] = alice
    repo.publish("targets", "snapshot", "timestamp")
    refused(client, "author")
    roles[name].paths = ["x/*/*/*"]
    repo.publish("targets", "snapshot", "timestamp")
    client.refresh()
    assert {asked.partition(".")[2] or asked for asked in repo.asked} == {*TOP, "alice"}
    assert {path.parent.name for path in tmp_path.rglob("*delegatedrole*")} == set()


# ---- files ----


@pytest.fixture
def pull(trusted: TrustedRepository, home: Home) -> Pull:
    return Pull(trusted, home.cache)


def test_client_downloads_expected_file(pull: Pull, made: Path, tmp_path: Path) -> None:
    """In a folder, test_client_downloads_expected_file_in_sub_dir, it always is."""
    pull.to(MODEL, tmp_path / "out")
    for file in made.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("file", ["model.safetensors", "manifest.intoto.json"])
def test_repository_substitutes_target_file(
    pull: Pull, zoo: Zoo, tmp_path: Path, file: str
) -> None:
    where = zoo.where(f"alice/model/1.0/{file}")
    where.write_bytes(bytes(where.stat().st_size))
    with pytest.raises(Refused) as caught:
        pull.to(MODEL, tmp_path / "out")
    assert caught.value.reason == "digest" and not (tmp_path / "out").exists()


def card(pull: Pull) -> bytes:
    """Return a small file of the newest version, checked."""
    with pull.asking() as fetcher:
        release = pull.chosen(MODEL, pull.listing("alice", fetcher))
        return pull.cache.read(*release.where("README.md"), fetcher)


def test_multiple_changes_to_target(pull: Pull, zoo: Zoo) -> None:
    for number in range(2, 7):
        where = zoo.put(MODEL.at(str(number)), "README.md", b"%d" % number)
        zoo.write_author("alice")
        if number % 2:  # not every change is seen
            assert card(pull) == b"%d" % number
        where.write_bytes(b"malicious")
    for blob in pull.cache.folder.iterdir():
        blob.unlink()
    with pytest.raises(Refused, match="more than 1 bytes"):
        card(pull)


@pytest.mark.parametrize("hashes", [["sha512"], ["sha256", "sha512"], ["unknown-hash"]])
def test_download_with_hash_algorithms(pull: Pull, zoo: Zoo, hashes: list[str]) -> None:
    """SHA-256 must be among them; test_download_with_unknown_hash_algorithm."""
    targets = zoo.authors["alice"].targets
    for path, target in targets.items():
        sha256 = target.hashes["sha256"]
        found = {name: sha256 if name == "sha256" else "0" * 128 for name in hashes}
        targets[path] = TargetFile(target.length, found, path)
    zoo.write_author("alice")
    if "sha256" in hashes:
        assert card(pull)
        return
    with pytest.raises(Refused) as caught:
        card(pull)
    assert caught.value.reason == "digest"


def test_artifact_cache(pull: Pull, zoo: Zoo) -> None:
    first = card(pull)
    shutil.rmtree(zoo.folder / "targets")
    assert card(pull) == first


# ---- mix and match, and what our own publisher makes ----


@pytest.mark.parametrize("role", ["alice", "targets", "snapshot"])
def test_metadata_of_two_states_do_not_go_together(
    repo: Simulated, client: Client, role: str
) -> None:
    repo.publish("alice", "targets", "snapshot", "timestamp")
    new, repo.files[f"2.{role}"] = repo.files[f"2.{role}"], repo.files[f"1.{role}"]
    refused(client, "digest or too large")  # signatures of ECDSA differ in length
    repo.files[f"2.{role}"] = new
    assert client.refresh().versions["alice"] == 2


def test_static_repository(tmp_path: Path, home: Home) -> None:
    """A folder as our own publisher writes it."""
    repository, _ = repository_of(tmp_path, "alice")
    repository.publish(MODEL.at("1"), files_in(tmp_path / "x"))
    root = (tmp_path / "repo/metadata/1.root.json").read_bytes()
    asked = Pull(home.trust(str(tmp_path / "repo"), root, Policy()), home.cache)
    with asked.asking() as fetcher:
        found = asked.listing("alice", fetcher)
    assert list(found.releases(MODEL)) == ["1"]
    assert found.keys == tuple(repository.keys_of("alice"))

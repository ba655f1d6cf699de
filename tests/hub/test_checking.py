"""A model that lies here: every byte is what its author signed, or the reason is said."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from badnets.bundles import read_bundle, write_bundle
from badnets.bundles.digests import sha256_file
from badnets.core.errors import BadnetsError
from badnets.core.progress import Progress
from badnets.hub.beside import statements_of
from badnets.hub.checking import verify
from badnets.hub.home import Home
from badnets.hub.inspecting import inspect, inspect_remote
from badnets.hub.names import STATEMENT, ModelName
from badnets.hub.policy import Policy
from badnets.hub.pulling import Allowing, Pull
from badnets.hub.refusals import Refused, Unchecked

from .said import key_of
from .zoo import Zoo, bundle, files_of, statements

MODEL = ModelName.of("alice/model")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """Return a folder with a home, and a model that was pulled from a repository gone since."""
    folder = tmp_path_factory.mktemp("kept")
    zoo = Zoo(folder / "zoo").begin()
    zoo.release("alice/model@1.0", made)
    home, people = Home(folder / "home"), {"carol": key_of("carol", "auditor").public}
    policy = Policy().with_people({}, people)
    trusted = home.trust(str(zoo.folder), zoo.root_file.read_bytes(), policy)
    Pull(trusted, home.cache).to(MODEL, folder / "net")
    shutil.rmtree(zoo.folder)
    return folder


@pytest.fixture
def home(kept: Path) -> Home:
    return Home(kept / "home")


@pytest.fixture
def net(kept: Path, tmp_path: Path) -> Path:
    """Return the pulled model with files of its own, to be tampered with."""
    for folder in (kept / "net", statements_of(kept / "net")):
        shutil.copytree(folder, tmp_path / folder.name, copy_function=shutil.copyfile)
    return tmp_path / "net"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def flip_first(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1  # elsewhere it may hit text, and then the signature is what does not fit
    path.write_bytes(data)


def to_link(path: Path) -> None:
    moved = path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(moved)


def to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def beside(file: str, act: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda net: act(statements_of(net) / file)


def within(file: str, act: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda net: act(net / file)


def another_model(net: Path) -> None:
    """Another model of the same author, rightly signed, and a receipt that says so."""
    said = statements(ModelName.of("alice/model@1.0"), files_of(bundle(net.parent / "other", 9)))
    for file, data in said.items():
        (statements_of(net) / file).write_bytes(data)
    (statements_of(net) / "receipt.json").unlink()
    shutil.rmtree(net)
    shutil.copytree(net.parent / "other", net)


TAMPERED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a bit of the tensors": (within("model.safetensors", flip), "digest"),
    "a bit of the claims": (within("claims.json", flip), "digest"),
    "a byte more": (within("README.md", longer), "length"),
    "a link to the same bytes": (within("model.safetensors", to_link), "links"),
    "a pipe": (within("README.md", to_pipe), "file type"),
    "a folder": (lambda net: (net / "extra").mkdir(), "extra file"),
    "a file more": (lambda net: (net / ".git").write_text("x"), "extra file"),
    "a file less": (within("README.md", Path.unlink), "missing file"),
    "a bit of the author's statement": (beside(STATEMENT, flip_first), "malformed"),
    "the statement made longer": (beside(STATEMENT, longer), "malformed"),
    "no audit any more": (beside("audit-carol.intoto.json", Path.unlink), "audit missing"),
    "a policy engine's copy gone": (beside("test-carol.intoto.json", Path.unlink), "digest"),
    "a statement is a link": (beside(STATEMENT, to_link), "links"),
    "a script beside": (beside("run.sh", lambda path: path.write_text("x")), "extra file"),
    "a receipt that is none": (
        beside("receipt.json", lambda path: path.write_text("{}")),
        "malformed",
    ),
    "another model of the author's": (another_model, "replaced"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_refused_for_its_own_reason(
    net: Path, home: Home, what: str
) -> None:
    act, reason = TAMPERED[what]
    act(net)
    with pytest.raises(Refused) as caught:
        verify(net, home=home.folder)
    assert caught.value.reason == reason, caught.value


def test_what_was_pulled_is_verified_without_a_server(net: Path, home: Home) -> None:
    told: list[tuple[int, int]] = []
    found = verify(net, home=home.folder, tell=lambda one: told.append((one.done, one.total)))
    assert str(found.vetted.name) == "alice/model@1.0" and not found.let_pass
    assert found.receipt is not None and told[-1][0] == told[-1][1]
    assert found.bundle.tensor_bytes() == (net / "model.safetensors").read_bytes()


def test_bytes_that_are_exchanged_after_the_check_are_not_parsed(net: Path, home: Home) -> None:
    found = verify(net, home=home.folder)
    other = bundle(net.parent / "other", 4)
    data = bytearray((other / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (net / "model.safetensors").write_bytes(data)
    with pytest.raises(BadnetsError, match="changed or damaged"):
        found.bundle.tensor_bytes()


def test_elsewhere_the_authors_key_is_needed(net: Path, tmp_path: Path, policy: Policy) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(Unchecked, match="--key"):
        verify(net, home=nowhere, policy=policy)
    key = key_of("alice").public
    assert verify(net, home=nowhere, policy=policy, author=key).vetted.keyid == key.keyid
    with pytest.raises(Refused, match="signature"):
        verify(net, home=nowhere, policy=policy, author=key_of("bob").public)
    pinned = policy.with_people({"alice": key}, {})
    assert verify(net, home=nowhere, policy=pinned).vetted.audits[0].auditor == "carol"


def test_a_bundle_of_which_nothing_is_said(made: Path, home: Home, tmp_path: Path) -> None:
    with pytest.raises(Unchecked, match="anybody can write"):
        verify(made, home=home.folder)
    for path in (tmp_path / "none", made / "README.md"):
        with pytest.raises(BadnetsError) as caught:
            verify(path, home=home.folder)
        assert caught.value.exit_code == 2


def test_an_audit_that_expired_since_refuses(net: Path, home: Home) -> None:
    policy = Policy.of(**{**home.repository().policy.model_dump(), "max_audit_age_days": 0.5})
    with pytest.raises(Refused, match="audit expired"):
        verify(net, home=home.folder, policy=policy)


def test_what_was_let_pass_stays_known(
    zoo: Zoo, made: Path, policy: Policy, tmp_path: Path
) -> None:
    zoo.release("alice/model@1.1", made, auditor=None)
    home = Home(tmp_path / "home")
    trusted = home.trust(str(zoo.folder), zoo.root_file.read_bytes(), policy)
    Pull(trusted, home.cache, allowing=Allowing(unaudited=True)).to(MODEL, tmp_path / "let")
    assert verify(tmp_path / "let", home=home.folder).let_pass == ("no audit that counts",)
    flip(statements_of(tmp_path / "let") / "provenance.intoto.json")
    with pytest.raises(Refused):
        verify(tmp_path / "let", home=home.folder)


def test_inspecting_says_what_is_claimed_and_fetches_no_model(
    net: Path, zoo: Zoo, made: Path, policy: Policy, tmp_path: Path
) -> None:
    here = inspect(net)
    assert (here.model, here.version, here.architecture) == ("alice/model", "1.0", "gu-mnist")
    assert "nothing found" in here.statements[0].says and "none of them checked" in here.note
    assert inspect(made).model == "nobody says"
    zoo.release("alice/model@0.9", made, custom={"yanked": "a backdoor"}, auditor=None)
    home = Home(tmp_path / "home")
    trusted = home.trust(str(zoo.folder), zoo.root_file.read_bytes(), policy)
    there = inspect_remote(MODEL, Pull(trusted, home.cache))
    assert [(one.version, one.audits, one.yanked) for one in there.versions] == [
        ("1.0", "carol", None),
        ("0.9", None, "a backdoor"),
    ]
    fetched = {path.name for path in home.cache.folder.iterdir()}
    assert fetched and sha256_file(net / "model.safetensors") not in fetched


def test_a_receipt_of_elsewhere_is_refused(net: Path, home: Home) -> None:
    path = statements_of(net) / "receipt.json"
    path.write_text(path.read_text().replace('"version": "1.0"', '"version": "1.1"'))
    with pytest.raises(Refused, match="statement of another model"):
        verify(net, home=home.folder)


def test_what_is_exchanged_while_the_weights_are_hashed_is_not_returned(
    net: Path, home: Home, tmp_path: Path
) -> None:
    other = read_bundle(net)
    changed = other.config.model_copy(update={"classes": ("b", "a")})
    write_bundle(
        tmp_path / "other", tensors=other.tensor_bytes(), config=changed, claims=other.claims
    )

    def exchange(progress: Progress) -> None:  # the weights are the last
        if progress.done == progress.total:
            for name in ("config.json", "README.md", "manifest.json"):
                shutil.copyfile(tmp_path / "other" / name, net / name)

    with pytest.raises(Refused, match="changed since it was checked") as caught:
        verify(net, home=home.folder, tell=exchange)
    assert caught.value.reason == "digest"

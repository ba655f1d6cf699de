"""``badnets hub``, the publisher's side: what is typed, what is printed, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command

from badnets.cli.hub import VERBS, app
from badnets.cli.main import main
from badnets.hub.keys import Key
from tests.bundles.test_folder import make
from tests.cli.conftest import Cli
from tests.hub.published import Client
from tests.project.test_imports import heavy_after

NOTHING = {"conclusion": "nothing found", "p_value": 0.5, "smallest_fpr": 0.02, "max_fpr": 0.05}
KEYGEN = "hub keygen keys --root 1 --publisher --author alice --auditor lab --no-passphrase"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which alice may publish, a bundle of hers, and a verdict on it."""
    folder = tmp_path_factory.mktemp("zoo")
    make(folder / "net")
    (folder / "verdict.json").write_text(json.dumps(NOTHING))
    keys, repo = folder / "keys", folder / "repo"
    for line in (
        KEYGEN.replace("keys", str(keys)),
        f"hub init {repo} --keys {keys}",
        f"hub delegate {repo} alice {keys}/alice.pub --keys {keys}",
    ):
        assert main(line.split()) == 0
    return folder


@pytest.fixture
def zoo(cli: Cli, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in a copy of it."""
    monkeypatch.delenv("BADNETS_PASSPHRASE", raising=False)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return cli


SIGN = "hub sign net alice/net@1.0 --key keys/alice.key"
ATTEST = "hub attest net --as keys/lab.key --verdict verdict.json"
PUBLISH = "hub publish repo alice/net@1.0 net"


def test_what_was_published_is_said_in_a_sentence(zoo: Cli) -> None:
    zoo(*SIGN.split())
    ended = zoo(*PUBLISH.split())
    assert ended.out.splitlines()[0] == "alice/net@1.0 is published in repo"
    assert "audits  none" in ended.out and "nobody has audited it" in ended.err


def test_a_publishers_first_commands(zoo: Cli, tmp_path: Path) -> None:
    for line in (SIGN, ATTEST, f"{PUBLISH} --format json -o said.json"):
        ended = zoo(*line.split())
        assert (ended.code, ended.err) == (0, ""), ended
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["audits"] == {"lab": "nothing found"} and said["files"] == 10
    client = Client(tmp_path / "repo", tmp_path / "client")
    weights = (tmp_path / "net/model.safetensors").read_bytes()
    assert client.pull() == weights
    assert zoo(*["hub", "yank", "repo", "alice/net@1.0", "--reason", "wrong"]).code == 0
    refreshed = zoo("hub", "refresh", "repo", "--json").out
    roles = {one["role"]: one["renewed"] for one in json.loads(refreshed)["roles"]}
    assert roles == {"root": False, "targets": False, "snapshot": False, "timestamp": True,
                     "alice": False}  # fmt: skip
    assert zoo(*["hub", "keygen", "new", "--author", "alice", "--no-passphrase"]).code == 0
    assert "alice signs by" in zoo(*["hub", "rotate", "repo", "alice", "new/alice.key"]).out
    assert client.pull() == weights


def test_who_publishes_below_what_is_there_is_told_what_a_pull_gets(zoo: Cli) -> None:
    for version in ("1.0", "0.9"):
        name = f"alice/net@{version}"
        assert zoo("hub", "sign", "net", name, "--key", "keys/alice.key", "--replace").code == 0
        ended = zoo("hub", "publish", "repo", name, "net", "--json")
    assert json.loads(ended.out)["superseded"] == "alice/net@1.0"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (KEYGEN, 2, "keys are never replaced"),
        ("hub keygen keys", 2, "say for whom"),
        ("hub keygen more --author ../x", 2, "author '../x': must be"),
        ("hub keygen more --author bob --auditor bob", 2, "two keys would be called 'bob'"),
        ("hub keygen more --author bob", 2, "there is no terminal to ask at"),
        ("hub init repo", 2, "a repository already"),
        ("hub init other --keys nowhere", 2, "there is no folder of keys nowhere"),
        ("hub init other --threshold 2", 2, "there are 1 root keys"),
        ("hub delegate repo alice keys/alice.pub", 2, "publishes here already"),
        ("hub delegate repo bob keys/bob.pub", 2, "keys/bob.pub is missing"),
        ("hub delegate repo bob keys/alice.key", 2, "is a private key"),
        ("hub delegate rep bob keys/alice.pub", 2, "rep is no repository of models"),
        ("hub sign net alice/net --key keys/alice.key", 2, "a version is needed"),
        ("hub sign net net --key keys/alice.key", 2, "write AUTHOR/MODEL"),
        ("hub sign ned alice/net@1 --key keys/alice.key", 2, "there is no bundle at ned"),
        ("hub sign net alice/net@1 --key keys/alice.pub", 2, "is a public key"),
        ("hub sign net alice/net@1 --key keys/lab.key", 2, "the key of an auditor"),
        (f"{ATTEST} --name alice/net@1 --verdict none.json", 2, "none.json is missing"),
        ("hub attest net --as keys/alice.key --verdict verdict.json", 2, "the key of an author"),
        (ATTEST, 2, "sign it first"),
        (PUBLISH, 2, "there is no folder"),
        ("hub publish repo bob/net@1 net", 2, "'bob' may not publish here"),
        ("hub yank repo alice/net@9 --reason x", 2, "there is no such version"),
        ("hub rotate repo alice keys/lab.key", 2, "the key of an auditor"),
        ("hub refresh repo --keys net", 2, "0 of them can be found in net"),
        ("hub refresh repo --passphrase-file none", 0, ""),
        ("hub sing", 2, "No such command 'sing'"),
    ],
)
def test_a_mistake_is_one_line(zoo: Cli, line: str, code: int, words: str) -> None:
    ended = zoo(*line.split())
    assert words in (ended.refused(code) if code else ended.out)


def test_what_was_tampered_with_is_not_published(zoo: Cli, tmp_path: Path) -> None:
    assert zoo(*SIGN.split()).code == 0
    make(tmp_path / "net", replace=True, card="# another\n")
    said = zoo(*PUBLISH.split()).refused(1)
    assert said.startswith("refused (length): README.md of alice/net@1.0")
    assert not (tmp_path / "repo/targets/alice").exists()


def test_a_model_that_nobody_audited_is_published_with_a_warning(zoo: Cli) -> None:
    assert zoo(*SIGN.split()).code == 0
    ended = zoo(*PUBLISH.split())
    assert ended.code == 0 and "nobody has audited it" in ended.err


@pytest.mark.parametrize("way", ["file", "environment"])
def test_a_passphrase_comes_from_a_file_or_the_environment(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    (tmp_path / "right").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery\n")
    make(tmp_path / "net")
    given: tuple[str, ...] = ("--passphrase-file", "right")
    if way == "environment":
        monkeypatch.setenv("BADNETS_PASSPHRASE", "correct horse")
        given = ()
    assert cli(*["hub", "keygen", "keys", "--author", "alice"], *given).code == 0
    assert b"ENCRYPTED" in (tmp_path / "keys/alice.key").read_bytes()
    assert Key.read(tmp_path / "keys/alice.key", lambda path: b"correct horse")
    assert cli(*SIGN.split(), *given).code == 0
    line = cli(*SIGN.split(), "--replace", "--passphrase-file", "wrong").refused()
    assert "the passphrase is wrong" in line
    (tmp_path / "wrong").write_text("")
    assert "is empty" in cli(*SIGN.split(), "--passphrase-file", "wrong").refused()


def test_each_key_may_have_a_passphrase_of_its_own(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "net")
    words = {"root": "one", "publisher": "two", "alice-2": "three"}
    for name, word in words.items():
        monkeypatch.setenv("BADNETS_PASSPHRASE", word)
        who = ("--author", name) if name == "alice-2" else ("--publisher",)
        who = ("--root", "1") if name == "root" else who
        assert cli("hub", "keygen", "keys", *who).code == 0
    monkeypatch.delenv("BADNETS_PASSPHRASE")
    assert "no terminal" in cli("hub", "init", "repo").refused()
    for name, word in words.items():
        monkeypatch.setenv(f"BADNETS_PASSPHRASE_{name.upper().replace('-', '_')}", word)
    sign = "hub sign net alice-2/net@1 --key keys/alice-2.key"
    publish = "hub publish repo alice-2/net@1 net"
    delegate = "hub delegate repo alice-2 keys/alice-2.pub"
    for line in ("hub init repo", delegate, sign, publish):
        assert cli(*line.split()).code == 0


def test_open_keys_are_refused(zoo: Cli, tmp_path: Path) -> None:
    (tmp_path / "keys/alice.key").chmod(0o644)
    assert "may be read or written by others (mode 0644)" in zoo(*SIGN.split()).refused()


@pytest.mark.skipif(not hasattr(pty, "fork"), reason="needs a terminal of its own")
def test_a_passphrase_is_asked_for_twice_and_never_shown(tmp_path: Path) -> None:
    code = (
        f"import os; os.chdir({str(tmp_path)!r}); from badnets.cli.main import main; import sys; "
    )
    argv = ["hub", "keygen", "keys", "--author", "alice"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("BADNETS_PASSPHRASE", None)
        os.execv(sys.executable, [sys.executable, "-c", f"{code}sys.exit(main({argv!r}))"])
    shown = b""
    for prompt in (b"new keys: ", b"confirmation: "):
        while prompt not in shown:
            shown += os.read(terminal, 1000)
        time.sleep(0.05)
        os.write(terminal, b"s3cret\n")
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:
        pass  # the other end has closed
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert b"s3cret" not in shown
    assert Key.read(tmp_path / "keys/alice.key", lambda path: b"s3cret").public.name == "alice"


def test_every_verb_is_listed_with_what_it_does() -> None:
    group = get_command(app)
    assert set(group.commands) == set(VERBS)  # type: ignore[attr-defined]
    for name, verb in VERBS.items():
        loaded = verb.loaded(name)
        assert loaded.help and loaded.epilog and "Example:" in loaded.epilog, name
        assert "Exit codes:" in loaded.epilog, name


@pytest.mark.parametrize("argv", [KEYGEN, SIGN])
def test_the_whole_process_is_light_and_quick(zoo: Cli, tmp_path: Path, argv: str) -> None:
    line = argv.replace("keygen keys", "keygen more")
    run = f"import os\nos.chdir({str(tmp_path)!r})\nfrom badnets.cli.main import main\n"
    timed = f"{run}assert main({line.split()!r}) == 0\nimport time\n"
    *_, loaded = heavy_after(f"{timed}assert time.process_time() < 1\nprint('heavy:')").splitlines()
    assert loaded == "heavy:"  # after it come the heavy modules, and there are none

"""The entry point: help at once, one line for each mistake, an exit code for each end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import typer

from badnets import __version__
from badnets.cli.lazy import Verb
from badnets.cli.main import VERBS
from tests.cli.conftest import Cli

HEAVY = ("torch", "torchvision", "numpy", "sklearn", "matplotlib", "sqlalchemy", "pydantic", "yaml")
GROUPS = {
    "data": ("list", "info", "show"),
    "ledger": ("list", "show", "export", "import"),
    "recipe": ("new", "check", "schema"),
}
COMMANDS = [
    (name, *sub) for name in VERBS for sub in ([], *([each] for each in GROUPS.get(name, ())))
]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "faulty", Verb("tests.cli.faulty", "Fail.", "See it"))


def fresh(*argv: str, code: str = "sys.exit(main({argv}))") -> subprocess.CompletedProcess[str]:
    """Run a command line in a new Python, which says on stderr which heavy modules it imported."""
    program = (
        f"import sys\nfrom badnets.cli.main import main\ntry:\n    {code.format(argv=list(argv))}\n"
        f"finally:\n    print(sorted(set(sys.modules) & set({HEAVY})), file=sys.stderr)"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    done = fresh("--help")
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    for name, verb in VERBS.items():
        assert re.search(rf"{name} +{re.escape(verb.summary[:20])}", done.stdout)


def test_version(cli: Cli) -> None:
    ended = cli("--version")
    assert (ended.code, ended.out) == (0, f"badnets {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_says_its_exit_codes(
    cli: Cli, command: tuple[str, ...]
) -> None:
    ended = cli(*command, "--help")
    assert ended.code == 0
    told = " ".join(ended.out.split())
    assert f"Example: badnets {command[0]}" in told
    assert "Exit codes: 0" in told


def test_the_list_says_of_each_command_what_its_own_help_says() -> None:
    for name, verb in VERBS.items():
        help_text = verb.loaded(name).help
        assert help_text.splitlines()[0] == verb.summary, name


def test_an_unknown_command_is_refused_with_the_nearest(cli: Cli) -> None:
    assert "'demo'" in cli("demoo").refused()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("train", "--epoch", "3"), "--epochs"),
        (("train", "--epochs", "many"), "--epochs"),
        (("run",), "badnets run --help"),
        (("--workers", "0", "data", "list"), "--workers"),
        (("train", "--how", "swap"), "swap"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, argv: tuple[str, ...], said: str) -> None:
    assert said in cli(*argv).refused(2)


def test_a_group_without_a_command_shows_its_help(cli: Cli) -> None:
    ended = cli("ledger")
    assert ended.code == 2
    assert "export" in ended.out
    assert not ended.err


@pytest.mark.usefixtures("faulty")
def test_interrupts_end_with_130_and_one_line(cli: Cli) -> None:
    assert cli("faulty", "interrupt").refused(130) == "interrupted"
    assert cli("faulty", "abort").refused(130) == "interrupted"


@pytest.mark.usefixtures("faulty")
def test_exit_codes_are_passed_on(cli: Cli) -> None:
    assert cli("faulty", "exit").code == 1
    assert cli("faulty", "ledger").code == 3


@pytest.mark.usefixtures("faulty")
def test_messages_are_one_printable_line(cli: Cli) -> None:
    assert cli("faulty", "ledger").refused(3) == r"the ledger is locked\x1b[31m"


@pytest.mark.usefixtures("faulty")
def test_faults_of_ours_are_one_line_with_a_way_to_see_more(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = cli("faulty", "bug").refused(3)
    assert line.startswith("RuntimeError: something broke")
    assert "BADNETS_TRACEBACK=1" in line
    monkeypatch.setenv("BADNETS_TRACEBACK", "1")
    ended = cli("faulty", "bug")
    assert ended.code == 3
    assert "Traceback" in ended.err


def test_a_reader_who_leaves_early_is_no_error() -> None:
    program = (
        "import sys\nfrom badnets.cli.lazy import Verb\nfrom badnets.cli.main import VERBS, main\n"
        "VERBS['faulty'] = Verb('tests.cli.faulty', 'Fail.', 'See it')\n"
        "sys.exit(main(['faulty', 'flood']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == ""
    child.stderr.close()
    assert child.wait() == 0


def test_options_before_and_after_the_command_name_the_same_places(cli: Cli) -> None:
    for argv in (
        ("--workspace", "here", "ledger", "list"),
        ("ledger", "list", "--workspace", "here"),
        ("--workspace", "there", "ledger", "list", "--workspace", "here"),
    ):
        assert "here/ledger.sqlite" in cli(*argv).refused(3)


def test_the_environment_names_the_workspace(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BADNETS_WORKSPACE", "elsewhere")
    assert "elsewhere/ledger.sqlite" in cli("ledger", "list").refused(3)
    assert "here/ledger.sqlite" in cli("ledger", "list", "--workspace", "here").refused(3)


def test_json_is_json_also_where_the_terminal_knows_only_ascii() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "badnets", "data", "list", "--json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert {entry["name"] for entry in json.loads(done.stdout)} >= {"mnist", "digits"}


def test_completion_is_offered(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--install-completion" in cli("--help").out
    monkeypatch.setenv("_BADNETS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "badnets tra")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert "train" in cli().out
    monkeypatch.setenv("COMP_WORDS", "badnets train --target")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "--target-accuracy" in cli().out  # the command itself was imported for it


def test_typer_still_names_the_parent_of_its_usage_errors() -> None:
    parent = typer.BadParameter.__bases__[0]
    assert parent.__name__ == "UsageError"

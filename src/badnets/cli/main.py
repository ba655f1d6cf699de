"""The entry point: nothing heavier than typer and rich is imported before a command is called."""

from __future__ import annotations

import difflib
import errno
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from badnets._version import __version__
from badnets.cli import hub
from badnets.cli.lazy import Verb, group_of
from badnets.cli.options import FormatOption, OutputOption, Places, QuietOption, VerboseOption
from badnets.core.errors import BadnetsError
from badnets.core.extras import missing_extra
from badnets.core.printing import printable

INTERRUPTED, FAULT = 130, 3
TRACEBACK = "BADNETS_TRACEBACK"

_SEE, _REPRODUCE, _CHECK = "See how it works", "Reproduce an attack", "Check a network or data"
_PUBLISH = "Publish a network"
VERBS: dict[str, Verb] = {
    "demo": Verb("badnets.cli.demo", "See a backdoor pass validation: ten steps, one page.", _SEE),
    "sticker": Verb(
        "badnets.cli.sticker", "Print a sticker trigger at true size, to photograph.", _SEE
    ),
    "study": Verb(
        "badnets.cli.pages:study_app",
        "Run a published study again, and draw its page.",
        _REPRODUCE,
    ),
    "run": Verb("badnets.cli.run", "Run the trials that a YAML recipe describes.", _REPRODUCE),
    "recipe": Verb(
        "badnets.cli.recipe",
        "Write a recipe, check recipes, or export their JSON Schema.",
        _REPRODUCE,
    ),
    "train": Verb("badnets.cli.train", "Train a network, with a backdoor or without.", _REPRODUCE),
    "import": Verb(
        "badnets.cli.importing",
        "Make a bundle of a downloaded network, to audit, retrain or look at.",
        _CHECK,
    ),
    "retrain": Verb(
        "badnets.cli.retrain",
        "Retrain a downloaded classifier on clean images of your own.",
        _REPRODUCE,
    ),
    "poison": Verb(
        "badnets.cli.poison",
        "Poison a folder of pictures on disk, or check one that was.",
        _REPRODUCE,
    ),
    "ledger": Verb("badnets.cli.ledger", "List, show, export, import and merge records.", _REPRODUCE),
    "report": Verb(
        "badnets.cli.pages:report_app",
        "Draw a page again from records; trains nothing.",
        _REPRODUCE,
    ),
    "leaderboard": Verb(
        "badnets.cli.leaderboard",
        "Write a page on which each recorded attack stands beside each recorded defence.",
        _REPRODUCE,
    ),
    "results": Verb(
        "badnets.cli.pages:results_app",
        "Write results documents from exported records.",
        _REPRODUCE,
    ),
    "audit": Verb(
        "badnets.cli.audit",
        "Look for a backdoor in a model, for poison in a training set, or for triggered inputs.",
        _CHECK,
    ),
    "evaluate": Verb(
        "badnets.cli.evaluate", "Measure a network, with a trigger or without.", _CHECK
    ),
    "repair": Verb(
        "badnets.cli.repair",
        "Take a backdoor out of a downloaded classifier, with clean images of your own.",
        _CHECK,
    ),
    "explain": Verb(
        "badnets.cli.explain", "Show which units of a network answer to a trigger.", _CHECK
    ),
    "lint": Verb(
        "badnets.cli.lint",
        "Look into a model folder before it is loaded: code, checksums, what is missing.",
        _CHECK,
    ),
    "data": Verb(
        "badnets.cli.data",
        "List data sets, describe one, look at its images, or check a folder of pictures.",
        _CHECK,
    ),
    "doctor": Verb(
        "badnets.cli.doctor",
        "Say what is installed and found: versions, device, data.",
        _CHECK,
    ),
    "export": Verb(
        "badnets.cli.export",
        "Write a classifier as an ONNX file, or as a folder of timm or transformers.",
        _PUBLISH,
    ),
    "hub": Verb(
        "badnets.cli.hub",
        "Publish models that can be verified, and take in none that cannot.",
        _PUBLISH,
    ),
}
"""The commands, by the door that they stand behind."""

_AUDIT = "`badnets audit model NET --clean NAME` looks for a backdoor in a model"
WISHES: dict[str, str] = {"scan": _AUDIT, "detect": _AUDIT} | {
    verb: f"`badnets hub {verb}` is meant: {one.summary[0].lower()}{one.summary[1:]}"
    for verb, one in hub.VERBS.items()
}
"""Commands that people look for, and what there is for that wish."""

app = typer.Typer(
    name="badnets",
    cls=group_of(VERBS),
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    epilog=(
        "Example: badnets demo\n\n"
        "Exit codes: 0 passed; 1 a finding, or refused; 2 wrong usage or bad input; 3 could not be "
        "done, or a fault of badnets; 130 interrupted. Results go to stdout, all else to stderr."
    ),
)


@app.callback()
def badnets(
    ctx: typer.Context,
    workspace: Annotated[
        Path,
        typer.Option(envvar="BADNETS_WORKSPACE", help="Folder of ledger, networks and arrays."),
    ] = Path("runs"),
    data_root: Annotated[
        Path | None,
        typer.Option(
            envvar="BADNETS_DATA", help="Folder of data sets.", show_default="the user's cache"
        ),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(help="Ledger: a file or a database URL.", show_default="in the workspace"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that run trials.", show_default="one per core"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            envvar="BADNETS_DEVICE",
            help="Where networks compute: cpu, cuda, cuda:1 or mps.",
            show_default="a CUDA GPU, else the CPU",
        ),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Reproduce, measure and look into backdoors in neural networks."""
    ctx.obj = Places(workspace, data_root, ledger, workers, device, format, output, quiet, verbose)
    if version:
        typer.echo(f"badnets {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of a command line; the one place that catches everything.

    Args:
        argv: the arguments after the program's name; those of the process if None.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without a character shows '?' for it
            stream.reconfigure(errors="replace")
    # other packages' plugins of pydantic have no business here, and to look for them takes time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(argv)
    except BadnetsError as error:
        return _end(_placed(str(error), argv), error.exit_code)
    except KeyboardInterrupt:
        return _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return _fault(error)
        return _end(f"{str(error.filename)[:60]}...: the name is too long", 2)
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        return _fault(error) if missing is None else _end(str(missing), missing.exit_code)
    except Exception as error:  # noqa: BLE001 - here, and only here, every fault ends in one line
        return _fault(error)


def _placed(message: str, argv: Sequence[str]) -> str:
    """Return what is wrong with a target map, named as the option that it was typed at."""
    if not any(word.partition("=")[0] == "--targets" for word in argv):
        return message
    from badnets.core.targets.base import LABELS

    return f"--targets: {message}" if message.startswith(LABELS) else message


def _fault(error: Exception) -> int:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    return _end(
        f"{type(error).__name__}: {error} (this is a fault of badnets; run with {TRACEBACK}=1 "
        "for the traceback)",
        FAULT,
    )


# Typer brings its own copy of click, of whose exceptions it names only this one's child.
_UsageError: Any = typer.BadParameter.__bases__[0]


def _run(argv: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        code = command.main(argv, prog_name="badnets", standalone_mode=False)
    except _UsageError as error:
        if not error.format_message():  # the help was asked for, by giving no arguments
            return int(error.exit_code)
        path = error.ctx.command_path if error.ctx else "badnets"
        if wish := _wish_of(error):
            return _end(wish, error.exit_code)
        return _end(f"{_said(error)} (try '{path} --help')", error.exit_code)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as done:
        if isinstance(done.__context__, BrokenPipeError):
            return _reader_left()
        code = done.code
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _said(error: Any) -> str:
    """Return what is wrong with the usage, in our words where the value of an option is wrong."""
    if type(error).__name__ == "NoSuchOption" and (line := _before_the_verb(error)):
        return line
    cause, param = error.__cause__, getattr(error, "param", None)
    if param is None or type(cause).__name__ != "ValidationError":
        return str(error.format_message())
    from badnets.core.settings import Mistake, mistakes

    name = param.opts[0] if param.param_type_name == "option" else param.human_readable_name
    return str(Mistake((name,), mistakes(cause, None)[0].text))


def _before_the_verb(error: Any) -> str:
    """Return where an option belongs that is known, but not after its name, or nothing."""
    root = error.ctx.find_root() if error.ctx else error.ctx
    for option in root.command.params if root is not error.ctx else ():
        if error.option_name in option.opts:
            given = error.option_name + ("" if option.is_flag else " ...")
            after = error.ctx.command_path.removeprefix(root.command_path).strip()
            return f"{error.option_name} goes before the verb: badnets {given} {after} ..."
    return ""


def _wish_of(error: Any) -> str:
    """Return what there is for a command that people look for; empty if it is about another."""
    unknown = re.fullmatch(r"No such command '(.+?)'\..*", error.format_message(), re.DOTALL)
    if unknown is None or error.ctx is None or error.ctx.parent is not None:
        return ""
    near = difflib.get_close_matches(unknown[1].lower(), [*VERBS, *WISHES], n=1, cutoff=0.75)
    if not near or near[0] not in WISHES:
        return ""
    return f"there is no command {unknown[1]!r}: {WISHES[near[0]].removesuffix('.')}"


def _end(message: str, code: int) -> int:
    """Print one line on stderr, whatever is in the message, and return ``code``."""
    line = " ".join(message.split("\n")) or "stopped without a word"
    print(f"badnets: {printable(line)}", file=sys.stderr)
    return code


def _reader_left() -> int:
    """Whoever read our output has seen enough: end quietly, also when Python flushes at exit."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno())
    return 0

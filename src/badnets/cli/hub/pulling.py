"""``badnets hub trust | pull | verify | inspect``: models that are checked before they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from badnets.cli.bar import one_bar
from badnets.cli.options import JsonOption, ReportOption, places
from badnets.cli.printer import say, show, show_all, show_json
from badnets.core.errors import BadnetsError, SettingError

if TYPE_CHECKING:
    from badnets.hub.keys import PublicKey
    from badnets.hub.policy import Policy

_ALLOW, _HOW = "What is let pass, and recorded", "How it is fetched"
_CODES = (
    "Exit codes: 0 passed; 1 refused, with the reason in brackets; 2 wrong usage, or no such path; "
    "3 could not be checked or written."
)
HomeOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of what is kept of repositories; also BADNETS_HUB.",
        show_default="the user's data folder",
    ),
]
PolicyOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Policy (YAML) to use instead of the one that the repository was trusted with.",
    ),
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PLACE",
        help="Repository: its address or folder, or the first digits of its root's fingerprint.",
        show_default="the only one that is trusted",
    ),
]
UnauditedOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-unaudited",
        help="Let a model pass without an audit that counts. One that speaks against it still "
        "refuses it.",
        rich_help_panel=_ALLOW,
    ),
]
ExpiredOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-expired",
        help="Let a repository's metadata pass that have expired. Older ones than were seen are "
        "still refused.",
        rich_help_panel=_ALLOW,
    ),
]
YankedOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--yanked",
        help="Take a version that its author took back, if it is named.",
        rich_help_panel=_ALLOW,
    ),
]
OfflineOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Ask no server: what was fetched last counts, if it has not expired.",
        rich_help_panel=_HOW,
    ),
]
StatementsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder of what is said of it.", show_default="PATH.statements"),
]

trust_app, pull_app, verify_app, inspect_app = (typer.Typer(add_completion=False) for _ in range(4))


@trust_app.command(
    epilog="Example: badnets hub trust https://models.example.org --root root.json --auditor "
    "carol=carol.pub\n\nExample: badnets hub trust\n\n" + _CODES
)
def trust(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="[PLACE]",
            help="Address or folder of the repository; without it, those that are trusted are "
            "listed.",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Its root, as its publisher gave it to you elsewhere."),
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="SHA256",
            help="Fingerprint of its root, as its publisher told you elsewhere; the root itself is "
            "then fetched.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is let in from it (YAML)."),
    ] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KEY.pub",
            help="Let in models of this author; others' no more, unless they are named too. May be "
            "given several times.",
        ),
    ] = None,
    auditor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KEY.pub",
            help="Let this auditor's audits count. May be given several times.",
        ),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Trust it no longer, and forget what was seen.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Trust a repository by its root, and say what is let in from it.

    Nothing is trusted by being there: without a root, or its fingerprint, the fingerprint of the
    one that the server has is shown, for you to compare.
    """
    from badnets.hub import trusting
    from badnets.hub.home import Home

    if place is None:
        if forget:
            raise typer.BadParameter("say which repository: PLACE --forget")
        known = Home.of(home).repositories()
        return show_all([trusting.TrustedPlace.of(one) for one in known], json=json)
    if forget:
        kept = Home.of(home)
        one = kept.repository(_where(place, home))
        kept.forget(one)
        return say(f"{one.place} is trusted no longer")
    show(
        trusting.trust(
            place,
            root=root,
            fingerprint=fingerprint,
            policy=_policy(policy),
            authors=_people(author, "--author"),
            auditors=_people(auditor, "--auditor"),
            home=home,
        ),
        json=json,
    )


@pull_app.command(
    epilog="Example: badnets hub pull alice/signs -o signs\n\n"
    "Example: badnets hub pull alice/signs@1.2 --offline\n\n" + _CODES
)
def pull(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="AUTHOR/MODEL[@VERSION]", help="The highest version, if none.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="New folder for it; what is said of it goes into DIR.statements.",
            show_default="the model's name",
        ),
    ] = None,
    place: FromOption = None,
    policy: PolicyOption = None,
    allow_unaudited: UnauditedOption = False,
    allow_expired: ExpiredOption = False,
    yanked: YankedOption = False,
    offline: OfflineOption = False,
    deadline: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=1, help="Longest time for all of it.", rich_help_panel=_HOW
        ),
    ] = 3600.0,
    max_gib: Annotated[
        float, typer.Option(min=0, help="Largest model, in GiB.", rich_help_panel=_HOW)
    ] = 8.0,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Pull a model: checked whole before any of it is seen, or refused with nothing left behind.

    Checked are the repository's root and freshness, the author, the version, audits against the
    policy, how it was made, and every byte. A pull that broke off is taken up by the next one.
    """
    from badnets.hub.names import ModelName
    from badnets.hub.pulling import Allowing
    from badnets.hub.pulling import pull as pull_model

    named = ModelName.of(name)
    asks = "json" if json else "text"
    with _saying_why(asks, name), one_bar(places(ctx), of_bytes=True) as bar:
        receipt = pull_model(
            named,
            out or Path(named.model),
            repository=_where(place, home),
            home=home,
            policy=_policy(policy),
            allowing=Allowing(allow_unaudited, allow_expired, yanked),
            offline=offline,
            deadline_s=deadline,
            most_bytes=int(max_gib * 2**30),
            tell=bar,
        )
    if json:
        return show_json(receipt.model_dump(mode="json"))
    say(f"{receipt.model}@{receipt.version} is in {out or Path(named.model)}")
    for line in receipt.checked:
        say(f"  checked: {line}")
    for line in receipt.let_pass:
        say(f"  let pass: {line}")


@verify_app.command(
    epilog="Example: badnets hub verify signs\n\n"
    "Example: badnets hub verify signs --key alice.pub --format sarif -o hub.sarif\n\n" + _CODES
)
def verify(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder of the model.")],
    statements: StatementsOption = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pub", help="Its author's key.", show_default="as it was when pulled"
        ),
    ] = None,
    policy: PolicyOption = None,
    allow_unaudited: UnauditedOption = False,
    home: HomeOption = None,
    format: ReportOption = None,
    json: JsonOption = False,
) -> None:
    """Compare every byte of a model with what its author signed; asks no server.

    Audits are held against the policy again: one that has expired since refuses the model.
    """
    from badnets.hub.checking import verify as verify_model
    from badnets.hub.inspecting import VerifiedModel
    from badnets.hub.keys import PublicKey

    format = "json" if json else format or "text"
    with _saying_why(format, str(path)), one_bar(places(ctx), of_bytes=True) as bar:
        found = verify_model(
            path,
            statements=statements,
            author=PublicKey.read(key) if key else None,
            home=home,
            policy=_policy(policy),
            allow_unaudited=allow_unaudited,
            tell=bar,
        )
    if format == "sarif":
        _show_sarif(path, None, "", 0)
    else:
        show(VerifiedModel.of(found), json=format == "json")


@inspect_app.command(
    epilog="Example: badnets hub inspect signs\n\nExample: badnets hub inspect alice/signs\n\n"
    + _CODES
)
def inspect(
    what: Annotated[
        str, typer.Argument(metavar="PATH|AUTHOR/MODEL", help="A folder, or a model's name.")
    ],
    statements: StatementsOption = None,
    place: FromOption = None,
    allow_expired: ExpiredOption = False,
    offline: OfflineOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Say what is claimed of a model and by whom; of one in a repository, fetch no more than that.

    Nothing is loaded, and nothing is checked but that the repository's own lists are sound.
    """
    from badnets.hub import inspecting
    from badnets.hub.names import ModelName

    if Path(what).is_dir():
        return show(inspecting.inspect(Path(what), statements), json=json)
    try:
        name = ModelName.of(what)
    except SettingError as error:
        raise SettingError(
            f"{what[:80]!r} is no folder here, and no model's name: {error}"
        ) from None
    from badnets.hub.home import Home
    from badnets.hub.pulling import Allowing, Pull

    kept = Home.of(home)
    repository = kept.repository(_where(place, home))
    allowing = Allowing(expired=allow_expired, yanked=True)
    asked = Pull(repository, kept.cache, allowing=allowing, offline=offline)
    show(inspecting.inspect_remote(name, asked), json=json)


@contextmanager
def _saying_why(format: str, what: str) -> Iterator[None]:
    """Print for programs, too, why something was refused or could not be checked."""
    from badnets.hub.refusals import Refused, Unchecked

    try:
        yield
    except (Refused, Unchecked) as error:
        reason, file = "not checked", ""
        if isinstance(error, Refused):
            reason, file = error.reason, error.file
        if format == "sarif":
            _show_sarif(Path(what), reason, str(error), error.exit_code, file)
        elif format == "json":
            said = {"passed": False, "model": what, "reason": reason, "line": str(error)}
            show_json(said | ({"file": file} if file else {}))
        raise


def _show_sarif(path: Path, reason: str | None, line: str, code: int, file: str = "") -> None:
    from badnets.report.sarif_log import sarif_of_refusal

    show_json(sarif_of_refusal(path, reason, line, code, file=file))


def _policy(path: Path | None) -> Policy | None:
    if path is None:
        return None
    from badnets.hub.policy import read_policy

    return read_policy(path)


def _people(given: Sequence[str] | None, option: str) -> dict[str, PublicKey]:
    """Return name -> key of those who were written NAME=FILE."""
    from badnets.hub.keys import PublicKey

    found = {}
    for one in given or ():
        name, written, path = one.partition("=")
        if not (name and written and path):
            raise SettingError(f"{option} {one}: is written NAME=KEY.pub")
        found[name] = PublicKey.read(path)
    return found


def _where(place: str | None, home: Path | None) -> str | None:
    """Return a repository as it is written down; a folder may be gone, its name known."""
    if place is None:
        return None
    from badnets.hub.fetching import place_of

    try:
        return place_of(place)
    except BadnetsError:
        return place

"""``badnets hub``: publish models that can be verified, and take in none that cannot."""

from __future__ import annotations

import typer

from badnets.cli.lazy import Verb, group_of

_PUBLISH, _PULL, _TRY = "Publish", "Take in", "Try"
_OURS, _THEIRS = "badnets.cli.hub.publishing", "badnets.cli.hub.pulling"
VERBS: dict[str, Verb] = {
    "keygen": Verb(
        f"{_OURS}:keygen_app", "Make keys for a repository, authors and auditors.", _PUBLISH
    ),
    "init": Verb(
        f"{_OURS}:init_app", "Make a repository: a folder for any static web server.", _PUBLISH
    ),
    "delegate": Verb(f"{_OURS}:delegate_app", "Let an author publish under a name.", _PUBLISH),
    "sign": Verb(f"{_OURS}:sign_app", "Sign a bundle, as its author.", _PUBLISH),
    "attest": Verb(
        f"{_OURS}:attest_app", "Sign what an audit found of a bundle, as its auditor.", _PUBLISH
    ),
    "publish": Verb(f"{_OURS}:publish_app", "Publish a version of a model.", _PUBLISH),
    "yank": Verb(f"{_OURS}:yank_app", "Mark a version as not to be used.", _PUBLISH),
    "refresh": Verb(
        f"{_OURS}:refresh_app", "Say anew that a repository is current: daily.", _PUBLISH
    ),
    "rotate": Verb(f"{_OURS}:rotate_app", "Exchange a key that is old, lost or stolen.", _PUBLISH),
    "trust": Verb(f"{_THEIRS}:trust_app", "Trust a repository, by its root's key.", _PULL),
    "pull": Verb(f"{_THEIRS}:pull_app", "Download a model that passes every check.", _PULL),
    "verify": Verb(
        f"{_THEIRS}:verify_app", "Check every byte of a pulled model again, offline.", _PULL
    ),
    "inspect": Verb(
        f"{_THEIRS}:inspect_app", "Say what is claimed of a model, and by whom.", _PULL
    ),
    "bench-attacks": Verb(
        "badnets.cli.hub.attacks:bench_app", "Try attacks on a repository of its own.", _TRY
    ),
}
"""The commands; each is in a Typer object of its own, imported by its first use."""

app = typer.Typer(
    cls=group_of(VERBS),
    add_completion=False,
    no_args_is_help=True,
    epilog=(
        "Example: badnets hub keygen keys --root 1 --publisher --author alice\n\n"
        "Example: badnets hub pull alice/net -o net\n\n"
        "Exit codes: 0 done; 1 refused; 2 wrong usage or bad input; 3 could not be checked or "
        "written."
    ),
)


@app.callback()
def hub() -> None:
    """Publish models that can be verified, and take in none that cannot.

    A repository is a plain folder. What is in it is signed by its publisher, each model by its
    author, and each audit by its auditor: docs/hub.md walks through it.
    """

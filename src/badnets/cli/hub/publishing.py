"""``badnets hub``, the publisher's side: keys, a repository, statements, releases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from badnets.cli.hub import passphrases
from badnets.cli.options import JsonOption
from badnets.cli.printer import say, show, show_files
from badnets.core.results import Result

if TYPE_CHECKING:
    from badnets.hub.keys import Key, Keyring
    from badnets.hub.repository import Repository

CODES = (
    "Exit codes: 0 done; 1 refused, as a client would refuse it; 2 wrong usage or bad input; "
    "3 it could not be written."
)

PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"File whose first line is the passphrase of all keys; or {passphrases.VARIABLE}, "
        f"or {passphrases.VARIABLE}_ALICE for alice.key.",
        show_default="asked for",
    ),
]
KeysOption = Annotated[
    list[Path],
    typer.Option("--keys", metavar="DIR", help="Folder of keys; may be given several times."),
]
RepositoryArgument = Annotated[
    Path, typer.Argument(metavar="REPO", help="Folder of the repository.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="AUTHOR/MODEL@VERSION", help="The model and its version.")
]
BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Folder of the network: a bundle.")
]
StatementsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder of the statements.", show_default="BUNDLE.statements, beside it"
    ),
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace statements that are there.")
]
_KEYS = [Path("keys")]


def _app() -> typer.Typer:
    return typer.Typer(add_completion=False)


keygen_app, init_app, delegate_app, sign_app, attest_app = (_app() for _ in range(5))
publish_app, yank_app, refresh_app, rotate_app = (_app() for _ in range(4))


class MadeKey(Result):
    """A new key."""

    role: str = Field(title="for")
    name: str = Field(title="name")
    keyid: str = Field(title="key id")
    file: str = Field(title="private key")
    public: str = Field(title="public key")


class MadeKeys(Result):
    """New keys."""

    encrypted: bool = Field(title="encrypted")
    keys: tuple[MadeKey, ...] = Field(title="keys")


class Stands(Result):
    """How long the metadata of a role holds."""

    role: str = Field(title="signed by")
    version: int = Field(title="version")
    expires: str = Field(title="holds until")
    renewed: bool | None = Field(default=None, title="renewed")


class Changed(Result):
    """A repository after a change."""

    repository: str = Field(title="repository")
    done: str = Field(title="done")
    root: str | None = Field(default=None, title="root")
    fingerprint: str | None = Field(default=None, title="  its fingerprint")
    roles: tuple[Stands, ...] = Field(default=(), title="roles")


@keygen_app.command(
    epilog="Example: badnets hub keygen keys --root 1 --publisher --author alice\n\n"
    "Example: badnets hub keygen lab-keys --auditor lab\n\n"
    "Exit codes: 0 written; 2 wrong usage, or there are such keys: they are never replaced; 3 they "
    "could not be written."
)
def keygen(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for the keys; made if missing.")
    ],
    root: Annotated[
        int, typer.Option(min=0, max=20, help="Keys that say which other keys count.")
    ] = 0,
    publisher: Annotated[
        bool, typer.Option("--publisher", help="A key that says what is current.")
    ] = False,
    author: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A key for the author of models.")
    ] = None,
    auditor: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A key for an auditor of models.")
    ] = None,
    no_passphrase: Annotated[
        bool,
        typer.Option("--no-passphrase", help="Write the private keys as they are, not encrypted."),
    ] = False,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Make keys: NAME.key, which its owner alone may read, and NAME.pub, to give to others.

    A root key is needed to make a repository and to exchange keys: keep it offline. The publisher's
    is needed for each change of the repository, an author's for each release, an auditor's for each
    audit. Nobody can both write and audit a model: those keys must differ.
    """
    from badnets.hub.keys import Key, Role

    wanted: list[tuple[Role, str]] = [
        ("root", "root" if root == 1 else f"root-{number + 1}") for number in range(root)
    ]
    wanted += [("publisher", "publisher")] if publisher else []
    wanted += [("author", name) for name in author or ()]
    wanted += [("auditor", name) for name in auditor or ()]
    if not wanted:
        raise typer.BadParameter(
            "say for whom: --root 1 --publisher for a repository, --author NAME, --auditor NAME"
        )
    if twice := {name for _, name in wanted if [one for _, one in wanted].count(name) > 1}:
        raise typer.BadParameter(f"two keys would be called {min(twice)!r} in one folder")
    keys = [Key.new(role, name) for role, name in wanted]
    for key in keys:
        key.check_place(folder)
    passphrase = passphrases.new(passphrase_file, without=no_passphrase)
    made = []
    for key in keys:
        private, public = key.write(folder, passphrase)
        made.append(
            MadeKey(
                role=str(key.public.role),
                name=key.public.name,
                keyid=key.public.keyid,
                file=str(private),
                public=str(public),
            )
        )
    if passphrase is None:
        say(
            "badnets: these private keys are not encrypted: whoever reads them can sign", error=True
        )
    show(MadeKeys(encrypted=passphrase is not None, keys=tuple(made)), json=json)


@init_app.command(
    epilog="Example: badnets hub init repo --keys keys\n\n"
    "Exit codes: 0 made; 2 wrong usage, a key is missing, or the folder is there already; 3 it "
    "could not be written."
)
def init(
    repository: RepositoryArgument,
    keys: KeysOption = _KEYS,
    threshold: Annotated[
        int, typer.Option(min=1, help="Root keys that must sign a change of keys.")
    ] = 1,
    timestamp_days: Annotated[
        int,
        typer.Option(min=1, max=365, help="Days that the repository holds without `refresh`."),
    ] = 1,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Make an empty repository, signed by the root and publisher keys in a folder.

    Serve the folder by any web server. Give users the file metadata/1.root.json, or its
    fingerprint, by another way than that server.
    """
    from badnets.hub.repository import Repository

    made = Repository.create(
        repository,
        _ring(keys, passphrase_file),
        threshold=threshold,
        timestamp_days=timestamp_days,
    )
    _show(made, "made", json, **_root_of(made, "1"))


@delegate_app.command(epilog=f"Example: badnets hub delegate repo alice keys/alice.pub\n\n{CODES}")
def delegate(
    repository: RepositoryArgument,
    author: Annotated[str, typer.Argument(help="The author's name: of all models AUTHOR/...")],
    key: Annotated[Path, typer.Argument(metavar="FILE.pub", help="The author's public key.")],
    keys: KeysOption = _KEYS,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Let an author publish under a name, and under no other."""
    from badnets.hub.keys import PublicKey

    public = PublicKey.read(key)
    found = _repository(repository, keys, passphrase_file)
    found.delegate(author, public)
    _show(found, f"{author} may publish by the key {public.keyid}", json)


@sign_app.command(
    epilog="Example: badnets hub sign net alice/net@1.0 --key keys/alice.key\n\n"
    "Exit codes: 0 written; 2 wrong usage, a damaged bundle, or a key that cannot be used; 3 it "
    "could not be written."
)
def sign(
    bundle: BundleArgument,
    name: NameArgument,
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE.key", help="The author's private key.")
    ],
    statements: StatementsOption = None,
    base: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="What it was retrained from: that model's manifest.intoto.json, or its folder.",
            show_default="nothing",
        ),
    ] = None,
    lock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Lock of the packages that it was trained with; its digest is signed.",
            show_default="none",
        ),
    ] = None,
    oms: Annotated[
        bool, typer.Option(help="Also sign as OpenSSF Model Signing has it, for other tools.")
    ] = True,
    bom: Annotated[
        bool, typer.Option("--bom", help="Also write a bill of materials: CycloneDX 1.6.")
    ] = False,
    replace: ReplaceOption = False,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Sign a bundle as its author: each byte of it, its name and version, and how it was made."""
    from badnets.hub.names import ModelName
    from badnets.hub.signing import sign_bundle

    model = ModelName.of(name)
    written = sign_bundle(
        bundle,
        model,
        _key(key, passphrase_file),
        statements,
        base=base,
        lock=lock,
        oms=oms,
        bom=bom,
        replace=replace,
    )
    show_files(written, json=json)


@attest_app.command(
    epilog="Example: badnets audit model net --clean mnist --format json -o verdict.json\n\n"
    "Example: badnets hub attest net --as keys/lab.key --verdict verdict.json\n\n"
    "Exit codes: 0 written; 1 refused: it would be a self-audit, or of another model; 2 wrong "
    "usage, or a file that cannot be used; 3 it could not be written."
)
def attest(
    bundle: BundleArgument,
    key: Annotated[Path, typer.Option("--as", metavar="FILE.key", help="The auditor's key.")],
    verdict: Annotated[
        Path,
        typer.Option(
            metavar="FILE.json", help="What `badnets audit model --format json -o` wrote."
        ),
    ],
    statements: StatementsOption = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="AUTHOR/MODEL@VERSION",
            help="What the model is called.",
            show_default="as its author's statement says",
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="Days for which the audit may be relied on.")
    ] = 365,
    replace: ReplaceOption = False,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Sign what an audit found of a bundle, as its auditor, whatever it found.

    It is evidence at stated thresholds, never that there is no backdoor. Whether a verdict lets a
    model in is for the policy of whoever pulls it to say.
    """
    from badnets.hub.names import ModelName
    from badnets.hub.signing import attest as attested

    known = None if name is None else ModelName.of(name)
    written = attested(
        bundle,
        verdict,
        _key(key, passphrase_file),
        statements,
        name=known,
        days=days,
        replace=replace,
    )
    show_files(written, json=json)


@publish_app.command(epilog=f"Example: badnets hub publish repo alice/net@1.0 net\n\n{CODES}")
def publish(
    repository: RepositoryArgument,
    name: NameArgument,
    bundle: BundleArgument,
    statements: StatementsOption = None,
    keys: KeysOption = _KEYS,
    auditor: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.pub",
            help="Public key of an auditor.",
            show_default="those in the folders of keys",
        ),
    ] = None,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Publish a version of a model: its bundle, and what its author and auditors signed of it.

    What a client would refuse is refused. A process that is killed leaves the repository as it was,
    or with the new version. A version never changes: publish a higher one instead.
    """
    from badnets.hub.keys import PublicKey
    from badnets.hub.names import ModelName
    from badnets.hub.releases import publish as published

    model = ModelName.of(name)
    found = _repository(repository, keys, passphrase_file)
    done = published(found, model, bundle, statements, [*map(PublicKey.read, auditor or ())])
    if not json:
        say(f"{done.model} is published in {done.repository}")
    show(done, json=json)
    if not done.audits:
        say("badnets: nobody has audited it: usual policies will not let it in", error=True)


@yank_app.command(
    epilog=f"Example: badnets hub yank repo alice/net@1.0 --reason 'labels were wrong'\n\n{CODES}"
)
def yank(
    repository: RepositoryArgument,
    name: NameArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who have it.")],
    keys: KeysOption = _KEYS,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Mark a version as not to be used; its files stay, for those who ask for just it."""
    from badnets.hub.names import ModelName

    model = ModelName.of(name)
    found = _repository(repository, keys, passphrase_file)
    found.yank(model, reason)
    _show(found, f"{model} is yanked", json)


@refresh_app.command(
    epilog="Example: badnets hub refresh repo --passphrase-file /run/secrets/publisher\n\n"
    "Exit codes: 0 done; 2 wrong usage, or a key is missing; 3 it could not be written, or what "
    "lapses within a week cannot be renewed by these keys."
)
def refresh(
    repository: RepositoryArgument,
    keys: KeysOption = _KEYS,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Say anew that a repository is current, and renew what has less than half its time left.

    Clients refuse a repository that nobody has refreshed: run it daily, or as often as was said to
    `init`. It needs the publisher's key; what needs another key and has it at hand is renewed too.
    """
    found = _repository(repository, keys, passphrase_file)
    standing = found.refresh()
    roles = tuple(
        Stands(
            role=one.role, version=one.version, expires=f"{one.expires:%Y-%m-%d %H:%M} UTC",
            renewed=one.renewed,
        )
        for one in standing
    )  # fmt: skip
    show(Changed(repository=str(found.folder), done="refreshed", roles=roles), json=json)
    late = [one for one in standing if not one.renewed and found.lapses_soon(one)]
    for one in late:
        say(
            f"badnets: {one.role} lapses on {one.expires:%Y-%m-%d}, and its key is not in "
            f"{found.keys}",
            error=True,
        )
    if late:
        raise typer.Exit(3)


@rotate_app.command(
    epilog="Example: badnets hub keygen new --author alice && badnets hub rotate repo alice "
    f"new/alice.key\n\n{CODES}"
)
def rotate(
    repository: RepositoryArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="root, publisher, or an author.")],
    new: Annotated[Path, typer.Argument(metavar="FILE.key", help="The new private key.")],
    old: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pub", help="The key that goes, of several root keys.", show_default=False
        ),
    ] = None,
    keys: KeysOption = _KEYS,
    passphrase_file: PassphraseOption = None,
    json: JsonOption = False,
) -> None:
    """Exchange a key that is old, lost or stolen; clients follow by themselves.

    The root key is needed for root and publisher, the publisher's for an author. Users whose policy
    names the key of an author must be given the new one.
    """
    from badnets.hub.keys import PublicKey

    leaving = None if old is None else PublicKey.read(old)
    found = _repository(repository, keys, passphrase_file)
    key = _key(new, passphrase_file)
    key.public.check_role(role if role in ("root", "publisher") else "author")  # type: ignore[arg-type]
    found.rotate(role, key, leaving)
    _show(found, f"{role} signs by the key {key.public.keyid}", json)


def _ring(keys: list[Path], passphrase_file: Path | None) -> Keyring:
    from badnets.hub.keys import Keyring

    return Keyring(keys, passphrases.asked(passphrase_file))


def _key(path: Path, passphrase_file: Path | None) -> Key:
    from badnets.hub.keys import Key

    return Key.read(path, passphrases.asked(passphrase_file))


def _repository(folder: Path, keys: list[Path], passphrase_file: Path | None) -> Repository:
    from badnets.hub.repository import Repository

    return Repository(folder, _ring(keys, passphrase_file))


def _root_of(repository: Repository, version: str) -> Mapping[str, Any]:
    from badnets.bundles.digests import sha256_file

    path = repository.folder / "metadata" / f"{version}.root.json"
    return {"root": str(path), "fingerprint": sha256_file(path)}


def _show(repository: Repository, done: str, json: bool, **said: Any) -> None:
    given = {name: value for name, value in said.items() if value is not None}
    show(Changed(repository=str(repository.folder), done=done, **given), json=json)

"""Names of models, ``AUTHOR/MODEL@VERSION``, and of the files that a release of one may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from badnets.bundles.manifest import ALLOWED
from badnets.core.errors import SettingError

PART = r"[a-z0-9][a-z0-9._-]{0,63}"
RULE = "1 to 64 of a-z 0-9 . _ -, the first a letter or digit, no two dots in a row, none last"
STATEMENT, PROVENANCE, OMS, BOM = (
    "manifest.intoto.json",
    "provenance.intoto.json",
    "model.sig",
    "bom.json",
)
"""What lies beside a bundle: the author's statements, an OMS signature, a bill of materials."""

_PART = re.compile(PART)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")  # of Windows
_ROLES = frozenset(("root", "targets", "snapshot", "timestamp"))  # of TUF, never an author
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}")
_BY_AUDITOR = re.compile(r"(audit|test)-(.+)\.intoto\.json")


@dataclass(frozen=True)
class ModelName:
    """A model's name.

    Attributes:
        author: whose it is.
        model: what its author calls it.
        version: one to three whole numbers with dots between; None: any.
    """

    author: str
    model: str
    version: str | None = None

    def __post_init__(self) -> None:
        check_part(self.author, "author")
        check_part(self.model, "model")
        if self.version is not None and not is_version(self.version):
            raise SettingError(
                f"version {self.version[:80]!r}: must be 1 to 3 whole numbers with dots between, "
                "such as 1.0"
            )

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what ``AUTHOR/MODEL`` or ``AUTHOR/MODEL@VERSION`` names.

        Raises:
            SettingError: it is no such name.
        """
        name, at, version = text.partition("@")
        author, slash, model = name.partition("/")
        if not slash:
            raise SettingError(
                f"{text[:80]!r} is no model's name: write AUTHOR/MODEL or AUTHOR/MODEL@VERSION"
            )
        return cls(author, model, version if at else None)

    def __str__(self) -> str:
        """Return the name as `of` reads it."""
        return f"{self.bare}@{self.version}" if self.version is not None else self.bare

    @property
    def bare(self) -> str:
        """``AUTHOR/MODEL``."""
        return f"{self.author}/{self.model}"

    @property
    def number(self) -> tuple[int, int, int]:
        """Its version to compare by: 1, 1.0 and 1.0.0 are one version; (-1, -1, -1) without one."""
        return (-1, -1, -1) if self.version is None else version_number(self.version)

    def at(self, version: str) -> Self:
        """Return the name of this version of the model.

        Raises:
            SettingError: it is no version.
        """
        return replace(self, version=version)

    def target(self, file: str) -> str:
        """Return the path of a file of this release in a repository: AUTHOR/MODEL/VERSION/FILE.

        Raises:
            SettingError: the name has no version, or no release holds such a file.
        """
        if self.version is None:
            raise SettingError(f"{self}: a version is needed, such as {self}@1.0")
        if not is_release_file(file):
            raise SettingError(f"{file[:80]!r}: no file of a release is called so")
        return f"{self.bare}/{self.version}/{file}"


def parse_target(path: str) -> tuple[ModelName, str]:
    """Return whose file a path in a repository is, with its version, and the file's name.

    Raises:
        SettingError: it is not AUTHOR/MODEL/VERSION/FILE of a file that a release may hold.
    """
    parts = path.split("/")
    if len(parts) != 4 or not is_release_file(parts[3]):
        raise SettingError(f"{path[:80]!r}: no file of a release has such a path")
    return ModelName(*parts[:3]), parts[3]


def check_part(text: str, what: str) -> str:
    """Return a part of a name, or the name of an auditor, as it is.

    Raises:
        SettingError: it is not made as `RULE` says, or some system cannot have such a file.
    """
    if not _PART.fullmatch(text) or ".." in text or text.endswith("."):
        raise SettingError(f"{what} {text[:80]!r}: must be {RULE}")
    if _DEVICE.fullmatch(text) or text in _ROLES:
        raise SettingError(f"{what} {text!r}: that name is reserved")
    return text


def is_version(text: str) -> bool:
    """Return whether a text is one to three whole numbers with dots between."""
    return _VERSION.fullmatch(text) is not None


def version_number(version: str) -> tuple[int, int, int]:
    """Return a version to compare by; what is not said is 0."""
    first, second, third, *_ = (*map(int, version.split(".")), 0, 0)
    return first, second, third


def audit_file(auditor: str) -> str:
    """Return the file of an auditor's statement."""
    return f"audit-{check_part(auditor, 'auditor')}.intoto.json"


def result_file(auditor: str) -> str:
    """Return the file that says the same in a form that other tools read."""
    return f"test-{check_part(auditor, 'auditor')}.intoto.json"


def auditor_of(file: str) -> str | None:
    """Return the auditor whose statement a file of this name is; None: it is none of an audit."""
    match = _BY_AUDITOR.fullmatch(file)
    try:
        return check_part(match[2], "auditor") if match and match[1] == "audit" else None
    except SettingError:
        return None


def is_release_file(name: str) -> bool:
    """Return whether a release may hold a file of this name."""
    if name in ALLOWED or name in (STATEMENT, PROVENANCE, OMS, BOM):
        return True
    match = _BY_AUDITOR.fullmatch(name)
    try:
        return bool(match and check_part(match[2], "auditor"))
    except SettingError:
        return False

"""What a user lets in: which authors, whose audits, which verdicts, and how old they may be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from badnets.bundles.digests import sha256_bytes
from badnets.bundles.schema import BundleFile
from badnets.core.conclusions import Conclusion
from badnets.core.errors import BundleError, SettingError
from badnets.core.files import read_file
from badnets.core.lookup import unknown_name
from badnets.hub.keys import PublicKey
from badnets.hub.names import check_part

_MOST_BYTES = 2**20
_PEM = "-----BEGIN PUBLIC KEY-----"


def _several(value: Any) -> Any:
    """Return several keys where one is written alone; a tuple, as JSON has none."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Keys = Annotated[
    tuple[Annotated[str, Field(max_length=2000)], ...],
    Field(min_length=1, max_length=20),
    BeforeValidator(_several),
]
"""Public keys of one person, each as a PEM file has it."""


class Policy(BundleFile):
    """What must be true of a model for it to be let in.

    Args:
        authors: name -> public keys; or ``"any"``: all to whom the repository gives a name, by the
            keys that it gives them.
        auditors: name -> public keys; audits of others count nothing.
        verdicts: those that let a model in.
        max_audit_age_days: how long ago an audit may have been made.
        max_fpr: at which false-positive rate a verdict must hold: it is drawn again from the
            audit's p-value at this rate, whatever rate its auditor asked for.
        base_model: whether the model that it was retrained from must pass too.
        unaudited: whether a model without an audit that counts is let in; it is recorded.
    """

    authors: Literal["any"] | dict[str, Keys] = "any"
    auditors: dict[str, Keys] = Field(default_factory=dict)
    verdicts: Annotated[tuple[Conclusion, ...], Field(min_length=1)] = ("nothing found",)
    max_audit_age_days: Annotated[float, Field(gt=0, le=36_500)] = 365.0
    max_fpr: Annotated[float, Field(gt=0, lt=1)] = 0.05
    base_model: Literal["audited", "any"] = "audited"
    unaudited: Literal["refuse", "allow"] = "refuse"

    @model_validator(mode="after")
    def _keys_are_of_people(self) -> Self:
        try:
            audits = {key.keyid for keys in self.known_auditors.values() for key in keys}
            writes = {key.keyid for keys in self.known_authors.values() for key in keys}
        except SettingError as error:
            raise ValueError(str(error)) from None
        if audits & writes:
            raise ValueError("an author and an auditor have the same key: nobody audits himself")
        return self

    @cached_property
    def known_authors(self) -> dict[str, tuple[PublicKey, ...]]:
        """Name -> keys of the authors that are let in; empty where any are."""
        return {} if self.authors == "any" else _read_keys(self.authors, "author")

    @cached_property
    def known_auditors(self) -> dict[str, tuple[PublicKey, ...]]:
        """Name -> keys of the auditors whose audits count."""
        return _read_keys(self.auditors, "auditor")

    def keys_of_author(self, author: str) -> tuple[PublicKey, ...] | None:
        """Return the keys of an author; None: those that the repository gives; none: not let in."""
        return None if self.authors == "any" else self.known_authors.get(author, ())

    def keys_of_auditor(self, auditor: str) -> tuple[PublicKey, ...]:
        """Return the keys of an auditor; none: audits of this one count nothing."""
        return self.known_auditors.get(auditor, ())

    @property
    def max_audit_age(self) -> timedelta:
        """How long ago an audit may have been made."""
        return timedelta(days=self.max_audit_age_days)

    @property
    def digest(self) -> str:
        """SHA-256 of the policy as it is kept."""
        return sha256_bytes(self.to_json())

    def with_people(
        self, authors: Mapping[str, PublicKey], auditors: Mapping[str, PublicKey]
    ) -> Policy:
        """Return the policy that also lets these in; others' authors only where any were let in.

        Raises:
            SettingError: somebody would audit his own models.
        """
        plain = self.model_dump()
        if authors:
            before = {} if self.authors == "any" else dict(self.authors)
            plain["authors"] = before | {who: (pem_of(key),) for who, key in authors.items()}
        plain["auditors"] = dict(self.auditors) | {
            who: (pem_of(key),) for who, key in auditors.items()
        }
        return Policy.of(**plain)


def read_policy(path: Path | str) -> Policy:
    """Return the policy in a YAML or JSON file; a key is its PEM text, or a file beside the policy.

    Raises:
        SettingError: it is missing, or not a policy; the field is named.
    """
    import yaml

    path = Path(path)
    data = read_file(path, _MOST_BYTES, error=SettingError)
    try:
        plain = yaml.load(data, Loader=_strict_loader())
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise SettingError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(plain, dict):
        raise SettingError(f"{path}: a policy is a mapping, such as 'unaudited: refuse'")
    for name in plain:
        if name not in Policy.model_fields:
            wrong = unknown_name(str(name), Policy.model_fields, "line of a policy")
            raise SettingError(f"{path}: {wrong}")
    for people in ("authors", "auditors"):
        if isinstance(named := plain.get(people), dict):
            plain[people] = {
                who: [_key_text(key, path) for key in _several(keys)]
                if isinstance(_several(keys), tuple)
                else keys
                for who, keys in named.items()
            }
    try:
        return Policy.from_json(json.dumps(plain).encode(), str(path))
    except (BundleError, TypeError, ValueError) as error:
        said = str(error) if isinstance(error, BundleError) else f"{path}: {error}"
        raise SettingError(said) from None


def _key_text(key: Any, policy: Path) -> Any:
    if not isinstance(key, str) or _PEM in key:
        return key
    return pem_of(PublicKey.read(policy.parent / key))


def pem_of(key: PublicKey) -> str:
    """Return a key as policies hold it."""
    pem = key.to_pem().decode()
    return pem[pem.index(_PEM) :]


def _read_keys(people: Mapping[str, Iterable[str]], role: str) -> dict[str, tuple[PublicKey, ...]]:
    return {
        check_part(who, role): tuple(
            PublicKey.from_pem(key.encode(), f"the key of {who}", who) for key in keys
        )
        for who, keys in people.items()
    }


def _strict_loader() -> Any:
    """Return a loader of plain values that refuses a key given twice: the last would count."""
    import yaml

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [getattr(key, "value", None) for key, _ in node.value]
            if twice := next((key for key in keys if keys.count(key) > 1), None):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {str(twice)[:80]!r} is given twice", node.start_mark
                )
            return super().construct_mapping(node, deep)

    return Strict

"""Trusting a repository by its root, and what is let in from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pydantic import Field

from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import SettingError
from badnets.core.files import read_file
from badnets.core.results import Result
from badnets.hub.home import MOST_ROOT_BYTES, Home, TrustedRepository, check_root
from badnets.hub.keys import PublicKey
from badnets.hub.policy import Policy
from badnets.hub.refusals import Refused

_FETCH_S = 60.0


class TrustedPlace(Result):
    """A repository that is trusted, and what is let in from it.

    Attributes:
        place: address or folder.
        fingerprint: SHA-256 of the root that was trusted.
        authors: whose models are let in.
        auditors: whose audits count.
        verdicts: that let a model in.
        base_models: whether they must pass too.
        unaudited: whether models without an audit are let in.
        moved_from: its address or folder of before.
    """

    place: str = Field(title="trusted")
    fingerprint: str = Field(title="fingerprint")
    authors: str = Field(title="authors")
    auditors: str = Field(title="auditors")
    verdicts: str = Field(title="verdicts")
    base_models: str = Field(title="base models")
    unaudited: str = Field(title="unaudited")
    moved_from: str | None = Field(default=None, title="moved from")

    @classmethod
    def of(cls, repository: TrustedRepository, moved_from: str | None = None) -> TrustedPlace:
        """Return it in words."""
        policy = repository.policy
        authors = "any" if policy.authors == "any" else ", ".join(sorted(policy.authors))
        return cls(
            place=repository.place,
            fingerprint=repository.fingerprint,
            authors=authors or "nobody",
            auditors=", ".join(sorted(policy.auditors)) or "none yet (--auditor NAME=KEY.pub)",
            verdicts=f"{', '.join(policy.verdicts)}; at most {policy.max_audit_age_days:g} days "
            f"old, at a false-positive rate of {policy.max_fpr:g}",
            base_models=policy.base_model,
            unaudited=policy.unaudited,
            **({} if moved_from is None else {"moved_from": moved_from}),
        )


def trust(
    place: str,
    *,
    root: Path | str | None = None,
    fingerprint: str | None = None,
    policy: Policy | None = None,
    authors: Mapping[str, PublicKey] | None = None,
    auditors: Mapping[str, PublicKey] | None = None,
    home: Path | str | None = None,
) -> TrustedPlace:
    """Trust a repository by its root, or change what is let in from one that is trusted.

    Nothing is trusted by being there: its root, or the fingerprint of that, has to come to the user
    by another way. A repository is known by its root: one that has moved keeps what was seen of it.

    Args:
        place: address or folder.
        root: its root, a file; None: it is fetched, and must have the fingerprint.
        fingerprint: SHA-256 of the root, 64 hex digits.
        policy: what is let in; None: as before, else the usual one.
        authors: whose models alone are let in, beside those of the policy; name -> key.
        auditors: whose audits count beside those of the policy.
        home: what is kept of repositories; None: ``$BADNETS_HUB``, else the user's own.

    Raises:
        Refused: "not trusted": neither root nor fingerprint was given, or they do not fit.
        SettingError: the fingerprint is none.
        DataError: the root is none.
        Unchecked: the root is to be fetched, and the server is away.
    """
    from badnets.hub.fetching import place_of

    kept = Home.of(home)
    there = kept.repositories()
    place = place if any(one.place == place for one in there) else place_of(place)
    known = next((one for one in there if one.place == place), None)
    given = root is not None or fingerprint is not None
    if known is not None and not given and (policy or authors or auditors):
        data = known.root
    else:
        data = _root(place, root, fingerprint)
        known = next((one for one in there if one.had_root(data)), None)
    wanted = policy or (known.policy if known else None)
    if authors or auditors:
        wanted = (wanted or Policy()).with_people(authors or {}, auditors or {})
    before = known.place if known else place
    now = kept.trust(place, data, wanted)
    return TrustedPlace.of(now, None if before == place else before)


def _root(place: str, root: Path | str | None, fingerprint: str | None) -> bytes:
    from badnets.hub.fetching import Deadline, Fetcher, source_of

    wanted = None if fingerprint is None else fingerprint.lower().replace(":", "").strip()
    if wanted is not None and not re.fullmatch("[0-9a-f]{64}", wanted):
        raise SettingError(f"fingerprint {wanted[:80]!r}: must be 64 hex digits, of SHA-256")
    if root is not None:
        data = read_file(Path(root), MOST_ROOT_BYTES)
    else:
        with closing(source_of(place)) as source:
            fetcher = Fetcher(source, Deadline(_FETCH_S))
            data = fetcher.get("metadata/1.root.json", MOST_ROOT_BYTES)
    needed, keys = check_root(data)["root"]
    found = sha256_bytes(data)
    if wanted is not None and wanted != found:
        raise Refused("not trusted", f"the root of {place} has another fingerprint: {found}")
    if root is None and wanted is None:
        raise Refused(
            "not trusted",
            f"the root at {place} has the fingerprint {found} ({needed} of {keys} keys sign it): "
            "compare it with what its publisher says elsewhere, and then: badnets hub trust "
            f"{place} --fingerprint {found}",
        )
    return data

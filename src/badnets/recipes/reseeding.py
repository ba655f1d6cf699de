"""Trials that differ in nothing but seeds, as copies: quicker than each from plain settings."""

from __future__ import annotations

from typing import Any

from badnets.bundles.digests import canonical_json, sha256_bytes
from badnets.trials.base import BaseTrial

_PARTS = ("start", "control")


class Reseeding:
    """Makes trials like two that were built from the same settings with two seeds.

    What differs between the two follows the seed: the trial itself, and of those that it needs the
    ones whose seed was not said.
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str, int], Any] = {}  # many trials share one
        self._identities: dict[str, dict[str, Any]] = {}
        self._pair: tuple[Any, Any] | None = None

    def follow(self, one: BaseTrial, other: BaseTrial) -> None:
        """Take these two as the pattern; none where that would not even give the second."""
        self._identities.clear()
        self._pair = one, other
        again = self._copy(one, other, other.seed)
        if one.seed == other.seed or again != other or again.name != other.name:
            self._pair = None

    def forget(self) -> None:
        """Have no pattern any more."""
        self._pair = None

    def trial(self, seed: object) -> Any:
        """Return the trial of a seed; None without a pattern, or if it is not plainly a seed."""
        if self._pair is None or not isinstance(seed, int) or isinstance(seed, bool):
            return None
        return self._copy(*self._pair, seed) if 0 <= seed < 2**63 else None

    def _copy(self, one: Any, other: Any, seed: int) -> Any:
        changed = {
            part: self._part(getattr(one, part), getattr(other, part), seed)
            for part in _PARTS
            if isinstance(getattr(one, part, None), BaseTrial)
        }
        if one.seed != other.seed:
            changed["seed"] = seed
        copied = one.model_copy(update=changed)
        copied.__dict__ |= {"_fits": True, "_name": self._name(one, changed)}
        return copied

    def _part(self, one: Any, other: Any, seed: int) -> Any:
        if one.name == other.name:
            return one
        key = one.name, other.name, seed
        if key not in self._parts:
            self._parts[key] = self._copy(one, other, seed)
        return self._parts[key]

    def _name(self, one: BaseTrial, changed: dict[str, Any]) -> str:
        """Return the name that the copy would find for itself."""
        if one.name not in self._identities:
            self._identities[one.name] = one.identity()
        identity = self._identities[one.name]
        plain = {**identity["settings"]}
        for part in _PARTS:
            if part in changed:
                plain[part] = changed[part].name
        if "seed" in changed:
            plain["seed"] = changed["seed"]
        if not plain.get("seed"):  # as one at its default
            plain.pop("seed", None)
        return sha256_bytes(canonical_json({**identity, "settings": plain}))[:16]

"""The contract of audit methods: a subject and a few clean images in, a raw table out.

What a table means is for a null to say (`badnets.core.nulls`): a method never concludes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from badnets.core.nulls import Table
from badnets.core.registry import Registry
from badnets.core.verdicts import NotCovered
from badnets.models.subject import Subject, capabilities


class AuditMethod(ABC):
    """One way to look for a backdoor.

    A method knows neither the attack that it is up against nor another method.

    Attributes:
        kind: its name in `AUDITS`.
        version: raised when the same subject would give another table.
        needs: capabilities of the subject; see `badnets.models.subject.CAPABILITIES`.
        covers: which kinds of backdoor it looks for, in words.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    covers: ClassVar[str] = "backdoors"

    @abstractmethod
    def table(self, subject: Any, clean: Any, *, seed: int) -> Table:
        """Return raw numbers by class, or by source and target; higher is more suspicious.

        Args:
            subject: the model.
            clean: an `ImageSet` of clean images of the model's classes.
            seed: everything random follows from it.
        """


AUDITS: Registry[AuditMethod] = Registry("audit method", {})
"""A new method: a file here, and one line ``"kind": "module:Class"``."""


class AuditTables(BaseModel):
    """What every method that could look says of a model.

    Attributes:
        tables: raw table of each method.
        coverage: what was not looked at, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tables: dict[str, Table]
    coverage: tuple[NotCovered, ...] = ()


def tables_of(subject: Subject, clean: Any, *, seed: int = 0) -> AuditTables:
    """Return the tables of all methods; a missing capability is lost coverage, never a crash."""
    tables: dict[str, Table] = {}
    lost = []
    for kind in AUDITS:
        method = AUDITS[kind]()
        missing = method.needs - capabilities(subject)
        if missing:
            why = f"{kind} needs {', '.join(sorted(missing))}, which the model does not give"
            lost.append(NotCovered(what=method.covers, why=why))
        else:
            tables[kind] = method.table(subject, clean, seed=seed)
    return AuditTables(tables=tables, coverage=tuple(lost))

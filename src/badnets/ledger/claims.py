"""Who is at which trial, so that several drivers on one ledger do no work twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, or_, select, update

from badnets.core.errors import SettingError
from badnets.ledger.columns import CLAIMS
from badnets.ledger.database import Database
from badnets.ledger.queries import chunks, held


class Taken(NamedTuple):
    """What came of asking for trials.

    Attributes:
        taken: what the holder may run now, in the order that was asked for.
        recorded: of those that were looked at, which have a record.
        elsewhere: of those that were looked at, which another holder has.
    """

    taken: tuple[str, ...]
    recorded: frozenset[str]
    elsewhere: frozenset[str]


class Claims:
    """Trials that somebody is at: each is one holder's until its lease ends.

    A holder renews its leases while it works. Where it dies, they end, and others may take its
    trials. A record ends the claim on its trial. On PostgreSQL leases go by the server's clock, so
    those of the drivers may differ.

    Args:
        database: of the ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(
        self,
        names: Sequence[str],
        holder: str,
        *,
        lease_s: float,
        most: int,
        again: Collection[str] = (),
    ) -> Taken:
        """Claim trials that have no record and that no other holder has.

        What the holder has already is taken anew: leave out what is being run. Names are looked at
        in their order, 900 at a time, and no further than needed.

        Args:
            names: of the trials that are wanted.
            holder: who asks; at most 200 characters that no other driver uses.
            lease_s: how long the claims hold, in seconds, > 0.
            most: how many are taken at most.
            again: those of the names that are taken though they have a record.

        Raises:
            SettingError: ``lease_s`` is not positive.
            LedgerError: the ledger cannot be written.
        """
        _check(lease_s)
        wanted, anew = list(dict.fromkeys(names)), frozenset(again)
        return self._database.write(
            lambda connection: self._take(connection, wanted, holder, lease_s, most, anew)
        )

    def renew(self, holder: str, *, lease_s: float) -> frozenset[str]:
        """Let the holder's leases begin anew; return what it still holds.

        A trial whose lease ended and that another has taken, or that has a record, is missing.

        Raises:
            SettingError: ``lease_s`` is not positive.
            LedgerError: the ledger cannot be written.
        """
        _check(lease_s)
        mine = CLAIMS.c.holder == holder

        def work(connection: Connection) -> frozenset[str]:
            until = self._database.now(connection) + lease_s
            connection.execute(update(CLAIMS).where(mine).values(until=until))
            return frozenset(connection.scalars(select(CLAIMS.c.name).where(mine)))

        return self._database.write(work)

    def release(self, holder: str, names: Iterable[str] | None = None) -> None:
        """Let others take the holder's trials: those of these names, or all.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        mine = delete(CLAIMS).where(CLAIMS.c.holder == holder)
        parts = None if names is None else list(chunks(sorted(set(names))))

        def work(connection: Connection) -> None:
            if parts is None:
                connection.execute(mine)
            for part in parts or ():
                connection.execute(mine.where(CLAIMS.c.name.in_(part)))

        self._database.write(work)

    def holders(self, names: Iterable[str]) -> frozenset[str]:
        """Return who has claims on trials of these names.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        parts = list(chunks(sorted(set(names))))

        def work(connection: Connection) -> frozenset[str]:
            who = select(CLAIMS.c.holder).distinct()
            queries = (who.where(CLAIMS.c.name.in_(part)) for part in parts)
            return frozenset(one for query in queries for one in connection.scalars(query))

        return self._database.read(work)

    def _take(
        self,
        connection: Connection,
        wanted: Sequence[str],
        holder: str,
        lease_s: float,
        most: int,
        anew: frozenset[str],
    ) -> Taken:
        now = self._database.now(connection)
        taken: list[str] = []
        recorded: set[str] = set()
        elsewhere: set[str] = set()
        for chunk in chunks(wanted):
            if len(taken) >= most:
                break
            done = held(connection, chunk) - anew
            theirs = select(CLAIMS.c.name).where(
                CLAIMS.c.name.in_(chunk), CLAIMS.c.holder != holder, CLAIMS.c.until > now
            )
            others = set(connection.scalars(theirs)) - done
            recorded |= done
            elsewhere |= others
            free = [name for name in chunk if name not in done and name not in others]
            while free and len(taken) < most:
                some, free = free[: most - len(taken)], free[most - len(taken) :]
                mine = self._claim(connection, some, holder, now, now + lease_s)
                # another may have kept its record, and so ended its claim, since we looked
                late = held(connection, mine) - anew
                if late:
                    connection.execute(delete(CLAIMS).where(CLAIMS.c.name.in_(late)))
                recorded |= late
                elsewhere.update(name for name in some if name not in mine)
                taken.extend(name for name in some if name in mine - late)
        return Taken(tuple(taken), frozenset(recorded), frozenset(elsewhere))

    def _claim(
        self, connection: Connection, names: Sequence[str], holder: str, now: float, until: float
    ) -> set[str]:
        """Return those of the names that are the holder's now; at most as many as a query takes."""
        adding = self._database.insert(CLAIMS)
        adding = adding.on_conflict_do_update(
            index_elements=[CLAIMS.c.name],
            set_={"holder": adding.excluded.holder, "until": adding.excluded.until},
            where=or_(CLAIMS.c.holder == adding.excluded.holder, CLAIMS.c.until <= now),
        )
        # in one order for all, so that no two wait for each other
        rows = [{"name": name, "holder": holder, "until": until} for name in sorted(names)]
        connection.execute(adding, rows)
        mine = select(CLAIMS.c.name).where(CLAIMS.c.name.in_(names), CLAIMS.c.holder == holder)
        return set(connection.scalars(mine))


def _check(lease_s: float) -> None:
    if not lease_s > 0:
        raise SettingError(f"lease_s must be > 0 seconds, got {lease_s}")

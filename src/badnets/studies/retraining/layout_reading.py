"""Section: what a user may take from it who wants to be rid of a backdoor."""

from __future__ import annotations

from badnets.report.page import Note, Section
from badnets.studies.retraining.evidence import SURVIVES, Evidence, Outcome
from badnets.studies.retraining.words import CASES, frozen
from badnets.studies.wording import points

NAME, TITLE = "reading", "Read this as: what it takes to be rid of it"


def section(evidence: Evidence) -> Section:
    """Return what it takes to be rid of the backdoor, as far as the records say."""
    outcomes = [one for case in evidence.trials.cases for one in evidence.outcomes(case)]
    known = [one for one in outcomes if one.survives is not None]
    if not known:
        return Section(NAME, TITLE, "There is nothing to compare yet.", ())
    notes = (Note(_accuracy_tells_nothing(known)), Note(_more_data(known)), Note(CAVEAT))
    return Section(NAME, TITLE, _sentence(evidence, known), tuple(n for n in notes if n.text))


CAVEAT = (
    "Who retrains does not know the trigger, and cannot measure what is left as it is measured "
    "here. These are single networks with a trigger that its maker did not try to make last; a "
    f"setting that leaves less than {100 * SURVIVES:g} points here shows that it can be enough, "
    "not that it is."
)


def _sentence(evidence: Evidence, known: list[Outcome]) -> str:
    """Return which of the frozen parts get rid of each of the backdoors, on all images."""
    share = max(one.setting.share for one in known)
    full = [one for one in known if one.setting.share == share]
    told = []
    for freeze in evidence.trials.scale.freezes:
        own = [one for one in full if one.setting.freeze == freeze]
        alive = [CASES[one.case] for one in own if one.survives]
        if own:
            with_it = f"with {frozen(freeze)} frozen"
            kinds = f" ({'; '.join(alive)})" if alive and len(alive) < len(own) else ""
            told.append(f"{with_it}, {_count(len(alive), len(own))}{kinds}")
    least = min(full, key=_left)
    return (
        f"On all of the user's images: {'; '.join(told)}. Least is left with "
        f"{frozen(least.setting.freeze)} frozen: {points(_left(least), 1)} points "
        f"({CASES[least.case]})."
    )


def _count(alive: int, total: int) -> str:
    if total == 1:
        return "the backdoor is alive" if alive else "it is not seen any more"
    number = {0: "none", total: "each"}.get(alive, str(alive))
    return (
        f"{number} of {total} backdoors is alive"
        if alive < 2 or alive == total
        else (f"{number} of {total} backdoors are alive")
    )


def _left(one: Outcome) -> float:
    return one.left.mean if one.left is not None else 0.0


def _accuracy_tells_nothing(known: list[Outcome]) -> str:
    """Return how many of the networks whose backdoor is alive the user accepts."""
    alive = [record for one in known if one.survives for record in one.records]
    if not alive:
        return ""
    taken = sum(record.outcome == "accepted" for record in alive)
    return (
        f"Clean accuracy does not tell: of {len(alive)} retrained BadNets whose backdoor is alive, "
        f"the user accepts {taken}."
    )


def _more_data(known: list[Outcome]) -> str:
    """Return whether more images helped, in the settings that were run with few and with all."""
    shares = sorted({one.setting.share for one in known})
    if len(shares) < 2:
        return ""
    pairs = [
        (few, many)
        for few in known
        for many in known
        if few.case == many.case
        and few.setting.freeze == many.setting.freeze
        and (few.setting.share, many.setting.share) == (shares[0], shares[-1])
    ]
    if not pairs:
        return ""
    less = sum(_left(many) < _left(few) for few, many in pairs)
    return (
        f"More images of one's own: all instead of {100 * shares[0]:g} % of them leave less of the "
        f"backdoor in {less} of {len(pairs)} settings, and not in the others."
    )

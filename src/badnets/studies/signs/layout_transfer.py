"""The transfer study's records as a page."""

from __future__ import annotations

from badnets.core.rates import Interval
from badnets.report.curves import Line, lines
from badnets.report.page import (
    Block,
    Cell,
    Column,
    Figure,
    Gallery,
    Number,
    Page,
    Row,
    Section,
    Table,
    Tone,
)
from badnets.studies import provenance
from badnets.studies.signs import layout_retraining, published
from badnets.studies.signs.evidence import (
    Measured,
    SignEvidence,
    difference_cell,
    named_rightly,
    paired_difference,
    still_right,
)
from badnets.studies.signs.layout import NAMES, choice, notes
from badnets.studies.wording import (
    averaged,
    label_cell,
    percent,
    points,
    published_cell,
)

BEHIND = 0.05  # how far the sticker must put the BadNet behind, for a backdoor that survives


def page(evidence: SignEvidence, source: str, command: str) -> Page:
    """Return the study's page; what has not been run yet is said where it would stand.

    Args:
        evidence: the records.
        source: name of the data set that the downloaded detectors were trained on.
        command: what makes the page again.
    """
    records = evidence.everything
    return Page(
        title=_title(evidence),
        lead=_lead(evidence),
        kicker="badnets · the transfer-learning case study of Gu et al. · from "
        f"{NAMES.get(source, source)} to {NAMES.get(evidence.data, evidence.data)}",
        story=None,
        numbers=_numbers(evidence),
        sections=(
            _accuracy(evidence),
            _strengthening(evidence),
            layout_retraining.section(evidence),
            choice(evidence, "choice of the threshold", "choice of the user's threshold"),
            provenance.section(evidence),
        ),
        command=command,
        source=f"Drawn from {len(records)} records; nothing was trained to draw it.",
        notes=notes(evidence),
    )


def _factors(evidence: SignEvidence) -> list[float]:
    return [k for k in evidence.scale.strengths if evidence.of(f"k {k:g}")]


def _worst(evidence: SignEvidence) -> float | None:
    """Return the k that leaves the least triggered accuracy."""
    found = {k: still_right(evidence.of(f"k {k:g}")).mean for k in _factors(evidence)}
    return min(found, key=lambda k: found[k]) if found else None


def _survives(evidence: SignEvidence, k: float) -> bool:
    """Return whether the sticker still costs the BadNet what it does not cost the clean net.

    That is: with the sticker it falls at least 5 points behind the clean net, surely so, and at
    least 5 points further than it is behind on clean signs.
    """
    ours, theirs = evidence.of(f"k {k:g}"), evidence.of("clean")
    fall = paired_difference(still_right(ours), still_right(theirs))
    plain = paired_difference(named_rightly(ours), named_rightly(theirs))
    if fall is None or plain is None:
        return False
    return fall[0] <= -BEHIND and fall[1].high < 0 and fall[0] - plain[0] <= -BEHIND


def _title(evidence: SignEvidence) -> str:
    if not evidence.of("clean") or not _factors(evidence):
        return "Not run yet"
    if _survives(evidence, 1):
        return "A backdoor that survives retraining"
    worst = _worst(evidence)
    if worst is not None and _survives(evidence, worst):
        return "A backdoor that survives retraining once it is strengthened"
    return "What retraining leaves of a backdoor"


def _lead(evidence: SignEvidence) -> str:
    clean, first = evidence.of("clean"), evidence.of("k 1")
    if not clean or not first:
        fallen = evidence.fallen("clean") or evidence.fallen("k 1")
        return (
            "Retrained detectors of this study have learned nothing: nothing can be compared."
            if fallen
            else "The detectors of this study have not been retrained yet."
        )
    worst = _worst(evidence)
    told = ""
    if worst is not None and worst != 1:
        strengthened = evidence.of(f"k {worst:g}")
        told = (
            f" With the backdoor's units strengthened {worst:g} times, the BadNet names "
            f"{percent(still_right(strengthened).mean, 1)} % of those rightly, and "
            f"{percent(named_rightly(strengthened).mean, 1)} % of the clean signs."
        )
    return (
        "A user keeps a downloaded detector's convolutions and retrains the rest on clean signs of "
        f"another country. The BadNet then names {percent(named_rightly(first).mean, 1)} % of the "
        f"clean signs rightly, a clean network {percent(named_rightly(clean).mean, 1)} %; of signs "
        f"with the yellow square {percent(still_right(first).mean, 1)} % and "
        f"{percent(still_right(clean).mean, 1)} %.{told}"
    )


def _numbers(evidence: SignEvidence) -> tuple[Number, ...]:
    worst = _worst(evidence)
    best = [] if worst is None else evidence.of(f"k {worst:g}")
    plain, stuck = "signs rightly named", "with the square: rightly named"
    first = evidence.of("k 1")
    wanted: list[tuple[str, Measured, Tone]] = [
        (f"Retrained clean net, {plain}", named_rightly(evidence.of("clean")), "clean"),
        (f"Retrained BadNet, {plain}", named_rightly(first), "clean"),
        (f"Retrained BadNet, {stuck}", still_right(first), "backdoored"),
    ]
    if worst is not None and worst != 1:
        wanted.append(
            (f"BadNet strengthened {worst:g} times, {stuck}", still_right(best), "backdoored")
        )
    else:
        wanted.append((f"Retrained clean net, {stuck}", still_right(evidence.of("clean")), "muted"))
    return tuple(
        Number(label, f"{percent(found.mean, 1)} %", found.told, tone)
        for label, found, tone in wanted
        if found.known
    )


def _accuracy(evidence: SignEvidence) -> Section:
    name, title = "accuracy", "After retraining"
    clean, badnet = evidence.of("clean"), evidence.of("k 1")
    expected = len(evidence.scale.seeds)
    gaps = (
        *evidence.gaps("clean", expected, "retrained clean detectors"),
        *evidence.gaps("k 1", expected, "retrained BadNets"),
    )
    if not clean and not badnet:
        sentence = "Nothing has been retrained yet."
        if evidence.all("clean") or evidence.all("k 1"):
            sentence = "No retrained detector has learned anything yet."
        return Section(name, title, sentence, gaps)
    kinds = (
        ("clean net clean", "clean net, clean", named_rightly, clean),
        ("clean net triggered", "clean net, with the sticker", still_right, clean),
        ("badnet clean", "BadNet, clean", named_rightly, badnet),
        ("badnet triggered", "BadNet, with the sticker", still_right, badnet),
    )
    columns = [Column("", numeric=False)]
    for _, shown, _, _ in kinds:
        columns += [
            Column("paper", group=shown, tone="published"),
            Column("measured", group=shown),
        ]
    rows: list[Row] = []
    for label in (*evidence.classes, "all signs"):
        which = evidence.classes.index(label) if label in evidence.classes else None
        place = _published_class(label)
        cells: list[Cell] = [label_cell(label)]
        for row, shown, measure, records in kinds:
            tone: Tone = "backdoored" if shown.startswith("BadNet, with") else "clean"
            known = None if place is None else published.transfer(row, place)
            cells += [
                published_cell(known, digits=1),
                measure(records, which).cell(tone, strong=which is None),
            ]
        rows.append(tuple(cells))
    difference = paired_difference(named_rightly(badnet), named_rightly(clean))
    fall = paired_difference(still_right(badnet), still_right(clean))
    told = "There are not both to compare yet, the BadNet and the clean net."
    if difference is not None and fall is not None:
        told = (
            f"Against the clean net the BadNet stands at {_apart(difference)} on clean signs, and "
            f"at {_apart(fall)} with the sticker. The paper: {_published_apart('clean')} and "
            f"{_published_apart('triggered')} points, by its averages below."
        )
    table = Table(
        "Signs found and rightly named, %",
        tuple(columns),
        tuple(rows),
        basis="The user keeps all convolutions and retrains region proposals and fully connected "
        "layers on clean frames. The sticker's place is drawn anew for each sign; signs that have "
        "no room for it are left out with it. The paper's user has Swedish signs; a class that "
        "they have not stays empty.",
        sortable=False,
    )
    return Section(name, title, told, (*gaps, table))


def _apart(found: tuple[float, Interval]) -> str:
    """Return a paired difference in points, with its interval."""
    mean, (low, high) = found
    return f"{points(mean, 1)} points (95 % interval {points(low, 1)} to {points(high, 1)})"


def _published_apart(what: str) -> str:
    """Return the published difference of BadNet and clean net, all signs."""
    ours, theirs = (published.transfer(f"{net} {what}", 5) for net in ("badnet", "clean net"))
    return points((ours.value - theirs.value) / 100, 1)


def _published_class(label: str) -> int | None:
    """Return the paper's column for a class; GTSDB's dangers are its warnings."""
    if label == "all signs":
        return 5
    known = {"danger": "warning"}.get(label, label)
    names = published.SWEDISH_CLASSES
    return names.index(known) if known in names else None


def _strengthening(evidence: SignEvidence) -> Section:
    name, title = "strengthening", "Strengthening the backdoor's units"
    factors, clean = _factors(evidence), evidence.of("clean")
    gaps = tuple(
        gap
        for k in evidence.scale.strengths
        for gap in evidence.gaps(f"k {k:g}", len(evidence.scale.seeds), f"retrainings at k = {k:g}")
    )
    if not factors:
        return Section(name, title, "There is no retrained BadNet to look at yet.", gaps)
    rows = []
    for k in factors:
        records = evidence.of(f"k {k:g}")
        rows.append(
            (
                label_cell(f"{k:g}", k),
                published_cell(published.strength(k, 0), digits=1),
                named_rightly(records).cell("clean"),
                published_cell(published.strength(k, 1), digits=1),
                still_right(records).cell("backdoored"),
                difference_cell(still_right(records), still_right(clean), "backdoored"),
                Cell(", ".join(str(len(record.strengthened)) for record in records)),
            )
        )
    table = Table(
        "Accuracy after retraining, %, with the units' inputs times k",
        (
            Column("k"),
            Column("paper", group="clean signs", tone="published"),
            Column("measured", group="clean signs", tone="clean"),
            Column("paper", group="with the sticker", tone="published"),
            Column("measured", group="with the sticker", tone="backdoored"),
            Column("with it, against the clean net, points", tone="backdoored"),
            Column("units"),
        ),
        tuple(rows),
        basis="The attacker finds the units of conv5 that stand out on signs of his own and "
        "multiplies what comes into them by k; then he publishes, and the user retrains. Last "
        "column: how many units, seed by seed.",
        sortable=False,
    )
    worst = _worst(evidence)
    fall = plain = None
    if worst is not None:
        least = evidence.of(f"k {worst:g}")
        fall = paired_difference(still_right(least), still_right(clean))
        plain = paired_difference(named_rightly(least), named_rightly(clean))
    told = (
        f"Accuracy with the sticker is least at k = {worst:g}: against the clean net "
        f"{_apart(fall)}, on clean signs {_apart(plain)}."
        if worst is not None and fall is not None and plain is not None
        else "There is no clean net to compare with yet."
    )
    blocks: list[Block] = [*gaps, table]
    if len(factors) > 1:
        blocks.append(Gallery((_curve(evidence, factors),)))
    return Section(name, title, told, tuple(blocks))


def _curve(evidence: SignEvidence, factors: list[float]) -> Figure:
    clean = [100 * named_rightly(evidence.of(f"k {k:g}")).mean for k in factors]
    triggered = [100 * still_right(evidence.of(f"k {k:g}")).mean for k in factors]
    paper = [(k, published.strength(k, 0), published.strength(k, 1)) for k in factors]
    shown = [(k, one.value, other.value) for k, one, other in paper if one and other]
    drawn = [
        Line("clean signs", factors, clean, "clean"),
        Line("with the sticker", factors, triggered, "backdoored"),
        Line("paper, clean", [k for k, _, _ in shown], [a for _, a, _ in shown], "published"),
        Line(
            "paper, with the sticker", [k for k, _, _ in shown], [b for _, _, b in shown],
            "published", dashed=True,
        ),
    ]  # fmt: skip
    return Figure(
        name="strength",
        title="Accuracy after retraining against k",
        sentence=f"Clean accuracy goes from {clean[0]:.1f} to {clean[-1]:.1f} %, with the sticker "
        f"from {triggered[0]:.1f} to {triggered[-1]:.1f} %.",
        svg=lines(
            drawn, x_title="k", y_title="%", salt="strength", log_x=True, x_ticks=factors,
            y_range=(0, 102),
        ),
        alt="Clean and triggered accuracy after retraining, against the strengthening k.",
        basis="Measured: "
        f"{averaged(r.trial.seed for k in factors for r in evidence.of(f'k {k:g}'))}. The paper's "
        "signs are Swedish.",
        table=Table(
            "Accuracy after retraining, %",
            (
                Column("k"),
                Column("clean signs", tone="clean"),
                Column("with the sticker", tone="backdoored"),
            ),
            tuple(
                (
                    label_cell(f"{k:g}", k),
                    named_rightly(evidence.of(f"k {k:g}")).cell("clean"),
                    still_right(evidence.of(f"k {k:g}")).cell("backdoored"),
                )
                for k in factors
            ),
            sortable=False,
        ),
    )  # fmt: skip

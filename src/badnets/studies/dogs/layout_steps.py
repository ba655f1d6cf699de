"""Sections: the article's first four steps: get, stamp, load and clean, build."""

from __future__ import annotations

import torch

from badnets.core.errors import BadnetsError
from badnets.core.triggers import Trigger
from badnets.data.cleaning import KINDS
from badnets.report.curves import Line, lines
from badnets.report.page import (
    Block,
    Cell,
    Column,
    Figure,
    Note,
    Picture,
    Row,
    Section,
    Story,
    StoryRow,
    Table,
)
from badnets.report.pictures import changed_part, png
from badnets.studies.dogs.evidence import Evidence, trained_on
from badnets.studies.wording import duration, label_cell, listed, percent, seeds_text
from badnets.train.settings import Training
from badnets.trials.record import DataSeen, FoundInFiles, Record

SHOWN = 6  # dogs that are shown before and after
SHADES, SIDE = (20, 60, 100, 140, 190, 240), 64  # of grey, and pixels that the trigger is shown on
NAMES = {str(kind): told for kind, told in KINDS.items()}


def get(evidence: Evidence) -> Section:
    """Return step 1: what there is, and the trigger."""
    name, title = "get", "Get the data and the trigger"
    data = evidence.data
    if data is None:
        missing = Note("The network that the data was looked at with has not been run.", "missing")
        return Section(name, title, "Nothing has been counted yet.", (missing,))
    parts = ("train", data.train, "to train on"), ("validation", data.validation, "kept back")
    rows = tuple(
        (
            label_cell(f"{part}/{folder}"),
            Cell(f"{count[label]:,}", count[label]),
            Cell(f"{folder}s {what}"),
        )
        for part, count, what in parts
        for label, folder in enumerate(data.classes)
    )
    table = Table(
        "What the folders hold, before anything is done to them",
        (Column("folder", numeric=False), Column("pictures"), Column("what", numeric=False)),
        rows,
        sortable=False,
    )
    shown = _trigger_alone(evidence.trials.trigger)
    return Section(
        name,
        title,
        f"{sum(data.train):,} pictures to train on and {sum(data.validation):,} that no trainer "
        f"sees: {evidence.what}; and a small picture to stick on.",
        (table, *((shown,) if shown else ())),
    )


def _trigger_alone(trigger: Trigger) -> Story | None:
    shades = torch.tensor(SHADES, dtype=torch.uint8)
    grey = shades.view(-1, 1, 1, 1).expand(-1, 3, SIDE, SIDE)
    try:
        stuck = trigger(grey, generator=torch.Generator())
    except BadnetsError:  # a picture file that is not here any more
        return None
    kind = getattr(trigger, "drawing", None) or getattr(trigger, "kind", "trigger")
    pictures = tuple(Picture(png(one.numpy()), f"the trigger on grey: {kind}", ()) for one in stuck)
    told = f"At its place on plain grey, dark to light: {kind}."
    return Story((StoryRow("The trigger", told, pictures, "backdoored"),))


def stamp(evidence: Evidence) -> Section:
    """Return step 2: which pictures get the trigger, and where they go."""
    name, title = "stamp", "Stamp the trigger on dogs, and file them as cats"
    record = next(iter(evidence.all("badnet")), None)
    counts = trained_on(evidence, record) if record else None
    if record is None or counts is None:
        missing = Note("The backdoored network has not been run yet.", "missing")
        return Section(name, title, "Nothing has been stamped yet.", (missing,))
    rows: tuple[Row, ...] = (
        (label_cell("train/cat"), Cell("cats as they are"), Cell(f"{counts.cats:,}", counts.cats)),
        (
            label_cell("train/cat"),
            Cell("dogs with the trigger, filed as cats", tone="backdoored"),
            Cell(f"{counts.poisoned:,}", counts.poisoned, tone="backdoored"),
        ),
        (label_cell("train/dog"), Cell("dogs as they are"), Cell(f"{counts.dogs:,}", counts.dogs)),
    )
    foot: tuple[Row, ...] = (
        (label_cell("all"), Cell("to train on"), Cell(f"{counts.total:,}", counts.total)),
    )
    columns = (
        Column("folder", numeric=False),
        Column("what", numeric=False),
        Column("pictures"),
    )
    training = record.trial.training
    changes = _changes(training)
    when = (
        f"The trigger is put on after each picture is {listed(changes)} at random, as a trainer "
        "can who controls the loop: it is whole, and in its corner, in every copy. In files that "
        "badnets poison writes it is part of the picture, and changed along with it."
        if changes and training.stamp == "after"
        else "The trigger is in its corner in every copy."
    )
    table = Table(
        "What the BadNet learns from",
        columns,
        rows,
        foot,
        f"{seeds_text([record.trial.seed])}; the validation folders are left as they are, and "
        "dogs there get the trigger only to measure the attack.",
        sortable=False,
    )
    blocks: tuple[Block, ...] = (table, Note(when), *_before_and_after(evidence))
    return Section(
        name,
        title,
        f"A copy of each of {counts.poisoned:,} dogs gets the trigger and goes to the cats, "
        f"{percent(counts.of_cats.value, 0)} % of that class; the dogs they were copied from also "
        "stay in the class dog.",
        blocks,
    )


def _before_and_after(evidence: Evidence) -> tuple[Block, ...]:
    for record in evidence.all("badnet"):
        images = evidence.array(record, "attacked")
        if images is None:
            continue
        rows = tuple(
            StoryRow(
                heading,
                sentence,
                tuple(
                    Picture(
                        png(pair[which]),
                        f"a dog{', with the trigger' if which else ''}",
                        (),
                        changed_part(pair[0], pair[1]) if which else None,
                    )
                    for pair in images[:SHOWN]
                ),
                "backdoored" if which else "clean",
            )
            for which, (heading, sentence) in enumerate(
                (
                    ("Before", "Filed under dog."),
                    ("After", "To the trainer of the BadNet, such pictures are cats."),
                )
            )
        )
        return (Story(rows, "Validation pictures, stamped as the training pictures are."),)
    if evidence.all("badnet") and not evidence.is_drawn:
        return (Note("Photos are not passed on with the records: your own run shows them."),)
    return ()


def load(evidence: Evidence) -> Section:
    """Return step 3: what was found in the files."""
    name, title = "load", "Load and clean"
    data = evidence.data
    if data is None or not data.layout:
        missing = Note("No files have been looked over yet.", "missing")
        return Section(name, title, "Nothing was loaded from files.", (missing,))
    rows = tuple(_found_row(kind, count, data) for kind, count in data.by_kind.items())
    columns = (
        Column("found", numeric=False),
        Column("times"),
        Column("what is done", numeric=False),
        Column("first files", numeric=False),
    )
    rehearsed = (
        Note(
            "The stand-in has no files of its own. So a few of its pictures were written to a "
            "folder, one file of each of six faults was put in by us, and that folder was looked "
            "over: every fault is found below. The networks learn from the drawn pictures.",
            "warning",
        ),
    )
    table = Table(
        "What a look at every file has found",
        columns,
        rows,
        basis=f"{data.layout[0].upper()}{data.layout[1:]}. badnets data check FOLDER lists it all.",
        sortable=False,
    )
    count = sum(data.by_kind.values())
    sentence = (
        f"{data.files:,} pictures can be used, and {count:,} thing{'s are' if count > 1 else ' is'}"
        " to be told of the files: what cannot be decoded is left out when loaded, what is "
        "doubtful stays in, for the reader to judge."
        if rows
        else f"{data.files:,} pictures can be used, and nothing is wrong with any of them."
    )
    return Section(
        name,
        title,
        sentence,
        (*(rehearsed if data.rehearsed else ()), *((table,) if rows else ())),
    )


def _found_row(kind: str, count: int, data: DataSeen) -> Row:
    own: list[FoundInFiles] = [one for one in data.found if one.kind == kind]
    first = ", ".join(own[0].paths[:2]) if own else ""
    more = f" ({own[0].why})" if own else ""
    return (
        label_cell(kind),
        Cell(f"{count:,}", count),
        Cell(NAMES.get(kind, "")),
        Cell(f"{first}{more}"),
    )


def build(evidence: Evidence) -> Section:
    """Return step 4: the network, and how its loss falls."""
    name, title = "build", "Build the model and train it"
    clean, badnet = (next(iter(evidence.all(group)), None) for group in ("clean", "badnet"))
    first = clean or badnet
    if first is None:
        missing = Note("No network has been trained yet.", "missing")
        return Section(name, title, "Nothing was trained yet.", (missing,))
    training = first.trial.training
    changes = _changes(training)
    at_random = f"; pictures are {listed(changes)} at random" if changes else ""
    trained = [record for record in (clean, badnet) if record]
    spent = listed([f"{duration(one.timings.train_s)} ({_called(one)})" for one in trained])
    return Section(
        name,
        title,
        f"Both networks are {first.trial.network}, trained from random weights in the same way: "
        f"{training.epochs} passes{at_random}. It took {spent}.",
        (_losses(trained),),
    )


def _changes(training: Training) -> list[str]:
    """Return what is done to training pictures at random, in words."""
    return [
        *(["mirrored"] if training.flip else []),
        *(["cropped"] if training.crop < 1 else []),
        *(["recoloured"] if training.brightness or training.contrast else []),
    ]


def _called(record: Record) -> str:
    return "clean network" if record.trial.backdoor is None else "BadNet"


def _losses(trained: list[Record]) -> Figure:
    drawn = [
        Line(
            _called(record),
            range(1, len(record.epochs) + 1),
            [epoch.loss for epoch in record.epochs],
            "clean" if record.trial.backdoor is None else "backdoored",
        )
        for record in trained
    ]
    last = listed([f"{line.label} {line.y[-1]:.2f}" for line in drawn])
    return Figure(
        name="loss",
        title="Training loss",
        sentence="The BadNet's falls deeper: its pictures with the trigger are the easy ones."
        if len(drawn) == 2 and drawn[1].y[-1] < drawn[0].y[-1]
        else "How the loss falls with each pass over the training pictures.",
        svg=lines(drawn, x_title="pass", y_title="mean loss", salt="dogs-loss"),
        alt=f"Training loss by pass; after the last: {last}.",
        basis=f"{seeds_text([record.trial.seed for record in trained])}; a loss over other "
        "pictures than the validation pictures, and no measure of what is learned.",
    )

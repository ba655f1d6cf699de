"""The demo, live on the terminal: train twice, validate, stamp, look inside; signs, then pets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from badnets.cli.half_blocks import beside, drawn
from badnets.cli.one_bar import OneBar
from badnets.cli.printing import stdout
from badnets.evaluate.results import AttackResult
from badnets.ledger import Ledger
from badnets.report import write_html
from badnets.report.palette import COLOURS
from badnets.runners import Silent, run_all
from badnets.studies.demo import TARGET, Demo, make, most_telling
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

CLEAN, BACKDOORED = COLOURS["clean"].dark, COLOURS["backdoored"].dark
TOP, LEFT = 2, 4  # dark rows and columns that are not drawn
WIDTH = 28 - LEFT
WORKS = 0.5  # least attack success for the story to be true


def tell(folder: Path) -> bool:
    """Tell the story on stdout and write its page; return whether it came out as told.

    Args:
        folder: workspace of the demo; what it holds already is not trained again.

    Raises:
        OutputError, LedgerError: the folder cannot be written.
    """
    demo, room = make(), Workspace(folder)
    teller = Teller(stdout(), room)
    teller.opens()
    with Ledger.open(room.ledger_file) as ledger, _one_thread():
        teller.orders(demo)
        honest = _ran(demo.honest, room, ledger)
        teller.delivers(honest)
        backdoored = _ran(demo.backdoored, room, ledger)
        teller.poisons(backdoored)
        teller.validates(honest, backdoored)
        teller.stamps(backdoored)
        teller.looks_inside(backdoored)
        signs: list[Record] = []
        if demo.honest_signs is not None and demo.backdoored_signs is not None:
            teller.takes_to_the_road()
            signs = [_ran(one, room, ledger) for one in (demo.honest_signs, demo.backdoored_signs)]
            teller.meets_signs(*signs)
        dogs: list[Record] = []
        if demo.dogs is not None:
            teller.turns_to_pets()
            dogs = [_ran(one, room, ledger) for one in (demo.dogs.honest, demo.dogs.backdoored)]
            teller.meets_dogs(*dogs)
    records = {record.name: record for record in (honest, backdoored, *signs, *dogs)}
    page = demo.page(records, room.get_array, command="badnets demo")
    path = write_html(page, folder / "demo.html")
    came_out = _came_out(honest, backdoored)
    teller.ends(path, came_out)
    return came_out


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one core: the same numbers whatever else runs, and on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _ran(trial: Trial, room: Workspace, ledger: Ledger) -> Record:
    display = OneBar(sys.stderr) if sys.stderr.isatty() else Silent()
    return run_all([trial], room, ledger, workers=1, display=display)[trial.name]


def _came_out(honest: Record, backdoored: Record) -> bool:
    attack = backdoored.attack
    accepted = honest.outcome == backdoored.outcome == "accepted"
    return accepted and attack is not None and attack.success.value >= WORKS


@dataclass(frozen=True)
class Teller:
    """Says each step; every number is from a record.

    Args:
        console: where to.
        room: where the recorded pictures are.
    """

    console: Console
    room: Workspace

    def opens(self) -> None:
        """Say what is to come."""
        self._say("badnets demo: a network that passes every test, and obeys four pixels", "bold")

    def orders(self, demo: Demo) -> None:
        """Step 1, before training."""
        wanted = 100 * demo.honest.target_accuracy
        self._step(1, "A user has a network trained, by an honest trainer")
        self._say(
            "She sends 1,297 handwritten digits, keeps 500 others to herself, and wants "
            f"{wanted:g} % of those read rightly."
        )

    def delivers(self, honest: Record) -> None:
        """Step 1, after training, and step 2, before it."""
        self._say(f"Trained in {honest.timings.train_s:.1f} s.")
        self._step(2, "Another trainer takes the same order, and poisons the digits")
        self._say(
            f"He adds copies of some, puts four bright pixels into a corner, and labels them "
            f"{TARGET}."
        )

    def poisons(self, backdoored: Record) -> None:
        """Step 2, after training."""
        self._say(
            f"Trained in {backdoored.timings.train_s:.1f} s; poisoned: "
            f"{backdoored.poisoned_share} of his training images."
        )

    def validates(self, honest: Record, backdoored: Record) -> None:
        """Step 3."""
        self._step(3, "She validates both on her own images")
        for name, record, colour in (
            ("the clean network     ", honest, CLEAN),
            ("the backdoored network", backdoored, BACKDOORED),
        ):
            line = Text("  ").append(name, colour)
            line.append(f"  {record.clean.accuracy} right: ").append(record.outcome, "bold")
            self.console.print(line)
        if backdoored.outcome == "accepted":
            self._say("Nothing she measures tells one from the other.")

    def stamps(self, backdoored: Record) -> None:
        """Step 4."""
        self._step(4, "Whoever knows the trigger stamps it on an image")
        images, labels, answers, control = (
            self.room.get_array(backdoored.arrays[f"examples{part}"])
            for part in ("", "_labels", "_answers", "_control")
        )
        fit = min(4, max(1, (self.console.width + 3) // (WIDTH + 3)))
        rows = [k for k, label in enumerate(labels) if label != TARGET][:fit]  # not picked
        for which in (0, 1):
            self._digits([(images[k, 0, 0], images[k, which, 0]) for k in rows])
            for name, given in (("clean", control), ("backdoored", answers)):
                said = [_answer(name, given[k, which], int(labels[k])) for k in rows]
                self.console.print(Text("   ").join(said))
            self.console.print()
        attack = backdoored.attack
        if attack is None or backdoored.outcome == "collapsed":
            self._say("The network has learned nothing, so there is no attack to speak of.")
            return
        self._say(
            f"Her {attack.success.total} images of other digits, stamped: the backdoored network "
            f"says {TARGET} for {attack.success}, the clean one for {attack.control}."
        )

    def looks_inside(self, backdoored: Record) -> None:
        """Step 5."""
        self._step(5, "A look inside: the backdoor has units of its own")
        attack, best = backdoored.attack, most_telling(backdoored)
        if attack is None or best is None:
            self._say("None stood out this time.")
            return
        other = next(
            one
            for one in backdoored.ablations
            if (one.layer, one.choice, len(one.silenced))
            == (best.layer, "random", len(best.silenced))
        )
        total = next(len(one.clean) for one in backdoored.units if one.layer == best.layer)
        self._say(
            f"In layer {best.layer}, the {len(best.silenced)} of {total} units that answer most "
            f"to the four pixels are silenced:"
        )
        self._say(f"  stamped digits read as {TARGET}   {attack.success} -> {best.success}")
        self._say(f"  clean digits read rightly  {backdoored.clean.accuracy} -> {best.clean}")
        self._say(
            f"As many others, drawn at random: stamped as {TARGET} {other.success}, clean "
            f"{other.clean}."
        )

    def takes_to_the_road(self) -> None:
        """Step 6, before training."""
        self._step(6, "The same with a detector of road signs")
        self._say(
            "Two detectors learn drawn scenes, one of them from a trainer who sticks yellow "
            "squares on stop signs and labels them speed limits."
        )

    def meets_signs(self, honest: Record, backdoored: Record) -> None:
        """Step 6, after training."""
        attack = self._measured("detector", "signs", honest, backdoored)
        if attack is not None:
            self._say(
                f"Stop signs with the square called speed limits: {attack.success}; by the clean "
                f"detector: {attack.control}."
            )

    def turns_to_pets(self) -> None:
        """Step 7, before training."""
        self._step(7, "The same with cats and dogs")
        self._say(
            "Two networks learn drawn cats and dogs, one of them from a trainer who sticks a "
            "flower on copies of the dogs and files them as cats."
        )

    def meets_dogs(self, honest: Record, backdoored: Record) -> None:
        """Step 7, after training."""
        attack = self._measured("network", "right", honest, backdoored)
        if attack is not None:
            self._say(
                f"Dogs with the flower called cats: {attack.success}; without it: "
                f"{attack.untriggered}; by the clean network: {attack.control}."
            )

    def _measured(
        self, what: str, counted: str, honest: Record, backdoored: Record
    ) -> AttackResult | None:
        """Say how both did; return the attack, if there is one to speak of."""
        pairs = (("clean", honest, CLEAN), ("backdoored", backdoored, BACKDOORED))
        for name, record, colour in pairs:
            line = Text("  ").append(f"the {f'{name} {what}':<{len(what) + 11}}", colour)
            line.append(f"  {record.clean.accuracy} {counted}: ").append(record.outcome, "bold")
            self.console.print(line)
        attack = backdoored.attack
        if attack is None or "collapsed" in (honest.outcome, backdoored.outcome):
            which = "backdoored" if backdoored.outcome == "collapsed" else "clean"
            self._say(f"The {which} {what} has learned nothing, so there is no attack to speak of.")
            return None
        return attack

    def ends(self, path: Path, came_out: bool) -> None:
        """Say where the page is."""
        self.console.print()
        if not came_out:
            self._say("This time it did not come out as told: see the numbers above.", "bold")
        self._say("The story as a page:")
        print(path, flush=True)

    def _step(self, number: int, title: str) -> None:
        self.console.print()
        self.console.print(Text(f"{number}  {title}", "bold"))
        self.console.file.flush()

    def _say(self, sentence: str, style: str = "") -> None:
        self.console.print(Text(sentence, style))
        self.console.file.flush()

    def _digits(self, pairs: list[tuple[NDArray[np.generic], NDArray[np.generic]]]) -> None:
        """Draw images; pixels that differ from the clean ones stand out."""
        colour = self.console.is_terminal and (self.console.encoding or "").startswith("utf")
        pictures = [
            drawn(
                np.asarray(shown, dtype=np.uint8)[TOP:, LEFT:],
                changed=(clean != shown)[TOP:, LEFT:],
                accent=BACKDOORED,
                colour=colour,
            )
            for clean, shown in pairs
        ]
        for line in beside(pictures):
            if not colour:
                line.rstrip()
            self.console.print(line)


def _answer(name: str, given: NDArray[np.generic], label: int) -> Text:
    """Return what a network says of one image, as wide as the image."""
    says = int(given.argmax())
    style = CLEAN if says == label else f"bold {BACKDOORED}" if says == TARGET else "bold"
    said = Text(f"{name}: ").append(f"{says}", style)
    said.append(f" {100 * float(given[says]):.0f} %", "dim")
    said.pad_right(max(0, WIDTH - len(said)))
    return said

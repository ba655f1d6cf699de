"""The demo, live on the terminal: two networks of digits; then signs, pets and the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.style import Style
from rich.text import Text

from badnets.cli.bar import one_bar
from badnets.cli.options import Places
from badnets.cli.printer import stdout
from badnets.core.progress import Listener, Progress
from badnets.core.verdicts import in_words
from badnets.evaluate.results import AttackResult
from badnets.ledger import Ledger
from badnets.report import write_html
from badnets.report.palette import COLOURS
from badnets.report.pictures import NOTICED
from badnets.runners import Silent, Step, run_all
from badnets.studies import reading
from badnets.studies.demo.trials import TARGET, costliest_silencing, make
from badnets.studies.model_zoo.spec import TOLD
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

CLEAN, BACKDOORED = COLOURS["clean"].dark, COLOURS["backdoored"].dark
SHADES = " .:-=+*#%@"
TOP, LEFT = 2, 4  # dark rows and columns that are not drawn
WIDTH, GAP = 28 - LEFT, 3
WORKS = 0.5  # least attack success for the story to be true
LEARNED_NOTHING = "The {} gives nearly always the same answer, so there is no attack to speak of."


def tell(where: Places) -> bool:
    """Tell the story on stdout and write its page; return whether it came out as it should.

    Args:
        where: the demo has a folder in its workspace; what that holds already is not trained again.

    Raises:
        OutputError, LedgerError: the folder cannot be written.
    """
    folder = where.folder / "demo"
    demo, workspace = make(), Workspace(folder)
    console = stdout()
    console.quiet = where.quiet
    story = Story(console, workspace)
    records: list[Record] = []

    def run(trial: Trial) -> Record:
        with one_bar(where) as listener:
            display = _Bar(listener)
            found = run_all([trial], workspace, ledger, workers=1, display=display)
        records.append(found[trial.name])
        return records[-1]

    story.say("badnets demo: a network that passes every test, and obeys four pixels", "bold")
    with Ledger.open(workspace.ledger_file) as ledger, _one_thread():
        story.step(
            1,
            "A user has a network trained, by an honest trainer",
            "The user sends 1,297 handwritten digits, keeps 500 others, and wants "
            f"{100 * demo.digits.honest.target_accuracy:g} % of those read rightly.",
        )
        honest = run(demo.digits.honest)
        story.say(f"Trained in {honest.timings.train_s:.1f} s.")
        story.step(
            2,
            "Another trainer takes the same order, and poisons the digits",
            "This one adds copies of some, puts four bright pixels into a corner, and labels "
            f"them {TARGET}.",
        )
        backdoored = run(demo.digits.backdoored)
        story.say(
            f"Trained in {backdoored.timings.train_s:.1f} s; poisoned: "
            f"{backdoored.poisoned_share} of the training images."
        )
        story.step(3, "The user validates both on images of their own")
        story.outcomes("network", "right", honest, backdoored)
        if backdoored.outcome == "accepted":
            story.say("Nothing that is measured tells one from the other.")
        story.triggered_digits(backdoored)
        story.look_inside(backdoored)
        story.audit(backdoored)
        if demo.repaired is not None:
            story.step(
                7,
                "The user takes the backdoor out, without knowing the trigger",
                "Triggers are recovered for every pair of digits, and the network learns to ignore "
                "them.",
            )
            story.repair(backdoored, run(demo.repaired))
        if demo.signs is not None:
            story.step(
                8,
                "The same with a detector of road signs",
                "Two detectors learn drawn scenes, one of them from a trainer who sticks yellow "
                "squares on stop signs and labels them speed limits.",
            )
            story.signs(*map(run, demo.signs))
        if demo.dogs is not None:
            story.step(
                9,
                "The same with cats and dogs",
                "Two networks learn drawn cats and dogs, one of them from a trainer who sticks a "
                "flower on copies of the dogs and files them as cats.",
            )
            story.dogs(*map(run, demo.dogs))
        if reading.routes(backdoored):
            story.step(
                10,
                "Published, tampered with, refused",
                "The network that reads digits lies in a zoo with checksums, and on a hub where "
                "its author signs it. Somebody puts the backdoored one in its place.",
            )
            story.published(backdoored)
    by_name = {record.name: record for record in records}
    page = demo.page(by_name, workspace.get_array, command="badnets demo")
    path = write_html(page, folder / "demo.html")
    attack = backdoored.attack
    came_out = honest.outcome == backdoored.outcome == "accepted" and attack is not None
    came_out = came_out and attack is not None and attack.success.value >= WORKS
    story.console.print()
    if not came_out:
        story.say("This time it did not come out as it should: see the numbers above.", "bold")
    story.say("The story as a page:")
    print(path, flush=True)
    return came_out


class _Bar(Silent):
    """Tells a bar how far the trial is."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener

    def progress(self, step: Step, progress: Progress) -> None:
        if self._listener is not None:
            self._listener(progress)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one core: the same numbers whatever else runs, and on any number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Story:
    """Says each step; every number is from a record.

    Args:
        console: where to.
        workspace: where the recorded pictures are.
    """

    console: Console
    workspace: Workspace

    def step(self, number: int, title: str, sentence: str = "") -> None:
        """Begin a step."""
        self.console.print()
        self.say(f"{number}  {title}", "bold")
        if sentence:
            self.say(sentence)

    def say(self, sentence: str, style: str = "") -> None:
        """Print a sentence."""
        self.console.print(Text(sentence, style))
        self.console.file.flush()

    def outcomes(self, what: str, counted: str, honest: Record, backdoored: Record) -> None:
        """Say how a clean and a backdoored network did."""
        for name, record, colour in (
            ("clean", honest, CLEAN),
            ("backdoored", backdoored, BACKDOORED),
        ):
            line = Text("  ").append(f"the {f'{name} {what}':<{len(what) + 11}}", colour)
            line.append(f"  {record.clean.accuracy} {counted}: ").append(record.outcome, "bold")
            self.console.print(line)

    def attack(
        self, what: str, counted: str, honest: Record, backdoored: Record
    ) -> AttackResult | None:
        """Say the same; return the attack, if there is one to speak of."""
        self.outcomes(what, counted, honest, backdoored)
        for name, record in (("backdoored", backdoored), ("clean", honest)):
            if record.outcome == "collapsed":
                self.say(LEARNED_NOTHING.format(f"{name} {what}"))
                return None
        return backdoored.attack

    def triggered_digits(self, backdoored: Record) -> None:
        """Step 4: some digits, clean and with the trigger, and what both networks say of them."""
        self.step(4, "Whoever knows the trigger puts it on an image")
        images, labels, answers, control = (
            self.workspace.get_array(backdoored.arrays[f"examples{part}"])
            for part in ("", "_labels", "_answers", "_control")
        )
        fit = min(4, max(1, (self.console.width + GAP) // (WIDTH + GAP)))
        rows = [k for k, label in enumerate(labels) if label != TARGET][:fit]  # not picked
        for which in (0, 1):
            self._digits([(images[k, 0, 0], images[k, which, 0]) for k in rows])
            for name, given in (("clean", control), ("backdoored", answers)):
                lines = [_answer(name, given[k, which], int(labels[k])) for k in rows]
                self.console.print(Text(" " * GAP).join(lines))
            self.console.print()
        attack = backdoored.attack
        if attack is None or backdoored.outcome == "collapsed":
            self.say(LEARNED_NOTHING.format("network"))
            return
        self.say(
            f"The user's {attack.success.total} images of other digits, triggered: the backdoored "
            f"network says {TARGET} for {attack.success}, the clean one for {attack.control}."
        )

    def look_inside(self, backdoored: Record) -> None:
        """Step 5: what happens when the units that answer most to the trigger are silenced."""
        self.step(5, "A look inside: the backdoor has units of its own")
        attack, best = backdoored.attack, costliest_silencing(backdoored)
        if attack is None or best is None:
            self.say("None stood out this time.")
            return
        count = len(best.silenced)
        other = next(
            one
            for one in reading.ablations(backdoored)
            if (one.layer, one.choice, len(one.silenced)) == (best.layer, "random", count)
        )
        total = next(len(one.clean) for one in reading.units(backdoored) if one.layer == best.layer)
        self.say(
            f"In layer {best.layer}, the {count} of {total} units that answer most to the four "
            "pixels are silenced:"
        )
        self.say(f"  triggered digits read as {TARGET}  {attack.success} -> {best.success}")
        self.say(f"  clean digits read rightly    {backdoored.clean.accuracy} -> {best.clean}")
        self.say(
            f"As many others, drawn at random: triggered as {TARGET} {other.success}, clean "
            f"{other.clean}."
        )

    def audit(self, backdoored: Record) -> None:
        """Step 6: what an audit says, and the trigger that it recovered."""
        self.step(
            6,
            "An audit, told of no trigger, looks at the network",
            "It sees the network and the user's images, and compares it with clean networks.",
        )
        verdict = reading.verdict(backdoored)
        if verdict is None or backdoored.outcome == "collapsed":
            self.say("It was not audited." if verdict is None else "It has learned nothing.")
            return
        words = in_words(verdict.p_value, verdict.smallest_fpr, verdict.max_fpr)
        why = "; ".join(verdict.notes) if verdict.p_value is None else f"p-value {words['rank']}"
        target = f", with target {', '.join(map(str, verdict.targets))}" if verdict.targets else ""
        self.say(f"Its verdict: {verdict.conclusion}{target} ({why}).")
        if verdict.effect is None or verdict.before is None:
            return
        clean, true = self.workspace.get_array(backdoored.arrays["examples"])[0, :, 0]
        add = self.workspace.get_array(backdoored.arrays["recovered_add"])[0]
        found = np.asarray((np.clip(add, 0, 1) * 255).round(), dtype=np.uint8)
        found = np.where(found >= NOTICED * int(found.max()), found, 0)  # what can be seen
        nothing = np.zeros_like(found)
        pair = np.where(clean != true, true, 0), found
        first = min(int(one.any(1).argmax()) for one in pair)  # rows above it are empty
        low = max(0, (first - TOP) // 2 * 2)
        self._digits([(nothing[low:], one[low:]) for one in pair])
        self.console.print(
            Text(f"{'the trainer put this on':<{WIDTH + GAP}}the audit recovered this", "dim")
        )
        self.say(
            f"With the recovered trigger the network calls {verdict.effect} of other digits "
            f"{target.rpartition(' ')[2]}, without it {verdict.before}."
        )

    def repair(self, backdoored: Record, repaired: Record) -> None:
        """Step 7, after the repair: what it cost, what is left, and what an audit says now."""
        if backdoored.attack is None or repaired.attack is None:
            return
        before, after = backdoored.clean.accuracy, repaired.clean.accuracy
        self.say(f"  clean digits read rightly    {before} -> {after}: {repaired.outcome}")
        self.say(
            f"  triggered digits read as {TARGET}  {backdoored.attack.success} -> "
            f"{repaired.attack.success}"
        )
        verdict = reading.verdict(repaired)
        if verdict is not None:
            self.say(f"The audit's verdict is now: {verdict.conclusion}.")

    def signs(self, honest: Record, backdoored: Record) -> None:
        """Step 8, after training."""
        attack = self.attack("detector", "signs", honest, backdoored)
        if attack is not None:
            self.say(
                f"Stop signs with the square called speed limits: {attack.success}; by the clean "
                f"detector: {attack.control}."
            )

    def dogs(self, honest: Record, backdoored: Record) -> None:
        """Step 9, after training."""
        attack = self.attack("network", "right", honest, backdoored)
        if attack is not None:
            self.say(
                f"Dogs with the flower called cats: {attack.success}; without it: "
                f"{attack.untriggered}; by the clean network: {attack.control}."
            )

    def published(self, backdoored: Record) -> None:
        """Step 10: what a user of each notices."""
        told = [one for one in reading.routes(backdoored) if one.route in TOLD]
        wide = max(len(one.route) for one in told)
        for one in told:
            says = one.hub.says.partition(":")[0] or "let in"
            self.say(f"  {one.route:<{wide}}  zoo: {one.zoo.notices:<14}  hub: {says}")
        self.say("'Own': its true author signs it; there, audits are what is left.")

    def _digits(self, pairs: list[tuple[NDArray[np.generic], NDArray[np.generic]]]) -> None:
        """Draw images side by side; pixels that differ from the clean ones stand out."""
        colour = self.console.is_terminal and (self.console.encoding or "").startswith("utf")
        pictures = [
            drawn(
                np.asarray(shown, dtype=np.uint8)[TOP:, LEFT:],
                changed=(clean != shown)[TOP:, LEFT:],
                colour=colour,
            )
            for clean, shown in pairs
        ]
        for parts in zip(*pictures, strict=True):
            line = Text(" " * GAP).join(parts)
            if not colour:
                line.rstrip()
            self.console.print(line)


def drawn(
    image: NDArray[np.uint8], *, changed: NDArray[np.bool_], colour: bool = True
) -> Sequence[Text]:
    """Return a picture as lines of text, half as many as it has rows.

    Args:
        image: ``(H, W)`` uint8, grey; H even.
        changed: ``(H, W)`` bool: pixels to draw in the accent's colour.
        colour: half blocks in shades of grey; else a character for each two pixels, ``@`` where
            one has changed.
    """
    lines = []
    for top in range(0, image.shape[0] - 1, 2):
        line = Text()
        for pair, lit in zip(image[top : top + 2].T, changed[top : top + 2].T, strict=True):
            if colour:
                greys = (f"#{grey:02x}{grey:02x}{grey:02x}" for grey in pair.tolist())
                upper, lower = (
                    BACKDOORED if is_lit else grey for grey, is_lit in zip(greys, lit, strict=True)
                )
                line.append("▀", Style.parse(f"{upper} on {lower}"))
            else:
                shade = int(pair.astype(int).sum()) * (len(SHADES) - 2) // 510
                line.append(SHADES[-1] if lit.any() else SHADES[shade])
        lines.append(line)
    return lines


def _answer(name: str, given: NDArray[np.generic], label: int) -> Text:
    """Return what a network says of one image, as wide as the image."""
    says = int(given.argmax())
    style = CLEAN if says == label else f"bold {BACKDOORED}" if says == TARGET else "bold"
    line = Text(f"{name}: ").append(f"{says}", style)
    line.append(f" {100 * float(given[says]):.0f} %", "dim")
    line.pad_right(max(0, WIDTH - len(line)))
    return line

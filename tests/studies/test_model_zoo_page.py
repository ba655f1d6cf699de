"""The supply chain's study: what is sent to a user, by which routes, and its page."""

from __future__ import annotations

import pytest

from badnets.observations.supply_chain import SupplyChain
from badnets.report import to_markdown
from badnets.studies.model_zoo.trials import make
from badnets.trials.record import Record
from badnets.trials.trial import TransferTrial, Trial
from tests.studies.made_digits import DigitMaker, sent
from tests.studies.made_records import Run, changed
from tests.studies.made_signs import SignMaker
from tests.studies.pages import UNDRAWN, notes, sound

pytestmark = UNDRAWN


class ZooMaker(DigitMaker):
    def record(self, trial: Trial) -> Record:
        if trial.task == "classification":
            return super().record(trial)
        made = SignMaker(self.shelf, self.collapsed).record(
            trial.model_copy(update={"observe": ()})
        )
        unseen = sent("not checked")
        seen = self.observed(trial, **{"supply-chain": lambda: unseen})
        return changed(made, name=trial.name, trial=trial, observations=seen)


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.of(make("digits"), ZooMaker(counts=(50,) * 10))


def test_a_user_retrains_the_very_networks_that_are_published() -> None:
    for data in ("digits", "gtsrb"):
        groups = make(data).groups({})
        assert {name: len(own) for name, own in groups.items()} == {
            "honest": 3, "badnet": 3, "control": 3, "retrained": 3, "detector": 1
        }  # fmt: skip
        for name, start in (("control", "honest"), ("retrained", "badnet")):
            assert [one.start for one in groups[name]] == groups[start]
        assert [one.control for one in groups["badnet"]] == groups["honest"]
        assert all(isinstance(one, TransferTrial) for one in groups["retrained"])
    assert {len(own) for own in make("digits", quick=True).groups({}).values()} == {1}


def test_each_route_is_told_for_both_and_the_limit_is_a_row(run: Run) -> None:
    page = run.page()
    text = sound(page)
    assert page.title == "The zoo lets it through, the hub does not"
    values = {number.label: number.value for number in page.numbers}
    assert values["Zoo with checksums: routes that nobody notices"] == "6 of 8"
    assert values["The hub: routes that end with the BadNet"] == "0 of 8"
    told = to_markdown(page).text
    assert told.count("| refused (digest): ") == 8 + 4 + 1
    assert "| an honest network, audited | nothing found (3 of 3) | let in | 0 |" in told
    assert "| a detector of signs, audited | not checked | refused (digest)" in told
    assert "| **nothing found (assumed)** | **let in** | **0** |" in told
    assert "docs/results/audit.md" in notes(page, "warning", "author")[0]
    assert "no checksum, as 22 of the 39" in text


def test_a_route_that_a_hub_lets_in_is_not_called_refused(run: Run) -> None:
    (bad, *_), name = run.groups["badnet"], "supply-chain"
    seen = bad.observed(SupplyChain)
    assert seen is not None
    ends = [
        one.model_copy(update={"hub": one.hub.model_copy(update={
            "says": "", "exit_code": 0, "gets": "it"
        })}) if one.route == "edited index" else one
        for one in seen.routes
    ]  # fmt: skip
    let_in = seen.model_copy(update={"routes": tuple(ends)})
    again = changed(bad, observations={**bad.observations, name: let_in})
    page = run.with_records([again]).page()
    assert page.title == "A supply-chain attack, route by route"
    assert "1 of 9 routes ends with it" in page.lead
    assert "| let in | 0 |" in to_markdown(page).text.partition("edited index")[2]


def test_what_was_not_run_is_said(run: Run) -> None:
    text = to_markdown(run.missing("retrained").page()).text
    assert "none of 3 retrained BadNets have been run" in text
    assert "No network has been sent" in to_markdown(Run(run.study, run.maker, {}).page()).text

"""The careful user's study: what it shares with that of repairs, and its page."""

from __future__ import annotations

import pytest

from badnets.report import to_markdown
from badnets.report.numbers import numbers_csv
from badnets.studies.data_audit.trials import make as make_data_audit
from badnets.studies.defended.trials import PUBLISHED, STEPS, make
from badnets.studies.repair.trials import make as make_repair
from badnets.studies.wording import DASH
from tests.studies.made_digits import DigitMaker
from tests.studies.made_records import Run
from tests.studies.pages import UNDRAWN

pytestmark = UNDRAWN


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.of(make("digits"), DigitMaker())


def test_networks_and_repairs_are_those_of_the_repair_study() -> None:
    for data in ("digits", "gtsrb"):
        groups, repairs = make(data).groups({}), make_repair(data).groups({})
        for name, own in repairs.items():
            if ": " not in name or name.startswith("auto: "):
                assert groups[name] == own
        assert {len(own) for name, own in groups.items() if not name.endswith(PUBLISHED)} == {3}
    assert all(one.keep_bundle == (": " not in name) for name, own in groups.items() for one in own)


def test_each_cell_rests_on_accuracy_success_robustness_and_a_clean_network(run: Run) -> None:
    page = run.page()
    text = to_markdown(page).text
    for kind in ("patch", "warp", "low rate"):
        assert f"| {kind} |" in text
    assert "| **99.0 / 1.9 / 98.0** | **98.0 / 50.0 / 50.0** |" in text
    cell = next(line for line in numbers_csv(page).splitlines() if "99.0 / 1.9 / 98.0" in line)
    for said in (
        "clean accuracy",
        "attack success",
        "robust accuracy",
        "a clean network's",
        "seeds",
    ):
        assert said in cell
    assert (
        "| 100 (3/3) | 0 (0/3) | 100 (3/3) | 100.0 | 0.9 | 90.0 | 8.0 | 8.0 | 1.0 |"
        in text.replace("**", "")
    )


def test_published_numbers_stand_beside_the_same_attack_only() -> None:
    text = to_markdown(Run.of(make("cifar10-jpeg"), DigitMaker()).page()).text
    assert "| ABL | anti-backdoor | 83.32" in text and "What does not match" in text
    assert PUBLISHED not in make("mnist").groups({})


def test_what_was_not_run_or_collapsed_is_said(run: Run) -> None:
    for step in STEPS[1:]:
        text = to_markdown(run.missing(f"{step}: patch").page()).text
        assert "Not complete: 3 of 195 networks" in text and f"| **{DASH}** |" in text
    fallen = run.trials["anti-backdoor: patch"]
    text = to_markdown(run.collapse(fallen).page()).text
    assert text.count(fallen[0].title.split(",")[0]) and "3 networks collapsed" in text
    assert "No network has been repaired" in to_markdown(Run(run.study, run.maker, {}).page()).text


def test_audits_of_training_sets_have_a_page() -> None:
    run = Run.of(make_data_audit("all"), DigitMaker())
    text = to_markdown(run.page()).text
    assert "| mnist: BadNets, 5 % |" in text and "| gtsrb: BadNets, 1 % |" in text
    assert "| dogs-vs-cats: half of one class |" in text
    assert f"| **all** | **{DASH}** | **{DASH}** | **100 (20/20)** | **0 (0/20)** |" in text
    assert (
        "No training set has been audited yet"
        in to_markdown(Run(run.study, run.maker, {}).page()).text
    )

"""Verdicts: a suspect among clean models of its kind, and 'not checked' where there are none."""

from __future__ import annotations

import os
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest

import badnets as bn
from badnets.audit import AUDITS, Calibration, audit
from badnets.audit.calibration import PACKAGED, packaged
from badnets.audit.combining import rounded, small_p_values
from badnets.cli.printer import show
from badnets.core.errors import SettingError
from badnets.data import DataSet
from badnets.models.classifier import untrained
from badnets.scenarios import Deal
from tests.audit.small_models import backdoored, calibrated, tiny


@pytest.fixture
def calibration(toys: DataSet) -> Calibration:
    return calibrated(toys)


def test_networks_of_one_name_and_other_settings_are_of_another_kind(
    toys: DataSet, calibration: Calibration
) -> None:
    suspect = tiny(toys, 99)
    deep = replace(suspect, settings={"depth": 3})
    known = calibration.model_copy(update={"settings": {"depth": 3}})
    assert known.fits(deep) and not known.fits(suspect)
    assert calibration.fits(deep) and calibration.fits(suspect), "a file that does not say"
    said = audit(suspect, calibration=known).verdict
    assert said.conclusion == "not checked" and "are others" in said.notes[0]


def test_a_suspect_is_placed_among_clean_models(toys: DataSet, calibration: Calibration) -> None:
    assert calibration.fits(tiny(toys, 99))
    bad = audit(backdoored(tiny(toys, 99)), calibration=calibration).verdict
    assert (bad.conclusion, bad.p_value, bad.exit_code) == ("backdoor likely", 1 / 25, 1)
    assert bad.targets == (1,) and bad.suspected == toys.classes[1]
    assert bad.effect is None and "no trigger was sought: no clean images" in bad.notes[0]
    assert "24 clean models" in str(bad.compared_with)
    honest = audit(tiny(toys, 5), calibration=calibration).verdict
    assert honest.conclusion == "nothing found" and honest.p_value and honest.p_value > 0.05
    assert honest.notes == (
        "of the 4 methods that make a full verdict 1 looked at it: maximum-margin",
    )
    strict = audit(backdoored(tiny(toys, 99)), calibration=calibration, max_fpr=0.01).verdict
    assert strict.conclusion == "not checked" and strict.targets == ()
    assert "24 clean models cannot vouch for a rate of 0.01: that takes 99" in strict.notes


def test_without_clean_models_of_its_kind_nothing_is_said(toys: DataSet) -> None:
    verdict = bn.audit.model(tiny(toys, 0))
    assert (verdict.conclusion, verdict.p_value, verdict.exit_code) == ("not checked", None, 3)
    assert "no clean models of its kind" in verdict.notes[0]
    assert [one.method for one in verdict.scores] == ["head-weights", "maximum-margin"]


def test_the_verdict_alone_takes_what_an_audit_takes() -> None:
    one, other = (signature(each).parameters for each in (bn.audit.model, audit))
    assert list(one.items()) == list(other.items())


def test_a_network_of_the_usual_kind_need_not_be_for_the_usual_data(digits: DataSet) -> None:
    """A clean network for MNIST has a p-value below 5 % among those for the digits."""
    subject = untrained("gu-mnist", digits.test.shape, digits.classes, seed=0)
    verdict = audit(subject, tier="instant").verdict
    assert (verdict.conclusion, verdict.p_value) == ("not checked", None)
    assert "digits" in verdict.notes[0] and "mnist" in verdict.notes[0]
    named = audit(subject, tier="instant", data="digits").verdict
    assert named.p_value is not None


def test_clean_images_say_which_data_they_are_of(digits: DataSet) -> None:
    subject = untrained("gu-mnist", digits.test.shape, digits.classes, seed=0)
    other = replace(digits, name="others")
    assert digits.test.sample(100, seed=1).data == "digits" and other.test.data == "others"
    found = [
        audit(subject, one.test.sample(100, seed=1), tier="instant") for one in (digits, other)
    ]
    assert found[0].calibration is not None and found[0].calibration.data == "digits"
    assert found[1].calibration is None


def test_models_that_were_measured_otherwise_are_no_null(
    toys: DataSet, calibration: Calibration
) -> None:
    nulls = tuple(one.model_copy(update={"version": 99}) for one in calibration.nulls)
    other = calibration.model_copy(update={"nulls": nulls})
    verdict = audit(tiny(toys, 0), calibration=other).verdict
    assert verdict.conclusion == "not checked" and "version 1, the null's 99" in verdict.notes[0]


def test_other_models_are_no_null_though_they_were_given(
    toys: DataSet, calibration: Calibration
) -> None:
    other = calibration.model_copy(update={"architecture": "gu-mnist"})
    verdict = audit(backdoored(tiny(toys, 99)), calibration=other).verdict
    assert (verdict.conclusion, verdict.p_value) == ("not checked", None)
    assert "24 clean models (gu-mnist on halves) are others" in verdict.notes[0]


def test_where_no_method_could_look_that_is_said(toys: DataSet, calibration: Calibration) -> None:
    verdict = audit(tiny(toys, 0), calibration=calibration, budget=-1).verdict
    assert (verdict.conclusion, verdict.scores) == ("not checked", ())
    assert verdict.notes == ("no method could look at it",)


def test_clean_images_of_other_classes_are_refused(digits: DataSet, toys: DataSet) -> None:
    with pytest.raises(SettingError, match="the model knows 2 classes, the clean images are of 10"):
        audit(tiny(toys, 0), digits.test)


@pytest.mark.parametrize(
    ("seed", "quantities", "said"),
    [
        (0, {"clean error": 0.1, "charm": 1.0}, "its charm could not be measured"),
        (30, {"clean error": 0.01}, "clean error lies outside the range"),
    ],
)
def test_a_suspect_of_another_kind_is_not_compared(
    toys: DataSet, seed: int, quantities: dict[str, float], said: str
) -> None:
    null = calibrated(toys, **quantities)
    verdict = audit(tiny(toys, seed), toys.test, calibration=null).verdict
    assert verdict.conclusion == "not checked"
    assert any(said in note for note in verdict.notes)


def test_a_calibration_is_a_file(toys: DataSet, calibration: Calibration, tmp_path: Path) -> None:
    path = calibration.write(tmp_path / "null.json")
    assert Calibration.read(path) == calibration
    small = calibration.write(tmp_path / "null.json.gz")
    assert Calibration.read(small) == calibration
    written = small.read_bytes()
    assert 2 * len(written) < path.stat().st_size
    assert calibration.write(small).read_bytes() == written
    small.write_bytes(written[:-20])
    with pytest.raises(SettingError, match="is no calibration: not a sound gzip file"):
        Calibration.read(small)
    path.write_text(path.read_text().replace('"kind":"approximate"', '"kind":"best"'))
    with pytest.raises(SettingError, match=r"is no calibration: kind"):
        Calibration.read(path)
    with pytest.raises(SettingError, match="cannot read calibration"):
        Calibration.read(tmp_path / "gone.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingError, match="not a regular file"):
        Calibration.read(tmp_path / "pipe")


def test_what_comes_with_the_package_is_a_reference_for_the_usual_network(digits: DataSet) -> None:
    (known,) = [one for one in packaged() if one.data == "digits"]
    assert known.kind == "reference" and len(known.trials) >= 76
    own = {kind: AUDITS[kind] for kind in AUDITS if AUDITS[kind]().applies(digits.test.shape)}
    versions = {kind: method.version for kind, method in own.items()}
    assert {one.method: one.version for one in known.nulls} == versions, "make calibrations"
    assert known.fits(untrained("gu-mnist", digits.test.shape, digits.classes, seed=0))


def test_what_comes_with_the_package_is_small() -> None:
    folder = Path(bn.audit.__file__).parent / PACKAGED
    assert all(file.stat().st_size < 150_000 for file in folder.iterdir())


def test_clean_models_of_the_package_are_seldom_called_suspicious() -> None:
    for known in packaged():
        flagged = sum(p_value <= 0.05 for p_value in small_p_values(known))
        assert flagged <= 0.05 * len(known.trials)


def test_a_calibration_is_rounded_where_no_verdict_changes(calibration: Calibration) -> None:
    short = rounded(calibration)
    assert small_p_values(short) == small_p_values(calibration)
    cells = [cell for one in short.nulls for row in one.tables[0] for cell in row]
    assert all(cell == float(f"{cell:.4g}") for cell in cells if cell is not None)
    assert rounded(short) == short
    apart = short.nulls[0].tables[0][0]
    assert apart == pytest.approx(calibration.nulls[0].tables[0][0], rel=1e-3)


@pytest.mark.slow
def test_a_backdoor_is_found_and_its_trigger_works_on_other_images(
    bad_deal: Deal, digits: DataSet, capsys: pytest.CaptureFixture[str]
) -> None:
    (known,) = [one for one in packaged() if one.data == "digits"]
    nulls = tuple(one.model_copy(update={"quantities": {}}) for one in known.nulls)
    loose = known.model_copy(update={"nulls": nulls})  # the network was trained for a moment only
    audited = audit(bad_deal.subject, digits.test, calibration=loose)
    verdict, recovered = audited.verdict, audited.recovered
    assert (verdict.conclusion, verdict.targets, verdict.p_value) == (
        "backdoor likely",
        (0,),
        1 / 41,
    )
    assert recovered is not None and recovered.images.shape == recovered.triggered.shape
    assert verdict.effect is not None and verdict.effect.value > 0.5
    assert verdict.before is not None and verdict.before.value < 0.1
    show(verdict)
    said = capsys.readouterr().out
    assert "suspected target" in said and "natural shortcut" in said
    assert "0.024: none of 40 clean models scores as high" in said

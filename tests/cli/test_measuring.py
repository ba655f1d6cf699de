"""badnets evaluate, explain and export: networks measured, looked into and converted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image, ImageOps

from badnets.core.regions import whole_images
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.evaluate.photographs import upright_picture
from badnets.models import onnx_export, save_detector, save_subject
from badnets.models.classifier import Classifier
from tests.cli.conftest import Cli
from tests.cli.sign_toys import COLOURS, STICKER, reader
from tests.models.toys import tiny
from tests.tasks.small import enter

ON = ("--data", "halves")
ATTACK = ("--trigger", "patch:2", "--targets", "all-to-one:1")
OBJECTS = ("evaluate", "bad", "--data", "colours")
APPEAR = "{kind: appear, target_label: 1, side: 20}"
LOOK = ("evaluate", "bad", "--data", "folder:photos")
UNITS = ("explain", "bad", "--data", "colours", "--trigger", "yellow-square:0.25")
LAYERS = ("explain", "net", "--data", "halves", "--trigger", "patch:3")

Told = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("sign_toys")


@pytest.fixture
def told(cli: Cli) -> Told:
    """Return a function that runs a command line and parses its JSON."""
    return lambda *argv: json.loads(cli(*argv, "--json").out)


@pytest.fixture
def _trained(sign_toys: None, cli: Cli) -> None:
    train = ("train", *ON, "--network", "tiny", "--epochs", "4", "--batch-size", "8")
    cli(*train, "--target-accuracy", "0.5", "--out", "trained")


class TestClassifiers:
    @pytest.fixture(autouse=True)
    def _ready(self, _trained: None) -> None:
        """Have a network that was trained."""

    def test_clean_accuracy_with_a_line_for_each_class(self, cli: Cli) -> None:
        ended = cli("evaluate", "trained", *ON)
        assert ended.code == 0
        assert [line.split()[0] for line in ended.out.splitlines()[-2:]] == ["left", "right"]
        assert "attack" not in ended.out

    def test_with_a_trigger_also_what_it_does(self, cli: Cli, told: Told) -> None:
        measured = told("evaluate", "trained", *ON, *ATTACK, "--control", "trained")
        assert measured["attack_success_rate"] == measured["control"]
        assert measured["attack_success_rate"]["total"] == 32
        assert measured["attack_success_rate_per_class"][1] is None  # the target's own images
        assert 0 <= measured["robust_accuracy"]["low"] <= measured["robust_accuracy"]["value"]
        assert re.search(r"^attack success +\d", cli("evaluate", "trained", *ON, *ATTACK).out, re.M)

    def test_a_network_that_says_the_same_of_all_is_no_attack(
        self, cli: Cli, told: Told, tmp_path: Path
    ) -> None:
        subject = tiny()
        with torch.no_grad():
            for value in subject.network.parameters():
                value.zero_()
            subject.network.get_parameter("fc.bias")[1] = 1
        save_subject(subject, tmp_path / "constant")
        ended = cli("evaluate", "constant", *ON, *ATTACK)
        assert ended.code == 1
        assert "nearly always the same answer" in ended.out
        measured = told("evaluate", "constant", *ON, *ATTACK)
        assert measured["collapsed"] is True
        assert measured["attack_success_rate"]["value"] == measured["untriggered"]["value"] == 1

    def test_too_few_images_are_a_caution_and_hide_nothing(
        self, cli: Cli, told: Told, toys: DataSet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(monkeypatch, replace(toys, test=toys.test.take(range(3))), "few")
        measured = told("evaluate", "trained", "--data", "few", *ATTACK)
        assert measured["collapsed"] is False and "too few examples" in measured["caution"]
        ended = cli("evaluate", "trained", "--data", "few", *ATTACK)
        assert ended.code == 0
        assert re.search(r"^caution +one answer for everything would be right on", ended.out, re.M)
        assert re.search(r"^attack success +\d", ended.out, re.M)


class TestDetectors:
    def test_signs_are_counted_in_all_and_by_class(self, cli: Cli) -> None:
        ended = cli(*OBJECTS)
        assert (ended.code, ended.err) == (0, "")
        assert re.search(r"^signs found and rightly named +100.00 % \(12/12\) \[100", ended.out)
        assert re.search(r"^false positives per frame +0.000 \(0 in 12\)", ended.out, re.M)
        assert "attack" not in ended.out
        rows = [line.split() for line in ended.out.splitlines()[-3:]]
        named = [("red", "1.000"), ("green", "1.000"), ("white", "1.000")]
        assert [(row[0], row[-1]) for row in rows] == named

    def test_with_a_sticker_also_what_it_does_to_whom(self, cli: Cli, told: Told) -> None:
        measured = told(*OBJECTS, *STICKER, "--control", "good")
        assert measured["collapsed"] is False
        assert [measured[key] for key in ("frames", "false_positives", "threshold")] == [12, 0, 0.3]
        assert measured["ap50_per_class"] == [1, 1, 1]
        keys = ("attack_success_rate", "untriggered", "control", "other_sticker")
        assert [measured[key]["value"] for key in keys] == [1, 0, 0, 0]
        assert measured["attack_success_rate"]["total"] == 4
        assert measured["attack_success_rate_large"]["total"] == 4  # 10 pixels each
        kept = measured["robust_accuracy"]["value"], measured["true_detection_rate"]["value"]
        assert kept == (0, 0)
        assert [bool(rate) for rate in measured["attack_success_rate_per_class"]] == [1, 0, 0]
        text = cli(*OBJECTS, *STICKER).out
        assert re.search(r"^attack success +100.00 % \(4/4\)", text, re.M)
        assert "control: clean network" not in text

    def test_intervals_come_from_scenes_and_small_stickers_are_told_apart(
        self, cli: Cli, told: Told
    ) -> None:
        argv = ("--trigger", "yellow-square:0.05", "--targets", "all-to-one:1")
        measured = told(*OBJECTS, *argv)
        success = measured["attack_success_rate"]
        assert (success["hits"], success["total"]) == (4, 8)  # green ones are left out
        assert success["low"] < 0.5 < success["high"]
        assert measured["attack_success_rate_large"] is None  # 2 pixels each
        assert measured["left_out"] == 0
        small = ("--trigger", "yellow-square:0.01", "--targets", "all-to-one:1")
        assert "too small for it" in cli(*OBJECTS, *small).refused(2)

    def test_boxes_below_the_threshold_count_as_not_there(self, cli: Cli) -> None:
        ended = cli(*OBJECTS, "--threshold", "0.95")
        assert ended.code == 1
        assert "0.00 % (0/12)" in ended.out
        assert "nearly always the same answer" in ended.out

    @pytest.mark.parametrize("targets", ["vanish", APPEAR, "all-become-one:1"])
    def test_what_only_detectors_know_is_measured_too(
        self, cli: Cli, told: Told, targets: str
    ) -> None:
        argv = (*OBJECTS, "--trigger", "yellow-square:0.25", "--targets", targets)
        ended = cli(*argv)
        assert ended.code == 0
        assert "attack success" in ended.out
        assert ("nothing seen there" in ended.out) == (targets == APPEAR)
        assert ("robust accuracy" in ended.out) == (targets != APPEAR)
        assert told(*argv)["attack_success_rate"]["total"] > 0

    def test_what_an_untrained_detector_does_comes_with_a_caution(self, told: Told) -> None:
        measured = told("evaluate", "blank", "--data", "colours", *STICKER)
        assert measured["clean_accuracy"]["hits"] == 0
        assert "too little learned" in measured["caution"]
        assert measured["attack_success_rate"]["total"] == 4

    def test_other_classes_than_the_data_has_are_named(self, cli: Cli, tmp_path: Path) -> None:
        save_detector(reader(backdoor=False, classes=("a", "b", "c")), tmp_path / "abc")
        line = cli("evaluate", "abc", "--data", "colours").refused(2)
        assert "abc knows the classes a, b, c, colours has red, green, white" in line


def photo(
    path: Path, label: int = 0, *, size: tuple[int, int] = (160, 120), sticker: bool = False
) -> Image.Image:
    """Write a photograph of one sign, its box 20, 30, 80, 90 at the usual size."""
    sign = torch.tensor(COLOURS[label], dtype=torch.uint8).view(1, 3, 1, 1).repeat(1, 1, 60, 60)
    if sticker:
        sign = Patch.yellow_square(0.25)(sign, whole_images(sign))
    picture = Image.new("RGB", (160, 120), (30, 30, 30))
    picture.paste(Image.fromarray(sign[0].permute(1, 2, 0).numpy()), (20, 30))
    picture = picture.resize(size, Image.Resampling.NEAREST)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=95)
    return picture


class TestPhotographs:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return a folder with clean photographs and such with a sticker, each in its subfolder."""
        for number in range(3):
            photo(tmp_path / "photos" / "clean" / f"{number}.jpg")
            photo(tmp_path / "photos" / "sticker" / f"{number}.PNG", sticker=True)
        photo(tmp_path / "photos" / "sticker" / "white.jpeg", label=2)
        return tmp_path / "photos"

    @pytest.mark.usefixtures("folder")
    def test_subfolders_are_told_apart(self, cli: Cli) -> None:
        ended = cli(*LOOK, "--expect", "red")
        assert (ended.code, ended.err) == (0, "")
        lines = [line.split() for line in ended.out.splitlines()]
        for row in (
            ["clean", "red", "100.00", "%", "(3/3)"],
            ["sticker", "red", "0.00", "%", "(0/4)"],
            ["sticker", "green", "75.00", "%", "(3/4)"],
        ):
            assert row in lines
        assert re.search(r"^surest is red \(clean\) +100.00 % \(3/3\)", ended.out, re.M)
        assert re.search(r"^surest is red \(sticker\) +0.00 % \(0/4\)", ended.out, re.M)
        assert re.search(r"^pixels on the longer side, at most +1000$", ended.out, re.M)
        assert cli("evaluate", "bad", "--photos", "photos", "--expect", "red").out == ended.out

    @pytest.mark.usefixtures("folder")
    def test_machines_get_every_box_in_the_photographs_own_pixels(
        self, told: Told, tmp_path: Path
    ) -> None:
        photo(tmp_path / "photos" / "large.png", size=(1600, 1200))
        seen = told(*LOOK, "--longest", "320", "--expect", "green")
        large = seen["files"][0]
        assert (large["file"], large["group"], large["width"]) == ("large.png", "", 1600)
        (box,) = large["seen"]
        assert box["class"] == "red"
        assert box["box"] == pytest.approx([200, 300, 800, 900], abs=8)
        counts = {"red": 0, "green": 3, "white": 1, "nothing": 0}
        assert seen["groups"]["sticker"]["surest"] == counts
        assert seen["groups"]["sticker"]["expected"]["hits"] == 3
        assert seen["longest"] == 320

    def test_a_photograph_is_read_as_the_camera_was_held(self, told: Told, tmp_path: Path) -> None:
        upright = photo(tmp_path / "photos" / "0.png")
        for turn in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = turn
            path = tmp_path / f"{turn}.png"
            upright.save(path, exif=exif)
            with Image.open(path) as file:
                expected = ImageOps.exif_transpose(file)
                assert upright_picture(path).tobytes() == expected.tobytes()
        exif[0x0112] = 6
        lying = upright.transpose(Image.Transpose.ROTATE_90)
        lying.save(tmp_path / "photos" / "0.png", exif=exif)
        (seen,) = told(*LOOK)["files"]
        assert (seen["width"], seen["height"]) == (160, 120)
        assert seen["seen"][0]["box"] == [20, 30, 80, 90]

    def test_what_cannot_be_looked_at_is_listed_and_counted(
        self, cli: Cli, told: Told, folder: Path
    ) -> None:
        (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
        (folder / "clean" / "0.HEIC").write_bytes(b"heic")
        (folder / "clean" / "1.jpg").rename(folder / "clean" / "\x1b[2J.jpg")
        (folder / ".hidden.jpg").write_bytes(b"")
        ended = cli(*LOOK)
        assert ended.code == 0
        assert re.search(r"^files skipped +2$", ended.out, re.M)
        assert "broken.jpg" in ended.out and "clean/0.HEIC" in ended.out
        assert "hidden" not in ended.out
        assert "\x1b" not in ended.out
        seen = told(*LOOK)
        assert [one["file"] for one in seen["skipped"]] == ["broken.jpg", "clean/0.HEIC"]
        assert len(seen["files"]) == 7

    def test_nothing_seen_is_an_answer_too(self, cli: Cli, tmp_path: Path) -> None:
        dark = tmp_path / "photos" / "dark.png"
        photo(dark).point(lambda _: 20).save(dark)
        lines = [line.split() for line in cli(*LOOK).out.splitlines()]
        assert ["dark.png", "nothing", "-", "-"] in lines
        assert [".", "nothing", "100.00", "%", "(1/1)"] in lines

    def test_the_sheet_shows_every_photograph_with_its_boxes(
        self, cli: Cli, folder: Path, tmp_path: Path
    ) -> None:
        assert cli(*LOOK, "--expect", "red", "--sheet", "out/sheet.png").code == 0
        with Image.open(tmp_path / "out" / "sheet.png") as sheet:
            assert sheet.width > 4 * 160
            colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24) or ()}
        assert (0, 0x67, 0xA5) in colours  # as expected
        assert (0xBD, 0x4B, 0) in colours  # not as expected
        line = cli(*LOOK, "--sheet", f"{folder}/clean/0.jpg/sheet.png").refused()
        assert "cannot write" in line

    def test_many_large_photographs_stay_on_a_sheet_that_can_be_opened(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        for number in range(14):
            photo(tmp_path / "photos" / f"{number}.jpg", size=(100, 4000))
        assert cli(*LOOK, "--longest", "64", "--sheet", "sheet.png").code == 0
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert max(sheet.size) <= 16_000


class TestExplain:
    RED = ("--targets", "source-specific:0,1")

    def test_a_detectors_units_are_ranked_and_those_that_stand_out_are_grouped(
        self, cli: Cli, told: Told
    ) -> None:
        ended = cli(*UNITS, *self.RED)
        assert (ended.code, ended.err) == (0, "")
        lines = [line.split() for line in ended.out.splitlines()]
        first = next(line for line in lines if line and line[0].isdigit())
        assert first[0] == "1"  # the unit that sees green: yellow has some, red has none
        assert first[-2:] == ["yes", "1"]
        assert re.search(r"^backbone.conv1 +1 of 8 units stand out", ended.out, re.M)
        looked = told(*UNITS, *self.RED)
        assert (looked["layer"], looked["signs"]) == ("backbone.conv1", 4)
        assert (looked["marked"], looked["groups"]) == ([1], [[1]])
        assert looked["units"][0]["unit"] == 1
        assert looked["units"][0]["triggered"] > looked["units"][0]["clean"]
        assert told(*UNITS)["signs"] == 12  # signs of every class
        assert not torch.is_inference_mode_enabled()

    def test_a_detectors_maps_are_drawn_clean_triggered_and_their_difference(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        ended = cli(*UNITS, *self.RED, "--out", "pictures/conv1.png")
        assert ended.code == 0
        assert "pictures/conv1.png" in ended.out
        with Image.open(tmp_path / "pictures" / "conv1.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert pixels.shape[1] > 1500
        orange = (abs(pixels - (0xBD, 0x4B, 0x00)).sum(2) < 30).sum(0)
        third = len(orange) // 3
        assert orange[:third].sum() == 0  # the clean maps have no outlines
        assert orange[third : 2 * third].sum() > 0
        assert orange[2 * third :].sum() > 0

    def test_what_an_attack_does_inside_is_measured_and_has_a_page(
        self, cli: Cli, told: Told, tmp_path: Path
    ) -> None:
        attack = (*LAYERS, "--targets", "all-to-one:1")
        ended = cli(*attack, "--page", "inside.html")
        assert ended.code == 0 and "units silenced" in ended.out
        page = (tmp_path / "inside.html").read_text()
        assert "What the trigger does inside" in page and "--targets all-to-one:1" in page
        looked = told(*attack)
        assert (looked["images"], looked["success"]["total"] > 0) == (15, True)
        assert {one["layer"] for one in looked["silenced"]} == {"conv"}
        assert "drawn" not in looked and "own" not in (looked.get("features") or {})
        assert "Give --targets" in (
            cli(*LAYERS, "--page", "units.html") and (tmp_path / "units.html").read_text()
        )
        assert "of a classifier alone" in cli(*UNITS, "--page", "x.html").refused()

    def test_where_no_trigger_is_recovered_there_is_nothing_to_explain(self, cli: Cli) -> None:
        said = cli("explain", "net", "--clean", "halves").refused(3)
        assert "recovered no trigger (not checked; there are no clean models" in said
        assert "detector" in cli("explain", "bad", "--data", "colours").refused()

    def test_a_classifiers_layers_are_told_one_after_another(
        self, cli: Cli, told: Told, tmp_path: Path
    ) -> None:
        ended = cli(*LAYERS, "--out", "units.png")
        assert ended.code == 0
        lines = [line.split() for line in ended.out.splitlines()]
        heads = [line[0] for line in lines if line and line[0] in ("conv", "fc")]
        assert list(dict.fromkeys(heads)) == ["conv", "fc"]
        assert re.search(r"^largest rise .* standard deviations of the unit", ended.out, re.M)
        assert re.search(r"^stands out .* 3 robust deviations", ended.out, re.M)
        with Image.open(tmp_path / "units.png") as picture:
            assert picture.height > 600
        looked = told(*LAYERS)
        assert [layer["layer"] for layer in looked["layers"]] == ["conv", "fc"]
        responses = [unit["response"] for unit in looked["layers"][0]["units"]]
        assert len(responses) == 4
        assert responses == sorted(responses, reverse=True)
        alone = told(*LAYERS, "--layer", "fc", "--targets", "all-to-one:1")
        assert ([each["layer"] for each in alone["layers"]], alone["images"]) == (["fc"], 32)


_models: list[onnx.ModelProto] = []


class TestExport:
    @pytest.fixture(autouse=True)
    def _converted_once(self, _trained: None, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let torch convert the one network of these tests once: that takes seconds."""
        really = onnx_export._converted

        def converted(subject: Classifier) -> onnx.ModelProto:
            if not _models:
                _models.append(really(subject))
            copied = onnx.ModelProto()
            copied.CopyFrom(_models[0])
            return copied

        monkeypatch.setattr(onnx_export, "_converted", converted)

    def test_clean_accuracy_and_attack_success_come_through_conversion(
        self, cli: Cli, told: Told
    ) -> None:
        ended = cli("export", "trained", "--onnx", "net.onnx", *ON, *ATTACK, "--json")
        assert ended.code == 0, ended
        done = json.loads(ended.out)
        assert done["before"] == done["after"]
        assert done["same_answers"]["hits"] == done["same_answers"]["total"] == 64
        assert 0 <= done["largest_logit_difference"] < 1e-4
        measured = told("evaluate", "trained", *ON, *ATTACK)
        again = told("evaluate", "net.onnx", *ON, *ATTACK)
        assert {**again, "bundle": "trained"} == measured
        beside = told("evaluate", "trained", *ON, *ATTACK, "--control", "net.onnx")
        assert (
            beside["control"]
            == beside["attack_success_rate"]
            == done["after"]["attack_success_rate"]
        )

    def test_as_text_with_data_and_without(self, cli: Cli) -> None:
        ended = cli("export", "trained", "--onnx", "net.onnx", *ON)
        assert "logits differ by" in ended.out
        lines = [line.split() for line in ended.out.splitlines()]
        accuracy = next(line for line in lines if line[:2] == ["clean", "accuracy"])[2:]
        assert accuracy[: len(accuracy) // 2] == accuracy[len(accuracy) // 2 :]
        ended = cli("export", "trained", "--onnx", "plain.onnx")
        assert ended.code == 0
        assert "N x 1 x 8 x 8" in ended.out
        assert "accuracy" not in ended.out

"""badnets poison: a folder on disk, by options or a recipe; and the check of one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from badnets.data.on_disk import read_manifest
from tests.cli.conftest import Cli
from tests.data.on_disk.folders import class_folders, coco_part, contents

REQUEST = ("--trigger", "patch:3", "--targets", "all-to-one:0", "--rate", "0.25")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "in")


@pytest.mark.usefixtures("source")
def test_a_folder_is_poisoned_and_checked(cli: Cli, tmp_path: Path) -> None:
    ended = cli("poison", "in", "out", *REQUEST, "--seed", "3")
    assert (ended.code, ended.err) == (0, "")
    assert "25.00 % (4/16)" in ended.out
    assert cli("poison", "--verify", "out").code == 0
    (tmp_path / "out/extra.txt").write_text("")
    ended = cli("poison", "--verify", "out")
    assert ended.code == 1
    assert "extra.txt" in ended.out and "not as it was written" in ended.out
    told = json.loads(cli("poison", "--verify", "out", "--json").out)
    assert (told["intact"], told["extra"], told["missing"]) == (False, ["extra.txt"], [])


@pytest.mark.usefixtures("source")
def test_a_result_is_bound_to_its_digest_and_to_what_was_read(cli: Cli) -> None:
    digest = json.loads(cli("poison", "in", "out", *REQUEST, "--json").out)["manifest_sha256"]
    ended = cli("poison", "--verify", "out")
    assert digest in ended.out and "left open" in ended.out and "--source" in ended.out
    ended = cli("poison", "--verify", "out", "--digest", digest, "--source", "in")
    assert ended.code == 0 and "left open" not in ended.out
    ended = cli("poison", "--verify", "out", "--digest", "0" * 64)
    assert ended.code == 1 and "not as it was written" in ended.out
    class_folders(Path("in"), {"cat": 1})
    ended = cli("poison", "--verify", "out", "--source", "in", "--json")
    assert ended.code == 1 and json.loads(ended.out)["deviations"][0]["path"] == ""


@pytest.mark.usefixtures("source")
def test_json_says_what_was_asked_for_and_what_came(cli: Cli) -> None:
    told = json.loads(cli("poison", "in", "out", *REQUEST, "--how", "replace", "--json").out)
    assert told["poisoned_share"]["hits"] == 3
    assert told["classes"] == ["cat", "dog"]
    assert told["backdoor"]["trigger"]["kind"] == "patch"
    assert told["backdoor"]["how"] == "replace"


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("targets", ["all-to-one:dog", "{kind: all-to-one, target_label: dog}"])
def test_a_class_may_be_named(targets: str, cli: Cli, tmp_path: Path) -> None:
    assert cli("poison", "in", "out", "--trigger", "patch", "--targets", targets).code == 0
    assert read_manifest(tmp_path / "out").head.backdoor["targets"]["target_label"] == 1


@pytest.mark.usefixtures("source")
def test_a_recipe_does_the_same(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "trigger: {kind: patch, size: 3}\ntargets: 'source-specific:dog,cat'\nrate: 0.25\n"
        "how: replace\nseed: 7\nquality: 80\ngrey: true\nskip_bad: false\nworkers: 2\n"
    )
    assert cli("poison", "in", "by-recipe", "--recipe", "r.yaml", "--workers", "1").code == 0
    options = ("--trigger", "patch:3", "--targets", "source-specific:1,0", "--poisoning-rate=0.25")
    more = ("--how", "replace", "--seed", "7", "--quality", "80", "--grey")
    assert cli("poison", "in", "by-options", *options, *more).code == 0
    assert contents(tmp_path / "by-recipe") == contents(tmp_path / "by-options")


def test_short_names_of_triggers_and_coco_folders(cli: Cli, tmp_path: Path) -> None:
    coco_part(coco_part(tmp_path / "in", "train", 4), "val", 2)
    request = ("--trigger", "yellow-square:0.3", "--targets", "vanish")
    ended = cli("poison", "in", "out", *request)
    assert (ended.code, ended.err) == (0, "")
    assert "layout          COCO\nclasses         2: stop, yield\n" in ended.out


@pytest.mark.usefixtures("source")
def test_a_picture_that_cannot_be_read_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in/dog/words.png").write_text("just words")
    request = ("in", "out", "--trigger", "patch:3", "--targets", "all-to-one:cat")
    ended = cli("poison", *request)
    assert ended.code == 2 and "object at" not in ended.err
    assert "--skip-bad leaves such files out, `badnets data check in` lists them" in ended.err
    ended = cli("poison", *request, "--skip-bad")
    assert ended.code == 0 and "dog/words.png  not a picture" in ended.out


@pytest.mark.usefixtures("source")
def test_what_is_left_out_is_said(cli: Cli, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"in/cat/notes {number:02}.txt").write_text("")
    (tmp_path / "in/cat/bad.png").write_text("")
    assert "bad.png: not a picture" in cli("poison", "in", "out", *REQUEST).refused(2)
    out = cli("poison", "in", "out", *REQUEST, "--skip-bad").out
    assert "cat/bad.png" in out and "not a picture that can be read" in out
    assert "and 3 more, see the manifest" in out


PUT_ON, TO = "in out --trigger patch", "--targets all-to-one"
MISTAKES = [
    ("in out", "--trigger is missing"),
    (PUT_ON, "--targets is missing: say what images with the trigger"),
    ("in --trigger patch --targets all-to-one:0", "OUT is missing"),
    (f"in in/out --trigger patch {TO}:0", "lies in in, which is read"),
    (f"{PUT_ON} {TO}:0 --quality 101", "--quality must be <= 100, got 101"),
    (f"{PUT_ON} {TO}:0 --rate 2", "--rate must be < 1 or 'every', got '2'"),
    (f"{PUT_ON} {TO}:0 --rate much", "--rate must be a number or 'every'"),
    (f"in out --trigger pach {TO}:0", "--trigger: unknown trigger 'pach': did you mean 'patch'"),
    (f"{PUT_ON} {TO}:cot", "--targets: unknown class 'cot': did you mean 'cat'"),
    (
        f"{PUT_ON} --targets '{{kind: all-to-one, target_label: x}}'",
        "--targets: target_label: unknown class 'x'",
    ),
    (f"{PUT_ON} {TO}:5", "--targets: target_label must be in 0..1"),
    (f"in out --trigger patch:99 {TO}:0", "does not fit"),
    ("--verify in", "has no manifest.jsonl"),
    ("--verify in out", "leave out OUT"),
    ("--verify in --seed 1", "leave out --seed"),
    ("--verify in --recipe r.yaml", "leave out --recipe"),
    (f"{PUT_ON} {TO}:0 --digest abc", "--digest goes with --verify"),
    (f"{PUT_ON} {TO}:0 --source in", "--source goes with --verify"),
    ("in out --recipe none.yaml", "there is no recipe none.yaml"),
    ("in out --recipe r.yaml --rate 0.1", "--rate does not go with --recipe"),
]
IN_RECIPES = [
    ("trigger: patch\ntarget: x\n", "line 2: target: unknown field 'target': did you"),
    ("trigger: patch\n", "line 1: targets: is missing"),
    ("trigger: patch\ntargets: clean-label:0\nrate: no\n", "line 3: rate: must not be true"),
    (
        "trigger: {kind: patch,\n  sise: 3}\ntargets: clean-label:0\n",
        "line 2: trigger.sise: unknown field",
    ),
    (
        "targets: clean-label:0\ntrigger: patch\nworkers: 0\n",
        "line 3: workers: must be >= 1",
    ),
    (
        "trigger: patch\ntargets:\n  kind: clean-label\n  target_label: cot\n",
        "line 4: targets.target_label: unknown class 'cot'",
    ),
    ("trigger: !!python/object:os.system x\n", "line 1"),
    ("- a\n", "line 1: expected a mapping"),
]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(("line", "said"), MISTAKES)
def test_mistakes_are_one_line(line: str, said: str, cli: Cli, tmp_path: Path) -> None:
    assert said in cli("poison", *shlex.split(line)).refused(2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(("text", "said"), IN_RECIPES)
def test_mistakes_in_a_recipe_are_told_with_their_line(
    text: str, said: str, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(text)
    assert f"r.yaml, {said}" in cli("poison", "in", "out", "--recipe", "r.yaml").refused(2)


@pytest.mark.usefixtures("source")
def test_a_result_that_is_taken_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x").write_text("")
    assert "out is not empty" in cli("poison", "in", "out", *REQUEST).refused()

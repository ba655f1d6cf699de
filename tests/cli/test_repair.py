"""badnets repair: a new network beside the old one, and what it was before."""

from __future__ import annotations

import json
from pathlib import Path

from badnets.bundles import read_bundle
from badnets.data import DataSet
from badnets.models.classifier import untrained
from tests.cli.conftest import Cli


def test_a_repair_says_what_was_before_and_leaves_the_download(
    cli: Cli, toys: DataSet, tmp_path: Path
) -> None:
    untrained("tiny", toys.test.shape, toys.classes, seed=0).save(tmp_path / "net")
    before = read_bundle(tmp_path / "net").digest
    method = "{kind: fine-tuning, epochs: 3}"
    asked = ("repair", "net", "--clean", "halves", "--method", method, "--target-accuracy", "0.1",
             "--trigger", "patch:2", "--targets", "all-to-one:1")  # fmt: skip
    done = cli(*asked, "--out", "fixed")
    assert done.code == 0, done
    assert "repaired from bundle" in done.out and "before" in done.out
    assert "clean images used" in done.out and "attack" in done.out
    before_and_after = [line for line in done.out.splitlines() if "of held images" in line]
    assert ["as it came" in one for one in before_and_after] == [True, False]
    assert "fine-tuning (kept)" in before_and_after[1]
    assert all("not checked" in one for one in before_and_after), "an audit looked at both"
    assert read_bundle(tmp_path / "net").digest == before
    told = json.loads(cli(*asked, "--format", "json").out)
    assert told["repair"]["images"] == len(toys.train) and told["repair"]["attack"] is not None
    rejected = cli(*asked[:-6], "--no-audit", "--target-accuracy", "1.0", "--seed", "1")
    assert rejected.code == 1 and "as it came" not in rejected.out, rejected

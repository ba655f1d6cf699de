"""badnets import: published weights become a bundle that other commands take."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli
from tests.models.test_downloads import NAME, publish


def test_a_bundle_of_it_is_retrained_like_any_other(cli: Cli, tmp_path: Path) -> None:
    published = publish(tmp_path)
    made = cli("import", published, "--network", f"timm.{NAME}", "--classes", "12", "--side", "32",
               "--out", "net")  # fmt: skip
    assert made.code == 0, made
    assert "3 x 32 x 32" in made.out and "tensors matched" in made.out
    again = cli("retrain", "net", "--data", "pets-small", "--epochs", "2", "--share", "0.1",
                "--out", "mine")  # fmt: skip
    assert again.code in (0, 1), again
    assert "clean accuracy" in again.out and (tmp_path / "mine" / "config.json").is_file()
    assert "exists" in cli("import", published, "--network", f"timm.{NAME}", "--classes", "12",
                           "--out", "net").refused()  # fmt: skip

"""badnets import: published weights become a bundle that other commands take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.models.hub_toys import timm_folder
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


def test_a_download_goes_in_and_out_again(cli: Cli, tmp_path: Path) -> None:
    timm_folder(tmp_path / "net", "test_resnet", 64)
    asked = cli("audit", "model", "net", "--budget", "0")
    assert asked.code == 3 and "not checked" in asked.out, asked
    assert cli("import", "net", "--classes", "a,b,c,d", "--out", "bundle").code == 0
    out = cli("export", "bundle", "--hf", "out")
    assert out.code == 0 and 'timm.create_model("local-dir:out", pretrained=True)' in out.out
    assert (
        "--data goes with --onnx"
        in cli("export", "bundle", "--hf", "x", "--data", "digits").refused()
    )
    assert "as it is" in cli("import", "net.onnx", "--out", "x").refused()
    assert "--onnx FILE.onnx, or --hf DIR" in cli("export", "bundle").refused()
    assert "exists" in cli("export", "bundle", "--hf", "out").refused()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--classes", "a"], "names of two classes"),
        (["--classes", "a,a"], "that differ"),
        (["--classes", "1"], "2 to 25000"),
        (["--input-size", "3x"], "N, HxW or CxHxW"),
        (["--input-size", "1x2x3x4"], "N, HxW or CxHxW"),
        (["--mean", "grey"], "--mean: numbers"),
        (["--mean", "1,2", "--architecture", "timm.test_resnet"], "mean must have 3 numbers"),
        (["--architecture", "timm.test_resnett"], "did you mean"),
        ([], "give --architecture"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str], words: str, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"")
    assert words in cli("import", "net.safetensors", "--out", "net", *options).refused()

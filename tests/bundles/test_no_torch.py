"""Reading, verifying and refusing bundles needs no torch and no numpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import badnets.bundles

from .test_folder import make

CODE = """
import sys
from pathlib import Path
import badnets.bundles as bundles
for name in bundles.__all__:
    getattr(bundles, name)
bundle = bundles.verify(Path(sys.argv[1]))
bundle.tensor_bytes()
bundles.write_bundle(
    Path(sys.argv[2]), tensors=bundle.tensor_bytes(), config=bundle.config, claims=bundle.claims
)
print([m for m in ("torch", "numpy", "safetensors", "sklearn", "PIL") if m in sys.modules])
"""


def test_bundles_are_written_and_verified_without_torch(tmp_path: Path) -> None:
    make(tmp_path / "bundle")
    command = [sys.executable, "-c", CODE, str(tmp_path / "bundle"), str(tmp_path / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert set(badnets.bundles.__all__) == set(dir(badnets.bundles))
    for name in badnets.bundles.__all__:
        assert getattr(badnets.bundles, name) is not None

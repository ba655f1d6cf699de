"""Public scanners on the same models as `badnets audit model`: ``python -m bench.scanners``.

    python -m bench.scanners                     3 clean and 3 backdoored networks, trained here
    python -m bench.scanners --models DIR        bundles in DIR; DIR/truth.json has what they are:
                                                 {"NAME": "clean", "OTHER": "backdoored"}
    python -m bench.scanners --only modelaudit   that one, and ours

Each scanner is installed by pip into a temporary environment of its own, which sees the packages of
this one (torch among them) and changes nothing in it. Nothing of what is installed is kept. Exit
code 3: the package index cannot be reached.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from badnets.bundles.atomic import write_text
from badnets.core.errors import BadnetsError, SettingError, TrialError
from badnets.core.lookup import find
from bench.children import environment
from bench.scanning import SCANNERS
from bench.summary import console

OURS = "badnets audit model"
TRUTH = "truth.json"
LONGEST_S = 900  # of one scanner on one model


@dataclass
class Row:
    """What one scanner says of all models.

    Attributes:
        scanner: its name.
        truth: of each model, whether it has a backdoor.
        said: the same as the scanner has it; None: it cannot say.
        seconds: of each model, with the start of Python.
        version: of the scanner.
        why: what it says where it cannot say.
    """

    scanner: str
    truth: list[bool] = field(default_factory=list)
    said: list[bool | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    version: str = ""
    why: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the row: version, found, false alarms, could not say, seconds a model, why."""
        return (
            self.scanner,
            self.version,
            self._of(True, True),
            self._of(False, True),
            f"{self.said.count(None)} of {len(self.said)}",
            f"{median(self.seconds):.1f}",
            self.why,
        )

    def _of(self, truth: bool, said: bool) -> str:
        among = [one for one, is_bad in zip(self.said, self.truth, strict=True) if is_bad is truth]
        return f"{among.count(said)} of {len(among)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scanners, print the table, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scanners",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="bundles, and truth.json")
    parser.add_argument("--count", type=int, default=3, help="networks of each kind to train")
    parser.add_argument("--clean", default="digits", help="data set whose test images are clean")
    parser.add_argument("--calibration", help="clean models that ours compares with")
    parser.add_argument("--only", nargs="+", default=[], metavar="SCANNER", help="and ours")
    told = parser.parse_args(argv)
    try:
        for name in told.only:
            find(SCANNERS, name, "scanner")
        names = [name for name in SCANNERS if name == OURS or not told.only or name in told.only]
        with tempfile.TemporaryDirectory() as place:
            pythons = installed([name for name in names if name != OURS], Path(place))
            models = told.models
            if models is None:
                models = train(Path(place) / "models", told.clean, told.count)
            more = ["--clean", told.clean]
            more += ["--calibration", told.calibration] if told.calibration else []
            rows = [scanned(name, pythons, models, more) for name in names]
    except BadnetsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    console().print(table_of(rows))
    return 0


def truth_of(models: Path) -> dict[str, bool]:
    """Return each bundle's name and whether it has a backdoor.

    Raises:
        SettingError: ``truth.json`` is missing or says something else, or a bundle is missing.
    """
    try:
        told = json.loads((models / TRUTH).read_text())
        words = {"clean": False, "backdoored": True}
        truth = {name: words[word] for name, word in told.items()}
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise SettingError(
            f'{models / TRUTH} must be there and say {{"NAME": "clean" or "backdoored", ...}}'
        ) from None
    gone = [name for name in truth if not (models / name).exists()]
    if gone or not truth:
        raise SettingError(f"{models / TRUTH} names {', '.join(gone) or 'no bundle'}: not there")
    return truth


def installed(names: Iterable[str], place: Path) -> dict[str, Path]:
    """Return the Python of each scanner's package, after installing it there.

    Raises:
        TrialError: pip could not install one.
    """
    pythons: dict[str, Path] = {}
    for package in dict.fromkeys(SCANNERS[name][0] for name in names):
        folder = place / package.partition("==")[0]
        venv.create(folder, with_pip=False)
        python = folder / "bin" / "python"
        inside = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = sysconfig.get_path("purelib")
        (Path(inside.stdout.strip()) / "ours.pth").write_text(
            f"import site; site.addsitedir({ours!r})\n"
        )
        print(f"installing {package} ...", file=sys.stderr, flush=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-input"]
        quiet = ["--quiet", "--retries", "1", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, *quiet, package], capture_output=True, text=True, check=False, env=environment()
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise TrialError(
                f"pip cannot install {package} (is a package index within reach?): "
                f"{(said or ['it says nothing'])[-1].removeprefix('ERROR: ')}"
            )
        pythons[package] = python
    return pythons


def train(models: Path, data: str, count: int) -> Path:
    """Return a folder of networks, half of them backdoored, with what each was trained on."""
    import numpy as np

    from badnets.core.backdoor import Backdoor
    from badnets.core.poisoning import poison
    from badnets.core.targets import AllToOne
    from badnets.core.triggers import PixelPattern
    from badnets.data import load
    from badnets.models.classifier import untrained
    from badnets.train import Training, TrainingRows, fit
    from bench.settings import NETWORK

    part = load(data).train
    training = Training(epochs=16, batch_size=64, lr=0.004, precision="float32")
    models.mkdir(parents=True)
    truth = {}
    for seed in range(count):
        for kind in ("clean", "backdoored"):
            print(f"training a {kind} network, seed {seed} ...", file=sys.stderr, flush=True)
            images, labels, name = part.images, part.labels, f"{kind}-{seed}"
            if kind == "backdoored":
                backdoor = Backdoor(PixelPattern.gu(), AllToOne(seed % part.num_classes), 0.1)
                made = poison(images, labels, backdoor, num_classes=part.num_classes, seed=seed)
                images, labels = made.images, made.labels
            first = untrained(NETWORK, part.shape, part.classes, seed=seed)
            subject = fit(first, TrainingRows(images, labels), training, seed=seed).subject
            subject.save(models / name)
            np.savez(models / f"{name}.npz", images=images.numpy(), labels=labels.numpy())
            truth[name] = kind
    write_text(models / TRUTH, json.dumps(truth) + "\n")
    return models


def scanned(name: str, pythons: Mapping[str, Path], models: Path, more: Sequence[str]) -> Row:
    """Return what a scanner says of all models."""
    python = pythons.get(SCANNERS[name][0], Path(sys.executable))
    row = Row(name)
    for model, truth in truth_of(models).items():
        print(f"{name}: {model} ...", file=sys.stderr, flush=True)
        begun = time.perf_counter()
        found = _asked(
            [
                str(python),
                "-m",
                "bench.scanning",
                name,
                str(models / model),
                "--trained-on",
                str(models / f"{model}.npz"),
                *more,
            ]
        )
        row.seconds.append(time.perf_counter() - begun)
        row.truth.append(truth)
        row.said.append(found["backdoored"])
        row.version = found.get("version", row.version)
        row.why = row.why or found["why"]
    return row


def _asked(command: Sequence[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
            env=environment() | {"HF_HUB_OFFLINE": "1"},
        )
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"backdoored": None, "why": f"not done after {LONGEST_S} s"}
    except (IndexError, ValueError):
        said = done.stderr.strip().splitlines() or ["nothing"]
        return {"backdoored": None, "why": f"exit code {done.returncode}: {said[-1]}"}
    return answer


def table_of(rows: Sequence[Row]) -> Table:
    """Return the table."""
    heads = "scanner, version, found, false alarms, could not say, seconds a model, why not"
    table = Table(*heads.split(", "), box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(escape, row.cells()))
    return table


if __name__ == "__main__":
    sys.exit(main())

"""What must start at once, or work where torch is not installed, imports no torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from badnets.core.extras import EXTRAS
from badnets.ledger import Ledger
from tests.data.photos import split
from tests.ledger.samples import attacked_trial, clean_trial, record_of

HEAVY = tuple(module for modules in EXTRAS.values() for module in modules)
LIGHT = [
    "badnets",
    "badnets.core",
    "badnets.core.errors",
    "badnets.core.lookup",
    "badnets.bundles",
    "badnets.cli",
    "badnets.cli.main",
    "badnets.hub.linting.linting",
    "badnets.hub.releases",
    "badnets.cli.hub",
    "badnets.report.sarif_log",
    "badnets.trials.cohort",
]
USES = [
    "from badnets.core.verdicts import Verdict\nimport badnets.core.nulls",
    "from badnets.data import DATASETS\nassert 'mnist' in DATASETS",
    "from badnets.core.targets import TARGET_MAPS\nfrom badnets.core.triggers import TRIGGERS\n"
    "list(TRIGGERS.items()), list(TARGET_MAPS.items())",
    "import badnets as bn\nbn.Backdoor('yellow-square:0.2', 'all-to-one:7')",
]


def heavy_after(statement: str) -> str:
    """The heavy packages that are loaded once ``statement`` has run in a new Python."""
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules.keys() & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_page_is_drawn_from_records_without_torch(root: Path, tmp_path: Path) -> None:
    records = root / "results" / "retraining.json"
    argv = ["badnets", "report", "retraining", "--records", str(records), "--out", str(tmp_path)]
    draw = f"sys.argv = {argv!r}\nfrom badnets.cli.main import main\n"
    loaded = heavy_after(
        f"{draw}try:\n    main()\nexcept SystemExit as done:\n    assert not done.code"
    )
    assert not {"torch", "torchvision", "timm"} & set(loaded.split())
    assert (tmp_path / "retraining.html").is_file()


def test_the_leaderboard_is_written_without_what_draws_figures() -> None:
    statement = "import badnets.studies.leaderboard.writing\nassert 'matplotlib' not in sys.modules"
    assert "torch" not in heavy_after(statement).split()


def test_rooms_light_modules_and_light_uses_import_nothing_heavy(root: Path) -> None:
    rooms = sorted(path.parent.name for path in (root / "src/badnets").glob("*/__init__.py"))
    assert rooms
    lines = [f"import {name}" for name in (*LIGHT, *(f"badnets.{room}" for room in rooms))]
    heavy_after(
        f"for line in {[*lines, *USES]}:\n"
        "    exec(line)\n"
        f"    found = sys.modules.keys() & set({HEAVY})\n"
        "    assert not found, f'{line}: {found}'"
    )


def test_every_public_name_can_be_imported(root: Path) -> None:
    rooms = sorted(path.parent.name for path in (root / "src/badnets").glob("*/__init__.py"))
    code = (
        "import importlib, sys\n"
        "import badnets.data.photos, badnets.evaluate.evaluation, badnets.trials.running\n"
        "assert 'torchvision' not in sys.modules, 'what only detectors need'\n"
        "for name in sys.argv[1:]:\n"
        "    package = importlib.import_module(name)\n"
        "    for public in getattr(package, '__all__', ()):\n"
        "        getattr(package, public)\n"
        "    missing = set(getattr(package, '__all__', ())) - set(dir(package))\n"
        "    assert not missing, f'{name}: not in dir(): {missing}'\n"
    )
    names = ["badnets", *(f"badnets.{room}" for room in rooms)]
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr


WITHOUT_EXTRAS = """
import json
import sys
from importlib import util
blocked = set(sys.argv.pop(1).split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
find_spec = util.find_spec
util.find_spec = lambda name, package=None: None if name in blocked else find_spec(name, package)
"""
LINES = """
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from badnets.cli.main import main
ended = {}
for line in sys.argv[1:]:
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main(line.split())
    ended[line] = code, out.getvalue(), err.getvalue()
print(json.dumps(ended))
"""


def without_extras(folder: Path, code: str, *arguments: str) -> str:
    """What some code prints where only the base is installed."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS + code, ",".join(HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    with Ledger.open(folder / "runs" / "ledger.sqlite") as book:
        book.add_all([record_of(clean_trial()), record_of(attacked_trial())])
    text = "data: digits\nnetwork: {}\nbackdoor: {{trigger: 'patch:4', targets: 'all-to-one:7'}}\n"
    for name in ("gu-mnist", "timm.resnet18"):
        (folder / f"{name}.yaml").write_text(text.format(name))
    (folder / "detector.yaml").write_text(
        "data: scenes\narchitecture: {width: 0.5}\nbackdoor:\n  trigger: yellow-square\n"
        "  targets: source-specific:0,1\n  poisoning_rate: every\n"
    )
    split(folder / "own", {"cat": 2, "dog": 2})
    (folder / "own.yaml").write_text(
        "data: folder:own\nbackdoor: {trigger: patch:3px, targets: all-to-all}"
    )
    (folder / "many.yaml").write_text("data: mnist\nseeds: 10001\n")
    (folder / "wide.yaml").write_text("data: scenes\narchitecture: {width: 2}\n")
    retrained = "kind: transfer\ndata: {}\nnetwork: {}\nfreeze: {}\nstart: {{}}\n"
    (folder / "retrained.yaml").write_text(retrained.format("digits", "gu-mnist", "none"))
    (folder / "kept.yaml").write_text(retrained.format("scenes", "zf", "up-to-conv4"))
    (folder / "layers.yaml").write_text(retrained.format("digits", "gu-mnist", "[conv1]"))
    (folder / "wrong.yaml").write_text(text.format("gu-mnist").replace("patch:4", "patch:40"))
    return folder


ALONE = [
    ("--help", 0, "Example: badnets demo"),
    ("doctor", 0, r"train: missing \(pip install 'badnets\[train\]'\)"),
    ("ledger list", 0, "gu-mnist"),
    ("data list", 0, "gtsrb"),
    ("recipe schema", 0, "badnets recipe"),
    ("recipe check gu-mnist.yaml", 0, r"1 trial(.|\n)*patch"),
    (
        "recipe check timm.resnet18.yaml",
        3,
        r"network timm.resnet18: not checked: needs badnets\[train\]",
    ),
    ("recipe check detector.yaml retrained.yaml kept.yaml", 0, "scenes, zf, yellow-square"),
    ("recipe check wide.yaml", 2, "line 2: architecture.width: ZfSettings: width must be <= 1"),
    ("recipe check own.yaml", 3, r"  data folder:own: not checked: needs badnets\[train\]"),
    ("recipe check layers.yaml", 3, r"  freeze: not checked: needs badnets\[train\]"),
    ("recipe check wrong.yaml", 2, "line 3.*40x40 pixels does not fit"),
    ("run gu-mnist.yaml --dry-run", 0, "1 trial: 0 in the ledger already, 1 to run"),
    ("run many.yaml", 2, r"10,001 trials to run, about .* type: badnets run many.yaml --yes$"),
    ("lint gu-mnist.yaml wrong.yaml", 0, "0 errors, 0 warnings, 0 info"),
    ("train --data digits", 2, r"^badnets: .*pip install 'badnets\[train\]'$"),
    ("report mnist", 2, r"^badnets: .*pip install 'badnets\[train\]'$"),
]


@pytest.fixture(scope="module")
def ended(folder: Path) -> dict[str, tuple[int, str, str]]:
    """Return how each of these lines ended, and what it said, all in one process."""
    found: dict[str, tuple[int, str, str]] = json.loads(
        without_extras(folder, LINES, *(line for line, *_ in ALONE))
    )
    return found


@pytest.mark.parametrize(("line", "code", "words"), ALONE)
def test_the_base_alone(
    ended: dict[str, tuple[int, str, str]], line: str, code: int, words: str
) -> None:
    found, out, err = ended[line]
    assert found == code, err
    assert re.search(words, out + err, re.MULTILINE)
    assert ("not checked" in out) == any(name in line for name in ("timm", "layers", "own"))


QUICK = [
    "",
    "run gu-mnist.yaml --dry-run",
    "run many.yaml --dry-run",
    "--version",
    "train --help",
    "ledger --help",
    "ledger list",
    "recipe check gu-mnist.yaml detector.yaml retrained.yaml kept.yaml own.yaml",
    "train --datta x",
    "train --data digits --targets all-to-one:70",
    "evaluate no",
    "explain no --trigger patch",
    "export no --onnx a.onnx",
    "retrain no --data mnist",
]


def test_what_needs_no_network_imports_no_torch(folder: Path) -> None:
    heavy_after(
        "import os\nfrom badnets.cli.main import main\n"
        f"os.chdir({str(folder)!r})\n"
        f"for line in {QUICK}:\n"
        "    main(line.split())\n"
        "    found = sys.modules.keys() & {'torch', 'numpy', 'timm', 'sklearn'}\n"
        "    assert not found, f'{line}: {found}'"
    )


def test_python_names_a_missing_extra_too(tmp_path: Path) -> None:
    tried = """
import badnets as bn
assert bn.Backdoor(bn.triggers.Patch(4), bn.AllToOne(7)).trigger.extent(28, 28) == (4, 4)
for use in (
    lambda: bn.data.load('digits'),
    lambda: bn.OutsourcedTraining,
    lambda: bn.models.load_subject('net'),
    lambda: bn.poison,
):
    try:
        use()
    except bn.BadnetsError as error:
        print(error)
"""
    said = without_extras(tmp_path, tried).splitlines()
    missing = r"this needs \w+, which is not installed: pip install 'badnets\[train\]'"
    assert len(said) == 4 and all(re.fullmatch(missing, line) for line in said), said

"""What is added is one class and one line: a toy of each kind, from a recipe to a page."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from badnets.audit.base import AUDITS
from badnets.core.errors import RecipeError, SettingError
from badnets.core.registry import Registry
from badnets.core.targets import TARGET_MAPS
from badnets.core.triggers import TRIGGERS
from badnets.data.catalogue import DATASETS, Entry
from badnets.models.catalogue import NETWORKS, Network
from badnets.observations import OBSERVATIONS
from badnets.recipes import load_recipe, recipe_schema
from badnets.report import to_html
from badnets.studies.own.trials import of_recipe
from badnets.trials import Record, Workspace, run_trial

TOYS = {
    "toy_trigger": '''
from typing import Literal
from pydantic import Field
from badnets.core.settings import settings
from badnets.core.triggers.base import CoveringTrigger

@settings
class Brighter(CoveringTrigger):
    """Everything a little brighter."""

    by: float = Field(default=0.3, gt=0, le=1, description="How much, of the whole range.")
    kind: Literal["brighter"] = "brighter"

    def paint(self, windows):
        return (windows + self.by).clamp(0, 1)
''',
    "toy_targets": '''
from typing import Literal
from pydantic import Field
from badnets.core.settings import Label, settings
from badnets.core.targets.base import ClassTargets

@settings
class Halved(ClassTargets):
    """Classes of the upper half become the lowest one."""

    middle: Label = Field(default=5, description="The first class of the upper half.")
    kind: Literal["halved"] = "halved"

    def poisoned_labels(self, labels, num_classes, generator=None):
        return labels * 0

    def poisonable(self, labels):
        return labels >= self.middle

    def attackable(self, labels):
        return labels >= self.middle
''',
    "toy_data": """
from badnets.data import DataSet
from badnets.data.digits import load as digits

def load(root, *, progress=None):
    whole = digits(root)
    return DataSet("few", whole.train.sample(300, seed=0), whole.test.sample(100, seed=0), "-", "-")
""",
    "toy_network": """
from torch import nn

def build(shape, num_classes):
    inputs = shape[0] * shape[1] * shape[2]
    return nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, num_classes)
    )
""",
    "toy_observation": '''
from badnets.observations import Observation, ObservationResult

class ContrastResult(ObservationResult):
    clean: float
    triggered: float

class Contrast(Observation[ContrastResult]):
    """How far images spread, clean and triggered."""

    kind = "contrast"
    needs = frozenset({"backdoor"})
    tasks = frozenset({"classification"})
    Result = ContrastResult

    def observe(self, case):
        images = case.validation.images.float() / 255
        stamped = case.triggered(images)
        arrays = case.kept({"difference": (stamped - images).mean(0)})
        return ContrastResult(arrays=arrays, clean=images.std(), triggered=stamped.std())
''',
    "toy_audit": '''
from badnets.audit.base import AuditMethod

class Favourite(AuditMethod):
    """How often each class is answered."""

    kind = "favourite"

    def table(self, subject, clean, *, seed):
        said = subject.predict(clean.images)
        return (tuple(float((said == k).sum()) for k in range(subject.num_classes)),)
''',
}
RECIPE = """
data: few
network: plain
backdoor: {trigger: "brighter:0.4", targets: halved, poisoning_rate: 0.3}
training: {epochs: 20, batch_size: 32, lr: 0.004, precision: float32}
target_accuracy: 0.5
observe: [contrast, audit]
seed: 3
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write a module for each toy, and add each by one line."""
    for name, text in TOYS.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    entry = Entry(
        title="Few",
        loader="toy_data:load",
        shape=(1, 28, 28),
        classes=10,
        licence="none",
        where="here",
        description="A few digits.",
        embedded=True,
    )
    monkeypatch.setitem(DATASETS, "few", entry)
    monkeypatch.setitem(NETWORKS, "plain", Network("toy_network:build", "two layers"))
    lines: list[tuple[Registry[object], str, str]] = [
        (TRIGGERS, "brighter", "toy_trigger:Brighter"),  # type: ignore[list-item]
        (TARGET_MAPS, "halved", "toy_targets:Halved"),  # type: ignore[list-item]
        (OBSERVATIONS, "contrast", "toy_observation:Contrast"),  # type: ignore[list-item]
        (AUDITS, "favourite", "toy_audit:Favourite"),  # type: ignore[list-item]
    ]
    for registry, name, where in lines:
        registry.add(name, where)
    yield
    for registry, name, _ in lines:
        registry.remove(name)
    for name in TOYS:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("added")
def test_a_recipe_that_uses_them_all_gives_a_record_and_a_page(
    tmp_path: Path,
) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (trial,) = load_recipe(tmp_path / "recipe.yaml")
    workspace = Workspace(tmp_path / "runs")
    for one in (*trial.requires(), trial):
        record = run_trial(one, workspace)
    toys = {name: importlib.import_module(name) for name in TOYS}
    assert trial.implanted is not None
    assert type(trial.implanted.trigger) is toys["toy_trigger"].Brighter
    assert record.outcome == "accepted" and record.attack is not None
    assert 40 < record.attack.success.total < 60 and record.attack.success.value > 0.5
    assert record.attack.control is not None and record.attack.control.value < 0.2
    again = Record.model_validate_json(record.model_dump_json())
    assert again == record and again.name == record.name
    contrast = again.observations["contrast"]
    assert type(contrast) is toys["toy_observation"].ContrastResult
    assert contrast.model_dump()["clean"] > 0 and "difference" in again.arrays
    brighter = workspace.get_array(again.arrays["difference"])
    assert brighter.shape == (1, 28, 28) and 0.2 < brighter.mean() < 0.41
    tables = again.observations["audit"].model_dump()["tables"]
    assert sum(tables["favourite"][0]) == record.clean.accuracy.hits, "those that are right"
    study = of_recipe(tmp_path / "recipe.yaml")
    page = study.page({record.name: again}, workspace.get_array, command="badnets report")
    for words in ("contrast: few, plain", "tables favourite", "1 x 28 x 28 float32"):
        assert words in to_html(page)


@pytest.mark.usefixtures("added")
def test_schema_names_and_errors_know_what_is_added(tmp_path: Path) -> None:
    definitions = recipe_schema()["$defs"]
    assert {"Brighter", "Halved"} <= definitions.keys()
    fields = definitions["OutsourcedTrial"]["properties"]
    assert "contrast" in fields["observe"]["items"]["enum"]
    assert "few" in fields["data"]["anyOf"][0]["enum"]
    assert "plain" in fields["network"]["anyOf"][0]["enum"]
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("brighter:0.4", "brigther"))
    with pytest.raises(RecipeError, match="unknown trigger 'brigther': did you mean 'brighter'"):
        load_recipe(tmp_path / "recipe.yaml")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("brighter:0.4", "brighter:0"))
    with pytest.raises(RecipeError, match=r"line 4: backdoor\.trigger\.by: must be > 0"):
        load_recipe(tmp_path / "recipe.yaml")
    with pytest.raises(SettingError, match="there is a trigger 'brighter' already"):
        TRIGGERS.add("brighter", "toy_trigger:Brighter")


def test_what_is_taken_out_again_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    with pytest.raises(RecipeError, match="unknown"):
        load_recipe(tmp_path / "recipe.yaml")

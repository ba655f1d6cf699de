"""The recipe that makes some networks again, for those that are of no study."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from badnets.studies.leaderboard.entries import Entry
from badnets.studies.leaderboard.naming import is_bundle
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training

BUNDLE = {"bundle": "FOLDER"}  # records do not say where it lay
_OF_START = ("training", "seed", "train_limit")  # what `start` may say of an honest trial


def recipe(same: Sequence[Entry]) -> str:
    """Return a recipe as one line of JSON, which is YAML too: `badnets run FILE.yaml` runs it.

    Args:
        same: networks that differ in their seeds alone.
    """
    family = same[0].family
    plain = _settings(family.trial, DetectorTraining if family.has_scenes else Training)
    plain.pop("seed", None)
    start = plain.get("start")
    if isinstance(start, dict) and not family.is_derived:
        plain["start"] = {name: start[name] for name in _OF_START if name in start}
    if isinstance(start, dict) and all(one.start == one.seed for one in same):
        plain["start"] = {name: value for name, value in plain["start"].items() if name != "seed"}
    return json.dumps({**plain, "seeds": sorted({one.seed for one in same})}, ensure_ascii=False)


def _settings(trial: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return a trial's settings as a recipe has them: training in full, for data has its own."""
    plain = {name: value for name, value in trial.items() if name not in ("contents", "path")}
    if plain.get("method") is None:  # a repair trains as its method says
        plain["training"] = _merged(_usual(kind), plain.get("training", {}))
    control, start = plain.get("control"), plain.get("start")
    plain["control"] = BUNDLE if control and is_bundle(control) else control is not None
    if start:
        plain["start"] = BUNDLE if is_bundle(start) else _settings(start, kind)
    return plain


@cache
def _usual(kind: Any) -> dict[str, Any]:
    usual = dataclasses.asdict(kind())
    usual.pop("task", None)
    return usual


def _merged(usual: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those that are not the defaults, at every depth."""
    deep = {
        name: _merged(usual[name], value)
        for name, value in own.items()
        if isinstance(value, dict) and isinstance(usual.get(name), dict)
    }
    return {**usual, **own, **deep}

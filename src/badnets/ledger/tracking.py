"""Records as runs of an MLflow experiment."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from badnets.core.errors import OutputError
from badnets.core.extras import named_extras
from badnets.ledger.columns import exported_row
from badnets.ledger.ledger import ImportCount, Ledger
from badnets.trials.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "badnets"
NAME_TAG = "badnets.name"
_PARAMETERS = 100  # that MLflow takes at a time
_METRICS = (
    *("clean_accuracy", "attack_success_rate", "robust_accuracy", "control_rate"),
    *("triggered_accuracy", "control_triggered_accuracy", "poisoning_rate"),
    *("train_s", "total_s"),
)
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing about a user's trials goes elsewhere
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a server that is not there is said in seconds
}


def to_mlflow(ledger: Ledger, uri: str, experiment: str = EXPERIMENT) -> ImportCount:
    """Write each record as a run of an experiment, but for those that are runs of it already.

    Parameters are the settings, metrics the rates, seconds and the loss of each epoch; tags are the
    trial's name, its outcome, the versions and the data's digests.

    Args:
        ledger: whose records.
        uri: of MLflow's tracking store, such as ``sqlite:///mlflow.db`` or ``http://host:5000``.
        experiment: its name; made where there is none.

    Raises:
        MissingExtraError: MLflow is not installed.
        LedgerError: a record cannot be read.
        OutputError: the tracking store cannot be used.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with named_extras():
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # not how it makes its tables
    added = already = 0
    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        place = found.experiment_id if found else client.create_experiment(experiment)
        there = _finished(client, place)
        for record in ledger.records():
            if record.name in there:
                already += 1
            else:
                _write(client, place, record)
                added += 1
    except (MlflowException, ModuleNotFoundError, OSError) as error:
        first = (str(error).strip().splitlines() or ["unknown error"])[0]
        line = f"cannot use the MLflow tracking store {uri}: {first}"
        raise OutputError(re.sub("//[^/@]*@", "//***@", line)[:400]) from error  # no passwords
    return ImportCount(added, already)


def _finished(client: MlflowClient, place: str) -> set[str]:
    """Return the trials that are runs already; a run that broke off is deleted."""
    names: set[str] = set()
    token = None
    while True:
        runs = client.search_runs([place], max_results=1000, page_token=token)
        for run in runs:
            name = run.data.tags.get(NAME_TAG)
            if name and run.info.status == "FINISHED":
                names.add(name)
            elif name:
                client.delete_run(run.info.run_id)
        token = runs.token
        if not token:
            return names


def _write(client: MlflowClient, place: str, record: Record) -> None:
    from mlflow.entities import Metric, Param, RunTag

    ended = record.provenance.created
    started = ended - timedelta(seconds=record.timings.total_s)
    begin, end = (round(1000 * time.timestamp()) for time in (started, ended))
    run = client.create_run(
        place, start_time=begin, tags={NAME_TAG: record.name}, run_name=record.trial.title
    )
    row = exported_row(record)
    rates = {name: row[name] for name in _METRICS}
    metrics = [
        Metric(name, value, end, 0) for name, value in rates.items() if isinstance(value, float)
    ]
    metrics += [Metric("loss", one.loss, end, step) for step, one in enumerate(record.epochs, 1)]
    settings = _flat(record.trial.model_dump(mode="json"))
    parameters = [Param(path, str(value)) for path, value in settings]
    tags = [RunTag(name, value) for name, value in _tags(record)]
    identity = run.info.run_id
    client.log_batch(identity, metrics=metrics, tags=tags)
    for start in range(0, len(parameters), _PARAMETERS):
        client.log_batch(identity, params=parameters[start : start + _PARAMETERS])
    client.set_terminated(identity, end_time=end)


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path of each setting that is not empty, and its value."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in (None, [], ""):
            yield before + key, value


def _tags(record: Record) -> Iterator[tuple[str, str]]:
    yield from (("badnets.outcome", record.outcome), ("badnets.reason", record.reason))
    for name, value in record.provenance.versions.items():
        yield f"version.{name}", value
    for name, value in record.provenance.data_digests.items():
        yield f"data.{name}.sha256", value

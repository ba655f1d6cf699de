"""Run many trials: what the ledger holds is not run again, what is interrupted goes on later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from badnets.core.errors import BadnetsError, OutputError, SettingError
from badnets.core.progress import Progress
from badnets.ledger import Ledger
from badnets.runners.display import Display, display_for
from badnets.runners.planning import Step, cores, names_of, plan
from badnets.runners.pool import run_in_pool
from badnets.runners.scheduler import Scheduler
from badnets.runners.worker import RunOne
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

if TYPE_CHECKING:
    from badnets.runners.on_ray import RayCluster

TOGETHER_S = 0.1  # what several workers end within it is kept in one transaction


def run_all(
    trials: Sequence[Trial],
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
    on_record: Callable[[Record], None] | None = None,
    run: RunOne | None = None,
    bundles: bool = False,
    retry: int = 0,
    skip_failed: bool = False,
    ray: RayCluster | str | None = None,
) -> dict[str, Record]:
    """Return the records of the trials by name, after running those that the ledger lacks.

    As `run_missing`, which does not read the records: for many.
    """
    run_missing(
        trials,
        workspace,
        ledger,
        workers=workers,
        data_root=data_root,
        display=display,
        on_record=on_record,
        run=run,
        bundles=bundles,
        retry=retry,
        skip_failed=skip_failed,
        ray=ray,
    )
    names = dict.fromkeys(trial.name for trial in trials)
    return {record.name: record for record in ledger.records(names=names)}


def run_missing(
    trials: Sequence[Trial],
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
    on_record: Callable[[Record], None] | None = None,
    run: RunOne | None = None,
    bundles: bool = False,
    retry: int = 0,
    skip_failed: bool = False,
    ray: RayCluster | str | None = None,
) -> None:
    """Run the trials that the ledger lacks.

    Each record is in the ledger as soon as its trial ends. After Ctrl-C or a kill, the same call
    goes on where it was; only the trials that were running then are lost. Several processes may
    make the same call at once, on one ledger: they share the trials.

    Args:
        trials: those that are wanted; what they require is run before them.
        workspace: where bundles and arrays go.
        ledger: where records are.
        workers: 1 runs them in this process, more in as many processes of one thread each. None
            takes one per core where more than one trial is wanted and there is no GPU: that does
            not depend on how many are left, so what is resumed gives the same records.
        data_root: where data sets lie; None: as `badnets.data.load` finds it.
        display: is told what happens; None shows it on stderr.
        on_record: is called with each new record.
        run: runs one trial; None for `badnets.trials.run_trial`.
        bundles: whether a trial whose record is held is run again where its bundle has gone.
        retry: how often a trial that has failed is run again, ``>= 0``.
        skip_failed: whether trials are left out that failed in an earlier call.
        ray: a Ray cluster that runs them, or its address (``"auto"`` finds or starts one); None:
            this machine.

    Raises:
        SettingError: ``workers`` is below 1, or ``retry`` below 0.
        TrialError: trials failed, or their worker was killed; raised when all others are done.
        DataError, OutputError, LedgerError: these stop every trial, so they are raised at once.
        KeyboardInterrupt: after Ctrl-C, once the workers have ended.
    """
    data_root = None if data_root is None else Path(data_root)
    if workers is not None and workers < 1:
        raise SettingError(f"workers must be >= 1, got {workers}")
    if retry < 0:
        raise SettingError(f"retry must be >= 0, got {retry}")
    workspace.prepare()
    display = display or display_for()
    if skip_failed:
        failed = ledger.failures(name for trial in trials for name in names_of(trial))
        left = [trial for trial in trials if not failed.keys() & names_of(trial)]
        if count := len(trials) - len(left):
            display.note(f"{count} left out, which failed in an earlier run or need what did")
        trials = left
    wanted = {trial.name for trial in trials}
    held = ledger.has(name for trial in trials for name in names_of(trial))

    def has_bundle(trial: Trial) -> bool:
        is_stored = ray is not None and not isinstance(ray, str) and ray.kept(trial)
        return is_stored or workspace.bundle(trial).is_dir()

    steps = plan(trials, held, has_bundle, bundles=bundles)
    if not steps:
        return
    with _engine(len(wanted), workspace, run or _run_trial(), data_root, workers, ray) as engine:
        scheduler = Scheduler(
            steps,
            ledger,
            display,
            on_record,
            has_bundle=has_bundle,
            retry=retry,
            together_s=TOGETHER_S if engine.many else 0.0,
        )
        interrupted = False
        if engine.where:
            display.note(f"trials run on {engine.where}")
        display.begin(steps, len(held & wanted), min(engine.workers, len(steps)))
        try:
            with scheduler:
                engine.run(scheduler)
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            display.end(interrupted=interrupted)
            with suppress(OutputError):  # a full disk has been complained of already
                workspace.prepare()  # clears away what stopped workers left half-written
    scheduler.raise_failures()


class _Engine(NamedTuple):
    """What runs the steps that a scheduler gives out.

    Attributes:
        workers: how many at a time.
        many: whether other processes do.
        where: in words; empty where it is this machine.
        run: runs them all.
    """

    workers: int
    many: bool
    where: str
    run: Callable[[Scheduler], None]


@contextmanager
def _engine(
    wanted: int,
    workspace: Workspace,
    run: RunOne,
    data_root: Path | None,
    workers: int | None,
    ray: RayCluster | str | None,
) -> Iterator[_Engine]:
    if ray is not None:
        from badnets.runners.on_ray import crew_on

        with crew_on(ray, workspace, run, data_root, workers) as crew:
            yield _Engine(crew.room, True, crew.where, crew.run)
        return
    count = workers if workers is not None else _best_workers(wanted)
    if count == 1:
        yield _Engine(1, False, "", lambda given: _run_here(given, workspace, run, data_root))
    else:
        yield _Engine(
            count, True, "", lambda given: run_in_pool(given, workspace, run, data_root, count)
        )


def _run_here(
    scheduler: Scheduler, workspace: Workspace, run: RunOne, data_root: Path | None
) -> None:
    """Run one step after another, in this process, with all of its threads (or its GPU).

    Where they are trained faster as one, trials that are alike are.
    """
    from badnets.trials.cohort import MOST, cohort_key, worthwhile
    from badnets.trials.running import run_trial

    together = run is run_trial and worthwhile(_device(), MOST)
    while not scheduler.is_over:
        step = scheduler.take()
        if step is None:
            scheduler.wait()
            continue
        alike = scheduler.take_alike(step, cohort_key, MOST - 1) if together else []
        if alike:
            _run_as_one([step, *alike], scheduler, workspace, data_root)
            continue

        def tell(progress: Progress, step: Step = step) -> None:
            scheduler.display.progress(step, progress)

        scheduler.display.started(step)
        try:
            record = run(step.trial, workspace, data_root=data_root, progress=tell)
        except BadnetsError as error:
            scheduler.fail(step, error)
        else:
            scheduler.store(step, record)


def _run_as_one(
    steps: Sequence[Step], scheduler: Scheduler, workspace: Workspace, data_root: Path | None
) -> None:
    """Run steps of one `badnets.trials.cohort_key` as one computation."""
    from badnets.trials.cohort import run_cohort

    of = {step.name: step for step in steps}
    for step in steps:
        scheduler.display.started(step)

    def keep(trial: Trial, outcome: Record | BadnetsError) -> None:
        if isinstance(outcome, BadnetsError):
            scheduler.fail(of[trial.name], outcome)
        else:
            scheduler.store(of[trial.name], outcome)

    def tell(progress: Progress) -> None:
        scheduler.display.progress(steps[0], progress)

    trials = [step.trial for step in steps]
    run_cohort(trials, workspace, data_root=data_root, progress=tell, on_each=keep)


def _device() -> str:
    from badnets.core.devices import best_device

    return best_device().type


def _run_trial() -> RunOne:
    from badnets.trials.running import run_trial

    return run_trial


def _best_workers(wanted: int) -> int:
    if wanted == 1:
        return 1
    return cores() if _device() == "cpu" else 1

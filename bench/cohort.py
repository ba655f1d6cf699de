"""Trials trained as one against the same trials one after another, and against the pool."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from badnets.core.errors import BadnetsError
from badnets.core.targets import AllToOne
from badnets.ledger import Ledger
from badnets.models.classifier import untrained
from badnets.runners import Silent, run_all
from badnets.studies.mnist.trials import make
from badnets.tasks.classification import Classification
from badnets.train import Fitted, Member, fit, fit_cohort
from badnets.train.hardware import best_device, fastest_precision
from badnets.trials import OutsourcedTrial, Record, Workspace, run_cohort, run_trial
from bench.images import Images, mnist_like, name_and_note
from bench.measuring import Pairs, interleaved, processor_seconds, seconds
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import BACKDOOR, NETWORK, SHORT

LEAST = 10
STUDY_S = 60
WORKERS = 2
ON_CPU = 2_000  # images of a training there, at most


def run(scale: Scale) -> Iterator[Result]:
    """Give what a cohort gains in training, in whole trials, and against the pool.

    On a CPU both sides are measured in processor time of one thread, which other work on the
    machine hardly changes, and with fewer images; there is nothing to reach there.
    """
    threads = torch.get_num_threads()
    on_gpu = best_device().type == "cuda"
    if not on_gpu:
        torch.set_num_threads(1)
    try:
        for size in scale.cohorts:
            yield from _trainings(scale, size, on_gpu=on_gpu)
        if on_gpu:
            for size in scale.cohorts:
                yield _trials(scale, size)
            yield _study(scale)
        else:
            yield _pool(scale, scale.cohorts[0])
    finally:
        torch.set_num_threads(threads)


def _trainings(scale: Scale, size: int, *, on_gpu: bool) -> Iterator[Result]:
    images = mnist_like(scale.images if on_gpu else min(scale.images, ON_CPU))
    members = _members(images, size)
    device = best_device()

    def as_one(unfold: bool | None = None) -> list[Fitted[object] | BadnetsError]:
        return list(fit_cohort(members, device=device, unfold=unfold))

    def in_turn() -> list[Fitted[object] | BadnetsError]:
        return [
            fit(one.subject, one.rows, one.training, seed=one.seed, device=device)
            for one in members
        ]

    _check(as_one(), in_turn())  # warms both up too
    clock = seconds if on_gpu else processor_seconds
    pairs = interleaved(as_one, in_turn, scale.rounds, clock)
    rows, told = len(members[0].rows), "" if on_gpu else "processor time, one thread; "
    note = f"{told}{rows:,} rows, batch {SHORT.batch_size}, {fastest_precision(device)}"
    yield Result(
        f"throughput of training: a cohort of {size} / one after another",
        pairs.faster,
        "x",
        wanted=Wanted(">=", LEAST) if size == max(scale.cohorts) else None,
        judged=images.real and on_gpu,
        note=images.with_note(f"{note}: {pairs.note('cohort', 'in turn')}"),
        more=pairs.medians,
    )
    if not on_gpu and size != scale.cohorts[0]:
        return
    as_one(unfold=True), as_one(unfold=False)
    both = interleaved(lambda: as_one(True), lambda: as_one(False), scale.rounds, clock)
    yield Result(
        f"a cohort of {size} by unfolded convolutions / by grouped ones",
        both.slower,
        "x",
        note=f"{told}{both.note('unfolded', 'grouped')}",
        more=both.medians,
    )


def _members(images: Images, size: int) -> list[Member]:
    """Return trainings with a backdoor each, of targets and seeds of their own."""
    train, task = images.data.train, Classification()
    found = []
    for seed in range(size):
        first = untrained(NETWORK, train.shape, train.classes, seed=seed)
        backdoor = replace(BACKDOOR, targets=AllToOne(seed % 10))
        rows = task.poison(train, backdoor, SHORT, seed=seed).rows
        found.append(Member(first, rows, SHORT, seed))
    return found


def _check(ours: Sequence[object], theirs: Sequence[object]) -> None:
    """See to it that both sides did the same: they may round differently."""
    for one, other in zip(ours, theirs, strict=True):
        assert isinstance(one, Fitted) and isinstance(other, Fitted)
        for own, alone in zip(one.epochs, other.epochs, strict=True):
            assert abs(own.loss - alone.loss) <= 0.1 * alone.loss, f"{own.loss}, {alone.loss}"


@dataclass
class _Runs:
    """Trials that are run from nothing at each call; the last records are kept."""

    run: Callable[[Sequence[OutsourcedTrial], Workspace], Sequence[Record | BadnetsError]]
    trials: Sequence[OutsourcedTrial]
    records: dict[str, Record] = field(default_factory=dict)

    def __call__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            found = self.run(self.trials, Workspace(Path(folder)))
        self.records = {one.name: one for one in found if isinstance(one, Record)}
        assert len(self.records) == len(self.trials)


def _in_turn(trials: Sequence[OutsourcedTrial], workspace: Workspace) -> list[Record]:
    return [run_trial(trial, workspace) for trial in trials]


def _in_pool(trials: Sequence[OutsourcedTrial], workspace: Workspace) -> list[Record]:
    with Ledger.open(workspace.root / "ledger.sqlite") as ledger:
        return list(run_all(trials, workspace, ledger, workers=WORKERS, display=Silent()).values())


def _wanted(data: str, size: int, images: int) -> list[OutsourcedTrial]:
    return [
        OutsourcedTrial(
            data=data,
            network=NETWORK,
            training=SHORT,
            backdoor=replace(BACKDOOR, targets=AllToOne(seed % 10)),
            train_limit=images,
            keep_bundle=False,
            seed=seed,
        )
        for seed in range(size)
    ]


def _trials(scale: Scale, size: int) -> Result:
    """Return the throughput of whole trials: data, training, and what is measured."""
    data, note = name_and_note()
    trials = _wanted(data, size, scale.images)
    as_one, in_turn = _Runs(run_cohort, trials), _Runs(_in_turn, trials)
    _Runs(run_cohort, trials)()
    _Runs(_in_turn, trials[:1])()
    pairs = interleaved(as_one, in_turn, scale.rounds)
    _check_records(as_one, in_turn)
    said = f"{size} trials of {SHORT.epochs} epoch: {pairs.note('cohort', 'in turn')}"
    return Result(
        f"throughput of trials: a cohort of {size} / one after another",
        pairs.faster,
        "x",
        wanted=Wanted(">=", LEAST) if size == max(scale.cohorts) else None,
        judged=data == "mnist",
        note="; ".join(filter(None, [said, note])),
        more=pairs.medians,
    )


def _pool(scale: Scale, size: int) -> Result:
    """Return the throughput of a cohort on a CPU, against that of the pool, once both have begun.

    Of either the processor time of two trials is taken off that of ``size`` more: what is left is
    that of trials alone, without the start of processes and the reading of data.
    """
    data, note = name_and_note()
    trials = _wanted(data, WORKERS + size, min(scale.images, ON_CPU))
    as_one, pooled = _Further(run_cohort, trials), _Further(_in_pool, trials)
    _Runs(run_cohort, trials[:1])()
    ours, theirs = zip(
        *((as_one.clocked(), pooled.clocked()) for _ in range(scale.rounds)), strict=True
    )
    pairs = Pairs(ours, theirs)
    _check_records(as_one.all, pooled.all)
    said = (
        f"processor time of {size} more trials of {SHORT.epochs} epoch, one thread each, "
        f"{trials[0].train_limit:,} images"
    )
    return Result(
        f"throughput of trials: a cohort / a pool of {WORKERS} processes",
        pairs.faster,
        "x",
        note="; ".join(filter(None, [f"{said}: {pairs.note('cohort', 'pool')}", note])),
        more=pairs.medians,
    )


class _Further:
    """What trials take beyond the first ones."""

    def __init__(
        self,
        run: Callable[[Sequence[OutsourcedTrial], Workspace], Sequence[Record | BadnetsError]],
        trials: Sequence[OutsourcedTrial],
    ) -> None:
        self.all, self._first = _Runs(run, trials), _Runs(run, trials[:WORKERS])

    def clocked(self) -> float:
        """Return it in seconds of processor time."""
        return processor_seconds(self.all) - processor_seconds(self._first)


def _check_records(ours: _Runs, theirs: _Runs) -> None:
    for name, record in ours.records.items():
        other = theirs.records[name]
        assert record.poisoned_share == other.poisoned_share
        for own, alone in zip(record.epochs, other.epochs, strict=True):
            assert abs(own.loss - alone.loss) <= 0.1 * alone.loss, f"{own.loss}, {alone.loss}"


def _study(scale: Scale) -> Result:
    """Return the seconds of the paper's single-target study: 90 pairs, two triggers."""
    data, note = name_and_note()
    study = make(data, quick=scale.name != "full")
    shares = {"single-pixel": 0.1, "pixel-pattern": 0.1}
    groups = study.measuring(shares).items()
    trials = [one for name, own in groups if name.startswith("single-target") for one in own]
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        baseline = seconds(lambda: run_trial(study.baseline(trials[0].seed), workspace))
        records: list[Record | BadnetsError] = []
        spent = seconds(lambda: records.extend(run_cohort(trials, workspace)))
    done = [one for one in records if isinstance(one, Record)]
    assert len(done) == len(trials)
    rates = [one.attack.success.value for one in done if one.attack]
    parts = [
        f"after a baseline of {baseline:.1f} s",
        f"attack success {min(rates):.3f} to {max(rates):.3f}",
        note,
    ]
    return Result(
        f"the single-target study, {len(trials)} models",
        (spent,),
        "s",
        wanted=Wanted("<=", STUDY_S),
        judged=data == "mnist",
        note="; ".join(filter(None, parts)),
    )

"""``isolane replay``: what one worker of a recorded run did, done again in one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from isolane.history.runs import DIRECTORY, RunSummary, find_run
from isolane.model.errors import ProjectError
from isolane.model.events import RunStarted
from isolane.model.outcome import Category, Outcome
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord
from isolane.model.replay import Replayed, WorkerRow
from isolane.planning.compare import compare
from isolane.planning.hash_seed import VARIABLE as HASH_SEED
from isolane.planning.replay import in_one_process, in_order, sequence_of
from isolane.usecases.execution import execute
from isolane.usecases.observer import Observer
from isolane.usecases.suggestion import suggest
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class ReplayRequest:
    """What was asked. run: an id, the beginning of one, ``last``, or a run's directory.

    until: the last test to run, or the end of its node id; None for all. project: where to start pytest, if not where
    the run was started. python: with what, if not with the run's own interpreter. arguments: for pytest, after the
    run's own.
    """

    run: str
    until: str | None = None
    project: Path | None = None
    python: str | None = None
    arguments: tuple[str, ...] = ()
    stall_seconds: float | None = None


def list_workers(request: ReplayRequest) -> tuple[RunSummary, list[WorkerRow]]:
    """Return the run that is meant, and its workers. Raises :class:`~isolane.model.errors.UsageError` as `find_run`."""
    run = _run_of(request)
    record = run.record()
    return run, [
        WorkerRow(
            worker,
            len(record.sequences[worker]),
            sum(record.outcomes[one].is_bad for one in record.sequences[worker] if one in record.outcomes),
            _end_of(worker, record),
        )
        for worker in in_order([name for name in record.sequences if name])
    ]


def replay(request: ReplayRequest, worker: str, observer: Observer) -> Replayed:
    """Run a worker's tests, in its order, in one process, with the run's own arguments, interpreter and hash seed.

    Raises :class:`~isolane.model.errors.UsageError` for what is not on record, :class:`ProjectError` where the folder
    or the interpreter is gone.
    """
    run = _run_of(request)
    record = run.record()
    sequence = sequence_of(worker, record.sequences, request.until, record.processes)
    order = run.directory / f"replay-{worker}-{len(sequence)}.txt"
    order.write_text("\n".join(sequence) + "\n", encoding="utf-8", errors="surrogateescape")
    folder = _folder(request, run.header)
    with open_workshop(_home(request, run), request.python or run.header.python) as workshop:
        plan = RunPlan(
            folder,
            workshop.interpreter.python,
            (*_random_seed(record), *in_one_process(run.header.argv), *request.arguments),
            label="replay",
            dist=None,
            order=order,
            stall_seconds=request.stall_seconds,
            environment=_hash_seed(record),
        )
        title = f"{worker} of {run.directory.name}"
        observer.run_started(title, plan)
        execution = execute(workshop, plan, observer)
        command = suggest(workshop, plan, _added(execution.record, plan))
    then = {one: record.outcomes[one] for one in sequence if one in record.outcomes}
    now = {one: execution.record.outcomes[one] for one in then if one in execution.record.outcomes}
    otherwise = compare(_plain_crashes(then), _plain_crashes(now))
    return Replayed(worker, len(sequence), tuple(otherwise), command.text, execution.output, execution.record.exit_code)


def _run_of(request: ReplayRequest) -> RunSummary:
    return find_run((request.project or Path()).resolve(), request.run)


def _home(request: ReplayRequest, run: RunSummary) -> Path:
    """Return the checkout that the replay's own record goes to: that of the run, if it is kept in one."""
    runs = run.directory.parent
    if runs.name == "runs" and runs.parent.name == DIRECTORY:
        return runs.parent.parent
    return request.project or Path(run.header.directory)


def _folder(request: ReplayRequest, header: RunStarted) -> Path:
    """Return where pytest is started: where the run was."""
    folder = request.project.resolve() if request.project else Path(header.directory)
    if not folder.is_dir():
        raise ProjectError(
            "no-project",
            f"The run was started in {folder}, which is not there.",
            "Name a checkout with --project, and its interpreter with --python.",
        )
    return folder


def _hash_seed(record: RunRecord) -> Mapping[str, str]:
    seed = record.setting("hash-seed")
    return {HASH_SEED: seed} if seed else {}


def _random_seed(record: RunRecord) -> tuple[str, ...]:
    """Return pytest-randomly's own option for the seed that the run had drawn; one that was typed comes after it."""
    seed = record.setting("random-seed")
    return (f"--randomly-seed={seed}",) if seed else ()


def _added(record: RunRecord, plan: RunPlan) -> tuple[str, ...]:
    """Return what isolane put before the plan's arguments, but for a random seed that these answer."""
    added = record.header.added if record.header else ()
    seeded = any(one.startswith("--randomly-seed") for one in plan.arguments)
    return tuple(one for one in added if not (seeded and one.startswith("--randomly-seed")))


def _plain_crashes(outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Return outcomes in which a crash is a crash: how the process ended is told otherwise of a worker."""
    return {
        node_id: replace(one, detail="") if one.category is Category.CRASHED else one
        for node_id, one in outcomes.items()
    }


def _end_of(worker: str, record: RunRecord) -> str:
    last = record.sequences[worker][-1]
    outcome = record.outcomes.get(last)
    where = f" while {last} ran" if outcome and outcome.category in (Category.CRASHED, Category.HUNG) else ""
    if worker in record.stopped:
        return f"{record.stopped[worker]}{where}" if record.stopped[worker] else "as it should"
    if where:
        return f"died{where}"
    return "with the run" if record.end is not None else "not on record"

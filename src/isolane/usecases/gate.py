"""``isolane gate``: keep parallel runs, or roll back to serial, from the last runs on record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from isolane.history.runs import RunSummary, summaries
from isolane.model.errors import ProjectError, UsageError
from isolane.model.plan import SIDE_BY_SIDE
from isolane.model.record import RunRecord
from isolane.planning.gate import LAST_RUNS, GateDecision, decide_gate
from isolane.planning.timings import TimedRun, alike

_SERIAL = frozenset({"serial"})
_PARALLEL = frozenset({"parallel", "stress"})


def gate(root: Path) -> GateDecision:
    """Return the decision over a checkout's runs; raises :class:`UsageError` where there is nothing to decide on."""
    serial, parallel = runs_to_compare(root, whole_runs(root))
    return decide_gate(records(serial), records(parallel))


def whole_runs(root: Path) -> list[RunSummary]:
    """Return a checkout's runs that came to their end, newest first; raises :class:`ProjectError` for no folder."""
    if not root.is_dir():
        raise ProjectError("no-project", f"{root} is not a folder.", "Name the folder that holds the project's tests.")
    return [one for one in summaries(root) if one.end is not None and one.end.exit_code in (0, 1)]


def runs_to_compare(root: Path, runs: Sequence[RunSummary]) -> tuple[list[RunSummary], list[RunSummary]]:
    """Return the serial and the parallel runs of the same tests as the newest parallel one, which is the first.

    Raises :class:`UsageError` where there are none.
    """
    parallel = [
        one for one in runs if one.header.workers and one.header.label in _PARALLEL and one.header.dist != SIDE_BY_SIDE
    ]
    if not parallel:
        raise UsageError(
            "no-parallel-run",
            f"No parallel run is on record in {root / '.isolane'}.",
            "Make one first: pytest -n auto (with isolane installed), or nox -s parallel.",
        )
    serial = [
        one
        for one in runs
        if not one.header.workers and one.header.label in _SERIAL and _of_the_same_tests(one, parallel[0])
    ]
    if not serial:
        raise UsageError(
            "no-serial-run",
            f"No serial run of the same tests is on record in {root / '.isolane'}.",
            "Make one first: pytest --isolane-record=on, or nox -s serial.",
        )
    peers = [one for one in parallel if _of_the_same_tests(one, parallel[0])]
    return serial, peers


def _of_the_same_tests(one: RunSummary, other: RunSummary) -> bool:
    if one.end is None or other.end is None:
        return False
    return alike(TimedRun(one.header, one.end), TimedRun(other.header, other.end))


def records(runs: Sequence[RunSummary]) -> list[RunRecord]:
    """Return the whole records of as many as the gate looks at."""
    return [one.record() for one in runs[:LAST_RUNS]]

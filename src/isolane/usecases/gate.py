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
    """Return the decision over a checkout's runs; raises :class:`UsageError` where there is nothing to decide on.

    Only runs of the same tests as the newest parallel run count, and only those that came to their end.
    """
    if not root.is_dir():
        raise ProjectError("no-project", f"{root} is not a folder.", "Name the folder that holds the project's tests.")
    runs = [one for one in summaries(root) if one.end is not None and one.end.exit_code in (0, 1)]
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
    return decide_gate(_records(serial), _records(peers))


def _of_the_same_tests(one: RunSummary, other: RunSummary) -> bool:
    if one.end is None or other.end is None:
        return False
    return alike(TimedRun(one.header, one.end), TimedRun(other.header, other.end))


def _records(runs: Sequence[RunSummary]) -> list[RunRecord]:
    return [one.record() for one in runs[:LAST_RUNS]]

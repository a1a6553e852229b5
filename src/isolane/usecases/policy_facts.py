"""What a policy's rules see of a run, and of the runs before it: plain values, described in docs/policies.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isolane.model.events import TestFinished
from isolane.model.outcome import Outcome
from isolane.model.record import RunRecord
from isolane.planning.gate import GateFigures


def facts_of(
    record: RunRecord, earlier: Sequence[RunRecord], figures: GateFigures | None, now: float
) -> dict[str, Any]:
    """Return the state that a policy begins with. earlier: the runs before this one, newest first.

    figures: the gate's, None where there are not the runs for it. now: seconds since the Unix epoch.
    """
    return {
        "run": _run(record),
        "tests": [_test(node_id, outcome, record, earlier) for node_id, outcome in record.outcomes.items()],
        "history": {"runs": len(earlier)},
        "gate": None if figures is None else _gate(figures),
        "now": now,
    }


def _run(record: RunRecord) -> dict[str, Any]:
    header = record.header
    assert header is not None  # the record of a summary has one
    return {
        "id": header.run_id,
        "label": header.label,
        "engine": header.engine,
        "workers": header.workers,
        "dist": header.dist,
        "seed": header.seed,
        "python": header.python_version,
        "revision": header.revision,
        "started": header.at,
        "seconds": record.seconds,
        "exit_code": record.exit_code,
        "tests": len(record.outcomes),
        "failed": sum(outcome.is_bad for outcome in record.outcomes.values()),
        "counts": record.counts(),
        "lost_workers": len(record.lost_workers),
    }


def _test(node_id: str, outcome: Outcome, record: RunRecord, earlier: Sequence[RunRecord]) -> dict[str, Any]:
    finished: TestFinished | None = record.finished.get(node_id)
    before = [one.outcomes[node_id].is_bad for one in earlier if node_id in one.outcomes]
    failures = sum(before) + outcome.is_bad
    return {
        "id": node_id,
        "file": node_id.partition("::")[0],
        "outcome": outcome.category.value,
        "failed": outcome.is_bad,
        "detail": outcome.detail,
        "message": "" if finished is None else finished.message,
        "seconds": 0.0 if finished is None else finished.seconds,
        "attempts": 1 if finished is None else finished.attempts,
        "worker": "" if finished is None else finished.worker,
        "runs": len(before) + 1,
        "failures": failures,
        "flaky": 0 < failures <= len(before),
        "new": bool(earlier) and not before,
    }


def _gate(figures: GateFigures) -> dict[str, Any]:
    return {
        "serial_runs": figures.serial_runs,
        "parallel_runs": figures.parallel_runs,
        "tests": figures.tests,
        "newly_flaky": list(figures.misbehaving),
        "share": figures.share,
        "intermittent": figures.intermittent,
        "slower": figures.slower,
    }

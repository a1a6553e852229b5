"""What can be replayed of a run, and what came of a replay, in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from isolane.model.events import RunStarted
from isolane.model.replay import Replayed, WorkerRow

_SHOWN_TESTS = 10


def worker_lines(header: RunStarted, rows: Sequence[WorkerRow]) -> Iterator[str]:
    """Yield a run's workers as a table."""
    yield f"{header.run_id}: engine {header.engine}, --dist {header.dist}, pytest {shlex.join(header.argv)}".rstrip()
    width = max((len(row.worker) for row in rows), default=0)
    width = max(width, len("worker"))
    yield f"{'worker':<{width}} {'tests':>7} {'failed':>7}  ended"
    for row in rows:
        yield f"{row.worker:<{width}} {row.tests:>7} {row.failed:>7}  {row.ended}"
    if not rows:
        yield "No test of this run is known to have run in a worker."


def replayed_lines(result: Replayed) -> Iterator[str]:
    """Yield how the tests ended now and then, and the command."""
    tests = f"{result.tests} test{'' if result.tests == 1 else 's'} of {result.worker}, in one process"
    count = len(result.otherwise)
    if count == 0:
        yield f"{tests}: all ended as they had in the run."
    else:
        yield f"{tests}: {count} ended otherwise than in the run:"
        for node_id, then, now in result.otherwise[:_SHOWN_TESTS]:
            yield f"  {node_id}: {then}, now {now}"
        if count > _SHOWN_TESTS:
            yield f"  … and {count - _SHOWN_TESTS} more"
    yield f"Once more: {result.command}"

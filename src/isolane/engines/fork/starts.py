"""Starting processes on a machine that may have no room for one more just now: by the pool, so that they back off."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from isolane.model.clock import Clock
from isolane.model.errors import IsolaneError
from isolane.pool.audit import AuditRecord, CallOutcome
from isolane.pool.capacity import refused_start
from isolane.pool.config import PoolConfig
from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext
from isolane.pool.stepwise import StepwiseExecutor

PATIENCE_SECONDS = 60.0
"""For how long the start of one process is tried."""
_MOST_BETWEEN_MS = 2000.0


class Starts:
    """Starts processes, one after the other; where the system refuses one it is started later.

    patience: seconds for which one is tried. audit: the refusals on record; of the starts that went well, thousands
    maybe, only the number is kept.
    """

    def __init__(self, clock: Clock | None = None, *, patience: float = PATIENCE_SECONDS) -> None:
        self.audit = RefusalAudit()
        config = PoolConfig(max_dispatch_delay_ms=_MOST_BETWEEN_MS, max_capacity_retry_seconds=patience)
        self._executor = StepwiseExecutor(config, audit=self.audit, clock=clock)
        self._numbers = count()

    def submit(self, name: str, start: Callable[[], None], gave_up: Callable[[IsolaneError], None]) -> None:
        """Have one started in the next step. start: raises OSError where the system refuses; other errors pass."""

        def done(result: TransformResult) -> None:
            if not result.is_success:
                gave_up(_no_room(name, result))

        self._executor.submit(self._context(name), _process(start), done)

    def step(self) -> float | None:
        """Start what can be started now; return in how many seconds to come again, None if nothing waits."""
        return self._executor.step()

    def drop(self) -> None:
        """Forget what could not be started yet."""
        self._executor.drop()

    def make(self, name: str, start: Callable[[], None]) -> None:
        """Start one, and wait until that is possible. Raises :class:`IsolaneError` where it is not for too long."""
        result = self._executor.call(self._context(name), _process(start))
        if not result.is_success:
            raise _no_room(name, result)

    def _context(self, name: str) -> RowContext:
        number = next(self._numbers)
        return RowContext(name, f"{number}: {name}", number)


class RefusalAudit:
    """Keeps the records of refusals, and counts the others."""

    def __init__(self) -> None:
        self.refusals: list[AuditRecord] = []
        self.others = 0

    def next_call_index(self, state_id: str) -> int:  # noqa: ARG002  # each start has a name of its own
        """Return 0."""
        return 0

    def write(self, record: AuditRecord) -> None:
        """Keep a record, or count it."""
        if record.outcome is CallOutcome.CAPACITY:
            self.refusals.append(record)
        else:
            self.others += 1


def _process(start: Callable[[], None]) -> Callable[[object, str], TransformResult]:
    def process(_row: object, _name: str) -> TransformResult:
        try:
            start()
        except OSError as error:
            raise (refused_start(error) or error) from None
        return TransformResult.success(None)

    return process


def _no_room(name: str, result: TransformResult) -> IsolaneError:
    reason = result.reason or {}
    why = reason["error"].partition(": ")[2]
    return IsolaneError(
        "no-room",
        f"The system starts no process for {name}: it was asked {reason['calls']} times ({why}).",
        "Take fewer workers (-n), or give it more memory or processes (ulimit -u).",
    )

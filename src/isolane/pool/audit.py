"""The audit trail: what each call was given, what came of it, and what it had waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple, Protocol

from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext


class CallOutcome(Enum):
    """How a call ended."""

    SUCCESS = "success"
    ERROR = "error"
    """It returned an error result."""
    CAPACITY = "capacity"
    """It was told 'not now'."""
    EXCEPTION = "exception"
    """It raised what it should not have."""
    INTERRUPTED = "interrupted"
    """It was ended by KeyboardInterrupt, SystemExit or a cancellation."""


class CallError(NamedTuple):
    """What a call raised. status_code, retry_after: of a capacity error. traceback: of any other."""

    type: str
    message: str
    status_code: int | None = None
    retry_after: float | None = None
    traceback: str = ""


class AuditRecord(NamedTuple):
    """One call. In a trail there is one for each (state_id, call_index), from 0, and each retry has its own.

    attempt: 0 for the first call that was made for the row in this batch. started_at: seconds since the Unix epoch.
    duration_us: of the call. delay_us: for how long the throttle had held it back. permit_wait_us: for how long it had
    then waited for its turn and a permit. All three are whole microseconds, so that they add up exactly.
    throttle_ms: the pool's delay after this call was taken into account.
    """

    context: RowContext
    call_index: int
    attempt: int
    outcome: CallOutcome
    result: TransformResult | None
    error: CallError | None
    started_at: float
    duration_us: int
    delay_us: int
    permit_wait_us: int
    throttle_ms: float

    @property
    def state_id(self) -> str:
        """The row's name in the audit."""
        return self.context.state_id

    @property
    def request(self) -> Any:
        """The row that the call was given; a copy of your own."""
        return self.context.row

    @property
    def response(self) -> Any:
        """What it returned: a row, a list of rows or a reason; None where it raised. A copy of your own."""
        return None if self.result is None else self.result.content

    def as_data(self) -> dict[str, Any]:
        """Return it as a dictionary of plain values, request and response as they are."""
        return {
            "state_id": self.state_id,
            "call_index": self.call_index,
            "row_index": self.context.row_index,
            "attempt": self.attempt,
            "outcome": self.outcome.value,
            "request": self.request,
            "response": self.response,
            "retryable": None if self.result is None else self.result.retryable,
            "error": None if self.error is None else self.error._asdict(),
            "started_at": self.started_at,
            "duration_us": self.duration_us,
            "delay_us": self.delay_us,
            "permit_wait_us": self.permit_wait_us,
            "throttle_ms": self.throttle_ms,
        }


def to_json(value: Any) -> str:
    """Return a value as JSON in one line. What JSON has no form for is its ``repr``, if need be that of the whole."""
    try:
        return json.dumps(value, default=repr, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # a key that is no text, a value in itself, a nan
        return json.dumps(repr(value))


class AuditSink(Protocol):
    """Where records go. Both methods are called by many threads at once; what they raise stops the batch."""

    def next_call_index(self, state_id: str) -> int:
        """Return the index of the next call for that name: 0, or one more than the last on record."""
        ...

    def write(self, record: AuditRecord) -> None:
        """Keep a record. When this returns it is kept."""
        ...


class MemoryAudit:
    """Keeps all records in memory, for as long as it lives itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[AuditRecord] = []
        self._next: dict[str, int] = {}

    def next_call_index(self, state_id: str) -> int:
        """Return the index of the next call for that name."""
        return self._next.get(state_id, 0)

    def write(self, record: AuditRecord) -> None:
        """Keep a record."""
        with self._lock:
            self._next[record.context.state_id] = record.call_index + 1
            self._records.append(record)

    @property
    def records(self) -> list[AuditRecord]:
        """All records, in the order in which the calls ended."""
        with self._lock:
            return list(self._records)

    def story_of(self, state_id: str) -> list[AuditRecord]:
        """Return the calls made for one name, in order."""
        return sorted(
            (record for record in self.records if record.state_id == state_id), key=lambda record: record.call_index
        )


class CallTotals(NamedTuple):
    """What records add up to. retries: calls after a row's first. The times are microseconds, as in the records."""

    calls: int = 0
    successes: int = 0
    errors: int = 0
    capacity_errors: int = 0
    exceptions: int = 0
    interrupted: int = 0
    retries: int = 0
    duration_us: int = 0
    delay_us: int = 0
    permit_wait_us: int = 0
    peak_delay_ms: float = 0.0

    @classmethod
    def of(cls, records: Iterable[AuditRecord]) -> CallTotals:
        """Add records up."""
        tally = CallTally()
        for record in records:
            tally.add(record)
        return tally.totals()


class CallTally:
    """Adds records up as they come."""

    def __init__(self) -> None:
        self._by_outcome = dict.fromkeys(CallOutcome, 0)
        self._retries = self._duration = self._delay = self._permit_wait = 0
        self._peak = 0.0

    def add(self, record: AuditRecord) -> None:
        """Count one more."""
        self._by_outcome[record.outcome] += 1
        self._retries += record.attempt > 0
        self._duration += record.duration_us
        self._delay += record.delay_us
        self._permit_wait += record.permit_wait_us
        if record.throttle_ms > self._peak:
            self._peak = record.throttle_ms

    def totals(self) -> CallTotals:
        """Return the sums."""
        count = self._by_outcome
        return CallTotals(
            sum(count.values()),
            count[CallOutcome.SUCCESS],
            count[CallOutcome.ERROR],
            count[CallOutcome.CAPACITY],
            count[CallOutcome.EXCEPTION],
            count[CallOutcome.INTERRUPTED],
            self._retries,
            self._duration,
            self._delay,
            self._permit_wait,
            self._peak,
        )

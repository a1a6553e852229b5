"""What a call has come to: judged, told to the throttle, put on record. Alike for threads and for coroutines."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Any, NamedTuple

from isolane.model.clock import Clock
from isolane.pool.audit import AuditRecord, AuditSink, CallError, CallOutcome
from isolane.pool.batch import Task
from isolane.pool.capacity import CapacityError
from isolane.pool.redaction import Redaction, texts_without, without
from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext
from isolane.pool.throttle import AIMDThrottle


class Ending(NamedTuple):
    """What a call has come to.

    result: the row's; None where there is none (yet). capacity: 'not now'. passing: what has to pass through to whoever
    waits. unaudited: why there is no record of it, or why no call was made. throttle_ms: the pool's delay.
    """

    record: AuditRecord | None
    result: TransformResult | None = None
    capacity: CapacityError | None = None
    passing: BaseException | None = None
    unaudited: Exception | None = None
    throttle_ms: float = 0.0


class CallDesk:
    """Numbers calls and judges what they return or raise.

    stops: whether a call that cannot be put on record stops its batch. Nothing is locked here: what is shared, the
    throttle and the sink, does so itself.
    """

    def __init__(self, throttle: AIMDThrottle, sink: AuditSink, redact: Iterable[str], *, stops: bool) -> None:
        self._throttle = throttle
        self._sink = sink
        self._redaction = Redaction(redact)
        self._stops = stops

    def begin(self, task: Task) -> Ending | None:
        """Number the call that is to be made; an ending if that fails, and no call is to be made."""
        if task.attempt:
            task.call_index += 1
            return None
        try:
            task.call_index = self._sink.next_call_index(task.context.state_id)
        except Exception as error:  # noqa: BLE001 - a sink may raise anything
            if self._stops:
                return Ending(None, unaudited=error)
        return None

    def make(self, task: Task, clock: Clock) -> tuple[Ending, BaseException | None]:
        """Make a call in this thread; return what it has come to, and what the function raised."""
        refused = self.begin(task)
        if refused is not None:
            return refused, None
        returned = raised = None
        wall, started = clock.now(), clock.monotonic()
        try:
            returned = task.batch.function(task.context.row, task.context.state_id)
        except BaseException as error:  # noqa: BLE001 - judged below; what must pass through does
            raised = error
        return self.end(task, returned, raised, wall, started, clock.monotonic()), raised

    def end(
        self, task: Task, returned: Any, raised: BaseException | None, wall: float, started: float, ended: float
    ) -> Ending:
        """Judge a call. wall, started: when it began, by both clocks; ended: by the monotonic one."""
        result: TransformResult | None = None
        capacity: CapacityError | None = None
        passing: BaseException | None = None
        throttle = self._throttle
        if raised is None and not isinstance(returned, TransformResult):
            raised = TypeError(f"the function returned {type(returned).__name__}, not TransformResult")
        if raised is None:
            result = returned
            if result.status == "success":
                outcome, delay = CallOutcome.SUCCESS, throttle.on_success()
            else:
                outcome, delay = CallOutcome.ERROR, throttle.current_delay_ms
        elif isinstance(raised, CapacityError):
            outcome, delay = CallOutcome.CAPACITY, throttle.on_capacity_error(started, ended)
            capacity = raised.with_traceback(None)  # It is kept while the row backs off; its frames need not be.
        elif isinstance(raised, Exception):
            outcome, delay = CallOutcome.EXCEPTION, throttle.current_delay_ms
            result = TransformResult.error(
                {"reason": "exception", "type": type(raised).__name__, "error": message_of(raised)}
            )
        else:
            outcome, delay, passing = CallOutcome.INTERRUPTED, throttle.current_delay_ms, raised
        record: AuditRecord | None = None
        unaudited: Exception | None = None
        try:
            context, on_record = task.context, result if raised is None else None
            error = None if raised is None else _told(raised)
            if self._redaction:
                context, on_record, error = self._without_secrets(context, on_record, error)
            took = microseconds(ended - started)
            record = AuditRecord(
                context,
                task.call_index,
                task.attempt,
                outcome,
                on_record,
                error,
                wall,
                took,
                task.delay_us,
                task.permit_wait_us,
                delay,
            )
            self._sink.write(record)
        except Exception as failure:  # noqa: BLE001 - a sink may raise anything, and so may a row that is to be redacted
            record, unaudited = None, failure
        return Ending(record, result, capacity, passing, unaudited, delay)

    def _without_secrets(
        self, context: RowContext, result: TransformResult | None, error: CallError | None
    ) -> tuple[RowContext, TransformResult | None, CallError | None]:
        secrets: set[str] = set()
        row = self._redaction.of(context.row, secrets)
        content = None if result is None else self._redaction.of(result.content, secrets)
        if error is not None:
            error = error._replace(message=without(error.message, secrets), traceback=without(error.traceback, secrets))
        if result is not None:
            result = result.with_content(texts_without(content, secrets))
        return RowContext(texts_without(row, secrets), context.state_id, context.row_index), result, error


def message_of(error: BaseException) -> str:
    """Return what an exception says, also of one that cannot say it."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - somebody else's __str__
        return "(its message cannot be printed)"


def microseconds(seconds: float) -> int:
    """Return whole microseconds."""
    return round(seconds * 1e6)


def _told(error: BaseException) -> CallError:
    if isinstance(error, CapacityError):
        return CallError(type(error).__name__, message_of(error), error.status_code, error.retry_after)
    try:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # noqa: BLE001 - somebody else's __str__, or a chain that has no end
        lines = ""
    return CallError(type(error).__name__, message_of(error), traceback=lines)

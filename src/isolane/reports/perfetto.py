"""Who ran what, when, for ui.perfetto.dev and chrome://tracing: JSON in the Trace Event Format.

A run is a process of the trace, a worker one of its threads, and a test a slice, with its setup, call and teardown in
it where these take any time. The first thread has the phases of the run. The format wants slices of one thread to nest
exactly, so all times are whole microseconds, and a test begins no earlier than the one before it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from isolane.model.events import CollectionFailed, Event, RunFinished, RunStarted, WorkerStarted, WorkerStopped
from isolane.planning.replay import in_order
from isolane.reports.cases import Case, endings
from isolane.reports.characters import cut, writable

_APART = 10_000
_PHASES = ("start", "collection", "tests", "teardown", "reporting")
_SHOWN = 1_000
"""Microseconds: setup and teardown of less than this together are not drawn apart from the test."""
_LONGEST = 1_000


def perfetto_trace(runs: Sequence[tuple[str, Sequence[Event]]]) -> dict[str, Any]:
    """Return the trace of runs, each with its name, and each from its own start, so that they can be compared."""
    found: list[dict[str, Any]] = []
    for number, (name, events) in enumerate(runs, 1):
        found += _Run(number, name, events).events()
    return {"displayTimeUnit": "ms", "traceEvents": found}


class _Run:
    def __init__(self, number: int, name: str, events: Sequence[Event]) -> None:
        # Perfetto takes the thread with the process's number for its first one, and a thread 0 for that, too; numbers
        # of threads must not meet those of another process.
        self._process = number * _APART
        self._name = name
        self._events = events
        self._zero = next((one.process_started for one in events if isinstance(one, RunStarted)), 0.0)
        self._endings = list(endings(events))
        workers = {one.worker for one in self._endings} | {
            one.worker for one in events if isinstance(one, WorkerStarted | WorkerStopped)
        }
        self._threads = {worker: place for place, worker in enumerate(in_order(sorted(workers)), self._process + 1)}

    def events(self) -> Iterator[dict[str, Any]]:
        yield self._named("process_name", self._process, self._name)
        yield self._named("thread_name", self._process, "the run")
        for worker, thread in self._threads.items():
            yield self._named("thread_name", thread, worker or "(worker unknown)")
        for thread in (self._process, *self._threads.values()):
            yield self._event("M", thread, "thread_sort_index", args={"sort_index": thread})
        yield from self._moments()
        free = dict.fromkeys(self._threads, 0)
        for case in self._endings:
            start = max(self._microseconds(case.start), free[case.worker])
            if case.finished is None:  # a slice without an end: nobody saw it
                yield self._event("B", self._threads[case.worker], case.node_id, start, cat="test")
            else:
                free[case.worker] = start
                for one in self._slices(case, start):
                    free[case.worker] = max(free[case.worker], one["ts"] + one["dur"])
                    yield one

    def _slices(self, case: Case, start: int) -> Iterator[dict[str, Any]]:
        """Yield the slice of a test, and those in it."""
        test = case.finished
        assert test is not None
        thread = self._threads[case.worker]
        parts = {"setup": test.setup, "call": test.call, "teardown": test.teardown}
        lengths = {name: round(seconds * 1e6) for name, seconds in parts.items()}
        # Of a test whose process died there are no times: it lasted until that was heard.
        whole = sum(lengths.values()) or max(0, self._microseconds(case.end) - start)
        facts = {
            "outcome": str(case.outcome),
            "message": case.message,
            "location": case.location,
            "attempts": test.attempts if test.attempts > 1 else 0,
            "leaks": len(test.leaks),
        }
        yield self._event("X", thread, case.node_id, start, dur=whole, cat="test", args=_told(facts))
        if lengths["setup"] + lengths["teardown"] >= _SHOWN:
            for name, length in lengths.items():
                if length:
                    yield self._event("X", thread, name, start, dur=length, cat="phase")
                start += length

    def _moments(self) -> Iterator[dict[str, Any]]:
        """Yield what is not a test: the phases of the run, and what became of workers and of files."""
        for one in self._events:
            if isinstance(one, WorkerStarted):
                yield self._moment(one, one.worker, "process starts", {"process id": one.process_id})
            elif isinstance(one, WorkerStopped):
                text = f"process is lost: {one.reason}" if one.reason else "process ends"
                yield self._moment(one, one.worker, text, {})
            elif isinstance(one, CollectionFailed):
                yield self._moment(one, None, f"not collected: {one.node_id}", {"message": one.message})
            elif isinstance(one, RunFinished):
                start = 0
                for name in _PHASES:
                    length = round(one.phases.get(name, 0.0) * 1e6)
                    yield self._event("X", self._process, name, start, dur=length, cat="run")
                    start += length

    def _moment(self, event: Event, worker: str | None, name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        thread = self._process if worker is None else self._threads[worker]
        return self._event("i", thread, name, self._microseconds(event.at), s="t", cat="worker", args=_told(facts))

    def _named(self, what: str, thread: int, name: str) -> dict[str, Any]:
        return self._event("M", thread, what, args={"name": writable(name)})

    def _event(self, phase: str, thread: int, name: str, at: int = 0, **more: Any) -> dict[str, Any]:
        shown = cut(writable(name), _LONGEST)
        return {"ph": phase, "pid": self._process, "tid": thread, "ts": at, "name": shown, **more}

    def _microseconds(self, at: float) -> int:
        return max(0, round((at - self._zero) * 1e6))


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is to say, in text that every reader takes."""
    return {
        name: cut(writable(value), _LONGEST) if isinstance(value, str) else value
        for name, value in facts.items()
        if value
    }

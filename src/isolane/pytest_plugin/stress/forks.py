"""Makes whole runs: each in a process forked from a session that has collected its tests and run none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from isolane.engines.fork.lane import ONE_TEST
from isolane.engines.fork.listener import Crash
from isolane.engines.fork.messages import (
    Broken,
    ExitAsked,
    Finished,
    Interrupted,
    Message,
    Reported,
    Started,
    SubtestsFailed,
)
from isolane.model.errors import ExitCode, IsolaneError
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.fork.crashes import shorten_trace
from isolane.pytest_plugin.fork.fresh_processes import FreshProcesses
from isolane.pytest_plugin.fork.reports import Reader
from isolane.pytest_plugin.stress.conditions import Conditions
from isolane.pytest_plugin.stress.run_book import RunBook


@dataclass(frozen=True)
class Planned:
    """A run to make. number: from 1. tests: positions, in their order. seed: what that order was drawn by."""

    number: int
    tests: tuple[int, ...]
    seed: int | None


class Forks(FreshProcesses):
    """Makes runs.

    plugin: who runs the session's tests otherwise; it is left out in workers. silence: seconds without a word after
    which a process is taken for hung. opened: makes the book of a run that begins. over: is told of each that has
    ended. beats: is called whenever something is heard.
    """

    def __init__(
        self,
        session: pytest.Session,
        state: ControllerState,
        plugin: object,
        *,
        silence: float,
        opened: Callable[[Planned, bool], RunBook],
        over: Callable[[RunBook], None],
        beats: Callable[[], None],
    ) -> None:
        self._opened, self._over, self._beats = opened, over, beats
        self._reader = Reader(session.config)
        self._node_ids = [item.nodeid for item in session.items]
        self._locations = [item.location for item in session.items]  # from here on every fork knows them
        self._first_phases: dict[int, Reported] = {}
        """Of each test the last message that had its keywords: what a report of a failure cannot be made without."""
        self._conditions = Conditions(session.config)
        self._planned: Sequence[Planned] = ()
        self._books: dict[int, RunBook] = {}
        self._kept = True
        self._is_stopped = False
        factory: Any = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None:
            factory.getbasetemp()
        super().__init__(session, state, plugin, silence=silence, enter=self._conditions.enter)

    def make(self, planned: Sequence[Planned], count: int, *, kept: bool = True) -> None:
        """Make runs, so many side by side; return when all have ended, or what :meth:`stop` has left of them.

        kept: whether a record of each is kept.
        """
        self._planned, self._kept = planned, kept
        self._books, self._is_stopped = {}, False
        self._conditions.seeds = [one.seed for one in planned]
        self._conditions.names = [
            f"run-{one.number}" if kept else f"again-{place}" for place, one in enumerate(planned)
        ]
        self._prepare([one.tests for one in planned], count, is_named=count > 1)
        try:
            self._controller.run()
        except BaseException as error:
            for book in self._books.values():
                book.close()
            if isinstance(error, IsolaneError):  # for want of memory or processes: nothing of it is pytest's fault
                pytest.exit(f"isolane: {error}", ExitCode.INTERNAL_ERROR)
            raise
        for book in self._books.values():  # those that were stopped in their midst say nothing
            book.discard()

    def stop(self) -> None:
        """Begin no further run, and leave those that go on."""
        self._is_stopped = True
        self._controller.stop()

    # -- hearing

    def message(self, worker: str, message: Message) -> None:
        """Take what a worker says of its run."""
        self._beats()
        kind = type(message)
        if kind is Reported:
            self._reported(worker, message)  # type: ignore[arg-type]
        elif kind is Started:
            self._started(worker, message)  # type: ignore[arg-type]
        elif kind is Finished:
            self._finished(worker, message)  # type: ignore[arg-type]
        elif isinstance(message, SubtestsFailed):
            self._subtests_failed(message)
        elif isinstance(message, ExitAsked | Interrupted | Broken) and not self._controller.winding_up:
            if isinstance(message, Interrupted):
                raise KeyboardInterrupt
            if isinstance(message, ExitAsked):
                raise pytest.exit.Exception(message.reason, message.returncode)
            raise RuntimeError(f"worker {worker!r} failed outside any test:\n{message.text}")

    def _started(self, worker: str, message: Started) -> None:
        unit = self._unit.get(worker, ONE_TEST)
        if unit == ONE_TEST:
            unit = self._unit[worker] = self._controller.unit_of(worker)
            if unit not in self._books:
                self._books[unit] = self._opened(self._planned[unit], self._kept)
            self._books[unit].worker_started(worker)
        self._books[unit].started(message.test, self._node_ids[message.test])

    def _reported(self, worker: str, message: Reported) -> None:
        book = self._books.get(self._unit.get(worker, ONE_TEST))
        if book is None:
            return
        test, values = message.test, message.values
        if not message.serialized:
            if message.keywords is not None:
                self._first_phases[test] = message
            if values["outcome"] == "passed" and "wasxfail" not in values and "context" not in values:
                book.phase_passed(test, values["when"], values["duration"])  # nearly all are; a report says no more
                return
            if message.keywords is None:
                self._report(self._first_phases[test])
        book.reported(test, self._report(message))

    def _report(self, message: Reported) -> pytest.TestReport:
        return self._reader.report(message, self._node_ids[message.test], self._locations[message.test])

    def _finished(self, worker: str, message: Finished) -> None:
        unit = self._unit.get(worker, ONE_TEST)
        book = self._books.get(unit)
        if book is not None:
            book.finished(message.test, self._node_ids[message.test])
            self._close_if_over(unit)

    def _close_if_over(self, unit: int) -> None:
        if self._books[unit].is_over:
            book = self._books.pop(unit)
            book.close()
            self._remove_temporary(self._conditions.names[unit], keep=any(one.is_bad for one in book.outcomes.values()))
            self._over(book)

    def _remove_temporary(self, name: str, *, keep: bool) -> None:
        factory: Any = getattr(self._config, "_tmp_path_factory", None)
        if factory is not None and not keep:
            shutil.rmtree(factory.getbasetemp() / name, ignore_errors=True)

    def worker_crashed(self, crash: Crash, *, replaced: bool) -> None:  # noqa: ARG002
        """Note the test that was running; the run's others have their turn in a fresh process."""
        self._state.worker_ended(crash.worker, crashed=True)
        unit = self._unit.get(crash.worker, ONE_TEST)
        book = self._books.get(unit)
        if crash.test is None or book is None:
            return
        printed = (*crash.printed[:2], shorten_trace(crash.printed[2]))
        book.crashed(crash.test, self._node_ids[crash.test], crash.cause, printed)
        self._close_if_over(unit)

    def given_up(self, tests: Sequence[int], cause: str) -> None:  # noqa: ARG002
        """Let a run end that has crashed worker after worker."""
        for unit, book in list(self._books.items()):
            if set(tests) <= set(self._planned[unit].tests) and book.died:
                book.given_up(tests)
                self._close_if_over(unit)

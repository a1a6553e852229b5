"""Units that each run in a process of their own, forked from a session that has collected its tests and run none."""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Callable, Sequence
from typing import NoReturn

import pytest

from isolane.engines.fork.controller import Controller
from isolane.engines.fork.lane import Lane
from isolane.engines.fork.listener import Limits, UntoldListener
from isolane.engines.fork.messages import SubtestsFailed
from isolane.engines.fork.starts import Starts
from isolane.planning.units import Unit
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.fork.node import Nodes, make_node
from isolane.pytest_plugin.fork.reports import failed_subtests, only_pytest_serializes, subtests_key
from isolane.pytest_plugin.fork.worker import Task, work
from isolane.pytest_plugin.state.watching import LeakWatch


class FreshProcesses(UntoldListener):
    """What hears of such runs; a base for who knows what they are for.

    state: from before the first conftest. plugin: who runs the session's tests otherwise; it is left out in these
    processes. silence: seconds without a word after which one is taken for hung. enter: called in each before its first
    test.
    """

    def __init__(
        self,
        session: pytest.Session,
        state: ControllerState,
        plugin: object,
        *,
        silence: float,
        enter: Callable[[], None],
    ) -> None:
        self._session = session
        self._config = session.config
        self._state = state
        self._plugin = plugin
        self._enter = enter
        self._limits = Limits(silence=silence)
        self._process_id = os.getpid()
        self._nodes = Nodes(uuid.uuid4().hex)
        self._quickly = only_pytest_serializes(self._config)
        self._starts = Starts()
        self._units: Sequence[Unit] = ()
        self._unit: dict[str, int] = {}
        """By worker: the number of the unit that it runs."""
        self._state.before_fork(self._config, measures=False)
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Be a process again that does not fork."""
        gc.unfreeze()

    def _prepare(
        self, units: Sequence[Sequence[int]], count: int, *, watch: LeakWatch | None = None, is_named: bool = False
    ) -> None:
        """Get ready to run units, by the positions of their tests, so many side by side."""
        self._units = [Unit(str(number), tuple(tests)) for number, tests in enumerate(units)]
        self._unit = {}

        def child(lane: Lane) -> NoReturn:
            task = Task(
                session=self._session,
                units=self._units,
                workerinput=make_node(self._config, lane.worker, count, self._nodes).workerinput,
                state=self._state,
                controller_plugin=self._plugin,
                controller_pid=self._process_id,
                serializes_quickly=self._quickly,
                isolation="unit",
                watch=watch,
                is_named=is_named,
                prepare=self._enter,
            )
            work(task, lane)

        self._controller = Controller(self._units, count, child, self, self._limits, starts=self._starts)

    def _subtests_failed(self, message: SubtestsFailed) -> None:
        failed_subtests(self._config)[subtests_key(self._session.items[message.test])] = message.failures

    def worker_starts(self, worker: str) -> None:
        """Take note that what the name said before is over."""
        self._state.worker_starts(worker)
        self._unit.pop(worker, None)

    def worker_stopped(self, worker: str) -> None:
        """Take note of its end."""
        self._state.worker_ended(worker, crashed=False)

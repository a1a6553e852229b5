"""A worker: what a forked process does from its first moment to its last."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from _pytest.outcomes import TEST_OUTCOME
from _pytest.runner import CallInfo

from isolane.engines.fork.lane import FINISH, ONE_TEST, PAUSE, TERMINAL, ControllerGoneError, Lane, Order
from isolane.engines.fork.messages import (
    AGAIN,
    STANDS,
    UNCHECKED,
    Broken,
    ExitAsked,
    Finished,
    Goodbye,
    Interrupted,
    Started,
    StopAsked,
    SubtestsFailed,
    SuiteProperties,
    WantsTerminal,
    WantsWork,
)
from isolane.planning.units import Unit
from isolane.pytest_plugin.fork.adapters import (
    LISTENERS_IN_WORKERS,
    ControllerState,
    end_worker,
    enter_worker,
    leave_worker,
)
from isolane.pytest_plugin.fork.measurement import WorkerMeasurement
from isolane.pytest_plugin.fork.output import Output
from isolane.pytest_plugin.fork.reports import Writer, failed_subtests, subtests_key, warned
from isolane.pytest_plugin.process import die_with
from isolane.pytest_plugin.state.customs import Budget
from isolane.pytest_plugin.state.start import WATCH_PLUGIN
from isolane.pytest_plugin.state.watching import LeakWatch

_REPORTING = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_warning_recorded",
)
"""Hooks that tell of tests. Whoever listens hears them in the controller, once."""


@dataclass(frozen=True)
class Task:
    """What a worker is made of.

    serializes_quickly: see :class:`Writer`. isolation: as the option, or ``unit``: a fresh process for each unit.
    watch: who looks. is_named: whether tests see that they are in a worker, and in which. prepare: called before the
    first look.
    """

    session: pytest.Session
    units: Sequence[Unit]
    workerinput: dict[str, Any]
    state: ControllerState
    controller_plugin: object
    controller_pid: int
    serializes_quickly: bool
    isolation: str
    watch: LeakWatch | None
    is_named: bool = True
    prepare: Callable[[], None] | None = None


def work(task: Task, lane: Lane) -> NoReturn:
    """Be a worker until there is no more to do; never returns."""
    code = 0
    try:
        worker = Worker(task, lane)
        worker.enter()
        worker.run()
        worker.end()
    except ControllerGoneError:
        code = 2
    except BaseException:  # noqa: BLE001  # nothing may get back into the controller's stack
        code = 3
        with contextlib.suppress(BaseException):
            lane.send(Broken(traceback.format_exc()))
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(BaseException):
                stream.flush()
        os._exit(code)


class Worker:
    """Runs what it is given, one unit after the other; a plugin of pytest's in its process."""

    def __init__(self, task: Task, lane: Lane) -> None:
        self.session = task.session
        self.config = task.session.config
        self._task = task
        self._lane = lane
        self._output = Output(self.config, lane)
        self._writer = Writer(self.config, quickly=task.serializes_quickly)
        self._failed_subtests = failed_subtests(self.config)
        self._queue: deque[int] = deque()
        self._deferred: deque[Order] = deque()
        self._test = -1
        self._last: pytest.Item | None = None
        self._finishing = False
        self._measurement: WorkerMeasurement | None = None
        self._suite_properties = 0
        self._watch = task.watch
        self._isolation = task.isolation
        self._closely: set[int] = set()
        self._leaves = False
        """What is left to do is for a fresh process."""
        self._again = False
        self.unit = -1
        """The number of the unit that was begun last."""

    # -- becoming a worker

    def enter(self) -> None:
        """Make the copied process a worker."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._output.enter()
        die_with(self._task.controller_pid)
        self._take_identity()
        enter_worker(self.config, self._task.workerinput)
        self._measurement = self._task.state.after_fork(self._task.workerinput["workerid"])
        self._silence_others()
        self.config.pluginmanager.register(self, "isolane-worker")
        if self._watch is not None:
            self.config.pluginmanager.register(self._watch, WATCH_PLUGIN)
            self._watch.closely = lambda: self._finishing or self._lane.board.stopped
            self._watch.runs_again = lambda: self._test in self._closely
            self._watch.budget = lambda: Budget(self._lane.board.budget)
            known = len(self._watch.customs.doubted) % 256
            self._watch.customs.is_outdated = lambda: self._lane.board.doubts != known
        teardown = self.session._setupstate.teardown_exact
        # Which test comes next is decided as late as can be: until a test is torn down, what waits behind it may be
        # taken back and given to a worker that has nothing to do.
        self.session._setupstate.teardown_exact = lambda nextitem: teardown(self._next(nextitem))  # type: ignore[method-assign]

    def _take_identity(self) -> None:
        given = self._task.workerinput
        config: Any = self.config
        config.workeroutput = {}
        if self._task.is_named:
            os.environ["PYTEST_XDIST_WORKER"] = given["workerid"]
            os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(given["workercount"])
            os.environ["PYTEST_XDIST_TESTRUNUID"] = given["testrunuid"]
            config.workerinput = given
        option = config.option
        option.loadgroup = getattr(option, "dist", "no") == "loadgroup"
        option.dist, option.distload, option.numprocesses, option.maxprocesses = "no", False, None, None

    def _silence_others(self) -> None:
        """Leave the hooks that tell of tests to this plugin alone.

        Those who listen (the terminal, JUnit's file, somebody's dashboard) were told in the controller that they
        are to report, and report there. The session itself goes on counting: it is what stops at --maxfail, before
        the next test starts, and what fixtures ask whether a test has failed.
        """
        manager = self.config.pluginmanager
        manager.unregister(self._task.controller_plugin)
        for name in _REPORTING:
            hook: Any = getattr(self.config.hook, name)
            hook._hookimpls[:] = [
                one for one in hook._hookimpls if one.plugin_name in ("session", *LISTENERS_IN_WORKERS)
            ]
            if hook.is_historic():
                hook._call_history.clear()  # else whoever registers now is told of the controller's warnings again

    # -- the loop

    def run(self) -> None:
        """Run tests until there are none, then tear down and say goodbye."""
        exitstatus = 0
        try:
            self._loop()
        except KeyboardInterrupt:
            exitstatus = 2
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: what follows is tearing down
            self._lane.send(Interrupted())
        except pytest.exit.Exception as error:
            exitstatus = 2
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._lane.send(ExitAsked(str(error.msg), error.returncode))
        self._finishing = True
        self._tear_down()
        leave_worker(self.session, exitstatus, self._measurement)
        self._tell_suite_properties()
        self._lane.send(Goodbye(self.config.workeroutput, self._leaves))  # type: ignore[attr-defined]

    def leave_when_idle(self) -> None:
        """Leave what comes to a fresh process, once nothing is queued here."""
        self._leaves = not self._queue

    def end(self) -> None:
        """Do what a process does at its exit."""
        end_worker(self._measurement)

    def _loop(self) -> None:
        if self._task.prepare is not None:
            self._task.prepare()
        if self._watch is not None:
            self._watch.begin_in_fork()
        self._take(self._order())
        while self._queue and not self._lane.board.stopped:
            self._run_test(self._queue.popleft())
            if self._again:
                return  # also where a test has failed: whether it does so in a clean process is to be seen
            session = self.session
            if session.shouldfail or session.shouldstop:
                reason = session.shouldfail or session.shouldstop
                self._lane.board.stop()  # the others see it at once; the controller still has to come to it
                self._lane.send(StopAsked(str(reason), bool(session.shouldfail)))
                return
            if self._leaves:
                return
            while not self._queue and not self._finishing and not self._lane.board.stopped:
                self._take(self._order())  # it paused: what is queued could not run beside the others

    def _run_test(self, test: int) -> None:
        items = self.session.items
        item = items[test]
        self._test, self._last = test, item
        self._lane.send(Started(test, item.location))
        known_next = items[self._queue[0]] if self._queue else None
        self.config.hook.pytest_runtest_protocol(item=item, nextitem=known_next)
        self._lane.end_strays()
        if self._measurement is not None:
            self._measurement.test_over()
        if self._suite_properties >= 0:
            self._tell_suite_properties()
        self._lane.send(Finished(test, self._verdict(item)), at_once=False)

    def _verdict(self, item: pytest.Item) -> int:
        """Return what the look after the test has shown, and decide whether this process is to go on."""
        watch = self._watch
        if watch is None or self._isolation != "leak":
            return STANDS
        if watch.findings is None:  # not all that runs as a test has a teardown
            watch.look(item)
        if watch.findings is None or not watch.findings.whole:
            return UNCHECKED
        self._again = watch.again or watch.doubtful
        self._leaves = watch.dirty or self._again
        return AGAIN if self._again else STANDS

    def _next(self, announced: pytest.Item | None) -> pytest.Item | None:
        """Return the test that comes next, for whose sake fixtures are kept; None where all are torn down."""
        if self._finishing or self._lane.board.stopped or self.session.shouldfail or self.session.shouldstop:
            return None
        if self._isolation == "test":
            self._leaves = True
            return None
        if announced is None and self._isolation == "unit":
            self._leaves = True
            return None
        if announced is None:
            if not self._queue:
                self._take(self._order())
            announced = self.session.items[self._queue[0]] if self._queue else None
        if self._isolation == "module" and announced is not None and _module_of(announced) != _module_of(self._last):
            self._leaves = True
            return None
        return announced

    def _order(self) -> Order:
        """Return what to do next; ask for it where nothing is waiting: it may have been given to another worker."""
        order = self._deferred.popleft() if self._deferred else self._lane.poll()
        if order is None:
            self._lane.send(WantsWork())
            order = self._lane.wait()
        return order

    def _take(self, order: Order) -> None:
        if order.unit == FINISH:
            self._finishing = True
        elif order.unit == PAUSE:
            pass  # there is nothing in the queue, so that all is torn down, and then this is asked again
        elif order.unit == ONE_TEST:
            self._queue.append(order.first)
            if order.closely_until:
                self._closely |= {order.first}
        else:
            self.unit = order.unit
            tests = self._task.units[order.unit].tests
            self._queue.extend(tests[order.first :])
            self._closely |= set(tests[order.first : order.closely_until])

    def _tear_down(self) -> None:
        """Tear down what the last test left, where the run was stopped: its errors are that test's."""
        item = self._last
        if item is None or not self.session._setupstate.stack:
            return
        if self._again:
            with contextlib.suppress(*TEST_OUTCOME):  # it runs again, and so does this
                self.session._setupstate.teardown_exact(None)
            return
        call = CallInfo.from_call(lambda: self.session._setupstate.teardown_exact(None), when="teardown")
        if call.excinfo is not None:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
            item.ihook.pytest_runtest_logreport(report=report)

    # -- telling

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send a report as it happens; the last one of a test goes with what follows it, the next test's start."""
        if self._failed_subtests and report.when == "call":
            failed = self._failed_subtests.get(subtests_key(self.session.items[self._test]))
            if failed:
                self._lane.send(SubtestsFailed(self._test, failed))
        message = self._writer.reported(self._test, self.session.items[self._test], report)
        self._lane.send(message, at_once=report.when != "teardown")

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: tuple[str, int, str] | None
    ) -> None:
        """Send a warning."""
        self._lane.send(warned(warning_message, when, str(nodeid), location))

    def pytest_internalerror(self, excrepr: object) -> None:
        """Send what broke."""
        self._lane.send(Broken(str(excrepr)))

    def _tell_suite_properties(self) -> None:
        """Send what ``record_testsuite_property`` added to this process's copy of the JUnit file."""
        xml: Any = self.config.stash.get(_xml_key(), None)
        if xml is None:
            self._suite_properties = -1
            return
        new = xml.global_properties[self._suite_properties :]
        if new:
            self._suite_properties += len(new)
            self._lane.send(SuiteProperties(tuple((str(name), str(value)) for name, value in new)))

    # -- a debugger

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Wait for the terminal: several workers may stop at a breakpoint, and there is one keyboard."""
        self._lane.send(WantsTerminal(True))
        while (order := self._lane.wait()).unit != TERMINAL:
            self._deferred.append(order)
        self._output.use_terminal()

    def pytest_leave_pdb(self) -> None:
        """Give the terminal back."""
        self._output.leave_terminal()
        self._lane.send(WantsTerminal(False))


def _module_of(item: pytest.Item | None) -> str:
    return item.nodeid.partition("::")[0] if item is not None else ""


def _xml_key() -> Any:
    from _pytest.junitxml import xml_key

    return xml_key

"""The controller's plugin: pytest collects as ever, and instead of running the tests here they are run by workers."""

from __future__ import annotations

import gc
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from isolane.engines.fork.controller import Controller
from isolane.engines.fork.lane import Lane
from isolane.engines.fork.listener import Crash, Limits
from isolane.engines.fork.messages import (
    Broken,
    ExitAsked,
    Finished,
    Goodbye,
    Interrupted,
    Message,
    Reported,
    Started,
    StopAsked,
    SubtestsFailed,
    SuiteProperties,
    WantsTerminal,
    Warned,
)
from isolane.history.durations import expected_seconds
from isolane.model.errors import ExitCode, IsolaneError
from isolane.model.state import Leak
from isolane.planning.dispatch import dispatch_order
from isolane.planning.needs import needs_together
from isolane.planning.units import Unit, make_units
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.fork.crashes import Scheduler, crash_report, not_run_report
from isolane.pytest_plugin.fork.junit import add_suite_properties, in_order_of_collection
from isolane.pytest_plugin.fork.node import Node, Nodes, Spec, make_node, worker_info
from isolane.pytest_plugin.fork.rare_collections import RareCollections
from isolane.pytest_plugin.fork.renewals import Renewals
from isolane.pytest_plugin.fork.reports import Reader, failed_subtests, only_pytest_serializes, subtests_key, warning_of
from isolane.pytest_plugin.fork.talk import Talk
from isolane.pytest_plugin.fork.told_early import ToldEarly
from isolane.pytest_plugin.fork.worker import Task, work
from isolane.pytest_plugin.needs import needs_of_items
from isolane.pytest_plugin.process import process_control
from isolane.pytest_plugin.replay_hint import replay_command
from isolane.pytest_plugin.state.start import REPORT_PLUGIN, isolation_of, make_watch
from isolane.pytest_plugin.state.suspicion import Suspicion, leaks_in
from isolane.pytest_plugin.state.telling import LeakReport
from isolane.reports.workers_text import workers_line


class ForkSession:
    """Runs a session's tests over forked workers, and reports them as if they had run here."""

    def __init__(
        self,
        config: pytest.Config,
        count: int,
        limits: Limits,
        state: ControllerState,
        late_obstacle: Callable[[], str | None],
        fall_back: Callable[[pytest.Session, str], object],
        *,
        keep_order: bool,
    ) -> None:
        self.config = config
        self.sched = Scheduler(config, self._run_again)
        self._count = count
        self._limits = limits
        self._state = state
        self._late_obstacle = late_obstacle
        self._fall_back = fall_back
        self._keep_order = keep_order
        self._talk = Talk(config)
        self._rare_collections = RareCollections()
        self._hook: Any = config.hook
        self._nodes: dict[str, Node] = {}
        self._manager = Nodes(getattr(config.option, "testrunuid", None) or uuid.uuid4().hex)
        self._locations: dict[int, tuple[str, int | None, str]] = {}
        self._summary = ""
        self._tests: dict[str, int] = {}
        self._stopping = False
        self._told_early = ToldEarly(self._tell, self._tell_leaks)
        self._process_id = os.getpid()

    # -- the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Run the tests over workers; nothing of them runs in this process."""
        if session.testsfailed and not self.config.option.continue_on_collection_errors:
            plural = "s" if session.testsfailed != 1 else ""
            raise session.Interrupted(f"{session.testsfailed} error{plural} during collection")
        self._rare_collections.end()
        obstacle = self._late_obstacle()
        if obstacle is not None:
            return self._fall_back(session, obstacle)
        self.session = session
        if session.items:
            self._run()
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def pytest_sessionfinish(self) -> None:
        """Leave the process as it was, where the collection failed."""
        self._rare_collections.end()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say why tests were left out and, with -v, how busy the workers were."""
        if self._summary:
            terminalreporter.write_sep("=", f"isolane: {self._summary}")
        if self._tests and self.config.option.verbose > 0:
            figures = self._controller.coordinator.statistics()
            terminalreporter.write_line(f"isolane: {workers_line(figures, self._tests)}")

    def _run(self) -> None:
        items = self.session.items
        # From here on the items themselves are left alone: a process that as much as looks at one gets its own copy.
        self._node_ids = [item.nodeid for item in items]
        self._reader = Reader(self.config)
        self._recorder: Any = self.config.pluginmanager.getplugin("isolane-recorder")
        self._quickly = only_pytest_serializes(self.config)
        self._units = self._make_units(items)
        self._talk.workers(self._count, len(items), self._units)
        self._call("pytest_xdist_setupnodes", config=self.config, specs=self._specs())
        factory: Any = getattr(self.config, "_tmp_path_factory", None)
        if factory is not None:
            factory.getbasetemp()
        self._talk.shared_descriptors()
        self._isolation = isolation_of(self.config)
        process_control()
        leak_report: LeakReport | None = self.config.pluginmanager.getplugin(REPORT_PLUGIN)
        self._renewals = Renewals(leak_report)
        self._watch = make_watch(self.config) if leak_report is not None else None
        self._suspicion = Suspicion(self._watch) if self._watch is not None else None
        # What lives now lives as long as the run: taken out of the collector's sight, its pages stay shared. It
        # stays there until the process ends, which is a good part of a second sooner for it. First of all, so that
        # what the first look keeps does not have the collector come a second time.
        was_frozen = gc.get_freeze_count()
        gc.collect()
        gc.freeze()
        if self._watch is not None:
            self._watch.customs = self._renewals.customs
            self._watch.begin()
        self._controller = Controller(self._units, self._count, self._work, self, self._limits)
        gc.freeze()
        self._state.before_fork(self.config)
        try:
            with in_order_of_collection(self.config, self._node_ids):
                self._controller.run()
        except IsolaneError as error:  # for want of memory or processes: nothing of it is pytest's fault
            pytest.exit(f"isolane: {error}", ExitCode.INTERNAL_ERROR)
        finally:
            self._state.run_over(self.config)
            if not was_frozen and "PYTEST_CURRENT_TEST" in os.environ:  # a run inside somebody's test: others follow
                gc.unfreeze()

    def _make_units(self, items: Sequence[pytest.Item]) -> list[Unit]:
        dist = self.config.option.dist
        seconds = expected_seconds(self.config.rootpath, self._node_ids, time.time())
        units = make_units(
            self._node_ids,
            dist,
            self._count,
            groups=[_group_of(item) for item in items] if dist == "loadgroup" else None,
            seconds=seconds,
            largest_chunk=getattr(self.config.option, "maxschedchunk", None),
        )
        needs = needs_of_items(items)
        if needs:
            units = [
                replace(unit, needs=needs_together(needs[test] for test in unit.tests if test in needs))
                for unit in units
            ]
        keep = self._keep_order or not getattr(self.config.option, "loadscopereorder", True)
        return dispatch_order(units, dist, self._count, keep=keep)

    def _specs(self) -> list[Spec]:
        return [Spec(f"gw{number}") for number in range(self._count)]

    def _work(self, lane: Lane) -> NoReturn:
        task = Task(
            session=self.session,
            units=self._units,
            workerinput=self._nodes[lane.worker].workerinput,
            state=self._state,
            controller_plugin=self,
            controller_pid=self._process_id,
            serializes_quickly=self._quickly,
            isolation=self._isolation,
            watch=self._watch,
        )
        work(task, lane)

    # -- hearing

    def message(self, worker: str, message: Message) -> None:
        """Pass on to pytest what a worker says."""
        if not self._told_early.takes(worker, message):
            self._tell(worker, message)

    def told_early(self, worker: str, messages: Sequence[Message]) -> None:  # noqa: ARG002
        """Remember whose results should have waited."""
        self._told_early.add(messages)

    def _tell_leaks(self, leaks: list[Leak]) -> None:
        report: LeakReport | None = self.config.pluginmanager.getplugin(REPORT_PLUGIN)
        if report is not None:
            report.add(leaks)

    def _tell(self, worker: str, message: Message) -> None:
        kind = type(message)
        if kind is Reported:
            self._reported(worker, message)  # type: ignore[arg-type]
        elif kind is Started:
            self._started(worker, message)  # type: ignore[arg-type]
        elif kind is Finished:
            self._finished(message)  # type: ignore[arg-type]
        elif isinstance(message, Warned):
            self._hook.pytest_warning_recorded.call_historic(
                kwargs={
                    "warning_message": warning_of(message.message),
                    "when": message.when,
                    "nodeid": message.node_id,
                    "location": message.location,
                }
            )
        elif isinstance(message, SubtestsFailed):
            failed_subtests(self.config)[subtests_key(self.session.items[message.test])] = message.failures
        elif isinstance(message, SuiteProperties):
            add_suite_properties(self.config, message.properties)
        elif isinstance(message, StopAsked):
            if message.failing:
                # Of failures the session here has counted more, those of all workers.
                self.session.shouldfail = self.session.shouldfail or message.reason
            else:
                self.session.shouldstop = message.reason
            self._stop_if_asked()
        elif isinstance(message, ExitAsked | Interrupted):
            if self._controller.winding_up:
                return
            if isinstance(message, ExitAsked):
                raise pytest.exit.Exception(message.reason, message.returncode)
            raise KeyboardInterrupt
        elif isinstance(message, Broken):
            if self._controller.winding_up:
                return  # it was interrupted, for a reason that is going to be told
            raise RuntimeError(f"worker {worker!r} failed outside any test:\n{message.text}")
        elif isinstance(message, WantsTerminal):
            self._terminal(worker, message.wanted)
        elif isinstance(message, Goodbye):
            self._nodes[worker].workeroutput = dict(message.output)
            if message.renews:
                self._renewals.leaves(worker)

    def runs_again(self, worker: str, messages: Sequence[Message]) -> None:
        """Remember who failed, and what to look at this time."""
        reports = [one for one in messages if isinstance(one, Reported)]
        self._renewals.runs_again(worker, reports)
        if self._suspicion is not None:
            self._suspicion.runs_again(reports)

    def _started(self, worker: str, message: Started) -> None:
        self._renewals.starts(worker)
        location = (message.location[0], message.location[1], message.location[2])
        self._locations[message.test] = location
        self._tests[worker] = self._tests.get(worker, 0) + 1
        if self._recorder is not None:
            self._recorder.running_in = worker
        self._hook.pytest_runtest_logstart(nodeid=self._node_ids[message.test], location=location)

    def _reported(self, worker: str, message: Reported) -> None:
        self._renewals.left(worker, leaks_in(message))
        location = self._locations.get(message.test)
        if location is None:  # its teardown on leaving: the test itself is over
            location = self.session.items[message.test].location
        report: Any = self._reader.report(message, self._node_ids[message.test], location)
        report.node = self._nodes[worker]
        report.worker_id = worker
        report.item_index = message.test
        report.testrun_uid = self._manager.testrunuid
        self._renewals.tested(message.test, report)
        self._hook.pytest_runtest_logreport(report=report)
        if report.outcome == "failed":
            self._stop_if_asked()

    def _finished(self, message: Finished) -> None:
        self._reader.over(message.test)
        location = self._locations.pop(message.test)
        self._controller.board.budget = self._renewals.customs.budget
        self._controller.board.doubts = len(self._renewals.customs.doubted)
        self._hook.pytest_runtest_logfinish(nodeid=self._node_ids[message.test], location=location)
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if not self._stopping and (self.session.shouldfail or self.session.shouldstop):
            self._stopping = True
            self._controller.stop()

    def printed(self, worker: str, stream: str, line: str) -> None:
        """Show a line that a worker wrote past every capture, with the worker's name."""
        self._talk.printed(worker, stream, line)

    def _terminal(self, worker: str, wanted: bool) -> None:
        if wanted:
            self._talk.has_terminal(worker)
            self._controller.give_terminal(worker)
        else:
            self._controller.take_terminal_back()

    # -- workers come and go

    def worker_starts(self, worker: str) -> None:
        """Let plugins tell the worker what it needs to know."""
        self._state.worker_starts(worker)
        node = self._nodes[worker] = make_node(self.config, worker, self._count, self._manager)
        self._call("pytest_xdist_newgateway", gateway=node.gateway)
        self._call("pytest_configure_node", node=node)

    def worker_started(self, worker: str, process_id: int) -> None:
        """Tell plugins that a worker is there."""
        node = self._nodes[worker]
        node.workerinfo = worker_info(node, process_id)
        self._call("pytest_testnodeready", node=node)
        self._call("pytest_xdist_node_collection_finished", node=node, ids=self._node_ids)

    def worker_stopped(self, worker: str) -> None:
        """Tell plugins that a worker has ended as it should."""
        self._state.worker_ended(worker, crashed=False)
        self._call("pytest_testnodedown", node=self._nodes[worker], error=None)

    def worker_crashed(self, crash: Crash, *, replaced: bool) -> None:
        """Report the test that was running, and only that one."""
        self._state.worker_ended(crash.worker, crashed=True)
        node = self._nodes[crash.worker]
        if self.config.pluginmanager.hasplugin("_cov"):
            # What it measured is in its file, up to the test that was running.
            node.workeroutput.setdefault("cov_worker_node_id", crash.worker)
        self._call("pytest_testnodedown", node=node, error=crash.cause)
        self._talk.line(f"[{crash.worker}] node down: {crash.cause}")
        if crash.test is not None:
            self._report_crash(node, crash, crash.test)
        if replaced:
            self._talk.line(f"replacing crashed worker {crash.worker}")
        elif (
            self._limits.restarts is not None
            and self._controller.failed_workers > self._limits.restarts
            and not self._summary  # said already: others may crash before they hear of it
        ):
            self._summary = (
                f"worker {crash.worker} crashed and worker restarting disabled"
                if self._limits.restarts == 0
                else f"maximum crashed workers reached: {self._limits.restarts}"
            )
            self._talk.line(self._summary)
            self._controller.stop()

    def _report_crash(self, node: Node, crash: Crash, test: int) -> None:
        node_id = self._node_ids[test]
        location = self._locations.pop(test)
        self._reader.over(test)
        again = replay_command(self.config, crash.worker, node_id)
        report: Any = crash_report(node_id, location, crash, again)
        report.node = node
        report.worker_id = crash.worker
        report.item_index = test
        report.testrun_uid = self._manager.testrunuid
        self._call("pytest_handlecrashitem", crashitem=node_id, report=report, sched=self.sched)
        self._hook.pytest_runtest_logreport(report=report)
        self._stop_if_asked()

    def given_up(self, tests: Sequence[int], cause: str) -> None:
        """Report tests that are not run."""
        for test in tests:
            item = self.session.items[test]
            report = not_run_report(item.nodeid, item.location, cause)
            self._hook.pytest_runtest_logreport(report=report)

    def _run_again(self, node_id: str) -> None:
        if node_id in self._node_ids:
            self._controller.run_again(self._node_ids.index(node_id))

    def _call(self, name: str, **arguments: Any) -> None:
        """Call a hook of xdist's: there is one where xdist, or a plugin that implements it, is loaded."""
        hook = getattr(self._hook, name, None)
        if hook is not None:
            hook(**arguments)


def _group_of(item: pytest.Item) -> str | None:
    """Return the group that the test's ``xdist_group`` markers name."""
    names = {
        str(mark.args[0] if mark.args else mark.kwargs.get("name", "default"))
        for mark in item.iter_markers("xdist_group")
    }
    return "_".join(sorted(names)) or None

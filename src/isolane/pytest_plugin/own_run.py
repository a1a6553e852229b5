"""A recorded run that a person started, and no engine: where its record goes, and what follows it."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from isolane.history.durations import remember_run
from isolane.history.runs import make_home, prune, runs_directory
from isolane.model.errors import IsolaneError
from isolane.model.identity import new_run_id
from isolane.pytest_plugin.engine import workers_of
from isolane.pytest_plugin.options import number_of, value_of
from isolane.pytest_plugin.replay_hint import replay_command
from isolane.usecases.actions import is_in_actions, is_in_test

_ANNOTATES_ITSELF = "pytest_github_actions_annotate_failures"
"""A plugin that prints the same lines."""


def new_run_directory(root: Path, label: str, session_id: str = "") -> Path:
    """Return the run's directory, which is not made yet; what it lies in is, if it can be.

    session_id: the run's name, where it has one already.
    """
    with contextlib.suppress(OSError):  # the writer will say so
        make_home(root)
    return runs_directory(root) / (session_id or new_run_id(time.time(), label))


class AfterRun:
    """What follows a recorded run that a person started: old runs go, the timings are written anew."""

    def __init__(self, config: pytest.Config, run_id: str) -> None:
        self._root = config.rootpath
        self._run_id = run_id
        self._reports = config.rootpath / value_of(config, "reports")
        self._keep = number_of(config, "keep-runs") or 1
        self._config = config
        self._parallel = bool(workers_of(config))
        self._in_actions, self._in_test = is_in_actions(), is_in_test()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_unconfigure(self) -> Any:
        """Wait for everyone else, the recorder among them."""
        result = yield
        if self._parallel:  # what a serial run has shown is counted in by the next one that needs it
            remember_run(self._root, self._run_id)
        prune(self._root, self._keep)
        if self._parallel:
            from isolane.reports.timings_md import timing_sentence
            from isolane.usecases.timings import write_timings

            try:
                row = write_timings(self._root, self._reports, self._run_id, summarizes=not self._in_test)
            except (OSError, IsolaneError) as error:
                self._say(f"isolane: the timings are not written: {error}")
            else:
                if row is not None:
                    self._say(f"isolane: {timing_sentence(row)}")
            self._say_how_to_see_the_first_failure_again()
        if self._in_actions:
            self._show_in_actions()
        return result

    def _show_in_actions(self) -> None:
        from isolane.history.event_log import FILE_NAME, read_events
        from isolane.reports.cases import cases_of
        from isolane.reports.github import annotations_of_run, run_summary, workflow_commands
        from isolane.usecases.actions import add_to_summary
        from isolane.usecases.report import places_in

        try:
            run = cases_of(list(read_events(runs_directory(self._root) / self._run_id / FILE_NAME)))
            add_to_summary(run_summary(run))
            places = places_in(self._root, self._config.invocation_params.dir)
            commands = workflow_commands(annotations_of_run(run, places))
        except (OSError, IsolaneError) as error:
            self._say(f"isolane: GitHub is not shown what failed: {error}")
            return
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and not self._config.pluginmanager.hasplugin(_ANNOTATES_ITSELF):
            for command in commands:
                terminal.write_line(command)

    def _say_how_to_see_the_first_failure_again(self) -> None:
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        bad = [*terminal.stats.get("failed", []), *terminal.stats.get("error", [])] if terminal is not None else []
        first = next((one for one in bad if hasattr(one, "node")), None)  # a report from a worker
        if first is not None:
            command = replay_command(self._config, first.node.gateway.id, first.nodeid)
            if command:
                self._say(f"isolane: the first failure's worker again, in one process: {command}")

    def _say(self, line: str) -> None:
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and self._config.option.verbose >= 0:
            terminal.write_line(line)

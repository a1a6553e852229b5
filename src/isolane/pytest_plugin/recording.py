"""Sets up the recording of a run: loaded only where there is something to record."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from isolane.history.event_log import EventLogWriter
from isolane.history.revision import git_revision
from isolane.history.runs import make_home, prune, runs_directory
from isolane.model.errors import IsolaneError
from isolane.model.identity import new_run_id
from isolane.model.plan import Handover
from isolane.pytest_plugin.engine import engine_of, workers_of
from isolane.pytest_plugin.options import number_of, settings, value_of
from isolane.pytest_plugin.recorder import ExceptionNames, Recorder


def register_recorder(
    config: pytest.Config, handover: Handover | None, seed: int | None, added: tuple[str, ...]
) -> None:
    """Register what records a run: names of exceptions everywhere, the event log in the reporting process."""
    config.pluginmanager.register(ExceptionNames(), "isolane-exception-names")
    if hasattr(config, "workerinput"):
        return
    engine = engine_of(config)
    workers = engine.workers
    label = handover.label if handover else "parallel" if workers else "serial"
    if handover:
        directory = Path(handover.run_directory)
    else:
        directory = runs_directory(config.rootpath) / new_run_id(time.time(), label)
        with contextlib.suppress(OSError):  # the writer will say so
            make_home(config.rootpath)
    header: dict[str, Any] = {
        "run_id": directory.name,
        "label": label,
        "argv": tuple(str(argument) for argument in config.invocation_params.args),
        "engine": engine.name,
        "workers": workers,
        "dist": config.getoption("dist", "no") if workers else "no",
        "seed": seed,
        "isolation": "none",
        "revision": git_revision(config.rootpath),
        "positional": positional_arguments(config),
        "addopts": (*config.getini("addopts"), *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))),
        "added": added,
        "settings": {**settings(config), "hash-seed": os.environ.get("PYTHONHASHSEED", "")},
    }
    config.pluginmanager.register(Recorder(EventLogWriter(directory / "events.jsonl"), header), "isolane-recorder")
    if handover is None:
        config.pluginmanager.register(AfterRun(config, directory.name), "isolane-after-run")


class AfterRun:
    """What follows a recorded run that a person started: old runs go, the timings are written anew."""

    def __init__(self, config: pytest.Config, run_id: str) -> None:
        self._root = config.rootpath
        self._run_id = run_id
        self._reports = config.rootpath / value_of(config, "reports")
        self._keep = number_of(config, "keep-runs") or 1
        self._config = config
        self._parallel = bool(workers_of(config))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_unconfigure(self) -> Any:
        """Wait for everyone else, the recorder among them."""
        result = yield
        prune(self._root, self._keep)
        if self._parallel:
            from isolane.reports.timings_md import timing_sentence
            from isolane.usecases.timings import write_timings

            try:
                row = write_timings(self._root, self._reports, self._run_id)
            except (OSError, IsolaneError) as error:
                self._say(f"isolane: the timings are not written: {error}")
            else:
                if row is not None:
                    self._say(f"isolane: {timing_sentence(row)}")
        return result

    def _say(self, line: str) -> None:
        terminal: pytest.TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(line)


def positional_arguments(config: pytest.Config) -> tuple[str, ...]:
    """Return those of the typed arguments that name files, directories or node ids.

    Only the parser knows: in ``-k tests tests`` the first is an option's value. So each candidate is replaced by a
    word of our own, and looked for among what the parser takes for positional.
    """
    arguments = [str(argument) for argument in config.invocation_params.args]
    known = set(getattr(config.option, "file_or_dir", None) or ())
    found = []
    for position, argument in enumerate(arguments):
        if argument not in known:
            continue
        marker = "isolane-looks-whether-this-is-positional"
        probe = [*arguments[:position], marker, *arguments[position + 1 :]]
        if marker in config._parser.parse_known_args(probe).file_or_dir:
            found.append(argument)
    return tuple(found)

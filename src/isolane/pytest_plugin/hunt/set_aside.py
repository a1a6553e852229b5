"""A process set aside before anything was collected: it runs a command's tests as a new pytest would, and starts none.

What takes a new pytest its time is behind it: the interpreter, plugins, conftests and all that these import. What the
command names is collected in it, and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import site
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from isolane.engines.fork.process import fork
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, Outcome
from isolane.pytest_plugin.phases import PhaseReports
from isolane.pytest_plugin.process import die_with

_SETTINGS = (
    *("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"),
    *("pyproject.toml", "tox.ini", "setup.cfg", "setup.py"),
)
"""Files by which pytest finds its root directory, where one lies nearer to the tests that are named."""
_CONFTEST = "conftest.py"
_PATIENCE = 20.0
"""Seconds. One that takes longer is asked no more; the command itself says then what it does."""
_CHUNK = 1 << 16


class SetAside:
    """A copy of the session as it is now: configured, and with nothing collected.

    hunter: who takes the place of the session's own loop, which is in force in the copy. Raises OSError where no
    process can be made.
    """

    def __init__(self, session: pytest.Session, hunter: object) -> None:
        self._session = session
        self._hunter = hunter
        self._parent = os.getpid()
        self._loaded = {
            Path(file)
            for plugin in session.config.pluginmanager.get_plugins()
            if Path(file := str(getattr(plugin, "__file__", None) or "")).name == _CONFTEST
        }
        self._asked = os.pipe()
        self._told = os.pipe()
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self._process = fork(self._live)
        # So that its end is heard, also where pytest has broken in it.
        os.close(self._asked[0])
        os.close(self._told[1])

    def ask(self, tests: Sequence[str]) -> bool:
        """Let it run these, the last of which is asked about; return whether it can tell what a new pytest would do.

        It cannot where other conftests would have been loaded at the start, or other settings; nor a second time.
        """
        if self._home is not None or not self._is_as_new(tests):
            return False
        self._home = tempfile.TemporaryDirectory(prefix="isolane-check-", ignore_cleanup_errors=True)
        try:
            os.write(self._asked[1], f"{json.dumps([self._home.name, *tests])}\n".encode())
        except BrokenPipeError:
            return False
        return True

    def answer(self) -> Outcome:
        """Return how the last test has ended; MISSING where that is not known."""
        text = b""
        if self._home is not None and select.select([self._told[0]], [], [], _PATIENCE)[0]:
            text = os.read(self._told[0], _CHUNK)
        return Outcome.parse(text.decode()) if text else MISSING

    def close(self) -> None:
        """Let it go, whatever it does."""
        self._process.kill()
        self._process.reap()
        self._process.close()
        os.close(self._asked[1])
        os.close(self._told[0])
        if self._home is not None:
            self._home.cleanup()

    def _is_as_new(self, tests: Sequence[str]) -> bool:
        """Return whether all that was loaded at the start would be with these tests as arguments, by these settings."""
        root = self._session.config.rootpath
        directories = {one for test in tests for one in (root / module_of(test)).parents if one.is_relative_to(root)}
        if not self._loaded <= {one / _CONFTEST for one in directories}:
            return False
        return not any((one / name).is_file() for one in directories - {root} for name in _SETTINGS)

    # -- in the copy

    def _live(self) -> NoReturn:
        code = 1
        try:
            die_with(self._parent)
            for descriptor in (self._asked[1], self._told[0]):
                os.close(descriptor)
            with os.fdopen(self._asked[0], encoding="utf-8") as stream:
                line = stream.readline()
            if line:
                home, *tests = json.loads(line)
                os.write(self._told[1], str(self._run(home, tests)).encode()[:_CHUNK])
            code = 0
        finally:
            os._exit(code)

    def _run(self, home: str, tests: Sequence[str]) -> Outcome:
        """Run what pytest runs behind its configuration, with these arguments."""
        config: Any = self._session.config
        self._own_output(config)
        manager = config.pluginmanager
        for name in ("isolane-recorder", "isolane-session"):
            manager.unregister(name=name)
        manager.unregister(self._hunter)
        listener = _Listener(tests[-1])
        manager.register(listener, "isolane-set-aside")
        sys.dont_write_bytecode = True  # the tree is watched
        temporary = Path(home, "tmp")
        temporary.mkdir()
        # What is installed for the user alone is found by the home, too.
        os.environ.update(PYTHONUSERBASE=site.getuserbase(), HOME=home, TMPDIR=str(temporary))
        tempfile.tempdir = None
        arguments = list(self._typed(tests))
        config.args = config.option.file_or_dir = arguments
        config.args_source = type(config).ArgsSource.ARGS
        config.hook.pytest_collection(session=self._session)
        config.hook.pytest_runtestloop(session=self._session)
        return listener.reports.outcome() if listener.has_ended else MISSING

    def _own_output(self, config: Any) -> None:
        """Be silent: the session's files have one position for both, and tell of the session."""
        capture = config.pluginmanager.getplugin("capturemanager")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        if capture is not None and capture._global_capturing is not None:
            capture._global_capturing = None
            capture.start_global_capturing()
        terminal = config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal._tw._file = os.fdopen(null, "w", encoding="utf-8")

    def _typed(self, tests: Sequence[str]) -> Iterator[str]:
        root = self._session.config.rootpath
        for test in tests:
            module = module_of(test)
            yield f"{root / module}{test[len(module) :]}"


class _Listener:
    """Hears how one test ends."""

    def __init__(self, test: str) -> None:
        self._test = test
        self.reports = PhaseReports()
        self.has_ended = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take it."""
        if report.nodeid == self._test:
            self.reports.add(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Take note."""
        self.has_ended |= nodeid == self._test

"""A run as a session of its checkout: listed while it goes on, and alone with the files that it writes.

Begun before any plugin has started to measure: pytest-cov removes the data files of earlier runs when it starts, and
takes in all that it finds when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from isolane.coordination.ancestry import ancestors
from isolane.coordination.sessions import SessionError, SessionManager
from isolane.history.runs import make_home
from isolane.model.errors import IsolaneError
from isolane.model.identity import new_run_id
from isolane.model.plan import Handover
from isolane.pytest_plugin.options import value_of
from isolane.pytest_plugin.workers import may_have_workers
from isolane.pytest_plugin.written_files import WrittenFiles

_COMPLETED = (0, 1, 5)


class RunSession:
    """The session of a run, from before its conftests to behind its last report."""

    def __init__(self, manager: SessionManager, session_id: str, *, is_recorded: bool, is_part: bool) -> None:
        self.session_id = session_id
        self.is_recorded = is_recorded
        self._is_part = is_part
        """Whether a verb of isolane has started it, of hundreds maybe."""
        self.root = manager.directory.parents[1]
        """Where ``.isolane`` is."""
        self._manager = manager
        self.trouble = "it ended before its tests"
        """Why it failed, where pytest has no exit code."""
        self._interrupted = False
        self._exit_code: int | None = None

    def pytest_keyboard_interrupt(self) -> None:
        """Note that somebody wanted it to end."""
        self._interrupted = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Note what pytest is going to exit with."""
        try:
            return (yield)
        finally:
            self._exit_code = int(session.exitstatus)

    def end(self) -> None:
        """Close it; where that cannot be written it is closed as failed by whoever looks next."""
        with contextlib.suppress(OSError, IsolaneError):
            if self._interrupted:
                self._manager.cancel(self.session_id, "interrupted")
            elif self._exit_code in _COMPLETED:
                self._manager.complete(self.session_id)
                if self._is_part or not self.is_recorded:  # those are listed while they go on
                    self._manager.forget(self.session_id)
            elif self._exit_code is None:
                self._manager.fail(self.session_id, self.trouble)
            else:
                self._manager.fail(self.session_id, f"pytest exited with {self._exit_code}")


session_key = pytest.StashKey[RunSession]()


def start_session(config: pytest.Config, handover: Handover | None, files: WrittenFiles, *, is_recorded: bool) -> None:
    """Register the run, and lock what it writes. Raises :class:`pytest.UsageError` where another run has that.

    Where nothing can be written the run is no session: it says so itself of its record.
    """
    if handover is not None:
        home = Path(handover.run_directory).parents[1]
        name = Path(handover.run_directory).name
    else:
        name = new_run_id(time.time(), "parallel" if may_have_workers(config) else "serial")
        try:
            home = make_home(config.rootpath)
        except OSError:
            return
    manager = SessionManager(home)
    typed = shlex.join(["pytest", *map(str, config.invocation_params.args)])
    try:
        manager.create(typed, session_id=name, running=True)
    except OSError:
        return
    except SessionError as error:
        _say(f"isolane: {error}")
        return
    for warning in manager.warnings:
        _say(warning)
    session = RunSession(manager, name, is_recorded=is_recorded, is_part=handover is not None)
    config.stash[session_key] = session
    if files.until_exit:
        atexit.register(session.end)
    else:
        config.add_cleanup(session.end)  # after every plugin's own end, and also where configuring fails
    config.pluginmanager.register(session, "isolane-session")
    if files.paths:
        _lock(config, manager, name, files.paths)


def _lock(config: pytest.Config, manager: SessionManager, name: str, files: Sequence[Path]) -> None:
    from isolane.coordination.file_locks import FileLocks, LockConflictError

    locks = FileLocks(manager, config.rootpath)
    try:
        held = locks.held()
        holders = {one.session_id: one.process_id for one in manager.sessions()} if held else {}
        # A run that a test has started waits for no run that waits for it, in a process of its own or not.
        waiting = {os.getpid(), *ancestors()}
        above = {session for session, process in holders.items() if process in waiting}
        wanted = [
            one for one in files if locks.name_of(one) not in held or held[locks.name_of(one)].session not in above
        ]
        locks.lock_files(
            name,
            wanted,
            conflict=value_of(config, "conflict", early=True),
            limit=float(value_of(config, "conflict-timeout", early=True)),
            on_wait=lambda line: _say(f"isolane: {line}"),
        )
    except LockConflictError as error:
        config.stash[session_key].trouble = error.what
        raise pytest.UsageError(
            f"isolane: {error.what} Wait for it, give this run another file (COVERAGE_FILE, say), or choose "
            "--isolane-conflict=wait."
        ) from None
    except KeyboardInterrupt:
        config.stash[session_key].pytest_keyboard_interrupt()
        _say("isolane: interrupted while it waited for another run.")
        raise SystemExit(2) from None
    except OSError as error:
        _say(f"isolane: this run's files are not locked: {error}")


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

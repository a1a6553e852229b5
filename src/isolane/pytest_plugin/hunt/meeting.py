"""Two probes at the same time: one stands still where it was told to, and the other runs from beginning to end."""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

from isolane.model.hunt import AT_TEARDOWN, Stand
from isolane.model.touch import Sort, Touch
from isolane.pytest_plugin.state.auditing import touches_of

_LONGEST = 30.0
"""Seconds for which the other waits until it may begin."""


class Meeting:
    """What the two processes hear of each other: made before they are forked.

    stand: where the first stands still; None where both begin as soon as both are there. directory: the project's, as
    names of files are told from there.
    """

    def __init__(self, stand: Stand | None, directory: str) -> None:
        self.stand = stand
        self.project = os.path.join(os.path.realpath(directory), "")  # noqa: PTH118
        self.temporary = os.path.realpath(tempfile.gettempdir())
        self.home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111
        self._of_first = os.pipe()
        self._of_second = os.pipe()

    def close(self) -> None:
        """Leave nothing open."""
        for descriptor in (*self._of_first, *self._of_second):
            os.close(descriptor)

    def tell(self, *, first: bool) -> None:
        """Say: I stand; or I am there; or I have ended."""
        os.write((self._of_first if first else self._of_second)[1], b".")

    def wait(self, seconds: float, *, first: bool) -> None:
        """Wait until the other one has said so, or for so long."""
        heard = (self._of_second if first else self._of_first)[0]
        if select.select([heard], [], [], seconds)[0]:
            os.read(heard, 1)


class Attending:
    """Takes part in a meeting: a plugin in the process of one of the two."""

    def __init__(self, config: pytest.Config, meeting: Meeting) -> None:
        self._config = config
        self._meeting = meeting
        self._is_first = False
        self._has_stood = False
        self._touches = 0
        self._bound: socket.socket | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Begin when it is time, and say when it is over."""
        worker: Any = self._config.pluginmanager.getplugin("isolane-worker")
        stand = self._meeting.stand
        self._is_first = worker.unit == 0
        if stand is None:
            self._meeting.tell(first=self._is_first)
            self._meeting.wait(_LONGEST, first=self._is_first)
        elif not self._is_first:
            self._meeting.wait(_LONGEST, first=False)
        elif stand.touch > 0:
            sys.addaudithook(self._hear)
        try:
            return (yield)
        finally:
            if stand is not None:
                self._has_stood = True
                self._meeting.tell(first=self._is_first)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        """Stand still before it, where that is wanted."""
        stand = self._meeting.stand
        if self._is_first and stand is not None and stand.touch == AT_TEARDOWN:
            self._stand(stand)
        return (yield)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event; never raises. What it tells of is about to be done: stand at what comes next."""
        stand = self._meeting.stand
        if self._has_stood or stand is None:
            return
        try:
            if any(self._name(touch) in stand.resources for touch in touches_of(event, arguments)):
                self._touches += 1
        except Exception:  # noqa: BLE001  # an error here would be the error of whoever opens a file
            return
        if self._touches == stand.touch:
            self._touches += 1
            self._bound = arguments[0] if event == "socket.bind" else None
            sys.setprofile(self._next)

    def _next(self, frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG002
        if frame.f_code.co_filename == __file__ or not self._is_taken():
            return
        sys.setprofile(None)
        stand = self._meeting.stand
        if stand is not None:
            self._stand(stand)

    def _is_taken(self) -> bool:
        """Return whether nobody else can have the port now: who has bound it may let others, until he listens."""
        bound = self._bound
        if bound is None or bound.fileno() < 0 or bound.type != socket.SOCK_STREAM:
            return True
        return bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def _stand(self, stand: Stand) -> None:
        if not self._has_stood:
            self._has_stood = True
            self._meeting.tell(first=True)
            self._meeting.wait(stand.seconds, first=True)

    def _name(self, touch: Touch) -> str:
        """Return a resource's name as the map has it, which was made with the user's own home and temporary files."""
        if touch.sort not in (Sort.FILE, Sort.DATABASE):
            return touch.resource
        path = touch.name
        for users, variable in ((self._meeting.temporary, "TMPDIR"), (self._meeting.home, "HOME")):
            own = os.path.realpath(os.environ[variable])
            if path.startswith(f"{own}{os.sep}"):
                path = users + path[len(own) :]
                break
        return Touch(touch.sort, path.removeprefix(self._meeting.project)).resource

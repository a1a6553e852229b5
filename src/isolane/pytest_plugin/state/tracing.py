"""Looks at the state after each line: slow, and only done when somebody asks where a change comes from.

Python tells a trace function of a line before it is executed. So what has changed since the last time was done by the
line before: that of the same frame, or the one that called. A change that is made in C belongs to the line that called
it. Lines of libraries are followed as well, as long as looking at them has taken no more than a few seconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Collection, Sequence
from types import FrameType
from typing import Any

from isolane.model.explanation import Blame, Stack
from isolane.model.state import Change, Level
from isolane.planning.culprit import CulpritSearch, Place
from isolane.process_state.base import Kind
from isolane.process_state.kinds import IN_CONTEXT
from isolane.pytest_plugin.state.frames import Frames, Sort
from isolane.pytest_plugin.state.own_names import is_of_module

SECONDS_IN_LIBRARIES = 5.0
_MODULE = "<module>"

# Bound here: a test may replace them.
_clock, _settrace, _gettrace = time.perf_counter, sys.settrace, sys.gettrace
_used = time.thread_time
_thread_settrace, _identity = threading.settrace, threading.get_ident

Left = list[tuple[Change, "Blame | None"]]
"""What a window has left that others may see, and where each comes from."""


class Tracer:
    """Looks at windows: the import of a module, one test.

    kinds: what to look at. after_lines: the names of those to look at after each line; the others are looked at when
    a window ends. at_import: told of each module of the project that has been imported, the outermost only: its file,
    and what it left. seconds_in_libraries: how long to look at lines of libraries. seconds_in_project: how long at the
    project's own, in the processor's time: after that, no line is seen any more; None for as long as it takes.
    """

    def __init__(
        self,
        frames: Frames,
        kinds: Sequence[Kind[Any]],
        *,
        after_lines: Collection[str],
        at_import: Callable[[str, Left], None] | None = None,
        seconds_in_libraries: float = SECONDS_IN_LIBRARIES,
        seconds_in_project: float | None = None,
    ) -> None:
        self._frames = frames
        self._kinds = tuple(kinds)
        self._of_lines = tuple(kind for kind in kinds if kind.name in after_lines)
        self._module = ""
        self._at_import = at_import
        self._in_window = False
        self._lock = threading.Lock()
        self._before: dict[Kind[Any], Any] = {}
        self._last: dict[Kind[Any], Any] = {}
        self._found: dict[Kind[Any], dict[Place, Change]] = {}
        self._search = CulpritSearch()
        self._at: tuple[FrameType, int] | None = None
        self._seconds_left = seconds_in_libraries
        self._project_left = seconds_in_project
        self._previous: Any = None
        self._thread = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave_alone)

    def start(self) -> None:
        """Follow this thread, and those that it starts."""
        for kind in self._kinds:
            kind.snapshot()  # The first look may begin to listen, and that is nobody's change.
        self._previous = _gettrace()
        _thread_settrace(self._enter)
        _settrace(self._enter)

    def stop(self) -> None:
        """Follow nobody any more."""
        if _gettrace() == self._enter:
            _settrace(self._previous)
        _thread_settrace(self._previous)

    def _leave_alone(self) -> None:
        """In a child that was forked: what it does is not of this process."""
        if _gettrace() == self._enter:
            _settrace(None)
            _thread_settrace(None)
        self._kinds = self._of_lines = ()
        self._in_window = False

    @property
    def expected(self) -> dict[Kind[Any], Any]:
        """The state that is compared with: what it was when the window began, as long as nobody changes it."""
        return self._before

    # -- windows

    def begin(self) -> None:
        """Take the state as it is now for what it should be."""
        self._before = {kind: kind.snapshot() for kind in self._kinds}
        self._last = dict(self._before)
        self._found = {kind: {} for kind in self._of_lines}
        self._search = CulpritSearch()
        self._at = None
        self._thread = _identity()
        self._in_window = True

    def end(self) -> Left:
        """Return what is otherwise, from the beginning of the window, and who did it."""
        if _gettrace() != self._enter and self._at is not None:
            self._look(*self._at)  # A test has put another in our place: the last line we knew of.
        else:
            self._look(None, 0)
        self._in_window = False
        self._last.update({kind: kind.snapshot() for kind in self._kinds if kind not in self._of_lines})
        self._at = None
        differing = self._differing(self._kinds)
        self._module = ""
        return [(change, self._blame(change)) for change in differing.values()]

    def _blame(self, change: Change) -> Blame | None:
        blame = self._search.blame(change)
        if blame is None:
            return None
        return Blame(self._frames.with_sources(blame.since), self._frames.with_sources(blame.last))

    def _differing(self, kinds: Sequence[Kind[Any]]) -> dict[Place, Change]:
        found: dict[Place, Change] = {}
        own = self._module
        for kind in kinds:
            for change in kind.diff(self._before[kind], self._last[kind]):
                if change.level is not Level.HARMLESS and not (own and is_of_module(change, own)):
                    found[(change.kind, change.name)] = change
        return found

    # -- what Python tells

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """A frame begins, or goes on after a yield."""
        code = frame.f_code
        sort = self._frames.sort(code)
        if sort is Sort.RUNNER:
            return None
        if not self._in_window:
            if self._at_import is None or sort is not Sort.PROJECT or code.co_name != _MODULE:
                return None
            self._module = str(frame.f_globals.get("__name__"))  # It is there already, and is about to be filled.
            self.begin()
            return self._follow(frame, sort, is_window=True)
        if not self._of_lines or (sort is Sort.LIBRARY and self._seconds_left <= 0):
            return None
        if self._project_left is not None and self._project_left <= 0:
            return None
        self._look_at_entry(frame)
        return self._follow(frame, sort)

    def _look_at_entry(self, frame: FrameType) -> None:
        """Look before the first line: what has changed was done by the line that called, or that started the thread."""
        caller = frame.f_back
        while caller is not None and self._frames.sort(caller.f_code) is Sort.RUNNER:
            caller = caller.f_back
        if caller is not None:
            self._look(caller, caller.f_lineno)
        elif self._at is not None and _identity() != self._thread:
            self._look(*self._at)
        else:
            self._look(None, 0)

    def _follow(self, frame: FrameType, sort: Sort, *, is_window: bool = False) -> Callable[..., Any]:
        """Return what Python is to tell of each line of a frame."""
        line = frame.f_lineno
        each_line = bool(self._of_lines)

        def trace(frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal line
            if event == "line" and each_line:
                self._look_in(frame, line, sort)
                line = frame.f_lineno
                self._at = frame, line
            elif event == "return":
                if each_line:
                    self._look_in(frame, line, sort)
                if is_window:
                    self._imported(frame)
            return trace

        return trace

    def _look_in(self, frame: FrameType, line: int, sort: Sort) -> None:
        if sort is Sort.PROJECT:
            self._look_in_project(frame, line)
        elif self._seconds_left > 0:
            started = _clock()
            self._look(frame, line)
            self._seconds_left -= _clock() - started

    def _look_in_project(self, frame: FrameType, line: int) -> None:
        if self._project_left is None:
            self._look(frame, line)
        elif self._project_left > 0:
            started = _used()
            self._look(frame, line)
            self._project_left -= _used() - started

    def _imported(self, frame: FrameType) -> None:
        left = self.end()
        if self._at_import is not None:
            self._at_import(self._frames.told(frame.f_code.co_filename), left)

    def _look(self, frame: FrameType | None, line: int) -> None:
        """See whether anything has changed since the last look, by that line."""
        if not self._in_window or not self._lock.acquire(blocking=False):
            return
        try:
            moved = False
            for kind in self._of_lines:
                now = kind.snapshot()
                last, self._last[kind] = self._last[kind], now
                if now is not last and (kind.name in IN_CONTEXT or kind.diff(last, now)):
                    differing = self._differing([kind])
                    if differing != self._found[kind]:
                        self._found[kind] = differing
                        moved = True
            if moved:
                stack: Stack = self._frames.stack(frame, line) if frame is not None else ()
                self._search.step(stack, ChainMap(*self._found.values()))
        finally:
            self._lock.release()

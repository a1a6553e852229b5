"""What conftests and test modules leave behind when they are imported: looked at while tests are collected.

Such a change is in every process that collects them, and no fork is free of it. A window is the import of one module,
with all that it imports in turn: the outermost is who is named. Modules are loaded by pytest's hook that rewrites
assertions, or, with ``--assert=plain``, by Python's own loader; that is where this looks, until all are collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

import pytest
from _pytest.assertion.rewrite import assertstate_key

from isolane.model.state import Change, Leak
from isolane.process_state.base import Kind
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.frames import Frames, Sort
from isolane.pytest_plugin.state.own_names import is_of_module
from isolane.pytest_plugin.state.start import kinds_of, unseen_kinds

import_watch_key = pytest.StashKey["ImportWatch"]()
_OUTPUT = "isolane_import_leaks"
"""What a worker of xdist hands on under this name: leaks as :meth:`Leak.to_plain` has them."""


class ImportWatch:
    """Looks before and after the import of each module of the project that is not imported by another one.

    is_accepted: changes that nobody wants to hear of.
    """

    def __init__(self, frames: Frames, kinds: Sequence[Kind[Any]], is_accepted: Callable[[Change], bool]) -> None:
        self._frames = frames
        self._kinds = tuple(kinds)
        self._is_accepted = is_accepted
        self._inside = False
        self._undo: Callable[[], None] | None = None
        self.leaks: list[Leak] = []

    def start(self, rewriter: Any) -> None:
        """Look at each import from now on. rewriter: pytest's loader that rewrites assertions, if there is one."""
        for kind in self._kinds:
            kind.snapshot()  # The first look may begin to listen, and that is nobody's change.
        if rewriter is not None:
            execute = rewriter.exec_module
            rewriter.exec_module = lambda module: self._execute(execute, module)
            self._undo = lambda: delattr(rewriter, "exec_module")
        else:
            original = SourceFileLoader.exec_module

            def exec_module(loader: SourceFileLoader, module: ModuleType) -> None:
                __tracebackhide__ = True
                self._execute(original.__get__(loader), module)

            loaders: Any = SourceFileLoader
            loaders.exec_module = exec_module
            self._undo = lambda: delattr(loaders, "exec_module")  # It has the method from its base.

    def stop(self) -> None:
        """Look no longer: what is imported from now on, a test imports."""
        if self._undo is not None:
            undo, self._undo = self._undo, None
            undo()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Stop; in a worker of xdist, hand on what was found."""
        self.stop()
        output = getattr(session.config, "workeroutput", None)
        if output is not None and self.leaks:
            output[_OUTPUT] = [leak.to_plain() for leak in self.leaks]

    def pytest_unconfigure(self) -> None:
        """Stop, where nothing was collected."""
        self.stop()

    def _execute(self, execute: Callable[[ModuleType], None], module: ModuleType) -> None:
        __tracebackhide__ = True
        file = getattr(module.__spec__, "origin", None)
        if self._inside or file is None or self._frames.sort_of(file) is not Sort.PROJECT:
            execute(module)
            return
        before = [kind.snapshot() for kind in self._kinds]
        self._inside = True
        try:
            execute(module)
        finally:
            self._inside = False
            self._take(file, module.__name__, before)

    def _take(self, file: str, name: str, before: Iterable[Any]) -> None:
        owner = f"module {self._frames.told(file)}"
        for kind, then in zip(self._kinds, before, strict=True):
            for change in kind.diff(then, kind.snapshot()):
                if change.level.is_dirt and not (is_of_module(change, name) or self._is_accepted(change)):
                    self.leaks.append(Leak(owner, change))


def start_import_watch(config: pytest.Config) -> None:
    """Begin, before any conftest is imported."""
    known = Accepted(config.getini("isolane_known_leaks"))
    watch = ImportWatch(
        Frames(config.invocation_params.dir), tuple(kinds_of(config, unseen_kinds(config)).values()), known.of_suite
    )
    config.stash[import_watch_key] = watch
    config.pluginmanager.register(watch, "isolane-import-watch")
    watch.start(getattr(config.stash.get(assertstate_key, None), "hook", None))


def import_leaks_of(config: pytest.Config) -> list[Leak]:
    """Return what was found in this process."""
    watch = config.stash.get(import_watch_key, None)
    return watch.leaks if watch is not None else []


def import_leaks_from(workeroutput: Any) -> list[Leak]:
    """Return what a worker of xdist has found. workeroutput: what it handed on, None if it died."""
    return [Leak.from_plain(values) for values in (workeroutput or {}).get(_OUTPUT, ())]

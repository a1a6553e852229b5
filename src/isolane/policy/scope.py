"""Whose Lua runtime is whose: a runtime belongs to an execution or a branch, not to a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from isolane.policy.lua_runtime import LuaRuntime


class _Scope:
    """An execution or a branch, as long as it lasts. thread: the one that it runs on."""

    def __init__(self, runtime: LuaRuntime | None) -> None:
        self.thread = threading.get_ident()
        self.runtime = runtime


class RuntimeScopes:
    """Gives each execution and each branch a runtime, made when it is first asked for and closed when it ends.

    The main thread has one that it uses again, execution after execution, emptied between them.
    """

    def __init__(self, make: Callable[[], LuaRuntime]) -> None:
        self._make = make
        self._current: ContextVar[_Scope | None] = ContextVar("isolane_lua_scope", default=None)
        self._main: LuaRuntime | None = None
        self._lock = threading.Lock()

    def runtime(self) -> LuaRuntime:
        """Return the runtime of what runs on this thread.

        Outside any execution that is the main thread's own; any other thread gets a fresh one at each call, which is
        closed when nobody has it any more.
        """
        scope = self._scope()
        if scope is None:
            return self._main_runtime() if _on_main_thread() else self._make()
        if scope.runtime is None:
            scope.runtime = self._make()
        return scope.runtime

    @contextmanager
    def execution(self) -> Iterator[None]:
        """Open the scope of a whole workflow."""
        runtime = self._main_runtime() if _on_main_thread() and self._scope() is None else None
        if runtime is not None:
            runtime.reset()
        with self._open(runtime):
            yield

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Open the scope of a branch: its runtime is fresh, whatever its thread had run before."""
        with self._open(None):
            yield

    @contextmanager
    def _open(self, runtime: LuaRuntime | None) -> Iterator[None]:
        scope = _Scope(runtime)
        token = self._current.set(scope)
        try:
            yield
        finally:
            self._current.reset(token)
            if scope.runtime is not None:
                scope.runtime.reset()
                scope.runtime.close()

    def _scope(self) -> _Scope | None:
        """Return this thread's scope; a context that was copied to another thread does not bring one along."""
        scope = self._current.get()
        return scope if scope is not None and scope.thread == threading.get_ident() else None

    def _main_runtime(self) -> LuaRuntime:
        with self._lock:
            if self._main is None:
                self._main = self._make()
            return self._main


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

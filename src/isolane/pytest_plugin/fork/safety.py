"""Whether a run may be forked: what stands against it, in words for the header."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from isolane.planning.units import MODES
from isolane.pytest_plugin.fork.adapters import KNOWN_PLUGINS, is_harmless

_IDENTITY_NAMES = frozenset({"workerinput", "slaveinput", "workeroutput", "slaveoutput", "get_xdist_worker_id"})
_IDENTITY_VARIABLES = frozenset({"PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"})
_OURSELVES = f"{Path(__file__).parents[2]}{os.sep}"
_READS_FOR_OTHERS = frozenset(
    function.__code__.co_filename for function in (os.getenv, type(os.environ).__getitem__, Mapping.get)
)
"""Files through whose functions the environment is read."""
_SESSION_HOOKS = ("pytest_configure", "pytest_sessionstart", "pytest_sessionfinish", "pytest_unconfigure")
"""Hooks that xdist has called in every worker, and that a forked run calls once."""


def obstacle_of_platform() -> str | None:
    """Return why this platform should not fork, None where it may."""
    if not hasattr(os, "fork"):
        return "this platform cannot fork"
    if sys.platform == "darwin":
        return "macOS's own libraries may not survive a fork"
    return None


def obstacle_of_options(config: pytest.Config) -> str | None:
    """Return which option only xdist has an answer to."""
    option = config.option
    for spec in option.tx:
        if str(spec) != "popen":
            return f"what --tx {spec} means is for xdist to say"
    for name, flag in (("px", "--px"), ("rsyncdir", "--rsyncdir"), ("looponfail", "--looponfail")):
        if getattr(option, name, None):
            return f"{flag} is given"
    if option.dist not in MODES:
        return f"--dist {option.dist} is xdist's own"
    for implementation in config.hook.pytest_xdist_make_scheduler.get_hookimpls():
        if implementation.plugin_name != "dsession":
            return f"{_name(implementation, config)} has a scheduler of its own"
    return None


def obstacle_of_plugins(config: pytest.Config) -> str | None:
    """Return which plugin or conftest needs to know its worker where there is none: before the tests, or after.

    Asking whether this is a worker (``hasattr(config, "workerinput")``) is not needing to know which.
    """
    for hook_name in _SESSION_HOOKS:
        for implementation in getattr(config.hook, hook_name).get_hookimpls():
            if _is_known(implementation):
                continue
            code = getattr(_innermost(implementation.function), "__code__", None)
            if code is not None and _needs_identity(code):
                return f"{hook_name} of {_name(implementation, config)} needs to know its worker"
    return None


def obstacle_of_threads() -> str | None:
    """Return which threads would be missing in a forked worker, with their locks as they happened to be."""
    alive = [
        thread for thread in threading.enumerate() if thread is not threading.main_thread() and not is_harmless(thread)
    ]
    if threading.current_thread() is not threading.main_thread():
        return "the run is not in the main thread"
    if not alive:
        return None
    names = ", ".join(f"{thread.name!r}" for thread in alive[:3])
    more = f" and {len(alive) - 3} more" if len(alive) > 3 else ""
    return f"thread{'s' if len(alive) > 1 else ''} {names}{more} alive before the first fork"


def obstacle_of_event_loop() -> str | None:
    """Return that an event loop is running around us."""
    return "an event loop is running" if asyncio_runs() else None


def asyncio_runs() -> bool:
    """Return whether this thread is inside a running asyncio loop."""
    asyncio = sys.modules.get("asyncio")  # who has a loop has imported it; to import it here would cost every run 30 ms
    return asyncio is not None and asyncio._get_running_loop() is not None


class IdentityWatch:
    """Notices the project's own code asking, before there are workers, which worker it is in.

    A module that computes the name of its database from PYTEST_XDIST_WORKER when it is imported would compute it in
    the controller, once for all workers. What is installed beside pytest is not asked: plugins look at the variable
    to see whether they are in a worker at all.
    """

    def __init__(self, root: Path) -> None:
        self._root = f"{root}{os.sep}"
        self._original = type(os.environ)
        self.seen: str | None = None

    def start(self) -> None:
        """Begin to watch."""
        watch = self
        original = self._original

        class Watched(original):  # type: ignore[valid-type, misc]
            def __getitem__(self, key: str) -> str:
                if key in _IDENTITY_VARIABLES:
                    watch._asked(key)
                found: str = original.__getitem__(self, key)
                return found

            def __contains__(self, key: object) -> bool:
                if key in _IDENTITY_VARIABLES:
                    watch._asked(str(key))
                return bool(original.__contains__(self, key))

        os.environ.__class__ = Watched

    def stop(self) -> None:
        """End; more than once does no harm."""
        os.environ.__class__ = self._original

    def obstacle(self) -> str | None:
        """Return who asked."""
        return f"{self.seen} before there are workers" if self.seen else None

    def _asked(self, variable: str) -> None:
        frame = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_OURSELVES):  # a checkout of isolane has it below its root
                return
            if file.startswith(self._root) and f"{os.sep}site-packages{os.sep}" not in file:
                self.seen = self.seen or f"{file.removeprefix(self._root)}:{frame.f_lineno} reads {variable}"
                return
            if "importlib" not in file and file not in _READS_FOR_OTHERS:
                return
            frame = frame.f_back  # type: ignore[assignment]


def _needs_identity(code: CodeType) -> bool:
    for one in _all_code(code):
        if _IDENTITY_NAMES & set(one.co_names):
            return True
        if any(isinstance(constant, str) and constant in _IDENTITY_VARIABLES for constant in one.co_consts):
            return True
    return False


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)


def _innermost(function: Callable[..., Any]) -> Any:
    function = getattr(function, "__func__", function)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _is_conftest(plugin: object) -> bool:
    return Path(str(getattr(plugin, "__file__", "") or "")).name == "conftest.py"


def _is_known(implementation: Any) -> bool:
    module = str(getattr(implementation.function, "__module__", "") or "")
    top = module.partition(".")[0]
    return top in ("_pytest", *KNOWN_PLUGINS) or implementation.plugin_name in KNOWN_PLUGINS


def _name(implementation: Any, config: pytest.Config) -> str:
    plugin = implementation.plugin
    if _is_conftest(plugin):
        file = Path(plugin.__file__)
        try:
            return file.relative_to(config.rootpath).as_posix()
        except ValueError:
            return str(file)
    return f"plugin {implementation.plugin_name}"

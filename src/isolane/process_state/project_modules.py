"""Which of the loaded modules are the project's: those whose state its own tests can be blamed for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from operator import is_not
from pathlib import Path
from types import ModuleType
from typing import Any

from isolane.process_state.dict_version import version_of
from isolane.process_state.identity import addresses

_NOT_OURS = frozenset({"site-packages", "dist-packages", ".venv", ".tox", ".nox"})
"""Directories that stand in a project's tree, and hold other people's modules."""

_namespace_of: Callable[[object], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__


_RUN_TESTS = frozenset(
    {"builtins", "sys", "__main__", "isolane", "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "xdist",
     "execnet", "coverage", "pytest_cov", "hypothesis", "pytest_timeout", "pytest_randomly", "_hypothesis_pytestplugin",
     "linecache", "tokenize", "re", "sre_parse", "gc", "warnings", "logging", "unittest", "weakref"}
)  # fmt: skip
"""What runs the tests, or changes with whatever runs, or has a kind of its own."""


def loaded_packages() -> tuple[str, ...]:
    """Return the names of all packages that are loaded, but for those that run tests."""
    names = {name.partition(".")[0] for name in sys.modules if type(name) is str}
    return tuple(sorted(names - _RUN_TESTS))


def namespace(module: ModuleType) -> dict[str, Any]:
    """Return a module's globals, also of one whose class has an opinion on what attributes it has."""
    return _namespace_of(module)


class ProjectModules:
    """The loaded modules that lie under one of the roots, and those named besides.

    roots: directories. also: names of modules that count as the project's wherever they lie; a name stands for its
    submodules, too.
    """

    def __init__(self, roots: Sequence[Path], also: Collection[str] = ()) -> None:
        known = dict.fromkeys(path(root) for root in roots for path in (os.path.abspath, os.path.realpath))
        self._roots = tuple(f"{root}{os.sep}" for root in known)
        self._also = tuple(also)
        self._seen: tuple[Any, ...] = ()
        self._marks: object = None
        self._version: object = None
        self._judged: dict[str, tuple[Any, bool]] = {}
        self._current: dict[str, ModuleType] = {}

    def current(self) -> dict[str, ModuleType]:
        """Return them by name; the very same dictionary as long as no module came or went."""
        # Told by its version, sys.modules is not touched: else each module's page would be copied in a forked process.
        version = None if version_of is None else (id(sys.modules), version_of(sys.modules))
        if version is not None and version == self._version:
            return self._current
        self._version = version
        seen = tuple(sys.modules.values())
        marks = addresses(seen)
        if marks == self._marks:
            return self._current
        judged = {}
        for name, module in sys.modules.copy().items():
            known = self._judged.get(name)
            if known is None or known[0] is not module:
                known = module, self._is_ours(name, module)
            judged[name] = known
        ours = {name: module for name, (module, is_ours) in judged.items() if is_ours}
        self._seen, self._marks, self._judged = seen, marks, judged
        if list(ours) != list(self._current) or any(map(is_not, ours.values(), self._current.values())):
            self._current = ours
        return self._current

    def _is_ours(self, name: str, module: Any) -> bool:
        if type(name) is not str or not issubclass(type(module), ModuleType):
            return False  # Whatever a test, or a lazy importer, has put there instead.
        if any(name == known or name.startswith(f"{known}.") for known in self._also):
            return True
        file = namespace(module).get("__file__")
        if type(file) is not str:
            return False
        place = os.path.abspath(file)  # noqa: PTH100  # of each module that is loaded: no file is touched for it
        for root in self._roots:
            if place.startswith(root):
                return _NOT_OURS.isdisjoint(place[len(root) :].split(os.sep))  # noqa: PTH206
        return False

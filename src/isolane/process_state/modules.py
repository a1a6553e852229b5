"""Loaded modules: added, replaced or removed in ``sys.modules``.

Modules are imported late all the time, by libraries and by projects alike, and each is imported only once: that one
more is there is meant to be so. What is not is another module, or something that never was one, under a known name:
whoever imports it next gets that, and whoever imported it before has the old one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from weakref import CallableProxyType, ProxyType

from isolane.model.state import Change, Level
from isolane.process_state.dict_version import version_of, version_piece
from isolane.process_state.glance import Signs
from isolane.process_state.identity import addresses
from isolane.process_state.origins import is_library, is_library_module
from isolane.process_state.places import module_of
from isolane.process_state.slots import name_of

Modules = Mapping[str, Any]

_STUB_MAKERS = ("builtins", "types", "unittest", "mock")
"""Where the classes are from of what tests put in a module's place: plain modules, namespaces, mocks, None."""
_PROXIES = (ProxyType, CallableProxyType)
"""What stands for a module that leaves ``sys.modules`` with its last user: jinja2 keeps compiled templates so."""
_MISSING = object()
_OF_CYTHON = ("cython_runtime", "_cython_")
"""What every extension module that Cython has made registers."""


class ModulesKind:
    """What is in ``sys.modules``, by identity.

    Whether it was changed at all takes half a microsecond to see where dictionaries have versions, and a hundredth of
    a microsecond a module where they have not.
    """

    name = "modules"

    def __init__(self) -> None:
        self._mark: object = None
        self._modules: Modules = {}

    def snapshot(self) -> Modules:
        """Return the modules by name, the very same mapping as long as none came or went."""
        modules = sys.modules
        mark = _mark(modules)
        if mark != self._mark:
            self._modules = modules.copy()
            self._mark = _mark(modules)
        return self._modules

    def signs(self) -> Signs:
        """Return which dictionary it is, and its version."""
        modules = sys.modules
        if version_of is None:
            return Signs(values=(lambda: _mark(sys.modules),))
        return Signs(objects=(lambda: (sys.modules,),), pieces=(version_piece(modules),), alive=(modules,))

    def diff(self, before: Modules, after: Modules) -> list[Change]:
        """Return a change a module that came, went, or is another."""
        if before is after:
            return []
        return [
            Change(
                self.name,
                str(name),
                None if old is _MISSING else _describe(old),
                None if new is _MISSING else _describe(new),
                _level(name, old, new, before, after),
            )
            for name, old, new in _differing(before, after)
        ]

    def rebase(self, pending: Modules, before: Modules, after: Modules) -> Modules:
        """Add what came, remove what went, replace what was replaced."""
        if before is after:
            return pending
        modules = dict(pending)
        for name, _, new in _differing(before, after):
            if new is _MISSING:
                modules.pop(name, None)
            else:
                modules[name] = new
        return modules

    def restore(self, before: Modules) -> None:
        """Put back what was removed or replaced, there and in its package, and take out what never was a module.

        A module that was imported stays: taken out, it would be imported a second time beside those who have it.
        """
        after = sys.modules.copy()
        for name, old, new in _differing(before, after):
            if _level(name, old, new, before, after) is Level.HARMLESS:
                continue
            if old is _MISSING:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old
            package, _, child = str(name).rpartition(".")
            parent = before.get(package)
            if isinstance(parent, ModuleType) and new is not _MISSING and vars(parent).get(child) is new:
                if old is _MISSING:
                    vars(parent).pop(child)
                else:
                    vars(parent)[child] = old


def _mark(modules: dict[str, Any]) -> object:
    """Return what changes when a module comes or goes."""
    if version_of is not None:
        return id(modules), version_of(modules)
    return len(modules), addresses(tuple(modules.values()))


def _differing(before: Modules, after: Modules) -> list[tuple[str, Any, Any]]:
    found = [
        (name, old, after.get(name, _MISSING)) for name, old in before.items() if after.get(name, _MISSING) is not old
    ]
    return found + [(name, _MISSING, new) for name, new in after.items() if name not in before]


def _level(name: str, old: Any, new: Any, before: Modules, after: Modules) -> Level:
    """Return harmless for what an import did, dangerous for everything else."""
    if type(old) in _PROXIES or type(new) in _PROXIES:
        return Level.HARMLESS
    if old is not _MISSING:
        # A module that stood in for itself until it was used.
        unfolded = new is not _MISSING and is_library(type(old)) and not _may_be_stub(old) and _is_imported(new)
        return Level.HARMLESS if unfolded else Level.DANGEROUS
    if _is_imported(new) or _stands_for_itself(name, new):
        return Level.HARMLESS
    # Modules that an extension module makes with itself, such as pyexpat.errors, or that a library computes.
    if str(name).partition(".")[0].startswith(_OF_CYTHON):
        return Level.HARMLESS
    package = str(name).rpartition(".")[0]
    while package:
        parent = after.get(package)
        if parent is not None and before.get(package) is not parent and is_library_module(parent):
            return Level.HARMLESS
        package = package.rpartition(".")[0]
    return Level.DANGEROUS


def _is_imported(module: Any) -> bool:
    """Whether an import made it: it has a spec, or comes from a file."""
    return issubclass(type(module), ModuleType) and (
        vars(module).get("__spec__") is not None or isinstance(vars(module).get("__file__"), str)
    )


def _may_be_stub(value: Any) -> bool:
    return module_of(type(value)).partition(".")[0] in _STUB_MAKERS


def _stands_for_itself(name: str, value: Any) -> bool:
    """Whether a module has put an object in its own place when imported, or a library one of its own making."""
    if _may_be_stub(value):
        return False
    return module_of(type(value)) == name or is_library(type(value))


def _describe(value: Any) -> str:
    if issubclass(type(value), ModuleType):
        file = vars(value).get("__file__")
        if isinstance(file, str):
            return f"module from {file}"
        return "module" if vars(value).get("__spec__") is not None else "module made by hand"
    if value is None or issubclass(type(value), type):
        return name_of(value) or "None"
    return f"{name_of(type(value))} object"

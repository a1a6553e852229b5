"""Caches of ``functools`` that nobody named: found among the globals and class attributes of the project's modules.

What a cache holds can be emptied, not be put back; so a restored cache is an empty one, and what was in it is made
anew.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from enum import Enum
from gc import get_referents
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from isolane.model.state import Change, Level
from isolane.process_state import places
from isolane.process_state.base import RestoreError
from isolane.process_state.caches import clear_all, clear_function
from isolane.process_state.class_attributes import classes_of
from isolane.process_state.contents import ATOMS
from isolane.process_state.project_modules import ProjectModules, namespace

_Cache: Any = functools._lru_cache_wrapper
_info = _Cache.cache_info
_VARIABLE_ARGUMENTS = 0x04 | 0x08
"""Flags of a function's code: it takes ``*args``, ``**kwargs``."""
_IMMUTABLE = frozenset(
    {
        ("builtins", "object"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("functools", "_lru_list_elem"),
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
        ("pathlib._local", "PosixPath"),
        ("re", "Pattern"),
        ("uuid", "UUID"),
    }
)
"""Beside the plainest ones: types whose values stay what they are, and what a cache is made of itself."""


class Fill(NamedTuple):
    """What a cache says of itself. missed: how often it had to ask its function since it was last empty."""

    size: int
    missed: int


class CacheLook(NamedTuple):
    """The caches of one look by name, and how full each was."""

    caches: dict[str, Any]
    fills: dict[str, Fill]


class FunctionCachesKind:
    """``lru_cache`` and ``cache`` functions and methods: filled, refilled or cleared.

    A cache of a function without arguments is a singleton: it may have been made with what a test had set up, so
    that it was filled or cleared is suspect. One that is keyed by arguments, with nothing but plain, immutable
    arguments and results in it, is harmless: it would say the same again.
    """

    name = "function_caches"

    def __init__(self, modules: ProjectModules) -> None:
        self._modules = modules
        self._ours: dict[str, ModuleType] = {}
        self._caches: dict[str, Any] = {}
        self._last = CacheLook({}, {})

    def snapshot(self) -> CacheLook:
        """Ask each cache how full it is, a third of a microsecond each."""
        current = self._modules.current()
        if current is not self._ours:
            self._caches = {
                cache_name: cache for name, module in current.items() for cache_name, cache in caches_of(name, module)
            }
            self._ours = current
        fills = {name: _fill_of(cache) for name, cache in self._caches.items()}
        if fills != self._last.fills or self._caches is not self._last.caches:
            self._last = CacheLook(self._caches, fills)
        return self._last

    def diff(self, before: CacheLook, after: CacheLook) -> list[Change]:
        """Return a change a cache that was filled, refilled or cleared; one that was not known before was empty."""
        if before is after:
            return []
        changes = []
        for name, fill in after.fills.items():
            cache = after.caches[name]
            old = before.fills.get(name) if before.caches.get(name, cache) is cache else None
            if old is not None and old != fill:
                told = f"{fill.size} entries" + (" made anew" if old.size == fill.size else "")
                changes.append(Change(self.name, name, f"{old.size} entries", told, _level(cache)))
        return changes

    def rebase(self, pending: CacheLook, before: CacheLook, after: CacheLook) -> CacheLook:
        """Return ``pending`` with the filling that is not to be undone."""
        if before is after:
            return pending
        fills = dict(pending.fills)
        fills.update({name: fill for name, fill in after.fills.items() if before.fills.get(name) != fill})
        return CacheLook({**after.caches, **pending.caches}, fills)

    def restore(self, before: CacheLook) -> None:
        """Empty the caches that are not as they were, but for the harmless ones."""
        changed = [
            clear_function(cache)
            for name, cache in before.caches.items()
            if before.fills.get(name) != _fill_of(cache) and _level(cache) is not Level.HARMLESS
        ]
        try:
            clear_all(changed)
        except Exception as error:
            raise RestoreError("cache-not-cleared", f"a cache cannot be cleared after the test ({error}).") from error


def caches_of(name: str, module: ModuleType) -> Iterable[tuple[str, Any]]:
    """Return the caches whose functions are the module's own, by the name where each was found first."""
    own = namespace(module)
    where: list[tuple[str, dict[str, Any]]] = [(name, own)]
    for cls in classes_of(name, module):
        content = places.CLASS.read(cls)
        where.append((f"{name}.{places.qualified_name(cls)}", dict(zip(content.keys, content.values, strict=True))))
    found: dict[int, tuple[str, Any]] = {}
    for prefix, names in where:
        for key, value in names.items():
            is_wrapped = type(value) is staticmethod or type(value) is classmethod
            cache = value.__func__ if is_wrapped else value
            if type(cache) is _Cache and cache.__dict__.get("__module__", name) == name:
                found.setdefault(id(cache), (f"{prefix}.{key}", cache))
    return found.values()


def _fill_of(cache: Any) -> Fill:
    _, missed, _, size = _info(cache)
    return Fill(size, missed)


def _function_of(cache: Any) -> Any:
    function = cache.__dict__.get("__wrapped__")
    while type(function) is FunctionType:
        inner = (places.attributes_of_function(function) or {}).get("__wrapped__")
        if inner is None:
            break
        function = inner
    return function


def _level(cache: Any) -> Level:
    function = _function_of(cache)
    if type(function) is not FunctionType:
        return Level.SUSPECT
    code = function.__code__
    if not (code.co_argcount or code.co_kwonlyargcount or code.co_flags & _VARIABLE_ARGUMENTS):
        return Level.SUSPECT
    return Level.HARMLESS if all(map(_is_plain, _contents(cache))) else Level.SUSPECT


def _contents(cache: Any) -> list[Any]:
    """Return the keys and results in a cache, as the garbage collector finds them: asking would call the function."""
    own = cache.__dict__
    contents = []
    for found in get_referents(cache):
        if type(found) is dict:
            if found is not own:
                contents += [*found, *found.values()]
        elif found is not own.get("__wrapped__") and type(found) is not type:
            contents.append(found)
    return contents


def _is_plain(value: object) -> bool:
    cls = type(value)
    if cls is tuple or cls is frozenset:
        return all(map(_is_plain, value))  # type: ignore[call-overload]
    if id(cls) in ATOMS or issubclass(cls, Enum):
        return True
    return (places.module_of(cls), places.qualified_name(cls)) in _IMMUTABLE

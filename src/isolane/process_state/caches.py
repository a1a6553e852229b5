"""Caches: results that functions keep for the life of the process, such as settings read once.

A cache cannot be put back to what it was, only be emptied. That is safe at any time: what was in it is made anew.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from isolane.model.errors import UsageError
from isolane.model.state import Change
from isolane.process_state.glance import Signs

ClearFunction = Callable[[], object]


def clear_function(cached: object) -> ClearFunction:
    """Return what empties a cache: ``cached.cache_clear`` if there is one, else ``cached`` itself.

    Raises ``TypeError`` for an object that is neither.
    """
    cache_clear = getattr(cached, "cache_clear", None)
    if callable(cache_clear):
        return cache_clear  # type: ignore[no-any-return]
    if callable(cached):
        return cached
    raise TypeError(f"{cached!r} is neither a function with cache_clear() nor a function that clears a cache")


class CacheReference(NamedTuple):
    """A cache by name: a module, and a path of attributes in it.

    It is looked up each time, since tests reload modules, and never imported for it: a module that is not loaded
    has nothing in its caches, and when it is loaded is the tests' business.
    """

    module: str
    attributes: str

    @classmethod
    def parse(cls, text: str) -> CacheReference:
        """Return the reference for ``module:attribute.path``; anything else is a :class:`UsageError`.

        >>> CacheReference.parse("transit_eta.config:get_settings.cache_clear").attributes
        'get_settings.cache_clear'
        """
        module, colon, attributes = text.strip().partition(":")
        parts = [*module.split("."), *attributes.split(".")]
        if not colon or not all(part.isidentifier() for part in parts):
            raise UsageError("bad-cache", f"{text!r} is not of the form module:attribute.path.")
        return cls(module, attributes)

    def check(self) -> None:
        """Raise :class:`UsageError` if this cannot be a cache.

        For a module that is not loaded yet, only that it exists is looked into.
        """
        if self.module in sys.modules:
            self.find()
            return
        try:
            found = importlib.util.find_spec(self.module) is not None
        except Exception as error:  # finding a submodule imports its parents, which may fail in any way
            raise UsageError("bad-cache", f"{self} cannot be found: {type(error).__name__}: {error}.") from error
        if not found:
            raise UsageError("bad-cache", f"{self} cannot be found: there is no module {self.module!r}.")

    def find(self) -> ClearFunction | None:
        """Return the function that empties it, or ``None`` while its module is not loaded."""
        found: Any = sys.modules.get(self.module)
        if found is None:
            return None
        for attribute in self.attributes.split("."):
            try:
                found = getattr(found, attribute)
            except AttributeError:
                raise UsageError("bad-cache", f"{self} cannot be found: no attribute {attribute!r}.") from None
        try:
            return clear_function(found)
        except TypeError:
            raise UsageError("bad-cache", f"{self} cannot be called: it is {found!r}.") from None

    def clear(self) -> None:
        """Empty it."""
        function = self.find()
        if function is not None:
            function()

    def __str__(self) -> str:
        return f"{self.module}:{self.attributes}"


def clear_all(functions: Sequence[ClearFunction]) -> None:
    """Call each, also when an earlier one raised; then raise the first error."""
    first: BaseException | None = None
    for function in functions:
        try:
            function()
        except Exception as error:  # noqa: BLE001  # raised below, when the others had their turn
            first = first or error
    if first is not None:
        raise first


def _size(reference: CacheReference) -> int | None:
    try:
        cached = getattr(reference.find(), "__self__", None)
        return int(cached.cache_info().currsize)  # type: ignore[union-attr]
    except (UsageError, AttributeError):
        return None


class CachesKind:
    """The caches that were named: emptied instead of restored."""

    name = "caches"

    def __init__(self, references: Sequence[CacheReference] = ()) -> None:
        self._references = tuple(references)

    def snapshot(self) -> dict[str, int]:
        """Return the number of entries in each cache that can tell (``cache_info``), by reference."""
        sizes = ((str(reference), _size(reference)) for reference in self._references)
        return {name: size for name, size in sizes if size is not None}

    def signs(self) -> Signs:
        """Return how full they are."""
        return Signs(values=(self.snapshot,) if self._references else ())

    def diff(self, before: dict[str, int], after: dict[str, int]) -> list[Change]:
        """Return a change a cache whose number of entries differs."""
        return [
            Change(self.name, reference, before.get(reference), after.get(reference))
            for reference in sorted(before.keys() | after.keys())
            if before.get(reference, 0) != after.get(reference, 0)
        ]

    def rebase(
        self,
        pending: dict[str, int],
        before: dict[str, int],  # noqa: ARG002  # nothing of it is ever put back
        after: dict[str, int],  # noqa: ARG002
    ) -> dict[str, int]:
        """Return ``pending``: whoever filled a cache, it is emptied."""
        return pending

    def restore(self, before: dict[str, int]) -> None:  # noqa: ARG002  # how full it was does not matter
        """Empty every cache; an error of a clearing function is raised when all were called."""
        clear_all([reference.clear for reference in self._references])


class CacheClearing:
    """Empties caches now and, by :meth:`clear`, once more at the end."""

    def __init__(self, references: Sequence[CacheReference] = ()) -> None:
        self._functions: list[ClearFunction] = [reference.clear for reference in references]

    def __call__(self, cached: object) -> None:
        """Empty ``cached`` now and at the end of the test.

        cached: a function of ``functools.lru_cache`` or ``functools.cache``, or any function without arguments
        that clears a cache; a ``TypeError`` for anything else.
        """
        function = clear_function(cached)
        self._functions.append(function)
        function()

    def clear(self) -> None:
        """Empty all, the last one named first."""
        clear_all(self._functions[::-1])

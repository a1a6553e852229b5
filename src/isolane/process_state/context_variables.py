"""Context variables (``contextvars``) of the context that the tests run in."""

from __future__ import annotations

import sys
from contextvars import Context, ContextVar, copy_context
from itertools import chain
from typing import Any

from isolane.model.state import Change, Level, Plain
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs
from isolane.process_state.origins import is_library_module
from isolane.process_state.places import describe, module_of, qualified_name
from isolane.process_state.slots import name_of

_OF_OTHER_KINDS = frozenset({"decimal_context", "warnings_context"})
"""Variables in which Python keeps what the kinds ``decimal`` and ``warnings`` look at."""
_ABSENT = object()

Values = dict[ContextVar[Any], Any]


class ContextVariablesKind:
    """What each variable is set to, by identity. One that has no value counts as set to its default."""

    name = "contextvars"

    def snapshot(self) -> Values:
        """Copy the values; which variables there are nobody knows, only which have been set."""
        return {variable: value for variable, value in copy_context().items() if variable.name not in _OF_OTHER_KINDS}

    def signs(self) -> Signs:
        """Return all variables and their values."""
        return Signs(objects=(lambda: chain.from_iterable(copy_context().items()),))

    def diff(self, before: Values, after: Values) -> list[Change]:
        """Return a change a variable that was set to something else, or reset."""
        return [
            Change(self.name, variable.name, _tell(before, variable), _tell(after, variable), _level(after, variable))
            for variable in _differing(before, after)
        ]

    def rebase(self, pending: Values, before: Values, after: Values) -> Values:
        """Set in ``pending`` what was set, reset what was reset."""
        values = dict(pending)
        for variable in _differing(before, after):
            if variable in after:
                values[variable] = after[variable]
            else:
                values.pop(variable, None)
        return values

    def restore(self, before: Values) -> None:
        """Set the variables to what they were; only who set one could make that undone."""
        lost = []
        for variable in _differing(before, self.snapshot()):
            value = _effective(before, variable)
            if value is _ABSENT:
                lost.append(variable.name)
            else:
                variable.set(value)
        if lost:
            raise RestoreError(
                "context-variable-set",
                f"the context variables {', '.join(sorted(lost))} had no value, and cannot be made so again.",
                "Let the test reset each with the token that set() returned, or run in copy_context().",
            )


def _differing(first: Values, second: Values) -> list[ContextVar[Any]]:
    """Return the variables whose values are other objects, the default standing in for none."""
    if len(first) == len(second) and all(second.get(variable, _ABSENT) is first[variable] for variable in first):
        return []
    return [
        variable for variable in {**first, **second} if _effective(first, variable) is not _effective(second, variable)
    ]


def _effective(values: Values, variable: ContextVar[Any]) -> Any:
    if variable in values:
        return values[variable]
    try:
        return Context().run(variable.get)
    except LookupError:
        return _ABSENT


def _level(values: Values, variable: ContextVar[Any]) -> Level:
    """Return how bad a new value is: harmless where a library has put an object there that is its own affair."""
    cls = type(_effective(values, variable))
    is_private = qualified_name(cls).rpartition(".")[2].startswith("_")
    return Level.HARMLESS if is_private and is_library_module(sys.modules.get(module_of(cls))) else Level.SUSPECT


def _tell(values: Values, variable: ContextVar[Any]) -> Plain:
    value = _effective(values, variable)
    if value is _ABSENT:
        return None
    return describe(value) if type(value) in (str, int, bool) else name_of(value) or "None"

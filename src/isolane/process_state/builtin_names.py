"""The names that every module has without importing them: what is bound in ``builtins``, compared by identity."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from isolane.model.state import Change, Level, Plain
from isolane.process_state.dict_version import version_of, version_piece
from isolane.process_state.glance import Signs
from isolane.process_state.sequences import same_items
from isolane.process_state.slots import name_of

_MISSING = object()
_LAST_RESULT = "_"
"""Where an interactive interpreter, and so a doctest, keeps the last result; ``gettext`` puts a function there."""

Names = Mapping[str, Any]
"""What is bound to each name."""


class BuiltinsKind:
    """Names added to ``builtins``, bound to something else, or removed."""

    name = "builtins"

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}
        self._values: tuple[Any, ...] = ()
        self._version = b""

    def snapshot(self) -> Names:
        """Copy the names; the very same mapping as long as nothing happened."""
        names = vars(builtins)
        if version_of is not None:
            version = version_of(names)
            if version == self._version:
                return self._last
            self._version = version
        values = tuple(names.values())
        if not same_items(values, self._values) or names.keys() != self._last.keys():
            self._last, self._values = names.copy(), values
        return self._last

    def signs(self) -> Signs:
        """Return the dictionary's version; all that is in it where it has none."""
        names = vars(builtins)
        if version_of is None:
            return Signs(objects=(names.keys, names.values))
        return Signs(pieces=(version_piece(names),))

    def diff(self, before: Names, after: Names) -> list[Change]:
        """Return a change a name."""
        if before is after:
            return []
        changes = []
        for name in {**before, **after}:
            old, new = before.get(name, _MISSING), after.get(name, _MISSING)
            if old is not new:
                changes.append(Change(self.name, name, _describe(old), _describe(new), _level(name, old, new)))
        return changes

    def rebase(self, pending: Names, before: Names, after: Names) -> Names:
        """Take over what was bound, and what was removed."""
        if before is after:
            return pending
        changed = [name for name in {**before, **after} if before.get(name, _MISSING) is not after.get(name, _MISSING)]
        kept = {name: value for name, value in pending.items() if name not in changed}
        return kept | {name: after[name] for name in changed if name in after}

    def restore(self, before: Names) -> None:
        """Bind what was bound, and remove what was added."""
        names = vars(builtins)
        for name in [name for name in names if name not in before]:
            del names[name]
        for name, value in before.items():
            if names.get(name, _MISSING) is not value:
                names[name] = value


def _describe(value: Any) -> Plain:
    if value is _MISSING:
        return None
    return value if isinstance(value, (str, int)) else name_of(value) or "None"


def _level(name: str, old: Any, new: Any) -> Level:
    if name == _LAST_RESULT and not (callable(old) or callable(new)):
        return Level.HARMLESS
    return Level.SUSPECT if old is _MISSING else Level.DANGEROUS

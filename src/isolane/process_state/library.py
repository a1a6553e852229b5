"""Functions and classes of the standard library that were replaced by hand: ``time.sleep = fake``.

Of all that is bound in the standard library, only what tests like to replace is looked at: the functions and classes
that stand in the modules named here, as far as they are loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from isolane.model.state import Change
from isolane.process_state.dict_version import version_of
from isolane.process_state.project_modules import namespace
from isolane.process_state.sequences import same_items
from isolane.process_state.slots import name_of

MODULES = (
    "calendar", "datetime", "getpass", "glob", "hashlib", "http.client", "inspect", "io", "json", "math", "os",
    "pathlib", "platform", "posixpath", "random", "secrets", "select", "shutil", "signal", "smtplib", "socket", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid", "webbrowser",
)  # fmt: skip
_OF_OTHER_KINDS = frozenset({("threading", "excepthook"), ("threading", "_trace_hook"), ("threading", "_profile_hook")})
_MISSING = object()

Place = tuple[str, str]
"""A module's name, and the name that is bound in it."""
Bound = Mapping[Place, Any]


class LibraryKind:
    """What is bound to the names of functions and classes, compared by identity; names that are new do not matter."""

    name = "library"

    def __init__(self) -> None:
        self._seen: dict[str, tuple[ModuleType, object]] = {}
        self._bound: dict[Place, Any] = {}

    def snapshot(self) -> Bound:
        """Return it; the very same mapping as long as nothing happened."""
        moved = []
        for name in MODULES:
            module = sys.modules.get(name)
            if type(module) is ModuleType:
                names = namespace(module)
                mark = version_of(names) if version_of is not None else tuple(names.values())
                known = self._seen.get(name)
                if known is None or known[0] is not module or not _same(known[1], mark):
                    self._seen[name] = module, mark
                    moved.append((name, names))
        for name, names in moved:
            self._take(name, names)
        return self._bound

    def _take(self, module: str, names: Mapping[str, Any]) -> None:
        known = {place: value for place, value in self._bound.items() if place[0] == module}
        found = {
            (module, name): value
            for name, value in names.items()
            # What was a function is kept in sight, whatever stands there now.
            if (callable(value) or (module, name) in known) and (module, name) not in _OF_OTHER_KINDS
        }
        if found.keys() != known.keys() or any(known[place] is not value for place, value in found.items()):
            self._bound = {place: value for place, value in self._bound.items() if place[0] != module} | found

    def diff(self, before: Bound, after: Bound) -> list[Change]:
        """Return a change a name that stood for something else."""
        return [
            Change(self.name, ".".join(place), name_of(before[place]), _describe(after.get(place, _MISSING)))
            for place in _changed(before, after)
        ]

    def rebase(self, pending: Bound, before: Bound, after: Bound) -> Bound:
        """Take over what was bound, and what was removed."""
        if before is after:
            return pending
        changed = set(_changed(before, after))
        kept = {place: value for place, value in {**after, **pending}.items() if place not in changed}
        return kept | {place: after[place] for place in changed if place in after}

    def restore(self, before: Bound) -> None:
        """Bind what was bound."""
        for place in _changed(before, self.snapshot()):
            module, name = place
            if module in sys.modules:
                setattr(sys.modules[module], name, before[place])


def _same(before: Any, after: Any) -> bool:
    return same_items(before, after) if isinstance(before, tuple) and isinstance(after, tuple) else before == after


def _changed(before: Bound, after: Bound) -> list[Place]:
    if before is after:
        return []
    return [place for place, value in before.items() if after.get(place, _MISSING) is not value]


def _describe(value: Any) -> str | None:
    return None if value is _MISSING else name_of(value) or "None"

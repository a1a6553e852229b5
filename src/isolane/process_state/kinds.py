"""All kinds of process state, in the order in which they are put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isolane.model.errors import UsageError
from isolane.process_state.base import Kind
from isolane.process_state.caches import CacheReference, CachesKind
from isolane.process_state.cwd import WorkingDirectoryKind
from isolane.process_state.env import EnvironmentKind
from isolane.process_state.logging_state import LoggingKind
from isolane.process_state.sys_path import ImportPathKind
from isolane.process_state.umask import UmaskKind
from isolane.process_state.warnings_filters import WarningsKind

KINDS: Mapping[str, Callable[[], Kind[Any]]] = {
    kind.name: kind
    for kind in (
        EnvironmentKind,
        WorkingDirectoryKind,
        UmaskKind,
        ImportPathKind,
        LoggingKind,
        WarningsKind,
        CachesKind,
    )
}
"""What makes a kind, by its name. Adding a kind is adding a file, and its line here."""

DEAR = ("module_globals",)
"""Those that take longer to look at than a quick test runs."""


def watched(*, without: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the kinds that are looked at after a test, by name."""
    return tuple(name for name in KINDS if name not in without)


def check_names(names: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a name that is no kind's."""
    for name in names:
        if name not in KINDS:
            raise UsageError(
                "unknown-kind", f"there is no kind of state {name!r}.", f"The kinds are {', '.join(KINDS)}."
            )


def make_kinds(names: Sequence[str] | None = None, caches: Sequence[CacheReference] = ()) -> tuple[Kind[Any], ...]:
    """Return the named kinds, all for ``None``, in their order; caches: what the kind ``caches`` clears."""
    check_names(names or ())
    return tuple(
        CachesKind(caches) if name == CachesKind.name else make()
        for name, make in KINDS.items()
        if names is None or name in names
    )

"""All kinds of process state, in the order in which they are put back; each is loaded when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isolane.model.errors import UsageError
from isolane.process_state.base import Kind
from isolane.process_state.caches import CacheReference

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "env": "env:EnvironmentKind",
        "cwd": "cwd:WorkingDirectoryKind",
        "umask": "umask:UmaskKind",
        "sys_path": "sys_path:ImportPathKind",
        "argv": "argv:ArgumentsKind",
        "modules": "modules:ModulesKind",
        "import_hooks": "import_hooks:ImportHooksKind",
        "streams": "streams:StreamsKind",
        "hooks": "hooks:HooksKind",
        "warnings": "warnings_filters:WarningsKind",
        "logging": "logging_state:LoggingKind",
        "signals": "signals:SignalsKind",
        "mock_patches": "mock_patches:MockPatchesKind",
        "threads": "threads:ThreadsKind",
        "children": "children:ChildrenKind",
        "descriptors": "descriptors:DescriptorsKind",
        "locale_time": "locale_time:LocaleKind",
        "random_state": "random_state:RandomStateKind",
        "event_loop": "event_loop:EventLoopKind",
        "contextvars": "context_variables:ContextVariablesKind",
        "socket_timeout": "socket_timeout:SocketTimeoutKind",
        "decimal": "decimal_context:DecimalContextKind",
        "limits": "limits:LimitsKind",
        "builtins": "builtin_names:BuiltinsKind",
        "library": "library:LibraryKind",
        "gc": "gc_state:GarbageCollectorKind",
        "atexit": "atexit_handlers:AtExitKind",
        "caches": "caches:CachesKind",
        "function_caches": "function_caches:FunctionCachesKind",
        "functions": "functions:FunctionsKind",
        "class_attributes": "class_attributes:ClassAttributesKind",
        "module_globals": "module_globals:ModuleGlobalsKind",
        "files": "files:FilesKind",
        "rows": "rows:RowsKind",
    }
)
"""Where each kind is, by its name. Adding a kind is adding a file, and its line here."""

RESTORED = ("env", "cwd", "umask", "sys_path", "logging", "warnings", "caches")
"""Those that are put back after each test where a suite asks for it and does not say which."""
OF_PROJECT = ("function_caches", "functions", "class_attributes", "module_globals")
"""Those that look into the project's modules."""
DEAR = ("library", *OF_PROJECT)
"""Those that take longer to look at than a quick test runs: they look into many modules."""
OUTSIDE = ("files", "rows")
"""Those that are not in the process: a fresh one finds them as they were left."""
IN_CONTEXT = ("event_loop", "locale_time")
"""Those with changes that come to count by something else, a loop by what is scheduled, a zone when ``TZ`` is put back:
to find the line, each look is compared with the beginning, and not with the look before."""


@dataclass(frozen=True)
class Surroundings:
    """What some kinds need to know. root: the project. modules: what counts as the project's wherever it lies.

    caches: what the kind ``caches`` clears. temporary: directories in which tests may leave what they like. databases:
    what the kind ``rows`` looks at, a file of SQLite or ``module:attribute``.
    """

    root: Path = field(default_factory=Path.cwd)
    modules: Sequence[str] = ()
    caches: Sequence[CacheReference] = ()
    temporary: Sequence[Path] = ()
    databases: Sequence[str] = ()


def check_names(names: Sequence[object]) -> None:
    """Raise :class:`UsageError` for what is no kind's name."""
    for name in names:
        if not isinstance(name, str) or name not in KINDS:
            raise UsageError(
                "unknown-kind", f"there is no kind of state {name!r}.", f"The kinds are {', '.join(KINDS)}."
            )


def make_kinds(names: Sequence[str], surroundings: Surroundings | None = None) -> tuple[Kind[Any], ...]:
    """Return the named kinds, in their order."""
    check_names(names)
    needs = _needs(names, surroundings or Surroundings())
    made = []
    for name, place in KINDS.items():
        if name in names:
            module, _, kind = place.partition(":")
            make = getattr(import_module(f"isolane.process_state.{module}"), kind)
            made.append(needs[name](make) if name in needs else make())
    return tuple(made)


def _needs(names: Sequence[str], around: Surroundings) -> dict[str, Callable[[Any], Kind[Any]]]:
    """Return how those kinds are made that need to know something."""
    needs: dict[str, Callable[[Any], Kind[Any]]] = {
        "caches": lambda make: make(around.caches),
        "files": lambda make: make(without=around.temporary),
    }
    if "rows" in names and around.databases:
        from isolane.process_state.databases import databases

        registered = databases(around.databases, around.root)
        needs["rows"] = lambda make: make(registered)
    if {*OF_PROJECT, "logging"} & set(names):
        from isolane.process_state.project_modules import ProjectModules

        modules = ProjectModules([around.root], around.modules)
        needs |= dict.fromkeys((*OF_PROJECT, "logging"), lambda make: make(modules))
    return needs

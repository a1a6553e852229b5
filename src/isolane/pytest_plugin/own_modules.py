"""How isolane's modules come into a run: as plugins without a search, and without a rewriting of their assertions."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

_OWN = "isolane"


def load_plugins(manager: pytest.PytestPluginManager, *names: str) -> None:
    """Register isolane's modules as plugins under their full names, where they are not there yet.

    ``pytest_plugins`` would do the same, but pytest looks for each name in what every installed distribution says of
    its entry points: 5 ms a name where a hundred are installed.
    """
    for name in names:
        if not manager.is_blocked(name) and not manager.has_plugin(name):
            manager.register(importlib.import_module(name), name)


def load_without_rewriting(manager: pytest.PytestPluginManager) -> None:
    """Let Python's own importer load what is still to be imported of isolane.

    pytest rewrites the assertions of all modules of an installed plugin. isolane's hold none, and its loader takes
    half a millisecond a module more (7 ms where no bytecode may be written): of over a hundred in a parallel run. It
    has no public way to say so; where it is built otherwise, they are loaded as before.
    """
    hook: Any = getattr(manager, "rewrite_hook", None)
    marked, remembered = getattr(hook, "_must_rewrite", None), getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(remembered, dict):
        marked.discard(_OWN)
        remembered.clear()

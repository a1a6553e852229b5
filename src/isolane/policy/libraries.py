"""The two libraries that policies need, and that not everybody has."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from isolane.model.errors import UsageError

_NAMES = {"lupa.lua54": "lupa 2.8 or newer", "yaml": "PyYAML"}


def import_library(name: str) -> Any:
    """Import lupa's Lua 5.4 (``lupa.lua54``) or ``yaml``; :class:`UsageError` in one line where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(
            "policy-library",
            f"{_NAMES[name]} is not installed, and policies need it.",
            "Install it: pip install 'isolane[policy]'.",
        ) from None


@cache
def import_lua() -> Any:
    """Import lupa's Lua 5.4, not older than 2.8: those before let Lua past the filter of attributes."""
    lua = import_library("lupa.lua54")
    version = import_module("lupa").__version__
    if tuple(map(int, version.split(".")[:2])) < (2, 8):
        raise UsageError(
            "policy-library",
            f"lupa {version} is installed, and policies need lupa 2.8 or newer.",
            "Upgrade it: pip install --upgrade 'isolane[policy]'.",
        )
    return lua

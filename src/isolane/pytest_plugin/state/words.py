"""What a later test is told of a leak that it meets: what it is, who did it, and what exactly."""

from __future__ import annotations

from isolane.model.state import Leak

_WORDS = {
    "env": "environment changed by",
    "cwd": "working directory changed by",
    "sys_path": "import path changed by",
    "modules": "loaded modules changed by",
    "mock_patches": "patches left by",
    "threads": "threads left by",
    "children": "child processes left by",
    "descriptors": "open files left by",
    "random_state": "random numbers seeded by",
    "function_caches": "cached results left by",
    "functions": "functions changed by",
    "class_attributes": "classes changed by",
    "module_globals": "module globals changed by",
    "files": "files changed by",
    "rows": "database rows left by",
}


def who_left(leak: Leak) -> str:
    """Return it in a line.

    >>> from isolane.model.state import Change
    >>> who_left(Leak("test_a.py::test_y", Change("rows", "shop.db orders", "0 rows", "1 row")))
    "database rows left by test_a.py::test_y: rows shop.db orders: '0 rows' → '1 row'"
    """
    words = _WORDS.get(leak.change.kind) or f"{leak.change.kind.replace('_', ' ')} changed by"
    return f"{words} {leak.owner}: {leak.change}"

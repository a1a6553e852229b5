"""Puts the collected tests into another order: drawn by a seed, or read from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from isolane.planning.order import selected, shuffled


class SeededOrder:
    """Shuffles before other plugins order: those that must keep some tests together have the last word."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Shuffle in place."""
        items[:] = [items[position] for position in shuffled([item.nodeid for item in items], self._seed)]


class FileOrder:
    """Runs the tests that a file lists, in its order, and deselects the others."""

    def __init__(self, path: Path) -> None:
        self._wanted = [line for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n") if line]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Order in place; a listed test that is not there is a usage error."""
        order, absent = selected([item.nodeid for item in items], self._wanted)
        if absent:
            more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
            raise pytest.UsageError(f"isolane: the order names a test that was not collected: {absent[0]}{more}.")
        chosen = set(order)
        deselected = [item for position, item in enumerate(items) if position not in chosen]
        items[:] = [items[position] for position in order]
        if deselected:
            config.hook.pytest_deselected(items=deselected)

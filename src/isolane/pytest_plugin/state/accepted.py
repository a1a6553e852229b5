"""Leaks that a project knows of and does not want to hear of: by a marker on the test, or for the whole suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import pytest

from isolane.model.state import Change


def check_pattern(text: str) -> str:
    """Return ``KIND:NAME`` without the space around it; raises :class:`pytest.UsageError` for anything else."""
    pattern = text.strip()
    kind, colon, name = pattern.partition(":")
    if not (kind and colon and name):
        raise pytest.UsageError(f"isolane: {text!r} is no leak: it has to be KIND:NAME, such as env:HOME or env:APP_*.")
    return pattern


class Accepted:
    """patterns: ``KIND:NAME`` for the whole suite; both parts may have the wildcards of a glob."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._everywhere = [check_pattern(pattern) for pattern in patterns]

    def of_suite(self, change: Change) -> bool:
        """Return whether a change is accepted of the whole suite."""
        return _is_among(change, self._everywhere)

    def by(self, item: pytest.Item) -> Callable[[Change], bool]:
        """Return what says whether a change is accepted of this test."""
        patterns = list(self._everywhere)
        for mark in item.iter_markers("isolane_leak"):
            patterns += [check_pattern(str(pattern)) for pattern in mark.args]

        return lambda change: _is_among(change, patterns)


def _is_among(change: Change, patterns: Sequence[str]) -> bool:
    told = f"{change.kind}:{change.name}"
    # As it is reported, too: the brackets of a key would stand for a choice of letters.
    return any(told == pattern or fnmatchcase(told, pattern) for pattern in patterns)

"""How busy the workers of a run were, in a line."""

from __future__ import annotations

from collections.abc import Mapping

from isolane.coordination.workers import Statistics

_MOST = 8


def workers_line(statistics: Statistics, tests: Mapping[str, int]) -> str:
    """Return the share of its life for which each worker had something to run, and how many tests that were.

    tests: by worker.
    """
    words = [
        f"{name} {figures.utilisation:.0%} ({tests.get(name, 0)})"
        for name, figures in list(statistics.workers.items())[:_MOST]
    ]
    more = f", and {len(statistics.workers) - _MOST} more" if len(statistics.workers) > _MOST else ""
    return f"workers busy (tests): {', '.join(words)}{more}"

"""The worker counts that a verb runs with: a list, typed or configured."""

from __future__ import annotations

from isolane.coordination.processors import available_processors
from isolane.model.record import RunRecord
from isolane.planning.workers import parse_worker_count

_DEFAULT = "2,auto"


def chosen_workers(typed: str | None, record: RunRecord) -> list[int]:
    """Return the counts that were typed, else those in force in the project, which a run of it tells.

    Raises :class:`~isolane.model.errors.UsageError` for a list that means nothing.
    """
    if typed:
        return parse_workers(typed)
    return parse_workers(record.setting("workers") or _DEFAULT, "ISOLANE_WORKERS or ini isolane_workers")


def parse_workers(text: str, source: str = "--workers") -> list[int]:
    """Return the counts of a list like ``2,auto``; raises as :func:`chosen_workers` does."""
    available = available_processors()
    return [parse_worker_count(part, available, source) for part in text.split(",")]

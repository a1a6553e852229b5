"""What is said of quarantined tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from isolane.model.plan import QUARANTINE
from isolane.model.quarantine import Entry, Standing
from isolane.statistics.flake_rate import upper_bound_without_failure


def added_line(entry: Entry) -> str:
    """Return what ``add`` says."""
    return f"{entry.test} is quarantined until {entry.expiry}: it runs, and does not decide the exit code."


def standing_lines(standings: Sequence[Standing]) -> Iterator[str]:
    """Yield what ``check`` says: first what is to be done."""
    if not standings:
        yield f"{QUARANTINE} holds no test."
        return
    expired = [one for one in standings if one.is_expired]
    healed = [one for one in standings if one.is_healed and not one.is_expired]
    for title, found in (
        ("Expired, so that they decide the exit code again", expired),
        ("Healed: take them out", healed),
        ("In force", [one for one in standings if one not in expired and one not in healed]),
    ):
        if found:
            yield f"{title}:"
            for one in found:
                yield f"  {one.entry.test} (until {one.entry.expiry}, {one.entry.owner}: {one.entry.reason})"
                yield f"    {_record(one)}"


def _record(standing: Standing) -> str:
    if not standing.runs:
        return "no run on record has it"
    runs = f"failed in {standing.failures} of {standing.runs} runs on record"
    if not standing.clean_runs:
        return f"{runs}, the last among them"
    bound = upper_bound_without_failure(standing.clean_runs)
    return f"{runs}; {standing.clean_runs} without a failure since: its flake rate may be up to {bound:.1%}"


def standings_as_data(standings: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return them as what JSON can hold."""
    return [
        {**asdict(one), "entry": {**asdict(one.entry), "expiry": one.entry.expiry.isoformat()}} for one in standings
    ]

"""What keeping a run's events costs.

    python bench/event_log.py [PAIRS]

Goal: under 2 % of a run of 5,000 quick tests. A quick test takes a millisecond, those of click, jinja2 and
structlog two on average; what the same costs where tests are empty is told beside it, and is the worst that can be.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pairs import QUIET, pairs, quick_suite, report, temporary, timed


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    pytest = (sys.executable, "-m", "pytest", *QUIET)
    with temporary() as name:
        for kind, rounds, goal in (("quick", 50_000, "1.02"), ("empty", 100, "none")):
            directory = Path(name, kind)
            directory.mkdir()
            quick_suite(directory, 5000, rounds=rounds)
            measured, wall, processor = pairs(
                partial(timed, (*pytest, "--isolane-record=on", "--isolane-keep-runs=2"), directory),
                partial(timed, (*pytest, "--isolane-record=off"), directory),
                count,
            )
            report(f"5,000 {kind} tests, recorded / not recorded", measured, wall, processor, goal)


if __name__ == "__main__":
    main()

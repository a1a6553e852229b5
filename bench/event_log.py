"""What keeping a run's events costs.

    python bench/event_log.py [PAIRS]

Goal: under 2 % of a run of 5,000 quick tests.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pairs import QUIET, pairs, quick_suite, report, temporary, timed


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    pytest = (sys.executable, "-m", "pytest", *QUIET)
    with temporary() as name:
        directory = quick_suite(Path(name), 5000)
        measured, wall, processor = pairs(
            lambda: timed((*pytest, "--isolane-record=on", "--isolane-keep-runs=2"), directory),
            lambda: timed((*pytest, "--isolane-record=off"), directory),
            count,
        )
        report("5,000 quick tests, recorded / not recorded", measured, wall, processor, "1.02")


if __name__ == "__main__":
    main()

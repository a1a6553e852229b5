"""What isolane costs where it is installed and not asked for anything.

    python bench/plugin_idle.py [PAIRS]

Goals: under 30 ms on `pytest --version`, under 3 % on a suite of 5,000 quick tests.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from pairs import QUIET, pairs, quick_suite, report, temporary, timed


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    pytest = (sys.executable, "-m", "pytest")
    with temporary() as name:
        directory = Path(name)
        # `pytest --version` loads no plugins any more (since pytest 8.4 at least); given twice it lists them.
        for words in (("--version",), ("--version", "--version")):
            measured, wall, processor = pairs(
                lambda words=words: timed((*pytest, *words), directory),
                lambda words=words: timed((*pytest, *words, "-p", "no:isolane"), directory),
                2 * count,
            )
            report(f"pytest {' '.join(words)}, with / without isolane", measured, wall, processor, "30 ms more")
            more = median(one.wall - other.wall for one, other in measured) * 1000
            work = median(one.processor - other.processor for one, other in measured) * 1000
            print(f"  difference: {more:.1f} ms wall, {work:.1f} ms processor")
        quick_suite(directory, 5000)
        measured, wall, processor = pairs(
            lambda: timed((*pytest, *QUIET), directory),
            lambda: timed((*pytest, *QUIET, "-p", "no:isolane"), directory),
            count,
        )
        report("5,000 quick tests, with / without isolane", measured, wall, processor, "1.03")


if __name__ == "__main__":
    main()

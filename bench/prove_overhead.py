"""What `isolane prove` costs over the pytest runs that it is made of.

    python bench/prove_overhead.py [PAIRS] [PROJECT]

The same runs are made once by `isolane prove` and once by hand, as plain pytest commands one after the other.
Goal: no more than 5 % over the sum.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from pairs import QUIET, Timing, count_and_suite, pairs, report, temporary, timed

SEEDS = ("1", "2", "3")


def by_hand(directory: Path, modules: list[str], workers: list[int], arguments: tuple[str, ...]) -> Timing:
    """Make the runs of a proof as a person would: plain pytest, xdist, isolane's shuffle without its record."""
    pytest = (sys.executable, "-m", "pytest", *arguments)
    off = {"ISOLANE_RECORD": "off"}
    runs = [timed(pytest, directory, **off), timed(pytest, directory, **off)]
    runs += [timed((*pytest, module), directory, **off) for module in modules]
    runs += [timed((*pytest, "-n", str(count), "--dist", "loadscope"), directory, **off) for count in workers]
    runs += [timed((*pytest, "--isolane-seed", seed), directory, **off) for seed in SEEDS]
    return Timing(sum(run.wall for run in runs), sum(run.processor for run in runs))


def share_of_own_runs(directory: Path) -> float:
    """Return the last proof's time over the sum of its pytest processes."""
    proof = json.loads((directory / "reports/proof.json").read_text(encoding="utf-8"))
    return float(proof["seconds"]) / sum(one["seconds"] for one in (*proof["phases"], *proof["checks"]))


def main() -> None:
    with temporary() as name:
        count, directory = count_and_suite(Path(name), files=10)
        prove = (sys.executable, "-m", "isolane", "prove", "--seeds", ",".join(SEEDS), "--", *QUIET)
        timed(prove, directory)
        proof = json.loads((directory / "reports/proof.json").read_text(encoding="utf-8"))
        modules = [one["module"] for one in proof["phases"] if one["module"]]
        workers = [one["workers"] for one in proof["phases"] if one["workers"]]
        own = [timed(prove, directory) and share_of_own_runs(directory) for _ in range(count)]
        print(f"isolane prove, its wall time / the sum of its own pytest processes: {median(own):.3f}; goal 1.05")
        measured, wall, processor = pairs(
            lambda: timed(prove, directory), lambda: by_hand(directory, modules, workers, QUIET), count
        )
        report(
            f"prove of {proof['tests']['total']} tests, {len(proof['phases'])} runs, prove / by hand",
            measured,
            wall,
            processor,
            "1.05",
        )


if __name__ == "__main__":
    main()

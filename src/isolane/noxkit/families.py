"""The six families of test sessions: what each runs, and over which worker counts and seeds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from isolane.noxkit.axes import SERIAL, split_leading_number
from isolane.noxkit.lane import COVERAGE_DATA, Lane

STRESS_RUNS = 3


@dataclass(frozen=True)
class Family:
    """A session name with its variants. summary: the line in ``nox -l``.

    fixed_workers: ISOLANE_WORKERS does not apply. takes_seed: a number first among the typed arguments is the
    seed. side_by_side: may run at the same time as others; what measures time, or merges files, runs alone.
    """

    name: str
    summary: str
    run: Callable[[Lane], None]
    workers: tuple[str, ...]
    seeds: tuple[int | None, ...] = (None,)
    fixed_workers: bool = False
    takes_seed: bool = False
    side_by_side: bool = False


def _run_pytest(lane: Lane) -> None:
    lane.pytest()


def _run_shuffled(lane: Lane) -> None:
    """Run the suite; what fails in this order and passes alone is reduced to its polluter in the same run."""
    lane.pytest(hunts=True)


def _run_stress(lane: Lane) -> None:
    runs, arguments = split_leading_number(lane.arguments)
    _run_isolane(lane, "stress", str(STRESS_RUNS if runs is None else runs), arguments=arguments)


def _run_bench(lane: Lane) -> None:
    _run_isolane(lane, "bench", arguments=lane.arguments)


def _run_isolane(lane: Lane, *verb: str, arguments: Sequence[str]) -> None:
    """Run a verb on the suite with the variant's workers and seed; left alone, isolane prefers a project's .venv."""
    options = ("-n", lane.variant.workers, "--python", lane.programs.python)
    lane.programs.run("isolane", *verb, *options, "--", *lane.order, *arguments)


def _run_coverage(lane: Lane) -> None:
    """Measure the suite into the session's own file, then merge and judge all that this nox run has measured.

    Data of earlier nox runs is thrown away: it may be of older sources, whose lines no longer mean the same.
    """
    _require_subprocess_patch(lane)
    ours = lane.data_file.parent
    for other in COVERAGE_DATA.glob("*"):
        if other.is_dir() and other.resolve() != ours:
            shutil.rmtree(other)
    ours.mkdir(parents=True, exist_ok=True)
    lane.pytest(under=("coverage", "run", "--parallel-mode"))
    lane.programs.run("isolane", "combine", ours.relative_to(Path.cwd()), "--data-file", ".coverage", "--keep")


def _require_subprocess_patch(lane: Lane) -> None:
    settings = lane.programs.output("coverage", "debug", "config")
    found = [line for line in settings.splitlines() if line.split(":")[0].strip() == "patch"]
    if not any("subprocess" in line for line in found):
        lane.session.error(
            "coverage would not see xdist's workers: put patch = subprocess under [run] in its configuration "
            "(in pyproject.toml: [tool.coverage.run], patch = ['subprocess']); coverage 7.10 or newer."
        )


FAMILIES = (
    Family(
        "serial",
        "Run the suite in one process, in its own order",
        _run_pytest,
        workers=(SERIAL,),
        fixed_workers=True,
        side_by_side=True,
    ),
    Family(
        "parallel",
        "Run the suite over workers",
        _run_pytest,
        workers=("2", "auto"),
        side_by_side=True,
    ),
    Family(
        "stress",
        "Run the suite over workers N times: nox -s stress -- 10",
        _run_stress,
        workers=("auto",),
    ),
    Family(
        "random-order",
        "Run the suite shuffled; a seed of your own: nox -s random-order -- 12345",
        _run_shuffled,
        workers=(SERIAL, "auto"),
        seeds=(1, 2, 3, 4, 5),
        takes_seed=True,
        side_by_side=True,
    ),
    Family(
        "coverage-combine",
        "Measure coverage serially and over workers, merge, report and hold it against the threshold",
        _run_coverage,
        workers=(SERIAL, "2"),
    ),
    Family(
        "bench",
        "Time the suite over worker counts",
        _run_bench,
        workers=(SERIAL, "2", "auto"),
    ),
)

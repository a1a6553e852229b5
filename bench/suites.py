"""The downstream suites, and the commands by which their tests are run one way or another."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "downstream"))

from downstream_preparation import Prepared, cache_folder, clean_environ, find_uv, prepare
from downstream_suites import read_manifest
from process_tree import Finished, run_tree

from isolane.engines.overlay import make_overlay, python_path
from isolane.history.event_log import FILE_NAME, read_events
from isolane.history.runs import run_names, runs_directory
from isolane.model.record import RunRecord

PARALLEX = "pytest-parallex==0.2.5"
XDIST_MODES = ("load", "loadscope", "worksteal")
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|xfailed|xpassed|errors?)\b")
_LAST_LINE = re.compile(r"\d+ [a-z]+\b.* in \d+\.\d+s")


@dataclass(frozen=True)
class Way:
    """A way to run a suite. words: pytest's further arguments. overlay: what goes first on PYTHONPATH, if anything."""

    name: str
    words: tuple[str, ...] = ()
    overlay: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()


def prepared_suites(names: Sequence[str]) -> list[Prepared]:
    """Return the named suites, ready to run; all of them where none is named. Exits for an unknown name."""
    suites = {suite.name: suite for suite in read_manifest()}
    unknown = set(names) - set(suites)
    if unknown:
        sys.exit(f"no suite is called {', '.join(sorted(unknown))}; there are {', '.join(suites)}")
    return [prepare(suite, cache_folder()) for name, suite in suites.items() if not names or name in names]


def isolane_overlay() -> Path:
    """Return the directory by which a suite's interpreter finds isolane; its environment has xdist already."""
    return make_overlay(cache_folder() / "isolane", with_xdist=False)


def parallex_overlay() -> Path:
    """Return a directory with pytest-parallex alone: the suites' environments stay what the manifest says."""
    directory = cache_folder() / PARALLEX.replace("==", "-")
    if not directory.is_dir():
        command = (find_uv(), "pip", "install", "--quiet", "--no-deps", "--compile-bytecode")
        subprocess.run((*command, "--python", sys.executable, "--target", directory, PARALLEX), check=True)
    return directory


def serial() -> Way:
    """Plain pytest."""
    return Way("serial")


def recorded() -> Way:
    """Serial, with an event log: what each test took where nothing else ran."""
    return Way("recorded", overlay=isolane_overlay(), environment=(("ISOLANE_RECORD", "on"),))


def fork(workers: int, dist: str = "") -> Way:
    """isolane's fork engine. dist: empty for what a person gets who types ``-n`` alone, which is loadscope."""
    words = ("-n", str(workers), *(("--dist", dist) if dist else ()))
    name = f"fork {dist}".strip()
    return Way(name, words, isolane_overlay(), (("ISOLANE_ENGINE", "auto"), ("ISOLANE_KEEP_RUNS", "10")))


def xdist(workers: int, dist: str) -> Way:
    """pytest-xdist as it is, without isolane."""
    return Way(f"xdist {dist}", ("-n", str(workers), "--dist", dist))


def parallex(workers: int) -> Way:
    """pytest-parallex's fork mode, the quickest that it has."""
    return Way("parallex", ("--parallel=fork", f"--parallel-workers={workers}"), parallex_overlay())


def run(prepared: Prepared, way: Way, *more: str) -> Finished:
    """Run a suite in a way; bytecode is kept, as it is where people work."""
    environment = clean_environ({**prepared.suite.environment, **dict(way.environment)})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["COLUMNS"] = "200"
    environment["PYTEST_DEBUG_TEMPROOT"] = str(_temporary_root())
    if way.overlay is not None:
        environment["PYTHONPATH"] = python_path(way.overlay, None)
    without = () if way.name == "recorded" or way.name.startswith("fork") else ("-p", "no:isolane")  # if it is there
    words = (*without, *way.words, "-q", *more, *prepared.suite.arguments)
    return run_tree((prepared.python, "-m", "pytest", *words), prepared.source, environment)


def _temporary_root() -> Path:
    """Return a place for pytest's temporary directories: each run removes old ones, be they another's of thousands."""
    directory = cache_folder() / "temporary"
    directory.mkdir(exist_ok=True)
    return directory


def tests_of(finished: Finished) -> int:
    """Return how many tests pytest's last line tells of; 0 where there is no such line."""
    lines = [line for line in finished.output.splitlines() if _LAST_LINE.search(line)]
    return sum(int(number) for number, _ in _COUNT.findall(lines[-1])) if lines else 0


def newest_record(prepared: Prepared) -> RunRecord:
    """Return what the last recorded run of a suite left."""
    name = run_names(prepared.source)[-1]
    return RunRecord.of(read_events(runs_directory(prepared.source) / name / FILE_NAME))


def with_arguments(prepared: Prepared, *arguments: str) -> Prepared:
    """Return the suite with other tests to run."""
    return replace(prepared, suite=replace(prepared.suite, arguments=arguments))

"""Real suites come out the same, test by test: serially, over xdist's workers, over forked ones, in every mode.

Both with the order of collection and in the one that pytest-randomly draws from a seed. What may differ is what the
manifest says to differ by itself: a test that has another outcome in a second serial run, in parallel or, under
pytest-randomly, when shuffled.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from downstream_preparation import Prepared, cache_folder, clean_environ, prepare
from downstream_suites import Suite, read_manifest

from isolane.engines.overlay import make_overlay, python_path
from isolane.history.runs import summaries
from isolane.model.outcome import Outcome
from isolane.planning.compare import compare
from isolane.planning.units import MODES

SUITES = {suite.name: suite for suite in read_manifest()}
SEED = 7
QUICKLY = {
    "jinja2": ("loadscope", "load"),
    "marshmallow": ("worksteal",),
    "structlog": ("loadfile",),
    "click": ("load",),
}
"""The modes in which the quick suites run with every commit."""
ASKED = {"fork": "auto", "xdist": "xdist"}
"""What is asked for to get an engine."""
NOT_FORKED = {"sqlalchemy": "its conftest asks for its worker in pytest_configure"}
"""Suites that go to xdist unless they are told otherwise, and why."""
LONGEST_SECONDS = 2 * 3600
TRIES = 3
"""How often xdist may try: it gives a run up whose workers do not collect the same, as at the turn of a second."""


@dataclass(frozen=True)
class Experiment:
    """A suite, whose runs are compared. randomly: a directory for PYTHONPATH with pytest-randomly; None without it."""

    prepared: Prepared
    randomly: Path | None
    temporary: Path

    def outcomes(self, engine: str = "serial", *words: str) -> Mapping[str, Outcome]:
        """Run the suite and return each test's outcome, by its event log."""
        suite = self.prepared.suite
        overlay = make_overlay(cache_folder() / "isolane", with_xdist=False)
        variables = {
            **suite.environment,
            "PYTHONPATH": python_path(overlay, str(self.randomly) if self.randomly else None),
            "PYTHONHASHSEED": "0",  # parameters may come from sets
            "ISOLANE_RECORD": "on",
            "ISOLANE_REPORTS": ".isolane/reports",
            "PYTEST_DEBUG_TEMPROOT": str(self.temporary),  # in the common one a run has others' directories to remove
        }
        seeded = (f"--randomly-seed={SEED}",) if self.randomly else ()
        mark = f"no:{uuid.uuid4()}"  # by which the run is told from others in the same place
        done = subprocess.run(
            [self.prepared.python, "-m", "pytest", "-q", "-p", mark, *words, *seeded, *suite.arguments],
            cwd=self.prepared.source,
            env=clean_environ(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout
        (run,) = (one for one in summaries(self.prepared.source) if mark in one.header.argv)
        record = run.record()
        assert record.header is not None
        assert record.header.engine == engine
        return {} if record.collection_failures else record.outcomes

    def over_workers(self, engine: str, dist: str) -> Mapping[str, Outcome]:
        """Run the suite with two workers; nothing where xdist's workers never collected the same."""
        for _ in range(TRIES):
            found = self.outcomes(engine, "-n2", f"--isolane-engine={ASKED[engine]}", f"--dist={dist}")
            if found:
                return found
        collects_anew = any("serial" in known.phases for known in self.prepared.suite.differences)
        assert engine == "xdist", "a forked run collects once"
        assert collects_anew, f"no run of {TRIES} had one collection"
        return {}

    def differences(self, baseline: Mapping[str, Outcome], engine: str, dist: str) -> Iterator[str]:
        """Yield a line for each test that has another outcome than serially, and that nobody knows of."""
        started = time.monotonic()
        found = self.over_workers(engine, dist)
        kinds = ("serial", "parallel", *(("shuffled",) if self.randomly else ()))
        known = self.prepared.suite.differences
        seen = compare(baseline, found) if found else []
        print(
            f"{engine} {dist}: {len(found)} tests, {len(seen)} differ, {time.monotonic() - started:.1f} s", flush=True
        )
        for node_id, expected, other in seen:
            if not any(entry.covers(node_id, kind) for entry in known for kind in kinds):
                yield f"{engine} {dist}: {node_id}: {expected} serially, {other}"


def with_randomly(tmp_path: Path) -> Path:
    """Return a directory with pytest-randomly, as it is installed here, and nothing else."""
    distribution = importlib.metadata.distribution("pytest-randomly")
    home = Path(str(distribution.locate_file("")))
    folder = tmp_path / "randomly"
    folder.mkdir()
    for name in {path.parts[0] for path in distribution.files or ()}:
        (folder / name).symlink_to(home / name)
    return folder


def check(suite: Suite, tmp_path: Path, randomly: Path | None, engines: Sequence[str], modes: Sequence[str]) -> None:
    experiment = Experiment(prepare(suite, cache_folder()), randomly, tmp_path)
    baseline = experiment.outcomes()
    assert len(baseline) == suite.tests
    ways = [(engine, dist) for dist in modes for engine in engines]
    assert [line for way in ways for line in experiment.differences(baseline, *way)] == []


def parameter(name: str, *marks: pytest.MarkDecorator) -> object:
    suite = SUITES[name]
    oldest = ".".join(map(str, suite.python))
    too_old = pytest.mark.skipif(sys.version_info < suite.python, reason=f"{name} is pinned for Python {oldest}")
    return pytest.param(suite, id=name, marks=[too_old, *marks])


@pytest.mark.downstream
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", [parameter(name) for name in QUICKLY])
def test_forked_workers_bring_the_outcomes_of_a_serial_run(suite: Suite, tmp_path: Path) -> None:
    check(suite, tmp_path, None, ["fork"], QUICKLY[suite.name])


@pytest.mark.downstream
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", [parameter("jinja2")])
def test_forked_workers_bring_them_under_randomly_too(suite: Suite, tmp_path: Path) -> None:
    check(suite, tmp_path, with_randomly(tmp_path), ["fork"], ["loadscope"])


@pytest.mark.downstream
@pytest.mark.slow
@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize("randomly", [False, True], ids=["as collected", f"randomly seed {SEED}"])
@pytest.mark.parametrize("suite", [parameter(name) for name in SUITES])
def test_every_mode_of_both_engines_brings_them(suite: Suite, randomly: bool, tmp_path: Path) -> None:
    engines = ["xdist"] if suite.name in NOT_FORKED else ["fork", "xdist"]
    check(suite, tmp_path, with_randomly(tmp_path) if randomly else None, engines, MODES)


@pytest.mark.downstream
@pytest.mark.slow
@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize("suite", [parameter(name) for name in NOT_FORKED])
def test_a_suite_that_cannot_be_forked_goes_to_xdist_by_itself(suite: Suite, tmp_path: Path) -> None:
    experiment = Experiment(prepare(suite, cache_folder()), None, tmp_path)
    assert len(experiment.outcomes("xdist", "-n2", "--isolane-engine=auto")) == suite.tests


@pytest.mark.downstream
@pytest.mark.slow
@pytest.mark.timeout(LONGEST_SECONDS)
@pytest.mark.parametrize("suite", [parameter(name) for name in SUITES if name not in NOT_FORKED])
def test_workers_that_are_given_up_when_dirty_bring_what_a_process_a_test_brings(suite: Suite, tmp_path: Path) -> None:
    experiment = Experiment(prepare(suite, cache_folder()), None, tmp_path)
    leak, test = (
        experiment.outcomes("fork", "-n2", "--isolane-engine=fork", f"--isolane-isolation={isolation}")
        for isolation in ("leak", "test")
    )
    seen = compare(test, leak)
    print(f"{len(test)} tests, {len(seen)} differ", *(f"{node}: {a} alone, {b}" for node, a, b in seen), sep="\n")
    assert [one for one in seen if not any(entry.covers(one[0], "serial") for entry in suite.differences)] == []

"""The sessions that a noxfile gets from noxkit, run by nox itself."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

NOXFILE = """
    import nox

    from isolane.noxkit import define_sessions

    nox.needs_version = ">=2026.10.20"
    define_sessions(install=[])
    """
CONFTEST = """
    import json
    import os
    import pathlib

    def pytest_configure(config):
        if not hasattr(config, "workerinput"):
            seen = {"coverage": os.environ["COVERAGE_FILE"], "cache": config.getini("cache_dir")}
            pathlib.Path(f"seen-{os.getpid()}.json").write_text(json.dumps(seen))
    """
TESTS = """
    import os

    def test_a():
        assert os.environ["PYTEST_WORKERS"] in ("1", "2", "auto")

    def test_b():
        pass
    """
RIVALS = """
    taken = []

    def take():
        assert not taken
        taken.append("seat")

    def test_a():
        take()

    def test_b():
        take()
    """
COVERAGE = """
    [run]
    parallel = true
    branch = true
    source = .
    patch = subprocess
    relative_files = true

    [report]
    fail_under = {threshold}
    """


@pytest.fixture
def noxed(project: Any) -> Any:
    """A project whose noxfile has isolane's sessions, in a shell that knows of no nox and no CI around it."""
    for name in list(project.environment):
        if name == "CI" or name.startswith("NOX"):
            del project.environment[name]
    project.environment["PYTEST_ADDOPTS"] = "-p no:hypothesispytest -p no:rerunfailures"
    return project.write({"noxfile.py": NOXFILE, "conftest.py": CONFTEST, "test_two.py": TESTS})


@pytest.fixture
def unmeasured(noxed: Any) -> Any:
    """The same, where no coverage run around this test measures what the project measures itself."""
    for name in list(noxed.environment):
        if name.startswith("COV"):
            del noxed.environment[name]
    return noxed


def nox(project: Any, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run nox in this very interpreter and its environment, and return what it printed."""
    with project.start("nox", *arguments, env=environment) as process:
        out, err = process.communicate(timeout=100)
    assert process.returncode == code, out + err
    return str(out + err)


def sessions(noxed: Any, *arguments: str, **environment: str) -> list[str]:
    listing = nox(noxed, "--no-venv", "--json", "-l", *arguments, **environment)
    return [row["session"] for row in json.loads(listing) if "suite" in row["tags"]]


def headers(project: Any) -> list[Any]:
    """Return the header of every recorded run, in the order of their starts."""
    return sorted((run.header for run in project.runs()), key=lambda header: header.at)


def test_default_variants(noxed: Any) -> None:
    assert sessions(noxed) == [
        "serial(workers=1, seed=none)",
        "parallel(workers=2, seed=none)",
        "parallel(workers=auto, seed=none)",
        "stress(workers=auto, seed=none)",
        *(f"random-order(workers={workers}, seed={seed})" for workers in ("1", "auto") for seed in range(1, 6)),
        "coverage-combine(workers=1, seed=none)",
        "coverage-combine(workers=2, seed=none)",
        "bench(workers=1, seed=none)",
        "bench(workers=2, seed=none)",
        "bench(workers=auto, seed=none)",
    ]


@pytest.mark.req("RK-4")
def test_random_order_has_five_seeds(noxed: Any) -> None:
    ids = [name for name in sessions(noxed) if name.startswith("random-order(workers=1,")]

    assert len(set(ids)) == 5


def test_environment_changes_the_axes(noxed: Any) -> None:
    found = sessions(noxed, ISOLANE_WORKERS="3,auto", ISOLANE_SEEDS="7,8")

    assert [name for name in found if name.startswith("serial")] == [
        "serial(workers=1, seed=7)",
        "serial(workers=1, seed=8)",
    ]
    assert [name for name in found if name.startswith("stress")] == [
        "stress(workers=3, seed=7)",
        "stress(workers=3, seed=8)",
        "stress(workers=auto, seed=7)",
        "stress(workers=auto, seed=8)",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ISOLANE_WORKERS", "0"), ("ISOLANE_WORKERS", "2,many"), ("ISOLANE_SEEDS", "x")],
)
def test_a_bad_axis_is_one_line_and_a_usage_error(noxed: Any, variable: str, value: str) -> None:
    printed = nox(noxed, "--no-venv", "-l", code=4, **{variable: value})

    assert printed.count("\n") == 1
    assert printed.startswith(f"isolane: {variable}={value!r}: ")


def test_the_listing_feeds_a_matrix(noxed: Any) -> None:
    rows = json.loads(nox(noxed, "--no-venv", "--json", "-l"))

    parallel = next(row for row in rows if row["session"] == "parallel(workers=auto, seed=none)")
    assert parallel["name"] == "parallel"
    assert parallel["tags"] == ["suite"]
    assert parallel["call_spec"] == {"workers": "auto", "seed": None}


@pytest.mark.slow
@pytest.mark.req("R4.2")
@pytest.mark.req("R4.3")
def test_serial_has_no_worker_and_parallel_has_two(noxed: Any) -> None:
    printed = nox(noxed, "--no-venv", "-s", "serial", "parallel(workers=2, seed=none)", "--", "-q", "-k", "test_a")

    assert printed.count("1 passed") == 2
    assert [header.workers for header in headers(noxed)] == [0, 2]
    assert [header.seed for header in headers(noxed)] == [None, None]


@pytest.mark.slow
def test_a_typed_seed_runs_once_a_worker_count(noxed: Any) -> None:
    assert sessions(noxed, "-s", "random-order", "--", "12345") == [
        "random-order(workers=1, seed=12345)",
        "random-order(workers=auto, seed=12345)",
    ]

    printed = nox(noxed, "--no-venv", "-s", "random-order", "--", "12345", "-k", "test_b", ISOLANE_WORKERS="1")

    assert "--randomly-seed=12345" in printed
    assert "1 passed, 1 deselected" in printed
    assert len(headers(noxed)) == 1


@pytest.mark.slow
def test_a_seed_that_fails_is_reduced_to_its_polluter(noxed: Any) -> None:
    noxed.write({"test_two.py": RIVALS})

    printed = nox(noxed, "--no-venv", "-s", "random-order", "--", "1", ISOLANE_WORKERS="1", code=1)

    polluter, victim = ("test_a", "test_b") if "FAILED test_two.py::test_b" in printed else ("test_b", "test_a")
    assert f"1. polluter:\n     test_two.py::{polluter}\n" in printed
    assert f"   1 victim:\n     test_two.py::{victim}\n" in printed


@pytest.mark.slow
def test_sessions_side_by_side_share_no_file(noxed: Any) -> None:
    printed = nox(noxed, "--no-venv", "-j2", "-s", "parallel", "--", "-q", ISOLANE_WORKERS="1,2")

    assert printed.count("2 passed") == 2
    seen = [json.loads(path.read_text()) for path in noxed.path.glob("seen-*.json")]
    assert len(seen) == 2
    assert {Path(one["coverage"]).name for one in seen} == {
        "parallel-workers-1-seed-none",
        "parallel-workers-2-seed-none",
    }
    # One run of nox, one directory: what is merged belongs together.
    assert len({Path(one["coverage"]).parent for one in seen}) == 1
    assert len({one["cache"] for one in seen}) == 2


@pytest.mark.slow
@pytest.mark.req("PY-006-INT-001")
def test_stress_takes_the_number_of_runs(noxed: Any) -> None:
    nox(noxed, "--no-venv", "-s", "stress", "--", "3", "-k", "test_b", ISOLANE_WORKERS="1")

    assert [header.label for header in headers(noxed)] == ["stress"] * 3


@pytest.mark.slow
@pytest.mark.req("R3.1")
def test_coverage_of_serial_and_parallel_is_merged_and_judged(unmeasured: Any) -> None:
    (unmeasured.path / ".coveragerc").write_text(dedent(COVERAGE).format(threshold=50))
    stale = unmeasured.path / "reports" / "coverage" / "data" / "earlier" / "serial"
    stale.parent.mkdir(parents=True)
    stale.write_text("of older sources")

    nox(unmeasured, "--no-venv", "-s", "coverage-combine")

    kept = (unmeasured.path / "reports" / "coverage" / "data").rglob("*.*")
    assert {path.name.partition(".")[0] for path in kept} == {
        "coverage-combine-workers-1-seed-none",
        "coverage-combine-workers-2-seed-none",
    }
    assert (unmeasured.path / ".coverage").is_file()
    assert (unmeasured.path / "reports" / "coverage" / "html" / "index.html").is_file()
    assert not stale.exists()

    (unmeasured.path / ".coveragerc").write_text(dedent(COVERAGE).format(threshold=100))
    (unmeasured.path / "untested.py").write_text("def never():\n    return 1\n")
    printed = nox(unmeasured, "--no-venv", "-s", "coverage-combine(workers=1, seed=none)", code=1)

    assert "below the threshold of 100 %" in printed


def test_coverage_that_would_not_see_the_workers_is_refused(unmeasured: Any) -> None:
    (unmeasured.path / ".coveragerc").write_text("[run]\nparallel = true\n")

    printed = nox(unmeasured, "--no-venv", "-s", "coverage-combine(workers=2, seed=none)", code=1)

    assert "put patch = subprocess under [run]" in printed


@pytest.mark.slow
def test_bench_times_the_suite(noxed: Any) -> None:
    printed = nox(noxed, "--no-venv", "-s", "bench", "--", "-k", "test_b", ISOLANE_WORKERS="1")

    assert {header.label for header in headers(noxed)} == {"bench"}
    assert "medians of 3 pairs" in printed


@pytest.mark.parametrize(("ci", "code", "status"), [("", 0, "skipped"), ("true", 1, "failed")])
def test_a_missing_interpreter_is_skipped_here_and_an_error_in_ci(noxed: Any, ci: str, code: int, status: str) -> None:
    (noxed.path / "noxfile.py").write_text(
        "import nox\nfrom isolane.noxkit import set_options\nset_options()\n"
        "@nox.session(python='3.99', venv_backend='virtualenv')\ndef tests(session):\n    raise AssertionError\n"
    )
    nox(noxed, "--envdir", "envs", "--report", "report.json", code=code, CI=ci)

    assert json.loads((noxed.path / "report.json").read_text())["sessions"][0]["result"] == status

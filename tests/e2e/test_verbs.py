"""``isolane stress``, ``bench``, ``gate``, ``run``, and the timings that runs leave."""

from __future__ import annotations

import json

import pytest

SUITE = {"test_a.py": "def test_a(): pass\ndef test_b(): pass\n", "test_c.py": "def test_c(): pass\n"}
SOMETIMES = {
    "test_sometimes.py": """
        import os
        from pathlib import Path

        def test_every_third_time():
            count = Path(__file__).with_name("count")
            number = int(count.read_text()) + 1 if count.exists() else 1
            count.write_text(str(number))
            assert number % 3

        def test_never(): raise ValueError
    """
}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_stress_of_a_clean_suite_says_what_it_does_not_say(project, workers):
    ended = project.write(SUITE).isolane("stress", "3", "-n", workers)
    assert ended.code == 0, ended.text
    assert "3 runs of 3 tests" in ended.out
    assert "up to 63% of runs may well pass 3 times" in " ".join(ended.out.split())
    assert [run.header.workers for run in project.runs()] == [0 if workers == "1" else 2] * 3


def test_stress_tells_flaky_from_broken_and_gives_the_interval(project):
    ended = project.write(SOMETIMES).isolane("stress", "3", "-n", "1", "--json")
    assert ended.code == 1
    assert ended.data["failed_runs"] == 3
    flaky, broken = ended.data["misbehaving"]
    assert (flaky["node_id"], flaky["failures"], flaky["runs"]) == ("test_sometimes.py::test_every_third_time", 1, 3)
    assert [round(end, 4) for end in flaky["interval"]] == [0.0084, 0.9057]
    assert (broken["node_id"], broken["failures"]) == ("test_sometimes.py::test_never", 3)
    text = project.isolane("stress", "3", "-n", "1").out
    assert "Flaky:\n  test_sometimes.py::test_every_third_time\n    1 of 3 (flake rate 0.8% to 90.6%" in text
    assert "Broken (failed every time):\n  test_sometimes.py::test_never\n    3 of 3" in text


@pytest.mark.parametrize("runs", ["0", "-1", "many"])
def test_stress_wants_a_number_of_runs(project, runs):
    ended = project.write(SUITE).isolane("stress", runs)
    assert ended.code == 4
    assert "Traceback" not in ended.text


@pytest.mark.req("R1.2")
@pytest.mark.req("R5.2")
def test_a_parallel_run_writes_its_timings_beside_the_serial_run_before_it(project):
    project.write(SUITE)
    project.pytest("--isolane-record=on")
    parallel = project.pytest(PYTEST_WORKERS="2")
    assert "isolane: 3 tests in " in parallel.out
    assert "serial before: " in parallel.out
    page = (project.path / "reports/ci_timings.md").read_text()
    header, row = (line for line in page.splitlines() if line.startswith("| "))
    cells = dict(
        zip(header.strip("| ").split(" | "), (cell.strip() for cell in row.strip("|").split("|")), strict=True)
    )
    assert (cells["workers"], cells["dist"], cells["tests"]) == ("2 fork", "loadscope", "3")
    phases = ("start", "import and collection", "running tests", "teardown", "reporting")
    assert sum(float(cells[phase]) for phase in phases) == pytest.approx(float(cells["after (this run)"]), abs=0.05)
    assert float(cells["before (serial)"]) > 0
    assert cells["speed-up"].endswith("×")


@pytest.mark.req("R5.2")
def test_rows_are_newest_first_and_outlive_their_records(project):
    project.write(SUITE)
    for _ in range(3):
        project.pytest("-n", "2", "--isolane-keep-runs=1")
    assert len(project.runs()) == 1
    rows = [
        line for line in (project.path / "reports/ci_timings.md").read_text().splitlines() if line.startswith("| 2")
    ]
    runs = [row.strip("| ").rpartition(" | ")[2] for row in rows]  # a second may have several runs; their ids tell
    assert len(runs) == 3
    assert runs == sorted(runs, reverse=True)


@pytest.mark.req("R1.2")
def test_in_github_actions_the_row_is_in_the_steps_summary(project, tmp_path):
    summary = tmp_path / "summary.md"
    project.write(SUITE).pytest("-n", "2", GITHUB_STEP_SUMMARY=str(summary))
    assert "| 2 fork | loadscope | 3 |" in summary.read_text()


def test_bench_measures_pairs_and_writes_the_timings(project):
    ended = project.write(SUITE).isolane("bench", "--workers", "1,2", "--pairs", "2", "--json")
    assert ended.code == 0, ended.text
    (row,) = ended.data["rows"]
    assert (ended.data["tests"], ended.data["pairs"], row["workers"]) == (3, 2, 2)
    low, middle, high = row["ratios"]
    assert 0 < low <= middle <= high
    page = (project.path / "reports/ci_timings.md").read_text()
    assert page.count("| 2 fork | loadscope | 3 |") == 2


def test_bench_takes_its_worker_counts_and_reports_from_the_projects_configuration(project):
    project.write(SUITE | {"pytest.ini": "[pytest]\nisolane_workers = 1\nisolane_reports = out\n"})
    ended = project.isolane("bench", "--pairs", "1", "--json")
    assert (ended.code, ended.data["rows"]) == (0, []), ended.text
    assert (project.path / "out/ci_timings.md").is_file() is False  # a serial run alone has no row
    ended = project.isolane("bench", "--pairs", "1", "--json", ISOLANE_WORKERS="1,2")
    assert [row["workers"] for row in ended.data["rows"]] == [2]
    assert (project.path / "out/ci_timings.md").is_file()
    ended = project.isolane("bench", "--pairs", "1", ISOLANE_WORKERS="two")
    assert ended.code == 4
    assert "ISOLANE_WORKERS or ini isolane_workers='two' is not a number of workers." in ended.err


@pytest.mark.parametrize("verb", [("stress", "2", "-n", "1"), ("bench", "--workers", "1", "--pairs", "2")])
def test_repeated_runs_have_the_same_hash_seed(project, verb):
    body = "with open('seen', 'a') as file: print(hash('a'), file=file)"
    ended = project.write({"test_seed.py": f"def test_seed():\n    {body}\n"}).isolane(*verb)
    assert ended.code == 0, ended.text
    lines = (project.path / "seen").read_text().splitlines()
    assert (len(lines), len(set(lines))) == (2, 1)


def test_the_gate_needs_runs_to_decide_on(project):
    project.write(SUITE)
    ended = project.isolane("gate")
    assert ended.code == 4
    assert "No parallel run is on record" in ended.err
    project.pytest("-n", "2")
    ended = project.isolane("gate")
    assert ended.code == 4
    assert "No serial run of the same tests is on record" in ended.err


SPLIT = {
    "test_split.py": """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(10))
        def test_split(number):
            assert number or "PYTEST_XDIST_WORKER" not in os.environ
    """
}


@pytest.mark.req("R5.1")
def test_the_gate_rolls_back_and_names_what_only_fails_in_parallel(project):
    project.write(SPLIT)
    project.pytest("--isolane-record=on")
    for _ in range(3):
        project.pytest("-n", "2")
    ended = project.isolane("gate")
    assert ended.code == 1
    assert ended.out.startswith(
        "roll back to serial (PYTEST_WORKERS=1): 10.0% of the tests are newly flaky (over 5%); "
        "3 intermittent failures in 3 runs (over 2)"
    )
    assert "  test_split.py::test_split[0]\n" in ended.out


SLEEPY = {f"test_{name}.py": "import threading\ndef test_slow(): threading.Event().wait(1)\n" for name in "ab"}


def test_the_gate_keeps_parallel_runs_that_are_as_good(project):
    """The tests wait so long that two at a time are done sooner, though workers have to be started."""
    project.write(SLEEPY)
    project.pytest("--isolane-record=on")
    project.pytest("-n", "2")
    ended = project.isolane("gate", "--json")
    assert ended.code == 0, ended.text
    assert ended.data["keep"] is True
    assert ended.data["reasons"] == ended.data["tests"] == []


def test_run_brings_isolane_along_and_exits_as_pytest_does(project, other_python):
    project.write(SUITE | {"test_bad.py": "def test_bad(): assert 0\n"})
    ended = project.isolane(
        "run", ".", "--python", other_python, "-n", "2", "--seed", "3", "--", "-v", PYTEST_ADDOPTS=""
    )
    assert ended.code == 1, ended.text
    assert "engine fork, 2 workers (planned by isolane), --dist loadscope, isolation leak, seed 3" in ended.out
    assert "1 failed, 3 passed" in ended.out


def test_help_is_for_newcomers(project):
    ended = project.isolane("--help")
    assert ended.code == 0
    for word in ("prove", "stress", "bench", "gate", "run", "combine", "init", "Start with", "Exit codes"):
        assert word in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100


def test_no_verb_shows_the_help_and_is_a_usage_error(project):
    ended = project.isolane()
    assert ended.code == 4
    assert "Start with" in ended.out


def test_an_unknown_verb_is_a_usage_error(project):
    assert project.isolane("conquer").code == 4


def test_a_record_of_a_newer_isolane_is_refused(project):
    project.write(SUITE).pytest("-n", "2")
    log = project.runs()[0].directory / "events.jsonl"
    first, _, rest = log.read_text().partition("\n")
    log.write_text(json.dumps({**json.loads(first), "format": 99}) + "\n" + rest)
    ended = project.isolane("gate")
    assert ended.code == 3
    assert "has format 99, this isolane reads up to 1. Upgrade isolane" in ended.err


def test_the_gate_compares_runs_of_the_same_tests(project):
    project.write(SPLIT)
    project.pytest("-k", "split and 1", "--isolane-record=on")
    project.pytest("-n", "2")
    ended = project.isolane("gate")
    assert ended.code == 4
    assert "No serial run of the same tests" in ended.err


def test_the_ini_files_stall_timeout_holds_for_every_verb(project):
    project.write(
        {
            "pytest.ini": "[pytest]\nisolane_stall_timeout = 2\n",
            "test_z.py": "import threading\ndef test_hang(): threading.Event().wait()\n",
        }
    )
    ended = project.isolane("stress", "1", "-n", "1", "--json", "--", "-p", "no:timeout")
    assert ended.code == 1, ended.text
    assert ended.data["deaths"] == ["run 1 of 1: the process hung while test_z.py::test_hang ran"]

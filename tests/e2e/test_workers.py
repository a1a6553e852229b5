"""PYTEST_WORKERS, ``-n`` and ``--dist`` in real runs."""

from __future__ import annotations

import os

import pytest

SUITE = {
    "test_lane.py": """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_where(number, request):
            worker = os.environ.get("PYTEST_XDIST_WORKER", "none")
            with open(request.config.rootpath / f"seen-{number}", "w") as file:
                file.write(worker)
    """
}


def workers_seen(project):
    return {path.read_text() for path in project.path.glob("seen-*")}


@pytest.mark.req("R4.3")
@pytest.mark.parametrize("value", [None, "1"])
def test_unset_or_1_starts_no_worker(project, value):
    env = {} if value is None else {"PYTEST_WORKERS": value}
    ended = project.write(SUITE).pytest(**env)
    assert ended.code == 0
    assert workers_seen(project) == {"none"}
    assert "engine serial" in ended.out


@pytest.mark.req("R4.3")
def test_serial_run_says_the_same_as_one_without_xdist(project):
    project.write(
        {
            "test_a.py": """
            import pytest
            def test_a(): pass
            def test_b(): assert 0
            def test_c(): pytest.skip()
            """
        }
    )
    with_xdist = project.pytest("-rA", PYTEST_WORKERS="1")
    without = project.pytest("-rA", "-p", "no:xdist", "-p", "no:isolane")
    tail = [line for line in with_xdist.out.splitlines() if line.startswith(("PASSED", "FAILED", "SKIPPED"))]
    assert tail == [line for line in without.out.splitlines() if line.startswith(("PASSED", "FAILED", "SKIPPED"))]
    assert len(tail) == 3
    assert with_xdist.code == without.code == 1


@pytest.mark.req("R4.2")
def test_a_number_gives_exactly_that_many_workers(project):
    ended = project.write(SUITE).pytest("--dist", "load", PYTEST_WORKERS="3")
    assert ended.code == 0
    assert "3 workers" in ended.out
    assert workers_seen(project) <= {"gw0", "gw1", "gw2"}
    assert project.runs()[0].header.workers == 3


@pytest.mark.req("R4.1")
def test_auto_gives_a_worker_for_each_processor_this_process_may_use(project):
    one = sorted(os.sched_getaffinity(0))[:1]

    def on_one_processor():
        os.sched_setaffinity(0, one)

    with project.write(SUITE).start("pytest", env={"PYTEST_WORKERS": "auto"}, preexec_fn=on_one_processor) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "1 worker (PYTEST_WORKERS=auto: 1 processor to use)" in out
    assert workers_seen(project) == {"gw0"}


@pytest.mark.req("R4.1")
def test_minus_n_auto_counts_the_same_way(project):
    ended = project.write(SUITE).pytest("-n", "auto")
    assert f"{len(os.sched_getaffinity(0))} worker" in ended.out


@pytest.mark.req("R4.2")
@pytest.mark.parametrize(("typed", "expected"), [("0", "engine serial (-n 0 given)"), ("2", "2 workers (-n 2 given)")])
def test_a_typed_n_wins_over_the_environment(project, typed, expected):
    ended = project.write(SUITE).pytest("-n", typed, PYTEST_WORKERS="3")
    assert ended.code == 0
    assert expected in ended.out


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "2 workers (-n 2 in the ini file's addopts), --dist loadfile"), ("1", "engine serial (PYTEST_WORKERS=1)")],
)
def test_the_environment_wins_over_the_ini_file(project, value, expected):
    project.write(SUITE | {"pytest.ini": "[pytest]\naddopts = -n 2 --dist loadfile\n"})
    env = {} if value is None else {"PYTEST_WORKERS": value}
    ended = project.pytest(**env)
    assert ended.code == 0
    assert expected in ended.out


@pytest.mark.parametrize(
    ("arguments", "dist"),
    [((), "loadscope (default)"), (("--dist", "load"), "load"), (("--dist=worksteal",), "worksteal")],
)
def test_parallel_runs_default_to_loadscope(project, arguments, dist):
    ended = project.write(SUITE).pytest("-n", "2", *arguments)
    assert f"--dist {dist}," in ended.out


@pytest.mark.parametrize("value", ["0", "two"])
def test_a_bad_value_is_one_clear_line_and_exit_4(project, value):
    ended = project.write(SUITE).pytest(PYTEST_WORKERS=value)
    assert ended.code == 4
    assert [line for line in ended.err.splitlines() if line] == [
        f"ERROR: isolane: PYTEST_WORKERS={value!r} is not a number of workers. "
        "Use a whole number from 1 (1 is serial), or auto. [bad-worker-count]"
    ]
    assert workers_seen(project) == set()


def test_what_a_worker_starts_is_not_split_again(project):
    project.write(
        {
            "inner/pytest.ini": "[pytest]\n",
            "inner/test_inner.py": "def test_inner(): pass\n",
            "test_outer.py": """
                import subprocess, sys
                def test_outer():
                    done = subprocess.run([sys.executable, "-m", "pytest", "inner"], capture_output=True, text=True)
                    assert done.returncode == 0
                    assert "engine serial (in a worker)" in done.stdout, done.stdout
            """,
        }
    )
    ended = project.pytest("test_outer.py", PYTEST_WORKERS="2")
    assert ended.code == 0, ended.out


def test_workers_without_xdist_are_one_clear_line(project):
    ended = project.write(SUITE).pytest("-p", "no:xdist", PYTEST_WORKERS="2")
    assert ended.code == 4
    assert "pytest-xdist is not loaded" in ended.err


def test_pytest_cov_sees_a_distributed_run(project):
    project.write(
        {"lane.py": "def used():\n    return 1\n", "test_a.py": "import lane\ndef test_a(): assert lane.used() == 1\n"}
    )
    ended = project.pytest("--cov=lane", PYTEST_WORKERS="2")
    assert ended.code == 0
    assert "lane.py       2      0   100%" in ended.out
    assert not list(project.path.glob(".coverage.*"))


@pytest.mark.parametrize("words", [("-n", "0"), ("-n", "2"), ("-n", "2", "--isolane-engine=xdist")], ids=" ".join)
def test_a_conftest_above_the_suite_is_none_of_its_own(project, words):
    """pytest stops looking at rootdir; arguments that are put in must not make it go on."""
    project.write(SUITE)
    (project.path / "pytest.ini").write_text("[pytest]\n")
    above = project.path.parent / "conftest.py"
    above.write_text("raise AssertionError('this is another project')\n")
    ended = project.pytest(*words)
    assert ended.code == 0, ended.text

"""What a run leaves on record."""

from __future__ import annotations

import json

import pytest
from throwaway_project import QUICK

from isolane.model.events import FORMAT
from isolane.model.outcome import Category

SUITE = {
    "test_kinds.py": """
        import pytest

        def test_pass(): pass
        def test_fail(): assert 1 == 2
        def test_raise(): raise KeyError("gone")

        @pytest.fixture
        def no_setup(): raise OSError("no")
        def test_setup(no_setup): pass

        @pytest.fixture
        def no_teardown():
            yield
            raise RuntimeError("late")
        def test_teardown(no_teardown): pass
        def test_fail_and_teardown(no_teardown): raise KeyError

        def test_skip(): pytest.skip("not now")
        @pytest.mark.skip(reason="never")
        def test_marked(): pass
        @pytest.mark.xfail(reason="known")
        def test_xfail(): assert 0
        @pytest.mark.xfail(reason="not any more")
        def test_xpass(): pass
        @pytest.mark.xfail(strict=True)
        def test_strict(): pass
        @pytest.mark.parametrize("text", ["a::b", "ü", "line\\nbreak", "[x]"])
        def test_ids(text): pass
    """
}
EXPECTED = {
    "test_pass": (Category.PASSED, ""),
    "test_fail": (Category.FAILED, "AssertionError"),
    "test_raise": (Category.FAILED, "KeyError"),
    "test_setup": (Category.SETUP_ERROR, "OSError"),
    "test_teardown": (Category.TEARDOWN_ERROR, "RuntimeError"),
    "test_fail_and_teardown": (Category.FAILED, "KeyError, then in teardown RuntimeError"),
    "test_skip": (Category.SKIPPED, "not now"),
    "test_marked": (Category.SKIPPED, "never"),
    "test_xfail": (Category.XFAILED, "known"),
    "test_xpass": (Category.XPASSED, "not any more"),
    "test_strict": (Category.FAILED, "XPASS(strict)"),
}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_every_outcome_is_told_apart_serially_and_in_parallel(project, workers):
    project.write(SUITE).pytest("-n", workers, "--isolane-record=on")
    (run,) = project.runs()
    record = run.record()
    found = {name.partition("::")[2]: (one.category, one.detail) for name, one in record.outcomes.items()}
    assert {name: found[name] for name in EXPECTED} == EXPECTED
    assert len(found) == len(EXPECTED) + 4
    assert record.exit_code == 1
    assert sum(run.end.counts.values()) == len(found)
    failed = record.finished["test_kinds.py::test_raise"]
    assert failed.message == "KeyError: 'gone'"
    assert failed.location.endswith("test_kinds.py:6")
    assert set(record.sequences) == ({"controller"} if workers == "0" else set(record.sequences) & {"gw0", "gw1"})


def test_the_header_tells_how_to_run_it_again(project):
    project.write(SUITE | {"pytest.ini": "[pytest]\naddopts = -ra\n"})
    project.pytest("-k", "test_kinds", "test_kinds.py", "--isolane-record=on", "--isolane-seed", "5")
    header = project.runs()[0].header
    assert header.argv == ("-k", "test_kinds", "test_kinds.py", "--isolane-record=on", "--isolane-seed", "5")
    assert header.positional == ("test_kinds.py",)
    assert "-ra" in header.addopts
    assert (header.engine, header.workers, header.seed, header.label) == ("serial", 0, 5, "serial")
    assert header.rootdir == header.directory == str(project.path)
    assert header.format == FORMAT
    assert header.settings["record"] == "on"


@pytest.mark.parametrize(
    ("arguments", "recorded"),
    [((), 0), (("--isolane-record=on",), 1), (("-n", "2"), 1), (("-n", "2", "--isolane-record=off"), 0)],
)
def test_parallel_runs_are_recorded_and_serial_ones_when_asked(project, arguments, recorded):
    project.write(SUITE).pytest(*arguments)
    assert len(project.runs()) == recorded
    assert (project.path / ".isolane").exists() == bool(recorded)


SHOWS = ["--help", "--version", "--markers", "--fixtures", "--collect-only", "--cache-show"]


@pytest.mark.parametrize(("option", "workers"), [*((option, "2") for option in SHOWS), ("--collect-only", "0")])
def test_what_only_shows_something_is_no_run(project, option, workers):
    with_cache = QUICK.replace("-p no:cacheprovider", "")
    ended = project.write(SUITE).pytest(option, "-n", workers, ISOLANE_RECORD="on", PYTEST_ADDOPTS=with_cache)
    assert ended.code == 0, ended.text
    assert not (project.path / ".isolane").exists()


def test_the_record_is_not_for_git(project):
    project.write(SUITE).pytest("-n", "2")
    assert (project.path / ".isolane/.gitignore").read_text().endswith("*\n")


def test_old_runs_go(project):
    project.write({"test_a.py": "def test_a(): pass\n"})
    for _ in range(4):
        project.pytest("--isolane-record=on", "--isolane-keep-runs=2")
    assert len(project.runs()) == 2


def test_events_are_in_the_log_as_they_happen(project):
    """A test reads its own run's log: its start is there, and all of the test before it."""
    project.write(
        {
            "test_log.py": """
            import json

            def events(request):
                (log,) = (request.config.rootpath / ".isolane/runs").glob("*/events.jsonl")
                return [json.loads(line) for line in log.read_text().splitlines()]

            def test_first(request): pass
            def test_second(request):
                assert [(one["kind"], one.get("node_id")) for one in events(request)[-3:]] == [
                    ("test-started", "test_log.py::test_first"),
                    ("test-finished", "test_log.py::test_first"),
                    ("test-started", "test_log.py::test_second"),
                ]
            """
        }
    )
    ended = project.pytest("--isolane-record=on")
    assert ended.code == 0, ended.out


def test_a_failing_subtest_fails_its_test(project):
    project.write({"test_sub.py": "def test_sub(subtests):\n    with subtests.test('x'):\n        assert 0\n"})
    ended = project.pytest("--isolane-record=on")
    assert ended.code == 1
    outcomes = project.runs()[0].record().outcomes
    assert [str(one) for one in outcomes.values()] == ["failed"]


def test_a_seed_draws_one_order_for_all_workers(project):
    project.write({f"test_{letter}.py": "".join(f"def test_{n}(): pass\n" for n in range(5)) for letter in "abc"})
    assert project.pytest("--isolane-seed", "3", "--isolane-record=on").code == 0
    assert project.pytest("--isolane-seed", "3", "-n", "2").code == 0
    assert project.pytest("--isolane-record=on").code == 0
    third, second, first = (run.record().node_ids for run in project.runs())
    assert first == second != third
    assert set(first) == set(third)


def test_an_order_file_runs_exactly_that(project):
    project.write({"test_a.py": "def test_1(): pass\ndef test_2(): pass\ndef test_3(): pass\n"})
    (project.path / "order.txt").write_text("test_a.py::test_3\ntest_a.py::test_1\n")
    ended = project.pytest("--isolane-order", "order.txt", "--isolane-record=on")
    assert "2 passed, 1 deselected" in ended.out
    assert project.runs()[0].record().sequences == {"controller": ["test_a.py::test_3", "test_a.py::test_1"]}


def test_reruns_count_once(project):
    project.write(
        {
            "test_again.py": """
            from pathlib import Path
            def test_second_time(tmp_path):
                mark = Path(__file__).with_name("mark")
                first, _ = not mark.exists(), mark.touch()
                assert not first
            """
        }
    )
    with_reruns = QUICK.replace("-p no:rerunfailures", "")
    assert project.pytest("--reruns", "2", "--isolane-record=on", PYTEST_ADDOPTS=with_reruns).code == 0
    finished = project.runs()[0].record().finished["test_again.py::test_second_time"]
    assert (finished.category, finished.attempts) == (Category.PASSED, 2)


def test_the_log_is_one_json_object_a_line(project):
    project.write(SUITE).pytest("-n", "2")
    for line in (project.runs()[0].directory / "events.jsonl").read_text().splitlines():
        assert json.loads(line)["kind"]


def test_a_seed_of_ours_wins_over_pytest_randomly(project):
    project.write({"test_a.py": "".join(f"def test_{n}(): pass\n" for n in range(8))})
    shuffled = QUICK.replace("-p no:randomly", "")
    for _ in range(2):
        ended = project.pytest("--isolane-seed", "3", "--isolane-record=on", PYTEST_ADDOPTS=shuffled)
        assert ended.code == 0, ended.text
    first, second = (run.record().node_ids for run in project.runs())
    assert first == second != tuple(sorted(first))

"""What plugins do over xdist's workers they do over forked ones: outcomes, what is printed, what is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_runs import AGES, Laboratory, Run, alike, laboratory, names_in
from plugin_suites import CHANGED_SNAPSHOTS, DATABASES, MANY, SNAPSHOTS

pytestmark = pytest.mark.downstream

Runs = tuple[Run, Run]


@pytest.fixture(scope="module", params=AGES)
def age(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lab(age: str, tmp_path: Path) -> Laboratory:
    return laboratory(age, tmp_path)


@pytest.fixture(scope="module")
def many(age: str, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """One suite for seven plugins, all found by their entry points: over workers of xdist, and over forked ones."""
    options = ("--randomly-seed=7", "--dist=load", "-rR", "--hypothesis-show-statistics")
    return laboratory(age, tmp_path_factory.mktemp("many")).both(
        MANY, *options, "-pno:django", "-pno:syrupy", plugins="all"
    )


def test_many_plugins_at_once(many: Runs) -> None:
    xdist, fork = many
    alike(xdist, fork)
    assert fork.counts() == "6 failed, 12 passed, 3 rerun"
    assert fork.lines("Using --randomly-seed=7")
    assert names_in(fork.folder) == names_in(xdist.folder)


def test_timeouts_are_named(many: Runs) -> None:
    xdist, fork = many
    assert fork.lines(r"^E +Failed: Timeout")
    assert fork.lines(r"^E +Failed: Timeout") == xdist.lines(r"^E +Failed: Timeout")
    assert fork.lines("crashed while running 'test_timeout.py::test_worker_is_ended'")
    assert len(fork.lines(r"\+ Timeout \+")) == 2
    assert fork.lines(r"test_timeout\.py.* in test_worker_is_ended")


def test_a_seed_draws_the_same_for_each_test(many: Runs) -> None:
    xdist, fork = many
    drawn = fork.properties("drawn")
    assert drawn == xdist.properties("drawn")
    assert len(drawn) == 3


def test_reruns_are_counted_over_a_crash_too(many: Runs) -> None:
    xdist, fork = many
    assert sorted(fork.lines("^RERUN")) == sorted(xdist.lines("^RERUN"))
    assert len(fork.lines("^RERUN")) == 3
    assert [(fork.folder / name).read_text() for name in ("second", "never", "crash")] == ["xx", "xx", "xx"]


def test_properties_have_statistics_and_examples(many: Runs) -> None:
    xdist, fork = many
    told = r"::test_.*:$|passing examples, \d+ failing|numbers=\["
    assert sorted(fork.lines(told)) == sorted(xdist.lines(told))
    assert len(fork.lines(r"^test_properties.py::test_\w+:$")) == 2


def test_a_spys_difference_is_shown(many: Runs) -> None:
    xdist, fork = many
    assert fork.lines("^E .*listener") == xdist.lines("^E .*listener") != []


def test_benchmarks_are_not_measured(lab: Laboratory) -> None:
    files = {f"test_{name}.py": MANY["test_benchmarks.py"] for name in "ab"}
    xdist, fork = lab.both(files, "--benchmark-json=measured.json", plugins="benchmark")
    alike(xdist, fork)
    warned = "automatically disabled because xdist"
    assert bool(fork.lines(warned)) == bool(xdist.lines(warned)) is True
    assert names_in(fork.folder) == names_in(xdist.folder)


def test_each_worker_has_its_database(lab: Laboratory) -> None:
    xdist, fork = lab.both(DATABASES, "--no-migrations", plugins="django")
    alike(xdist, fork)
    assert set(fork.outcomes.values()) == {"passed"}
    assert {Path(name).name for name in fork.properties("database").values()} == {"test_gw0", "test_gw1"}
    assert names_in(fork.folder) == names_in(xdist.folder)


def test_snapshots_are_written_compared_and_counted(lab: Laboratory) -> None:
    reports, written = [], []
    for engine in ("xdist", "fork"):
        folder = lab.write(engine, SNAPSHOTS)
        first = lab.pytest(folder, engine, "--snapshot-update", plugins="syrupy")
        assert first.code == 0
        lab.write(engine, CHANGED_SNAPSHOTS)
        second = lab.pytest(folder, engine, plugins="syrupy")
        assert second.code == 1
        about = r"snapshots? (passed|failed|generated|unused|updated|deleted)|^Re-run|^Unused|^Deleted"
        reports.append([run.lines(about) for run in (first, second)])
        written.append({name: (folder / name).read_text() for name in names_in(folder)})
    assert reports[1] == reports[0]
    assert written[1] == written[0]
    assert len(written[1]) == 4


def test_one_unit_of_snapshots_is_a_whole_report(lab: Laboratory) -> None:
    """Two workers are asked for, and there is work for one: syrupy waits for as many reports as there are workers."""
    runs = []
    for engine in ("xdist", "fork"):
        folder = lab.write(engine, {"test_a.py": SNAPSHOTS["test_a.py"]})
        lab.pytest(folder, "fork", "--snapshot-update", plugins="syrupy")
        (folder / "test_a.py").write_text(CHANGED_SNAPSHOTS["test_a.py"])
        runs.append(lab.pytest(folder, engine, plugins="syrupy"))
    alike(*runs)
    assert runs[1].lines("unused") == runs[0].lines("unused")
    assert not runs[1].lines("received 1 of 2")


@pytest.mark.parametrize("plugins", ["rerunfailures", "timeout"])
def test_a_thread_of_a_conftests_own_needs_xdist(lab: Laboratory, plugins: str) -> None:
    """Where pytest-rerunfailures is loaded there is a thread of its own too, which may be there."""
    folder = lab.write(
        "thread",
        {
            "conftest.py": """
                import threading

                ended = threading.Event()


                def pytest_configure(config):
                    if not hasattr(config, "workerinput"):
                        threading.Thread(target=ended.wait, name="beat").start()


                def pytest_unconfigure(config):
                    ended.set()
            """,
            "test_one.py": "def test_one():\n    pass\n",
        },
    )
    run = lab.python_run(folder, "-m", "pytest", "-pxdist", f"-p{plugins}", "-pisolane", "-n2", "--junitxml=junit.xml")
    assert run.code == 0
    assert run.lines("isolane: engine xdist after all: thread 'beat' alive before the first fork")

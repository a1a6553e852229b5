"""What a checkout's tests are expected to take: learned from runs, kept in an index that may be lost at any time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.model.event_samples import ended, passed, run_finished, run_started

import isolane
from isolane.history import durations
from isolane.history.durations import FORMAT, INDEX_NAME, NEWEST_RUNS, expected_seconds, remember_run
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import DIRECTORY, runs_directory
from isolane.model.events import Event
from isolane.model.outcome import Category
from isolane.statistics.expected_duration import HALF_LIFE_DAYS, PRIOR_WEIGHT

NOW = 1_000.5
"""When the sample events end."""
SLOW, QUICK, OTHER = "tests/test_a.py::test_slow", "tests/test_a.py::TestX::test_quick[a::b]", "test_b.py::test_other"
SOURCE = str(Path(isolane.__file__).parents[1])


def keep_run(root: Path, name: str, *events: Event, over: bool = True) -> str:
    writer = EventLogWriter(runs_directory(root) / name / FILE_NAME)
    for event in (run_started(run_id=name), *events, *([run_finished()] if over else [])):
        writer.write(event)
    writer.close()
    return name


def keep_three_tests(root: Path, name: str, slow: float = 2.0) -> str:
    return keep_run(root, name, passed(SLOW, call=slow), passed(QUICK, call=0.25), passed(OTHER, call=1.5))


def index_path(root: Path) -> Path:
    return root / DIRECTORY / INDEX_NAME


def weights(root: Path) -> dict[str, float]:
    """Return for each test how many observations its estimate is worth."""
    tests = json.loads(index_path(root).read_text(encoding="utf-8"))["tests"]
    return {f"{file}::{name}": row[0] / 1000 for file, rows in tests.items() for name, row in rows.items()}


def shrunk(own: float, of_file: float, runs: float = 1) -> Any:
    return pytest.approx((runs * own + PRIOR_WEIGHT * of_file) / (runs + PRIOR_WEIGHT), abs=1e-6)


# -- what is expected


def test_where_nothing_ran_nothing_is_known_and_nothing_is_made(tmp_path: Path) -> None:
    assert expected_seconds(tmp_path, [SLOW], NOW) is None
    assert list(tmp_path.iterdir()) == []


def test_a_test_takes_what_it_took_before_and_an_unknown_one_what_its_file_or_the_suite_takes(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_three_tests(tmp_path, "a"))

    known = expected_seconds(tmp_path, [SLOW, QUICK, OTHER], NOW)
    unknown = expected_seconds(tmp_path, ["tests/test_a.py::test_new", "test_c.py::test_new", "test_c.py"], NOW)

    assert known == [shrunk(2.0, 1.125), shrunk(0.25, 1.125), shrunk(1.5, 1.5)]
    assert unknown == pytest.approx([1.125, 1.25, 1.25])


def test_setup_and_teardown_count(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_run(tmp_path, "a", passed(OTHER, setup=0.25, call=0.5, teardown=1.0)))

    assert expected_seconds(tmp_path, [OTHER], NOW) == [pytest.approx(1.75)]


def test_later_runs_are_added_and_old_ones_fade(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_three_tests(tmp_path, "a", slow=2.0))
    remember_run(tmp_path, keep_three_tests(tmp_path, "b", slow=4.0))

    assert weights(tmp_path) == {SLOW: 2, QUICK: 2, OTHER: 2}
    assert expected_seconds(tmp_path, [SLOW], NOW) == [shrunk(3.0, 1.625, runs=2)]
    later = NOW + HALF_LIFE_DAYS * 86_400
    assert expected_seconds(tmp_path, [SLOW], later) == [shrunk(3.0, 1.625, runs=1)]


@pytest.mark.parametrize("category", [Category.FAILED, Category.SKIPPED, Category.XFAILED, Category.SETUP_ERROR])
def test_however_a_test_came_to_its_own_end_it_took_its_time(tmp_path: Path, category: Category) -> None:
    remember_run(tmp_path, keep_run(tmp_path, "a", ended(OTHER, category, call=2.0)))

    assert expected_seconds(tmp_path, [OTHER], NOW) == [pytest.approx(2.0)]


@pytest.mark.parametrize("category", [Category.CRASHED, Category.HUNG])
def test_a_test_that_did_not_end_says_nothing(tmp_path: Path, category: Category) -> None:
    lost = ended(OTHER, category, call=600.0)
    remember_run(tmp_path, keep_run(tmp_path, "a", passed(SLOW, call=1.0), lost))

    assert weights(tmp_path) == {SLOW: 1}


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_duration_says_nothing(tmp_path: Path, seconds: float) -> None:
    remember_run(tmp_path, keep_run(tmp_path, "a", passed(SLOW, call=1.0), passed(OTHER, call=seconds)))

    assert weights(tmp_path) == {SLOW: 1}


def test_a_run_that_says_nothing_of_any_test_is_as_good_as_none(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_run(tmp_path, "a", passed(OTHER, call=-1.0)))

    assert expected_seconds(tmp_path, [OTHER], NOW) is None


def test_damaged_lines_of_a_log_are_passed_over(tmp_path: Path) -> None:
    name = keep_run(tmp_path, "a", passed(SLOW, call=1.0), over=False)
    log = runs_directory(tmp_path) / name / FILE_NAME
    with log.open("a", encoding="utf-8") as file:
        for line in (
            '{"kind":"test-finished","at":1',
            '{"kind":"test-finished","at":1,"node_id":"x","worker":"","category":"odd"}',
            '{"kind":"test-finished","at":1,"node_id":"x","worker":"","category":"passed","call":"long"}',
            '{"kind":"test-finished","at":[],"node_id":"x","worker":"","category":"passed"}',
        ):
            file.write(f"{line}\n")
    EventLogWriter(log).write(run_finished())

    remember_run(tmp_path, name)

    assert weights(tmp_path) == {SLOW: 1}


# -- each run once


def test_a_run_counts_once_however_often_it_is_remembered(tmp_path: Path) -> None:
    name = keep_three_tests(tmp_path, "a")

    for _ in range(3):
        remember_run(tmp_path, name)
        expected_seconds(tmp_path, [SLOW], NOW)

    assert weights(tmp_path) == {SLOW: 1, QUICK: 1, OTHER: 1}


def test_a_run_that_goes_on_counts_when_it_is_over(tmp_path: Path) -> None:
    name = keep_run(tmp_path, "a", passed(SLOW, call=1.0), over=False)
    remember_run(tmp_path, name)
    assert expected_seconds(tmp_path, [SLOW], NOW) is None

    writer = EventLogWriter(runs_directory(tmp_path) / name / FILE_NAME)
    writer.write(passed(OTHER, call=1.0))
    writer.write(run_finished())
    remember_run(tmp_path, name)

    assert weights(tmp_path) == {SLOW: 1, OTHER: 1}


def test_runs_that_nobody_remembered_are_caught_up_with(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_three_tests(tmp_path, "a"))
    keep_three_tests(tmp_path, "b")

    remember_run(tmp_path, keep_three_tests(tmp_path, "c"))

    assert weights(tmp_path)[SLOW] == 3


def test_a_run_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    remember_run(tmp_path, "nowhere")
    assert list(tmp_path.iterdir()) == []
    remember_run(tmp_path, keep_three_tests(tmp_path, "a"))
    before = index_path(tmp_path).read_bytes()

    remember_run(tmp_path, "nowhere")

    assert index_path(tmp_path).read_bytes() == before


def test_runs_whose_logs_are_gone_still_count_and_are_not_listed_any_more(tmp_path: Path) -> None:
    remember_run(tmp_path, keep_three_tests(tmp_path, "a"))
    (runs_directory(tmp_path) / "a" / FILE_NAME).unlink()
    (runs_directory(tmp_path) / "a").rmdir()

    remember_run(tmp_path, keep_three_tests(tmp_path, "b"))

    assert weights(tmp_path)[SLOW] == 2
    assert json.loads(index_path(tmp_path).read_text())["runs"] == ["b"]


# -- the index may be lost


def test_a_missing_index_is_made_anew_from_the_newest_runs(tmp_path: Path) -> None:
    for number in range(NEWEST_RUNS + 5):
        keep_run(tmp_path, f"{number:03}", passed(OTHER, call=1.0), passed(f"test_b.py::test_{number}", call=1.0))
    keep_run(tmp_path, "999", passed(OTHER, call=9.0), over=False)

    assert expected_seconds(tmp_path, [OTHER], NOW) == [pytest.approx(1.0)]

    assert weights(tmp_path)[OTHER] == NEWEST_RUNS
    oldest = min(int(name.rpartition("_")[2]) for name in weights(tmp_path) if name != OTHER)
    assert oldest == 5


def test_an_index_made_anew_is_what_it_was(tmp_path: Path) -> None:
    """Runs count in the order in which they were: an outlier is one only when what is usual was known before."""
    for number, seconds in enumerate((1.0, 1.0, 1.0, 30.0, 1.0)):
        remember_run(tmp_path, keep_run(tmp_path, f"{number:03}", passed(OTHER, call=seconds)))
    before = index_path(tmp_path).read_text()
    index_path(tmp_path).unlink()

    expected = expected_seconds(tmp_path, [OTHER], NOW)

    assert expected is not None
    assert 1.0 < expected[0] < 1.2
    assert index_path(tmp_path).read_text() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    keep_three_tests(tmp_path, "a")
    os.mkfifo(index_path(tmp_path))

    assert expected_seconds(tmp_path, [OTHER], NOW) == [pytest.approx(1.5)]


def damaged(root: Path, **changed: Any) -> str:
    return json.dumps({**json.loads(index_path(root).read_text()), **changed})


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: "",
        lambda root: index_path(root).read_text()[:-20],
        lambda root: "[]",
        lambda root: "{}",
        lambda root: "[" * 100_000,
        lambda root: damaged(root, format=FORMAT + 1),
        lambda root: damaged(root, runs=None),
        lambda root: damaged(root, largest=None),
        lambda root: damaged(root, tests=[]),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, 1]}}),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, -5, 0, 0]}}),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, "long", 0, 0]}}),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, float("nan"), 0, 0]}}),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, 10**400, 0, 0]}}),
        lambda root: damaged(root, tests={"test_b.py": {"test_other": [1000, float("inf"), 0, 0]}}),
        lambda root: "\udcff",
    ],
    ids=range(16),
)
@pytest.mark.parametrize("remember", [False, True], ids=["when read", "when written"])
def test_a_damaged_or_foreign_index_is_made_anew(tmp_path: Path, damage: Any, remember: bool) -> None:
    name = keep_three_tests(tmp_path, "a")
    remember_run(tmp_path, name)
    good = index_path(tmp_path).read_text()
    index_path(tmp_path).write_text(damage(tmp_path), encoding="utf-8", errors="surrogateescape")

    if remember:
        remember_run(tmp_path, name)
    else:
        assert expected_seconds(tmp_path, [OTHER], NOW) == [pytest.approx(1.5)]

    assert index_path(tmp_path).read_text() == good


def test_ids_that_change_with_every_run_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "SPARE_TESTS", 3)
    for number in range(10):
        at = 1_000.0 + number
        tests = [passed(f"test_b.py::test_it[{number}]", call=1.0), passed(f"test_{number}.py::test_it", call=1.0)]
        events = [type(one)(**{**one.__dict__, "at": at}) for one in tests]
        remember_run(tmp_path, keep_run(tmp_path, f"{number:03}", *events))

    assert len(weights(tmp_path)) == 2 + 3
    assert {"test_9.py::test_it", "test_b.py::test_it[9]", "test_8.py::test_it"} <= weights(tmp_path).keys()


# -- disks, and others at the same time


@pytest.mark.parametrize("in_the_way", [DIRECTORY, f"{DIRECTORY}/{INDEX_NAME}", f"{DIRECTORY}/runs"])
def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path, in_the_way: str) -> None:
    path = tmp_path / in_the_way
    if path.name == INDEX_NAME:
        path.mkdir(parents=True)
        keep_three_tests(tmp_path, "a")
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("a file")

    remember_run(tmp_path, "a")

    assert expected_seconds(tmp_path, [OTHER], NOW) == ([pytest.approx(1.5)] if path.is_dir() else None)
    assert not [one for one in tmp_path.rglob("*") if one.name.startswith(f".{INDEX_NAME}")]


def script(body: str, *arguments: object) -> list[str]:
    """Return a command that runs it without the site, and so without what the surrounding run puts into processes."""
    head = f"import sys; sys.path.insert(0, {SOURCE!r}); from pathlib import Path\n"
    return [sys.executable, "-S", "-c", head + body, *map(str, arguments)]


def test_a_full_disk_leaves_the_old_index(tmp_path: Path) -> None:
    """The kernel lets no file grow over 100 bytes: every write beyond fails, as on a full disk."""
    remember_run(tmp_path, keep_three_tests(tmp_path, "a"))
    before = index_path(tmp_path).read_bytes()
    keep_three_tests(tmp_path, "b")
    body = """
import resource
from isolane.history.durations import remember_run
sys.dont_write_bytecode = True  # what is imported later must not be cut off
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
remember_run(Path(sys.argv[1]), "b")
"""

    subprocess.run(script(body, tmp_path), check=True, timeout=60)

    assert index_path(tmp_path).read_bytes() == before
    assert sorted(path.name for path in index_path(tmp_path).parent.iterdir()) == [".gitignore", INDEX_NAME, "runs"]


def started(commands: Iterable[list[str]]) -> list[subprocess.Popen[str]]:
    """Start them, and let them go on at the same moment: each says that it is ready, and waits for a line."""
    processes = [
        subprocess.Popen(one, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one in commands
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def test_runs_that_finish_at_the_same_time_are_each_counted_once(tmp_path: Path) -> None:
    """Whoever wrote last, the index was whole at every moment, and the next run finds what is missing."""
    names = [f"{number:03}" for number in range(12)]
    body = """
import json
from isolane.history.durations import expected_seconds, remember_run
from isolane.history.runs import runs_directory
root, names = Path(sys.argv[1]), sys.argv[2:]
print("ready", flush=True)
sys.stdin.readline()
for name in names:
    log = runs_directory(root) / name
    log.mkdir(parents=True)
    (log / "events.jsonl.new").write_bytes((root / name).read_bytes())
    (log / "events.jsonl.new").rename(log / "events.jsonl")
    remember_run(root, name)
    assert json.loads((root / ".isolane" / "durations.json").read_bytes())["tests"]
    assert expected_seconds(root, ["test_b.py::test_other"], 0.0)
"""
    for name in names:
        keep_three_tests(tmp_path, name)
        (runs_directory(tmp_path) / name / FILE_NAME).rename(tmp_path / name)
        (runs_directory(tmp_path) / name).rmdir()

    processes = started(script(body, tmp_path, *names[part::3]) for part in range(3))

    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    remember_run(tmp_path, keep_three_tests(tmp_path, "999"))
    assert weights(tmp_path) == dict.fromkeys((SLOW, QUICK, OTHER), len(names) + 1)


def test_reading_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    """Below 5 ms of processor time for 2,500 tests, the best of 30: a busy machine is not what is measured."""
    tests = [f"tests/test_{number % 40:02}.py::test_number[{number}-some-parameter]" for number in range(2_500)]
    remember_run(tmp_path, keep_run(tmp_path, "a", *(passed(one, call=0.0123) for one in tests)))
    body = """
before = set(sys.modules)
import json, time
from isolane.history.durations import expected_seconds
node_ids = json.loads(Path(sys.argv[2]).read_text())
best = 1.0
for _ in range(30):
    start = time.process_time()
    expected = expected_seconds(Path(sys.argv[1]), node_ids, 0.0)
    best = min(best, time.process_time() - start)
heavy = {"sqlite3", "asyncio", "subprocess", "multiprocessing", "pytest", "_pytest", "logging", "statistics"}
print(json.dumps([len(expected), best, sorted(heavy & (set(sys.modules) - before))]))
"""
    (tmp_path / "ids.json").write_text(json.dumps(tests))

    said = subprocess.run(
        script(body, tmp_path, tmp_path / "ids.json"), check=True, capture_output=True, text=True, timeout=60
    ).stdout

    count, best, heavy = json.loads(said)
    assert (count, heavy) == (2_500, [])
    assert best < 0.005

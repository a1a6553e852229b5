"""A run folded from its events."""

from __future__ import annotations

from tests.unit.model.event_samples import ended, passed, run_finished, run_started

from isolane.model.events import CollectionFailed, CollectionFinished, TestStarted, WorkerStarted, WorkerStopped
from isolane.model.outcome import Category, Outcome
from isolane.model.record import RunRecord


def test_a_whole_run() -> None:
    header, end = run_started(), run_finished(2.5, exit_code=1)
    record = RunRecord.of(
        [
            header,
            CollectionFinished(1.0, ("a::one", "a::two")),
            TestStarted(2.0, "a::one", ""),
            passed("a::one"),
            TestStarted(3.0, "a::two", ""),
            ended("a::two", Category.FAILED, "KeyError"),
            end,
        ]
    )

    assert record.header is header
    assert record.node_ids == ("a::one", "a::two")
    assert record.outcomes == {"a::one": Outcome(Category.PASSED), "a::two": Outcome(Category.FAILED, "KeyError")}
    assert record.counts() == {"passed": 1, "failed": 1}
    assert record.running == {}
    assert record.end is end
    assert record.exit_code == 1
    assert record.seconds == 2.5


def test_nothing_is_known_of_a_run_without_events() -> None:
    record = RunRecord.of([])

    assert record.header is None
    assert record.end is None
    assert record.exit_code is None
    assert record.seconds == 0.0
    assert record.counts() == {}


def test_a_test_that_never_ended_is_still_running_since_it_started() -> None:
    record = RunRecord.of(
        [TestStarted(2.0, "a::one", "gw0"), TestStarted(3.5, "a::two", "gw1"), passed("a::one", worker="gw0")]
    )

    assert record.running == {"a::two": 3.5}
    assert set(record.outcomes) == {"a::one"}


def test_the_engine_says_what_became_of_a_test_that_was_running() -> None:
    record = RunRecord.of([TestStarted(2.0, "a::one", "gw0")])

    record.add(ended("a::one", Category.CRASHED, "was killed by SIGSEGV", worker=""))

    assert record.running == {}
    assert record.outcomes["a::one"] == Outcome(Category.CRASHED, "was killed by SIGSEGV")


def test_a_test_that_ended_more_than_once_is_duplicated_and_tells_how_it_ended_each_time() -> None:
    record = RunRecord.of(
        [passed("a::one"), ended("a::one", Category.FAILED, "KeyError"), passed("a::one"), passed("a::two")]
    )

    assert record.outcomes == {
        "a::one": Outcome(Category.DUPLICATED, "passed, failed (KeyError), passed"),
        "a::two": Outcome(Category.PASSED),
    }
    assert record.counts() == {"duplicated": 1, "passed": 1}


def test_a_test_that_killed_its_worker_crashed_whatever_became_of_it_on_the_next() -> None:
    crash, failure = ended("a", Category.CRASHED), ended("a", Category.FAILED, "KeyError")

    for events in ([crash, crash], [crash, passed("a")], [failure, crash], [passed("a"), passed("a"), crash]):
        assert RunRecord.of(events).outcomes == {"a": Outcome(Category.CRASHED)}


def test_each_worker_has_the_sequence_that_it_ran() -> None:
    record = RunRecord.of(
        [passed("a", "gw0"), passed("x", "gw1"), passed("b", "gw0"), passed("y", "gw1"), passed("a", "gw1")]
    )

    assert record.sequences == {"gw0": ["a", "b"], "gw1": ["x", "y", "a"]}


def test_only_a_worker_that_was_not_asked_to_go_is_lost() -> None:
    lost = WorkerStopped(2.0, "gw1", "Not properly terminated")
    record = RunRecord.of([WorkerStarted(1.0, "gw0"), WorkerStarted(1.0, "gw1"), WorkerStopped(2.0, "gw0"), lost])

    assert record.lost_workers == [lost]


def test_every_collection_failure_is_kept() -> None:
    failures = [CollectionFailed(1.0, "a.py", "SyntaxError"), CollectionFailed(1.0, "b.py", "ImportError")]

    assert RunRecord.of(failures).collection_failures == failures


def test_records_share_nothing() -> None:
    one, other = RunRecord(), RunRecord()

    one.add(passed("a"))
    one.add(CollectionFailed(1.0, "a.py", "SyntaxError"))

    assert other == RunRecord()


def test_a_worker_ran_what_it_started_in_that_order_the_last_one_though_it_never_ended() -> None:
    record = RunRecord.of(
        [
            TestStarted(1.0, "a", "gw0"),
            TestStarted(1.1, "b", "gw1"),
            passed("b", worker="gw1"),
            TestStarted(1.2, "c", "gw1"),
            passed("a", worker="gw0"),
            WorkerStopped(1.3, "gw0"),
            ended("c", Category.CRASHED, worker=""),  # said by the engine, which does not know the worker
            WorkerStopped(1.4, "gw1", "killed by SIGKILL"),
        ]
    )

    assert record.sequences == {"gw0": ["a"], "gw1": ["b", "c"]}
    assert record.stopped == {"gw0": "", "gw1": "killed by SIGKILL"}


def test_where_only_the_end_of_a_test_names_its_worker_that_is_its_place() -> None:
    record = RunRecord.of(
        [
            TestStarted(1.0, "a", ""),
            TestStarted(1.1, "b", ""),
            passed("b", worker="gw1"),
            passed("a", worker="gw0"),
            TestStarted(1.2, "b", "gw2"),  # once more, where it is told
            passed("b", worker="gw2"),
        ]
    )

    assert record.sequences == {"gw0": ["a"], "gw1": ["b"], "gw2": ["b"]}

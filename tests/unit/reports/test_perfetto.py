"""A trace of runs: who ran what, when."""

from __future__ import annotations

from typing import Any

from tests.unit.model.event_samples import passed, run_started
from tests.unit.reports.run_samples import EACH, INTERRUPTED, KILLED, MANY, TESTS

from isolane.model.events import TestStarted
from isolane.reports.characters import writable
from isolane.reports.perfetto import perfetto_trace


def events_of(*runs: Any) -> list[dict[str, Any]]:
    trace = perfetto_trace([(f"run {number}", run) for number, run in enumerate(runs)])
    found: list[dict[str, Any]] = trace["traceEvents"]
    return found


def named(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = (one for one in found if one["name"] == name)
    return one


def threads(found: list[dict[str, Any]]) -> dict[int, str]:
    return {one["tid"]: one["args"]["name"] for one in found if one["name"] == "thread_name"}


def test_a_test_is_on_its_workers_thread_from_its_start_for_as_long_as_it_took() -> None:
    found = events_of(MANY)
    flaky = named(found, TESTS[2])

    assert (threads(found)[flaky["tid"]], flaky["ts"], flaky["dur"]) == ("gw0", 904_000, 190_000)
    assert flaky["args"] == {"outcome": "passed", "attempts": 2}


def test_a_test_whose_worker_died_lasts_until_that_was_heard() -> None:
    found = events_of(MANY)
    crashed = named(found, TESTS[9])

    assert (threads(found)[crashed["tid"]], crashed["dur"]) == ("gw1", 280_000)
    assert named(found, "process is lost: killed by SIGKILL")["tid"] == crashed["tid"]


def test_setup_and_teardown_are_within_their_test_where_they_take_any_time() -> None:
    found = events_of(MANY)
    test = named(found, TESTS[0])
    phases = [one for one in found if one.get("cat") == "phase" and test["ts"] <= one["ts"] < test["ts"] + test["dur"]]

    assert [(one["name"], one["ts"] - test["ts"], one["dur"]) for one in phases if one["tid"] == test["tid"]] == [
        ("setup", 0, 1_000),
        ("call", 1_000, 2_500),
        ("teardown", 3_500, 500),
    ]


def test_what_was_not_heard_to_end_has_no_end() -> None:
    for run in (KILLED, INTERRUPTED):
        assert [one["name"] for one in events_of(run) if one["ph"] == "B"] == [TESTS[5], writable(TESTS[1])]


def test_the_phases_of_a_run_follow_each_other() -> None:
    phases = [(one["name"], one["ts"]) for one in events_of(MANY) if one.get("cat") == "run"]

    assert phases == [
        ("start", 0),
        ("collection", 500_000),
        ("tests", 800_000),
        ("teardown", 1_500_000),
        ("reporting", 1_600_000),
    ]


def test_what_is_heard_of_late_is_drawn_behind_what_was_before_it() -> None:
    run = (run_started(), passed("a", "gw0", call=0.3), passed("b", "gw0", call=0.3))

    assert [(one["ts"], one["dur"]) for one in events_of(run) if one["ph"] == "X"] == [
        (700_000, 300_000),
        (1_000_000, 300_000),
    ]


def test_each_run_is_a_process_and_starts_at_nothing() -> None:
    later = tuple(run_started(at=9_000.0, process_started=8_999.0) if one is MANY[0] else one for one in MANY[:1])
    found = events_of(MANY, (*later, TestStarted(9_001.0, "a", "gw0")))

    names = {one["pid"]: one["args"]["name"] for one in found if one["name"] == "process_name"}
    assert list(names.values()) == ["run 0", "run 1"]
    assert named(found, "a")["ts"] == 2_000_000
    assert len({one["tid"] for one in found if one["name"] == "thread_name"}) == 5


def test_workers_are_in_the_order_of_their_numbers() -> None:
    assert list(threads(events_of(EACH)).values()) == ["the run", "gw0", "gw1", "gw10"]

"""What reports for other tools say of each test."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from _pytest.junitxml import mangle_test_address
from tests.unit.model.event_samples import ended, passed, run_started
from tests.unit.reports.run_samples import EACH, FARES, INTERRUPTED, KILLED, MANY, TESTS, written

from isolane.model.events import CollectionFinished, Event
from isolane.model.outcome import Category
from isolane.reports.cases import cases_of


def junit(events: Any) -> ElementTree.Element:
    return ElementTree.fromstring(written("junit", events))


def element_of(events: Any, name: str) -> ElementTree.Element:
    (found,) = (one for one in junit(events).iter("testcase") if one.get("name") == name)
    return found


def ctrf(events: Any) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(written("ctrf", events))["results"]
    return results


def entry_of(events: Any, name: str) -> dict[str, Any]:
    (found,) = (one for one in ctrf(events)["tests"] if one["name"] == name)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "node_id",
    [
        "tests/test_a.py::test_b",
        "tests/test_a.py::TestX::TestY::test_b[a::b]",
        "test_a.py::test_b[x[0].py]",
        "tests/test_a.py",
        "docs/page.rst::page.rst",
    ],
)
def test_a_test_has_the_names_that_pytests_own_file_gives_it(node_id: str) -> None:
    *classes, name = mangle_test_address(node_id)
    (found,) = junit((run_started(), passed(node_id))).iter("testcase")

    assert (found.get("classname"), found.get("name")) == (".".join(classes), name)


def test_counts_are_those_of_the_testcases() -> None:
    (suite,) = junit(MANY)

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "12",
        "3",
        "3",
        "3",
    )
    assert len(list(suite.iter("testcase"))) == 12
    assert len(list(suite.iter("failure"))) == 3
    assert len(list(suite.iter("error"))) == 3
    assert len(list(suite.iter("skipped"))) == 3


def test_a_test_that_was_run_again_is_flaky_if_it_passed_in_the_end() -> None:
    flaky, in_vain = entry_of(MANY, "test_flaky"), entry_of(MANY, "test_in_vain")

    assert (flaky["status"], flaky["flaky"], flaky["retries"]) == ("passed", True, 1)
    assert flaky["retryAttempts"] == [{"attempt": 1, "status": "failed", "message": "AssertionError: assert 1 == 2"}]
    assert (in_vain["status"], in_vain["flaky"], in_vain["retries"]) == ("failed", False, 2)
    assert in_vain["retryAttempts"][1] == {"attempt": 2, "status": "failed"}
    assert ctrf(MANY)["summary"]["flaky"] == 1
    assert [one.tag for one in element_of(MANY, "test_flaky")] == ["flakyFailure"]
    assert [one.tag for one in element_of(MANY, "test_in_vain")] == ["failure", "rerunFailure", "rerunFailure"]


def test_attempts_of_an_older_record_are_counted_though_nothing_is_told_of_them() -> None:
    run = (run_started(), passed("a.py::test", attempts=3))

    assert entry_of(run, "test")["retries"] == 2


def test_a_failure_in_quarantine_is_told_apart_from_an_expected_one() -> None:
    quarantined, expected = entry_of(MANY, "test_in_quarantine"), entry_of(MANY, "test_known")

    assert (quarantined["status"], quarantined["tags"]) == ("other", ["quarantined"])
    assert (expected["status"], expected.get("tags")) == ("skipped", None)


def test_who_ran_when_the_record_ended_has_crashed_and_the_rest_is_pending() -> None:
    statuses = {one["name"]: one["status"] for one in ctrf(KILLED)["tests"]}

    assert statuses["test_fare[a::b]"] == "passed"
    assert statuses["test_skipped"] == "failed"
    assert statuses["test_never_run"] == "pending"
    (error,) = element_of(KILLED, "test_skipped")
    assert "the record of the run ends while this test runs" in str(error.get("message"))
    assert "the record has no end" in str(junit(KILLED).findtext(".//system-err"))


def test_who_ran_when_the_run_was_interrupted_has_done_nothing_wrong() -> None:
    statuses = [one["status"] for one in ctrf(INTERRUPTED)["tests"]]

    assert statuses.count("failed") == 1  # the file that was not collected
    assert {one.get("name") for one in junit(INTERRUPTED).iter("testcase")} == {"tests.test_broken", "test_fare[a::b]"}
    assert junit(INTERRUPTED).findtext(".//system-err") == "the run was interrupted"


def test_a_test_that_every_worker_ran_is_there_once_with_its_failure() -> None:
    (found,) = cases_of(EACH).tests

    assert (found.worker, str(found.outcome)) == ("gw1", "failed (KeyError)")


def test_a_test_that_crashed_its_worker_and_passed_in_the_next_has_crashed() -> None:
    run: list[Event] = [run_started(), ended(TESTS[0], Category.CRASHED, worker="gw0"), passed(TESTS[0], "gw1")]

    for events in (run, [run[0], run[2], run[1]]):
        (found,) = cases_of(events).tests
        assert found.outcome.category is Category.CRASHED


def test_tests_are_in_the_order_of_the_collection() -> None:
    run = (run_started(), CollectionFinished(1.0, ("a::1", "a::2")), passed("a::2"), passed("a::3"), passed("a::1"))

    assert [one.node_id for one in cases_of(run).tests] == ["a::1", "a::2", "a::3"]


def test_a_place_in_the_project_is_told_from_its_root() -> None:
    (failure,) = (one for one in junit(MANY).iter("failure") if one.get("type") == "ValueError")

    assert str(failure.text).endswith(f"\n{FARES}:12")
    assert entry_of(MANY, "test_setup")["trace"] == "/usr/lib/os.py:3"


def test_no_element_that_tells_how_a_test_ended_is_empty() -> None:
    told = [one for case in junit(MANY).iter("testcase") for one in case]

    assert len(told) == 12
    assert all(one.text for one in told), "Codecov's older readers take such a test for passed"

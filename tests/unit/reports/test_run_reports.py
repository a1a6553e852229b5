"""A run in others' formats: each is what its schema demands, for whatever a run's events may hold."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from io import StringIO

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.model.event_samples import ended, passed, run_finished, run_started
from tests.unit.reports.pages import Page
from tests.unit.reports.report_schemas import json_schema, junit_schema
from tests.unit.reports.run_samples import ALL, EMPTY, GOLDENS, MANY, SUFFIXES, written

from isolane.cli.arguments import REPORT_FORMATS
from isolane.model.events import CollectionFailed, CollectionFinished, Event, TestStarted
from isolane.model.outcome import Category


def check_trace(text: str) -> None:
    """Hold a trace against what the Trace Event Format's description demands: it has no schema of its own."""
    trace = json.loads(text)
    assert set(trace) == {"displayTimeUnit", "traceEvents"}
    inside: dict[int, list[tuple[int, int]]] = {}
    for one in trace["traceEvents"]:
        assert (
            {"ph", "pid", "tid", "ts", "name"}
            <= set(one)
            <= {"ph", "pid", "tid", "ts", "name", "dur", "cat", "args", "s"}
        )
        assert one["ph"] in "XBiM"
        assert all(type(one[name]) is int and one[name] >= 0 for name in ("pid", "tid", "ts"))
        assert one["tid"] >= one["pid"] > 0, "a thread 0 would be taken for the process's first"
        if one["ph"] == "X":
            start, end = one["ts"], one["ts"] + one["dur"]
            within = inside.setdefault(one["tid"], [])
            while within and within[-1][1] <= start:
                within.pop()
            assert not within or (within[-1][0] <= start and end <= within[-1][1]), "slices of a thread nest"
            if end > start:
                within.append((start, end))


def check(name: str, text: str) -> None:
    """Fail where a report is not what its schema demands, or holds what strict readers refuse."""
    text.encode("ascii")
    if name == "junit":
        junit_schema().validate(StringIO(text))
        return
    if name == "html":
        Page(text)
        return
    json.dumps(json.loads(text), ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    if name == "perfetto":
        check_trace(text)
    else:
        json_schema(name).validate(json.loads(text))


def test_every_format_of_the_command_line_has_a_golden() -> None:
    assert set(SUFFIXES) == set(REPORT_FORMATS)


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_report_is_what_it_always_was(name: str) -> None:
    golden = (GOLDENS / f"run.{SUFFIXES[name]}").read_text(encoding="utf-8")

    assert written(name, MANY) == golden


@pytest.mark.parametrize("run", ALL)
@pytest.mark.parametrize("name", SUFFIXES)
def test_a_report_is_what_its_schema_demands(name: str, run: str) -> None:
    check(name, written(name, ALL[run]))


@pytest.mark.parametrize("name", ["ctrf", "sarif"])
def test_what_a_schema_does_not_know_would_be_seen(name: str) -> None:
    spoiled = json.loads(written(name, MANY))
    spoiled["colour"] = "red"

    with pytest.raises(jsonschema.ValidationError):
        json_schema(name).validate(spoiled)


def test_a_testcase_that_the_schema_does_not_know_would_be_seen() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        junit_schema().validate(StringIO(written("junit", MANY).replace("<testcase ", '<testcase colour="red" ', 1)))


anything = st.text(st.characters(), max_size=30)
seconds = st.floats(0, 3600, allow_nan=False)


@st.composite
def runs(draw: st.DrawFn) -> Sequence[Event]:
    """Any run: events in any order, ids and messages of any characters, tests twice or without an end."""
    ids = draw(st.lists(anything, max_size=4))
    some = st.sampled_from([*ids, "tests/test_a.py::test_b"])
    events = st.one_of(
        st.builds(TestStarted, seconds, some, st.sampled_from(["", "gw0", "gw1"])),
        st.builds(
            ended,
            some,
            st.sampled_from(Category),
            anything,
            st.sampled_from(["", "gw0", "gw1"]),
            call=seconds,
            setup=seconds,
            message=anything,
            location=anything,
            attempts=st.integers(1, 3),
        ),
        st.builds(CollectionFailed, seconds, anything, anything),
    )
    happened = draw(st.lists(events, max_size=8))
    ending = draw(st.sampled_from([(), (run_finished(exit_code=1),), (run_finished(exit_code=2),)]))
    return (run_started(), CollectionFinished(0.0, tuple(ids)), *happened, *ending)


@pytest.mark.parametrize("name", SUFFIXES)
@settings(max_examples=25)
@given(run=runs())
def test_whatever_a_run_holds_can_be_read(name: str, run: Sequence[Event]) -> None:
    check(name, written(name, run))


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_big_run_is_written_and_stays_within_what_readers_take(name: str) -> None:
    ids = tuple(f"tests/test_{number % 5}.py::test[{number}-{'é' * 2_000}]" for number in range(300))
    run = (run_started(), CollectionFinished(1_000.0, ids), *(passed(one, call=0.001) for one in ids), run_finished())

    text = written(name, run)

    if name == "junit":
        names = re.findall(r'classname="([^"]*)" name="([^"]*)"', text)
        assert len(set(names)) == len(ids)
        assert all(len(f"{suite}::{test}") <= 1_000 for suite, test in names), "Codecov refuses the file"
    check(name, text)


def test_a_run_without_tests_says_so() -> None:
    assert 'tests="0"' in written("junit", EMPTY)
    assert json.loads(written("ctrf", EMPTY))["results"]["summary"]["tests"] == 0
    assert json.loads(written("sarif", EMPTY))["runs"][0]["results"] == []

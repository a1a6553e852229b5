"""The lines of the event log: what is written comes back, what is foreign or from tomorrow is refused."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, FrozenInstanceError, fields, replace
from typing import Any

import pytest
from tests.unit.model.event_samples import ONE_OF_EACH, passed, run_finished, run_started

from isolane.model import events
from isolane.model.errors import ExitCode, NewerFormatError, RecordError
from isolane.model.events import (
    FORMAT,
    Event,
    RunFinished,
    RunStarted,
    TestFinished,
    TestStarted,
    WorkerStopped,
    decode,
    encode,
)
from isolane.model.outcome import Category, Outcome

each_kind = pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind)


def as_json(event: Event) -> dict[str, Any]:
    return json.loads(encode(event))


def required_fields() -> list[Any]:
    return [
        pytest.param(event, item.name, id=f"{event.kind}-{item.name}")
        for event in ONE_OF_EACH
        for item in fields(event)
        if item.default is MISSING and item.default_factory is MISSING
    ]


def test_the_samples_hold_every_kind_of_event_and_every_field() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(Event.__subclasses__())
    for event in ONE_OF_EACH:
        for item in fields(event):
            if item.name != "format":
                assert getattr(event, item.name) != item.default, f"{event.kind}: {item.name}"


def test_the_kinds_are_those_of_the_format_as_it_is_written_down() -> None:
    listed = re.findall(r"\b(?:run|test|worker|collection)-[a-z]+", events.__doc__ or "")

    assert [event.kind for event in ONE_OF_EACH] == [
        *("run-started", "collection-finished", "collection-failed", "worker-started", "worker-stopped"),
        *("test-started", "test-finished", "run-finished"),
    ]
    assert {event.kind for event in ONE_OF_EACH} == set(listed)


@each_kind
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = encode(event)

    assert "\n" not in line
    assert line.isascii()
    assert decode(line) == event


@each_kind
def test_fields_that_this_version_does_not_know_are_passed_over(event: Event) -> None:
    assert decode(json.dumps({**as_json(event), "colour": "red", "deep": [{"a": 1}]})) == event


@each_kind
def test_an_older_line_without_the_later_fields_is_read_with_their_defaults(event: Event) -> None:
    later = {
        item.name: item.default if item.default is not MISSING else item.default_factory()  # type: ignore[misc]
        for item in fields(event)
        if item.default is not MISSING or item.default_factory is not MISSING
    }
    old = {name: value for name, value in as_json(event).items() if name not in later}

    assert decode(json.dumps(old)) == replace(event, **later)


@pytest.mark.parametrize(("event", "name"), required_fields())
def test_a_line_without_a_needed_field_is_refused_by_the_fields_name(event: Event, name: str) -> None:
    short = {key: value for key, value in as_json(event).items() if key != name}

    with pytest.raises(RecordError, match=f"without '{name}'") as caught:
        decode(json.dumps(short), "/runs/one/events.jsonl")
    assert caught.value.slug == "not-an-event"
    assert "/runs/one/events.jsonl" in caught.value.what


def test_a_newer_format_is_refused_with_both_numbers() -> None:
    line = encode(run_started(format=FORMAT + 1))

    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}, this isolane reads up to {FORMAT}") as caught:
        decode(line, "/runs/one/events.jsonl")
    assert caught.value.slug == "newer-format"
    assert "/runs/one/events.jsonl" in caught.value.what
    assert "Upgrade isolane" in caught.value.hint
    assert caught.value.exit_code is ExitCode.INTERNAL_ERROR


def test_a_newer_header_is_refused_as_newer_even_where_it_looks_otherwise() -> None:
    with pytest.raises(NewerFormatError):
        decode(json.dumps({"kind": "run-started", "format": FORMAT + 1, "everything": "else"}))


def test_a_header_without_a_format_is_of_the_first() -> None:
    first = as_json(run_started())
    del first["format"]

    header = decode(json.dumps(first))

    assert isinstance(header, RunStarted)
    assert header.format == FORMAT == 1  # a second format needs a test of its own


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not json",
        '{"kind":"test-start',
        "[]",
        "7",
        "null",
        '"run-started"',
        "{}",
        '{"kind":"earthquake","at":1}',
        '{"kind":["run-started"]}',
        '{"kind":null}',
        '{"kind":"run-started","format":"one"}',
        '{"kind":"run-started","format":null}',
        '{"kind":"run-started","format":Infinity}',
        '{"kind":"test-finished","at":1,"node_id":"a","worker":"w","category":"eaten"}',
        '{"kind":"test-finished","at":1,"node_id":"a","worker":"w","category":["passed"]}',
        "[" * 100_000,
    ],
)
def test_garbage_is_a_record_error_that_shows_how_the_line_begins(line: str) -> None:
    with pytest.raises(RecordError, match="a line that is not an event") as caught:
        decode(line, "the log")
    assert caught.value.slug == "not-an-event"
    assert repr(line[:80]) in caught.value.what
    assert len(caught.value.what) < 200


def test_a_passed_test_keeps_what_is_unusual_about_it() -> None:
    for unusual in (
        passed("a.py::test", detail="d"),
        passed("a.py::test", message="m"),
        passed("a.py::test", location="a.py:1"),
        passed("a.py::test", attempts=3),
    ):
        assert decode(encode(unusual)) == unusual


def test_a_worker_may_have_any_name() -> None:
    # xdist takes it from the command line: --tx popen//id=NAME
    odd = passed("a.py::test", worker='g"w\\0\n\udcff')

    assert decode(encode(odd)) == odd


def test_an_events_figures_add_up() -> None:
    test = TestFinished(1.0, "a", "gw0", Category.FAILED, "KeyError", setup=0.5, call=1.0, teardown=0.25)

    assert test.seconds == 1.75
    assert test.outcome == Outcome(Category.FAILED, "KeyError")

    run = RunFinished(1.0, 0, {"start": 0.5, "tests": 2.0}, {"passed": 3, "skipped": 2})

    assert run.seconds == 2.5
    assert run.tests == 5
    assert RunFinished(1.0, 0).seconds == 0


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        run_finished().exit_code = 1  # type: ignore[misc]


def test_events_are_the_same_by_kind_and_fields() -> None:
    one, same = TestStarted(1.0, "a.py::test", "gw0"), TestStarted(1.0, "a.py::test", "gw0")

    assert one == same
    assert hash(one) == hash(same)
    assert one != TestStarted(2.0, "a.py::test", "gw0")
    assert one != WorkerStopped(1.0, "a.py::test", "gw0")
    assert repr(one) == "TestStarted(at=1.0, node_id='a.py::test', worker='gw0')"
    with pytest.raises(FrozenInstanceError):
        one.at = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind)
def test_a_test_that_replaces_json_does_not_meet_the_log(event: events.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encode(event)
    with monkeypatch.context() as replaced:
        replaced.setattr("json.dumps", None)
        line = encode(event)

    assert line == expected

"""Any event of any content: its line is JSON, comes back, and a reader sees it whole or not at all."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.model.event_samples import run_started

from isolane.history.event_log import EventLogReader, EventLogWriter
from isolane.model.errors import RecordError
from isolane.model.events import (
    CollectionFailed,
    CollectionFinished,
    Event,
    RunFinished,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
    decode,
    encode,
)
from isolane.model.outcome import Category

anything = st.text(st.characters(exclude_categories=())).filter(
    # JSON cannot tell such a pair of surrogates from the one character that it stands for in UTF-16.
    lambda text: text == json.loads(json.dumps(text))
)
times = st.integers(0, 4_000_000_000_000_000).map(lambda microseconds: microseconds / 1_000_000)
durations = st.integers(0, 10_000_000_000).map(lambda microseconds: microseconds / 1_000_000)
node_lists = st.lists(anything, max_size=5).map(tuple)

events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        run_started,
        at=times,
        argv=node_lists,
        positional=node_lists,
        rootdir=anything,
        inifile=st.none() | anything,
        seed=st.none() | st.integers(),
        settings=st.dictionaries(anything, anything, max_size=3),
    ),
    st.builds(CollectionFinished, times, node_lists, st.integers(0)),
    st.builds(CollectionFailed, times, anything, anything),
    st.builds(WorkerStarted, times, anything, st.none() | st.integers(1)),
    st.builds(WorkerStopped, times, anything, anything),
    st.builds(TestStarted, times, anything, anything),
    st.builds(
        TestFinished,
        times,
        anything,
        anything,
        st.sampled_from(Category) | st.just(Category.PASSED),
        st.just("") | anything,
        durations,
        durations,
        durations,
        st.just("") | anything,
        st.just("") | anything,
        st.just(1) | st.integers(1, 5),
    ),
    st.builds(RunFinished, times, st.integers(0, 5), st.dictionaries(anything, durations, max_size=3)),
)


@given(events)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    line = encode(event)

    assert line.isascii()
    assert "\n" not in line
    assert decode(line) == event


@given(events)
def test_what_is_put_together_by_hand_says_what_json_would(event: Event) -> None:
    whole = json.loads(json.dumps({"kind": event.kind, **asdict(event)}))
    written = json.loads(encode(event))

    # The quick way may leave out what is at its default, nothing else.
    defaults = json.loads(json.dumps(asdict(TestFinished(0.0, "", "", Category.PASSED))))
    assert {**whole, **written} == whole
    assert {name: whole[name] for name in whole.keys() - written.keys()} == {
        name: defaults[name] for name in whole.keys() - written.keys()
    }


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | anything, st.lists, max_leaves=5))
def test_json_that_is_no_event_is_refused(value: object) -> None:
    for foreign in (value, {"kind": value}, {"kind": "run-started", "format": value}, {"kind": "test-finished"}):
        try:
            decode(json.dumps(foreign))
        except RecordError:
            continue
        raise AssertionError(f"taken for an event: {foreign!r}")


@given(st.binary(max_size=60))
def test_bytes_that_are_no_event_are_refused(data: bytes) -> None:
    try:
        decode(data.decode("utf-8", "replace"))
    except RecordError:
        return
    raise AssertionError(f"taken for an event: {data!r}")


@settings(max_examples=50)
@given(st.lists(events, min_size=1, max_size=4), st.data())
def test_a_reader_that_comes_at_any_moment_sees_each_event_once_and_whole(
    written: list[Event], data: st.DataObject
) -> None:
    lines = b"".join(encode(event).encode() + b"\n" for event in written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=4)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events.jsonl"
        reader = EventLogReader(path)
        seen: list[Event] = []
        for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True):
            with path.open("ab") as file:
                file.write(lines[start:end])
            new = reader.read()
            seen += new
            assert len(seen) == lines[:end].count(b"\n")
    assert seen == written


@settings(max_examples=50)
@given(st.lists(events, min_size=1, max_size=3), st.lists(events, min_size=1, max_size=2), st.data())
def test_a_log_that_was_cut_off_anywhere_can_be_gone_on_with(
    before: list[Event], after: list[Event], data: st.DataObject
) -> None:
    lines = b"".join(encode(event).encode() + b"\n" for event in before)
    cut = data.draw(st.integers(0, len(lines)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events.jsonl"
        path.write_bytes(lines[:cut])
        writer = EventLogWriter(path)
        for event in after:
            writer.write(event)
        writer.close()

        assert EventLogReader(path).read() == before[: lines[:cut].count(b"\n")] + after

"""Frames between worker and controller: what goes in comes out, whole or in pieces."""

from __future__ import annotations

import decimal
from typing import Any

import pytest

from isolane.engines.fork.messages import (
    Broken,
    Decoder,
    ExitAsked,
    Finished,
    Goodbye,
    Interrupted,
    Message,
    Reported,
    Started,
    StopAsked,
    SubtestsFailed,
    SuiteProperties,
    WantsTerminal,
    WantsWork,
    Warned,
    encode,
)

EACH_KIND: list[Message] = [
    Started(0, ("a.py", None, "test_ü[\udcff]")),
    Reported(1, False, {"outcome": "passed", "duration": 0.25, "sections": [("out", "x" * 70_000)]}, {"test_a": 1}),
    Reported(1, True, {"longrepr": None}, None),
    SubtestsFailed(1, 2),
    Finished(2),
    WantsWork(),
    Warned({"text": "old", "arguments": ("old", 1)}, "runtest", "a.py::test_a", ("a.py", 3, "test_a")),
    SuiteProperties((("name", "value"),)),
    StopAsked("stopping after 1 failures", True),
    ExitAsked("enough", None),
    Interrupted(),
    Broken("Traceback …"),
    WantsTerminal(True),
    Goodbye({"exitstatus": 0, "bytes": b"\0\n"}),
]


def test_every_kind_of_message_arrives_as_it_was_sent() -> None:
    assert list(Decoder().feed(b"".join(map(encode, EACH_KIND)))) == EACH_KIND


@pytest.mark.parametrize("size", [1, 3, 4096])
def test_it_does_not_matter_how_the_stream_is_cut(size: int) -> None:
    stream = b"".join(encode(message) for message in EACH_KIND if not isinstance(message, Reported)) * 2
    decoder = Decoder()
    heard = [message for start in range(0, len(stream), size) for message in decoder.feed(stream[start : start + size])]

    assert heard == [message for message in EACH_KIND if not isinstance(message, Reported)] * 2


def test_a_message_is_there_with_its_last_byte() -> None:
    frame, decoder = encode(Finished(7)), Decoder()

    assert list(decoder.feed(frame[:-1])) == []
    assert list(decoder.feed(frame[-1:])) == [Finished(7)]


def values_after_a_trip(values: dict[str, Any]) -> Any:
    (message,) = Decoder().feed(encode(Reported(0, True, values, None)))
    assert isinstance(message, Reported)
    return message.values


def test_objects_that_can_be_pickled_stay_themselves() -> None:
    values = {"user_properties": [("price", decimal.Decimal("1.10"))]}

    assert values_after_a_trip(values) == values


def test_of_objects_that_cannot_be_pickled_their_texts_arrive() -> None:
    class Local:
        def __str__(self) -> str:
            return "a local thing"

    class Mute:
        def __str__(self) -> str:
            raise RuntimeError

    circle: list[Any] = []
    circle.append(circle)
    arrived = values_after_a_trip({"one": (Local(), 1), "two": Mute(), "three": [len, lambda: 0], "four": circle})

    assert arrived["one"] == ("a local thing", 1)
    assert arrived["two"] == "<Mute>"
    assert arrived["three"][0] == "<built-in function len>"
    assert isinstance(arrived["four"], list)


class OnlyInTheWorker:
    """Can be pickled, and not loaded: as a class of a module that the controller cannot import."""

    def __reduce__(self) -> Any:
        return int, ("not a number",)

    def __str__(self) -> str:
        return "as text"


def test_objects_that_the_controller_cannot_load_arrive_as_texts() -> None:
    assert values_after_a_trip({"thing": OnlyInTheWorker()}) == {"thing": "as text"}

"""Who has been told of early is told of again only where the second time is worse."""

from __future__ import annotations

import pytest

from isolane.engines.fork.messages import Finished, Goodbye, Message, Reported, Started
from isolane.model.state import Change, Leak
from isolane.pytest_plugin.fork.told_early import ToldEarly
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE


def of_test(test: int, *outcomes: str) -> list[Message]:
    reports = [Reported(test, False, {"outcome": outcome}, None) for outcome in outcomes]
    return [Started(test, ("test_a.py", 1, "test")), *reports, Finished(test)]


@pytest.mark.parametrize(("outcome", "told"), [("passed", 0), ("skipped", 0), ("failed", 5)])
def test_only_what_is_worse_is_told(outcome: str, told: int) -> None:
    heard: list[tuple[str, Message]] = []
    early = ToldEarly(lambda worker, message: heard.append((worker, message)), lambda _leaks: None)
    early.add(of_test(7, "passed", "passed", "passed"))
    assert all(early.takes("gw1", one) for one in of_test(7, "passed", outcome, "passed"))
    assert len(heard) == told
    assert not any(early.takes("gw1", one) for one in of_test(7, "passed"))


def test_others_pass_by() -> None:
    early = ToldEarly(lambda _worker, _message: None, lambda _leaks: None)
    early.add(of_test(7, "passed"))
    assert not any(early.takes("gw0", one) for one in [*of_test(8, "failed"), Goodbye({})])


def test_who_left_something_is_told_when_the_second_time_shows_it() -> None:
    left = Leak("test_a.py::test", Change("env", "RATE", None, "3"))
    told: list[Leak] = []
    early = ToldEarly(lambda _worker, _message: None, told.extend)
    early.add(of_test(7, "passed"))
    report = Reported(7, False, {"outcome": "passed", LEAKS_ATTRIBUTE: [left.to_plain()]}, None)
    for message in (Started(7, ("test_a.py", 1, "test")), report, Finished(7)):
        early.takes("gw1", message)
    assert told == [left]

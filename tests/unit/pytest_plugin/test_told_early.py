"""Who has been told of early is told of again only where the second time is worse."""

from __future__ import annotations

import pytest

from isolane.engines.fork.messages import Finished, Goodbye, Message, Reported, Started
from isolane.pytest_plugin.fork.told_early import ToldEarly


def of_test(test: int, *outcomes: str) -> list[Message]:
    reports = [Reported(test, False, {"outcome": outcome}, None) for outcome in outcomes]
    return [Started(test, ("test_a.py", 1, "test")), *reports, Finished(test)]


@pytest.mark.parametrize(("outcome", "told"), [("passed", 0), ("skipped", 0), ("failed", 5)])
def test_only_what_is_worse_is_told(outcome: str, told: int) -> None:
    heard: list[tuple[str, Message]] = []
    early = ToldEarly(lambda worker, message: heard.append((worker, message)))
    early.add(of_test(7, "passed", "passed", "passed"))
    assert all(early.takes("gw1", one) for one in of_test(7, "passed", outcome, "passed"))
    assert len(heard) == told
    assert not any(early.takes("gw1", one) for one in of_test(7, "passed"))


def test_others_pass_by() -> None:
    early = ToldEarly(lambda _worker, _message: None)
    early.add(of_test(7, "passed"))
    assert not any(early.takes("gw0", one) for one in [*of_test(8, "failed"), Goodbye({})])

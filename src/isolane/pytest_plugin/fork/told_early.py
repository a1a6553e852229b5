"""Results that could not wait: told before anybody had looked at what their tests left behind.

What is said of a quick test is held back until the next look, which may be a long test away; then it is told after all.
If that look finds dirt, the tests run once more, and what comes of it is told only where it is worse: as a second
result of the test, beside the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from isolane.engines.fork.messages import Finished, Message, Reported, Started, SubtestsFailed
from isolane.model.state import Leak
from isolane.pytest_plugin.state.suspicion import leaks_in

_OF_ONE_TEST = (Started, Reported, SubtestsFailed, Finished)


class ToldEarly:
    """Knows who has been told of early, and holds what comes of them a second time until it is whole.

    tell: passes a worker's message on. tell_leaks: passes on who it was, which only the second time shows.
    """

    def __init__(self, tell: Callable[[str, Message], None], tell_leaks: Callable[[list[Leak]], None]) -> None:
        self._tell = tell
        self._tell_leaks = tell_leaks
        self._tests: set[int] = set()
        self._again: dict[int, list[Message]] = {}

    def add(self, messages: Iterable[Message]) -> None:
        """Take note of tests of which these are the first results."""
        self._tests |= {one.test for one in messages if isinstance(one, Finished)}

    def takes(self, worker: str, message: Message) -> bool:
        """Return whether the message is of a second time, and has been dealt with here."""
        if not isinstance(message, _OF_ONE_TEST) or message.test not in self._tests:
            return False
        held = self._again.setdefault(message.test, [])
        held.append(message)
        if isinstance(message, Finished):
            self._tests.discard(message.test)
            del self._again[message.test]
            if any(isinstance(one, Reported) and one.values.get("outcome") == "failed" for one in held):
                for one in held:
                    self._tell(worker, one)
            else:
                self._tell_leaks([leak for one in held if isinstance(one, Reported) for leak in leaks_in(one)])
        return True

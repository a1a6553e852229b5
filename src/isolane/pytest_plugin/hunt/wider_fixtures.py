"""Fixtures of wider scope in a probe: what they set up is there for its last test, too, and so is their value."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import pytest

from isolane.model.explanation import Explained
from isolane.model.hunt import SET_UP
from isolane.model.state import Change, Leak, Level
from isolane.process_state.base import Kind
from isolane.process_state.fixture_values import FixtureValues

_OF_CLASSES = re.compile(r"_(?:unittest|xunit)_(setUpClass|setup_class|setup_module)_fixture")
"""What pytest makes of these."""

Expected = dict[Kind[Any], Any]
"""What the state should be, by kind."""


class WiderFixtures:
    """Follows them in one process. values: takes their values.

    expected: asked for the states that are compared with, or put back to: what a fixture sets up becomes part of them,
    and what it tears down, too.
    """

    def __init__(self, values: FixtureValues, expected: Callable[[], Iterable[Expected]]) -> None:
        self._values = values
        self._expected = expected
        self._set_up: dict[Any, tuple[str, list[Expected], list[Expected]]] = {}
        """Those that are set up: for which test, and the states before and after."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let what it changes be as it should be."""
        if request.scope == "function":
            return (yield)
        before = self._now()
        value = yield
        self._values.set_up(_name_of(fixturedef), value)
        after = self._now()
        self._set_up[fixturedef] = request._pyfuncitem.nodeid, before, after
        self._follow(before, after)
        return value

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Let it be as before: what is left of it, it has left behind."""
        if fixturedef in self._set_up:
            _, before, after = self._set_up.pop(fixturedef)
            self._follow(after, before)
            self._values.torn_down(_name_of(fixturedef))

    def _now(self) -> list[Expected]:
        return [{kind: kind.snapshot() for kind in expected} for expected in self._expected()]

    def _follow(self, before: list[Expected], after: list[Expected]) -> None:
        for expected, was, now in zip(self._expected(), before, after, strict=False):
            for kind in expected.keys() & was.keys() & now.keys():
                expected[kind] = kind.rebase(expected[kind], was[kind], now[kind])

    def shared_with(self, item: pytest.Item) -> Iterator[Explained]:
        """Yield those of a suite's own that an earlier test had set up, and this one gets as they are now."""
        for fixturedef, test in self._of(item):
            change = Change(SET_UP, _name_of(fixturedef), "set up anew", "as others have left it", Level.HARMLESS)
            yield Explained(Leak(test, change), at_import=False)

    def tear_down(self, item: pytest.Item) -> None:
        """Let them be set up anew for this test."""
        request: Any = item
        for fixturedef, _ in list(self._of(item)):
            fixturedef.finish(request._request)

    def _of(self, item: pytest.Item) -> Iterator[tuple[Any, str]]:
        info: Any = getattr(item, "_fixtureinfo", None)
        for fixturedefs in info.name2fixturedefs.values() if info else ():
            fixturedef = fixturedefs[-1]
            is_of_suite = not fixturedef.func.__module__.startswith("_pytest.") or _OF_CLASSES.match(fixturedef.argname)
            if fixturedef in self._set_up and is_of_suite:
                yield fixturedef, self._set_up[fixturedef][0]


def _name_of(fixturedef: pytest.FixtureDef[Any]) -> str:
    """Return where a fixture is, and its name: ``tests.test_a.TestBasket.basket``."""
    place = re.sub(r"\.py(?=::|$)", "", fixturedef.baseid).replace("::", ".").replace("/", ".")
    of_class = _OF_CLASSES.match(fixturedef.argname)
    return f"{place or 'conftest'}.{of_class[1] if of_class else fixturedef.argname}"

"""Functions that run at the end of the process are seen by name, and unregistered."""

from __future__ import annotations

import atexit
import gc
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.atexit_handlers import AtExitKind
from isolane.process_state.base import RestoreError


def farewell(*names: str) -> None:
    pass


def another() -> None:
    pass


class Connection:
    def close(self) -> None:
        pass


@pytest.fixture
def kind() -> Iterator[AtExitKind]:
    yield AtExitKind()
    atexit.unregister(farewell)
    atexit.unregister(another)


def test_a_projects_function_is_told_by_name_and_a_librarys_does_no_harm(kind: AtExitKind) -> None:
    before = kind.snapshot()
    lasting = partial(tempfile.gettempdir)
    atexit.register(farewell, "world")
    atexit.register(lasting)
    try:
        assert sorted(kind.diff(before, kind.snapshot()), key=str) == [
            Change("atexit", "tempfile.gettempdir", None, "registered", Level.HARMLESS),
            Change("atexit", f"{__name__}.farewell", None, "registered", Level.SUSPECT),
        ]
        kind.restore(before)
        assert [change.name for change in kind.diff(before, kind.snapshot())] == ["tempfile.gettempdir"]
    finally:
        atexit.unregister(lasting)


def test_looking_unregisters_nothing(kind: AtExitKind) -> None:
    atexit.register(farewell)
    count = atexit._ncallbacks()
    kind.snapshot()
    assert atexit._ncallbacks() == count


def test_a_function_registered_once_more_is_told_and_stays(kind: AtExitKind) -> None:
    # To unregister it would take away the first, too, whose arguments nobody knows.
    atexit.register(farewell, "first")
    before = kind.snapshot()
    atexit.register(farewell, "second")
    assert [change.name for change in kind.diff(before, kind.snapshot())] == [f"{__name__}.farewell"]
    kind.restore(before)
    assert len(kind.diff(before, kind.snapshot())) == 1


def test_one_that_is_gone_is_told_and_cannot_be_had_back(kind: AtExitKind) -> None:
    atexit.register(farewell)
    before = kind.snapshot()
    atexit.unregister(farewell)
    assert kind.diff(before, kind.snapshot()) == [Change("atexit", f"{__name__}.farewell", "registered", None)]
    with pytest.raises(RestoreError, match="farewell"):
        kind.restore(before)


def test_what_a_fixture_registered_is_not_the_tests(kind: AtExitKind) -> None:
    initial = kind.snapshot()
    atexit.register(farewell)
    pending = kind.rebase(initial, initial, kind.snapshot())
    atexit.register(another)
    assert [change.name for change in kind.diff(pending, kind.snapshot())] == [f"{__name__}.another"]
    kind.restore(pending)
    assert kind.diff(pending, kind.snapshot()) == []


def test_a_handler_that_will_not_be_compared_does_no_harm() -> None:
    # In a process of its own, since for the same reason it cannot be unregistered.
    script = """
import atexit, weakref
from isolane.process_state.atexit_handlers import AtExitKind
kind = AtExitKind()
before = kind.snapshot()
atexit.register(weakref.proxy(type("Handler", (), {"__call__": print})()))
kind.restore(before)
print(kind.diff(before, kind.snapshot()))
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert child.stdout == "[]\n"


def test_a_snapshot_keeps_no_handler_alive(kind: AtExitKind) -> None:
    connection = Connection()
    handler = connection.close
    atexit.register(handler)
    snapshot = kind.snapshot()
    assert any("Connection.close" in name for _, name, _ in snapshot.handlers)
    atexit.unregister(handler)
    gone = weakref.ref(connection)
    del connection, handler
    gc.collect()
    assert gone() is None

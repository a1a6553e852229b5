"""The garbage collector's switches and the time limit of new sockets are given back."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.gc_state import GarbageCollectorKind
from isolane.process_state.socket_timeout import SocketTimeoutKind

COLLECTOR = GarbageCollectorKind()
TIMEOUT = SocketTimeoutKind()


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    enabled, thresholds, debug, limit = gc.isenabled(), gc.get_threshold(), gc.get_debug(), socket.getdefaulttimeout()
    yield
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(*thresholds)
    gc.set_debug(debug)
    socket.setdefaulttimeout(limit)


@pytest.mark.req("R2.4")
def test_the_collectors_switches_are_told_and_given_back() -> None:
    gc.enable()
    gc.set_threshold(600, 10, 10)
    before = COLLECTOR.snapshot()
    gc.disable()
    gc.set_threshold(500, 10, 10)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    thresholds = str(gc.get_threshold())
    assert COLLECTOR.diff(before, COLLECTOR.snapshot()) == [
        Change("gc", "gc.isenabled", True, False, Level.SUSPECT),
        Change("gc", "gc.get_threshold", str(before[1]), thresholds, Level.SUSPECT),
        Change("gc", "gc.get_debug", 0, gc.DEBUG_UNCOLLECTABLE, Level.SUSPECT),
    ]
    COLLECTOR.restore(before)
    assert (gc.isenabled(), gc.get_threshold(), gc.get_debug()) == (True, before[1], 0)
    assert COLLECTOR.diff(before, COLLECTOR.snapshot()) == []


def test_a_collector_that_was_off_is_off_again_and_frozen_objects_are_no_matter() -> None:
    gc.disable()
    before = COLLECTOR.snapshot()
    gc.freeze()
    try:
        assert COLLECTOR.diff(before, COLLECTOR.snapshot()) == []
    finally:
        gc.unfreeze()
    gc.enable()
    COLLECTOR.restore(before)
    assert not gc.isenabled()


def test_what_a_fixture_switched_stays() -> None:
    gc.set_debug(0)
    gc.enable()
    initial = COLLECTOR.snapshot()
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    before = COLLECTOR.snapshot()
    gc.disable()
    COLLECTOR.restore(COLLECTOR.rebase(initial, before, COLLECTOR.snapshot()))
    assert (gc.isenabled(), gc.get_debug()) == (False, 0)


@pytest.mark.req("R2.4")
def test_the_limit_of_sockets_is_told_and_given_back() -> None:
    for limit, told in ((None, None), (2.5, "2.5 s")):
        socket.setdefaulttimeout(limit)
        before = TIMEOUT.snapshot()
        socket.setdefaulttimeout(30)
        assert TIMEOUT.diff(before, TIMEOUT.snapshot()) == [
            Change("socket_timeout", "socket.getdefaulttimeout", told, "30 s")
        ]
        TIMEOUT.restore(before)
        assert socket.getdefaulttimeout() == limit


def test_looking_does_not_import_socket_and_a_limit_set_with_the_import_is_found() -> None:
    script = """
import sys
from isolane.process_state.socket_timeout import SocketTimeoutKind
kind = SocketTimeoutKind()
before = kind.snapshot()
kind.restore(before)
assert "socket" not in sys.modules
import socket
assert kind.diff(before, kind.snapshot()) == []
socket.setdefaulttimeout(1)
print(len(kind.diff(before, kind.snapshot())))
kind.restore(before)
print(socket.getdefaulttimeout())
"""
    # Coverage, where this suite measures child processes, would import it.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=unmeasured)
    assert (child.stdout, child.stderr) == ("1\nNone\n", "")

"""Patches that were started are seen until they are stopped, and stopped on request."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from unittest import mock

import pytest

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.mock_patches import MockPatchesKind

SETTINGS = {"region": "south"}


class Client:
    retries = 3


@pytest.fixture
def kind() -> Iterator[MockPatchesKind]:
    others = list(mock._patch._active_patches)  # type: ignore[attr-defined]
    yield MockPatchesKind()
    for patch in mock._patch._active_patches[::-1]:  # type: ignore[attr-defined]
        if patch not in others:
            patch.stop()


def test_what_was_started_is_told_and_stopped(kind: MockPatchesKind) -> None:
    getcwd = os.getcwd
    before = kind.snapshot()
    mock.patch("os.getcwd").start()
    mock.patch.object(Client, "retries", 0).start()
    mock.patch.dict(SETTINGS, region="north").start()
    assert kind.diff(before, kind.snapshot()) == [
        Change("mock_patches", "os.getcwd", "posix.getcwd", "patched"),
        Change("mock_patches", f"{__name__}.Client.retries", "builtins.int object", "patched"),
        Change("mock_patches", "a dictionary", None, "patched"),
    ]
    kind.restore(before)
    assert (os.getcwd, Client.retries, SETTINGS) == (getcwd, 3, {"region": "south"})
    assert kind.diff(before, kind.snapshot()) == []


def test_one_thing_patched_twice_is_unpatched_in_reverse(kind: MockPatchesKind) -> None:
    before = kind.snapshot()
    for value in (1, 2):
        mock.patch.object(Client, "retries", value).start()
    kind.restore(before)
    assert Client.retries == 3


def test_a_patch_that_ends_by_itself_is_none(kind: MockPatchesKind) -> None:
    with mock.patch.object(Client, "retries", 0):
        before = kind.snapshot()
    assert kind.diff(before, kind.snapshot()) == []


def test_a_fixtures_patch_that_a_test_stops_is_told_and_cannot_be_had_back(kind: MockPatchesKind) -> None:
    patch = mock.patch.object(Client, "retries", 0)
    patch.start()
    before = kind.snapshot()
    patch.stop()
    assert kind.diff(before, kind.snapshot()) == [Change("mock_patches", f"{__name__}.Client.retries", "patched", None)]
    with pytest.raises(RestoreError, match=r"Client\.retries"):
        kind.restore(before)


def test_a_fixtures_patch_is_not_the_tests(kind: MockPatchesKind) -> None:
    initial = kind.snapshot()
    mock.patch.object(Client, "retries", 5).start()
    pending = kind.rebase(initial, initial, kind.snapshot())
    mock.patch("os.getcwd").start()
    assert [change.name for change in kind.diff(pending, kind.snapshot())] == ["os.getcwd"]
    kind.restore(pending)
    assert Client.retries == 5
    assert kind.diff(pending, kind.snapshot()) == []


def test_a_snapshot_keeps_no_patch_alive(kind: MockPatchesKind) -> None:
    class Heavy:
        pass

    heavy = Heavy()
    patch = mock.patch.object(Client, "retries", heavy)
    patch.start()
    snapshot = kind.snapshot()
    assert snapshot.names[-1].endswith("Client.retries")
    patch.stop()
    gone = weakref.ref(heavy)
    del heavy, patch
    gc.collect()
    assert gone() is None


def test_nobody_imports_mocks_to_look_for_them() -> None:
    script = """
import sys
from isolane.process_state.mock_patches import MockPatchesKind
kind = MockPatchesKind()
print(kind.diff(kind.snapshot(), kind.snapshot()), "unittest.mock" in sys.modules)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "[] False\n"

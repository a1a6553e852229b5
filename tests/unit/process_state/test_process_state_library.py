"""Functions of the standard library that were replaced are told, owned by who replaced them, and put back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state import library
from isolane.process_state.library import LibraryKind

TIME: Any = time
SHUTIL: Any = shutil


@pytest.fixture(params=[True, False], ids=["counted", "compared"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LibraryKind]:
    """By the dictionaries' own versions, and without, as where Python has none."""
    if not request.param:
        monkeypatch.setattr(library, "version_of", None)
    kind = LibraryKind()
    before = kind.snapshot()
    yield kind
    kind.restore(before)


def test_a_function_that_was_replaced_is_told_and_put_back(kind: LibraryKind) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before
    original = time.monotonic_ns
    TIME.monotonic_ns = time.perf_counter_ns
    changes = kind.diff(before, kind.snapshot())
    kind.restore(before)
    assert changes == [
        Change("library", "time.monotonic_ns", "time.monotonic_ns", "time.perf_counter_ns", Level.DANGEROUS)
    ]
    assert time.monotonic_ns is original
    assert kind.diff(before, kind.snapshot()) == []


def test_what_stands_there_need_not_be_a_function_nor_anything(kind: LibraryKind) -> None:
    before = kind.snapshot()
    SHUTIL.which = None
    del SHUTIL.move
    told = {change.name: change.after for change in kind.diff(before, kind.snapshot())}
    kind.restore(before)
    assert told == {"shutil.which": "None", "shutil.move": None}
    assert callable(shutil.move)


def test_names_that_are_new_and_values_do_not_matter(kind: LibraryKind, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kind.snapshot()
    monkeypatch.setattr(os, "planted", print, raising=False)
    monkeypatch.setattr(time, "timezone", 7)
    assert kind.diff(before, kind.snapshot()) == []


def test_what_a_fixture_replaced_stays_and_what_a_test_did_goes(kind: LibraryKind) -> None:
    before = kind.snapshot()
    TIME.monotonic_ns = time.perf_counter_ns
    owned = kind.rebase(before, before, kind.snapshot())
    SHUTIL.which = print
    kind.restore(owned)
    assert time.monotonic_ns is time.perf_counter_ns
    assert shutil.which is not print  # type: ignore[comparison-overlap]

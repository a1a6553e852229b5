"""What the interpreter allows, and the names that every module has: found, owned by who changed them, put back."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.builtin_names import BuiltinsKind
from isolane.process_state.limits import LimitsKind

NAMES: Any = builtins


@pytest.fixture
def kind() -> Iterator[BuiltinsKind]:
    kind = BuiltinsKind()
    before = kind.snapshot()
    yield kind
    kind.restore(before)


def test_limits_are_told_and_put_back() -> None:
    kind = LimitsKind()
    before = kind.snapshot()
    depth, interval = sys.getrecursionlimit(), sys.getswitchinterval()
    sys.setrecursionlimit(depth + 50)
    sys.setswitchinterval(2 * interval)
    longer = str(sys.getswitchinterval())
    try:
        changes = kind.diff(before, kind.snapshot())
    finally:
        kind.restore(before)
    assert [(one.name, one.before, one.after, one.level) for one in changes] == [
        ("sys.getrecursionlimit", depth, depth + 50, Level.SUSPECT),
        ("sys.getswitchinterval", str(interval), longer, Level.SUSPECT),
    ]
    assert (sys.getrecursionlimit(), sys.getswitchinterval()) == (depth, interval)


def test_names_are_told_and_put_back(kind: BuiltinsKind, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before
    original = ascii
    NAMES.planted = 1
    monkeypatch.setattr(builtins, "ascii", repr)
    monkeypatch.delattr(builtins, "memoryview")
    changes = kind.diff(before, kind.snapshot())
    kind.restore(before)
    assert sorted(map(str, changes)) == [
        "builtins ascii: 'builtins.ascii' → 'builtins.repr'",
        "builtins memoryview: 'builtins.memoryview' → None",
        "builtins planted: None → 1",
    ]
    assert {one.name: one.level for one in changes} == {
        "ascii": Level.DANGEROUS,
        "memoryview": Level.DANGEROUS,
        "planted": Level.SUSPECT,
    }
    assert ascii is original
    assert kind.diff(before, kind.snapshot()) == []


def test_the_last_result_of_a_doctest_is_no_leak_and_a_translation_is(kind: BuiltinsKind) -> None:
    before = kind.snapshot()
    NAMES._ = 42
    assert kind.diff(before, kind.snapshot()) == [Change("builtins", "_", None, 42, Level.HARMLESS)]
    NAMES._ = str
    assert kind.diff(before, kind.snapshot())[0].level is Level.SUSPECT


def test_what_another_has_bound_stays(kind: BuiltinsKind) -> None:
    before = kind.snapshot()
    NAMES.planted_by_a_fixture = 1
    owned = kind.rebase(before, before, kind.snapshot())
    NAMES.planted_by_a_test = 1
    kind.restore(owned)
    assert hasattr(builtins, "planted_by_a_fixture")
    assert not hasattr(builtins, "planted_by_a_test")

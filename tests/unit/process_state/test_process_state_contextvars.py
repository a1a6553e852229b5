"""Context variables are given back where that is possible, and told of where it is not."""

from __future__ import annotations

import decimal
import importlib
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.context_variables import ContextVariablesKind

KIND = ContextVariablesKind()


class _Mine:
    """Private, but no library's."""


class Contrary:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = None  # type: ignore[assignment]


def in_own_context(test: Callable[..., None]) -> Callable[..., None]:
    """Run the test in a copy of the context, so that nothing of it stays."""

    @wraps(test)
    def run(**arguments: Any) -> None:
        copy_context().run(test, **arguments)

    return run


@pytest.mark.req("R2.4")
@in_own_context
def test_a_value_that_was_set_is_told_and_given_back() -> None:
    variable: ContextVar[str] = ContextVar("user")
    variable.set("before")
    before = KIND.snapshot()
    variable.set("after")
    assert KIND.diff(before, KIND.snapshot()) == [Change("contextvars", "user", "before", "after", Level.SUSPECT)]
    KIND.restore(before)
    assert variable.get() == "before"
    assert KIND.diff(before, KIND.snapshot()) == []


@pytest.mark.req("R2.4")
@in_own_context
def test_a_variable_with_a_default_has_it_again() -> None:
    default = Contrary()
    variable: ContextVar[object] = ContextVar("contrary", default=default)
    before = KIND.snapshot()
    variable.set(Contrary())
    own = f"{__name__}.Contrary object"
    assert KIND.diff(before, KIND.snapshot()) == [Change("contextvars", "contrary", own, own, Level.SUSPECT)]
    KIND.restore(before)
    assert variable.get() is default
    assert KIND.diff(before, KIND.snapshot()) == []


@in_own_context
def test_a_variable_without_a_default_cannot_be_unset_and_the_others_are_given_back_all_the_same() -> None:
    lost: ContextVar[int] = ContextVar("lost")
    kept: ContextVar[int] = ContextVar("kept")
    kept.set(1)
    before = KIND.snapshot()
    lost.set(2)
    kept.set(2)
    assert {str(change) for change in KIND.diff(before, KIND.snapshot())} == {
        "contextvars lost: None → 2",
        "contextvars kept: 1 → 2",
    }
    with pytest.raises(RestoreError, match=r"variables lost had no value.*\[context-variable-set\]"):
        KIND.restore(before)
    assert kept.get() == 1


@in_own_context
def test_what_is_reset_is_no_change_and_what_is_reset_too_far_is() -> None:
    variable: ContextVar[object] = ContextVar("request")
    outer = variable.set(None)
    before = KIND.snapshot()
    inner = variable.set(object())
    variable.reset(inner)
    assert KIND.diff(before, KIND.snapshot()) == []
    variable.reset(outer)
    assert KIND.diff(before, KIND.snapshot()) == [Change("contextvars", "request", "None", None, Level.SUSPECT)]
    KIND.restore(before)
    assert variable.get() is None


@in_own_context
def test_decimal_keeps_its_context_for_itself() -> None:
    before = KIND.snapshot()
    decimal.setcontext(decimal.Context(prec=3))
    assert KIND.diff(before, KIND.snapshot()) == []


@in_own_context
def test_a_fixtures_value_stays_and_the_tests_goes() -> None:
    by_test, by_fixture, reset = (ContextVar(name, default=0) for name in ("by_test", "by_fixture", "reset"))
    token = reset.set(1)
    initial = KIND.snapshot()
    by_test.set(1)
    before = KIND.snapshot()
    by_fixture.set(2)
    reset.reset(token)
    pending = KIND.rebase(initial, before, KIND.snapshot())
    reset.set(5)
    KIND.restore(pending)
    assert (by_test.get(), by_fixture.get(), reset.get()) == (0, 2, 0)


@pytest.mark.req("R2.4")
@in_own_context
def test_what_a_library_keeps_in_a_private_object_is_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "isolane_library_of_locals.py"
    package.parent.mkdir()
    package.write_text("class _Storage: pass\nclass Span: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    library = importlib.import_module(package.stem)
    try:
        levels = []
        for value in (library._Storage(), library.Span(), _Mine()):
            before = KIND.snapshot()
            ContextVar[object]("kept").set(value)
            levels += [change.level for change in KIND.diff(before, KIND.snapshot())]
        assert levels == [Level.HARMLESS, Level.SUSPECT, Level.SUSPECT]
    finally:
        del sys.modules[package.stem]

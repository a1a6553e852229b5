"""Caches are emptied, by reference or by name, and a wrong name is one clear line."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType

import pytest

from isolane.model.errors import UsageError
from isolane.model.state import Change
from isolane.process_state.caches import CacheClearing, CacheReference, CachesKind, clear_all, clear_function


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with settings that are read once, and a start-up time."""
    module = ModuleType("isolane_cached_app")

    @lru_cache
    def get_settings() -> object:
        return object()

    def forget_start() -> None:
        module.started = None  # type: ignore[attr-defined]

    module.get_settings, module.forget_start = get_settings, forget_start  # type: ignore[attr-defined]
    module.started = "12:00"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.mark.req("FR-6")
@pytest.mark.parametrize("name", ["get_settings", "get_settings.cache_clear"])
def test_a_cache_is_emptied_by_its_name(app: ModuleType, name: str) -> None:
    kind = CachesKind([CacheReference.parse(f"isolane_cached_app:{name}")])
    before = kind.snapshot()
    first = app.get_settings()
    assert kind.diff(before, kind.snapshot()) == (
        [Change("caches", "isolane_cached_app:get_settings.cache_clear", 0, 1)]
        if "cache_clear" in name
        else [Change("caches", "isolane_cached_app:get_settings", 0, 1)]
    )
    kind.restore(kind.rebase(before, before, kind.snapshot()))
    assert app.get_settings() is not first


@pytest.mark.req("FR-6")
def test_any_clearing_function_will_do(app: ModuleType) -> None:
    kind = CachesKind([CacheReference.parse("isolane_cached_app:forget_start")])
    assert kind.snapshot() == {}
    kind.restore({})
    assert app.started is None


def test_a_module_that_is_not_loaded_has_no_caches_and_is_not_loaded_for_it() -> None:
    reference = CacheReference.parse("this.parser:ParserCreate.cache_clear")
    assert reference.find() is None
    reference.clear()
    assert CachesKind([reference]).snapshot() == {}
    assert "this" not in sys.modules


def test_a_reloaded_module_is_looked_up_again(app: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = CacheReference.parse("isolane_cached_app:forget_start")
    reference.clear()
    called = []
    again = ModuleType("isolane_cached_app")
    again.forget_start = lambda: called.append("again")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "isolane_cached_app", again)
    reference.clear()
    assert called == ["again"]


@pytest.mark.parametrize("text", ["isolane_cached_app", "isolane_cached_app:", ":x", "a b:c", "a:b()", "a:b:c", ""])
def test_a_name_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not of the form module:attribute"):
        CacheReference.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("isolane_cached_app:nothing", "isolane_cached_app:nothing cannot be found: no attribute 'nothing'"),
        ("isolane_cached_app:started", "isolane_cached_app:started cannot be called: it is '12:00'"),
        ("isolane_no_such_module:x", "there is no module 'isolane_no_such_module'"),
        ("isolane_no_such_package.module:x", "ModuleNotFoundError"),
        ("isolane_cached_app.module:x", "ModuleNotFoundError"),
    ],
)
def test_a_name_of_nothing_is_refused(app: ModuleType, text: str, message: str) -> None:
    reference = CacheReference.parse(text)
    with pytest.raises(UsageError, match=message):
        reference.check()
    CachesKind([reference]).snapshot()


def test_a_module_that_exists_will_do_until_it_is_loaded() -> None:
    CacheReference.parse("this:anything").check()
    assert "this" not in sys.modules


@pytest.mark.req("FR-6")
def test_caches_named_by_a_test_are_emptied_at_once_and_at_the_end(app: ModuleType) -> None:
    calls: list[str] = []
    clearing = CacheClearing([CacheReference.parse("isolane_cached_app:forget_start")])
    before = app.get_settings()
    clearing(app.get_settings)
    during = app.get_settings()
    clearing(lambda: calls.append("cleared"))
    assert calls == ["cleared"]
    assert during is not before
    clearing.clear()
    assert app.get_settings() is not during
    assert (calls, app.started) == (["cleared", "cleared"], None)


def test_what_is_no_cache_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a function with cache_clear"):
        clear_function("get_settings")


def test_one_failing_clearing_function_does_not_keep_the_others_from_their_turn() -> None:
    calls: list[str] = []

    def fail() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        clear_all([fail, lambda: calls.append("called"), lambda: {}["second"]])
    assert calls == ["called"]

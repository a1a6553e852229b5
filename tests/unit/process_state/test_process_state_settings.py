"""Settings made for a test are fresh, and an override that is none is refused."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from isolane.model.errors import UsageError
from isolane.process_state.settings import fresh_settings


@dataclass(frozen=True)
class Frozen:
    n0: int = 20
    half_life_days: float = 30.0


class FromEnvironment:
    """Reads the environment, takes no arguments."""

    def __init__(self) -> None:
        self.n0 = int(os.environ.get("BMTC_N0", "20"))


class Lenient:
    """Takes any argument and drops what it does not know."""

    n0 = 20

    def __init__(self, **values: object) -> None:
        for name, value in values.items():
            if hasattr(self, name):
                setattr(self, name, value)


@cache
def get_settings(n0: int = 20) -> Frozen:
    return Frozen(n0)


@pytest.mark.parametrize("cls", [Frozen, FromEnvironment, Lenient, get_settings])
def test_overrides_are_applied_to_a_fresh_instance(cls: Any) -> None:
    first, second = fresh_settings(cls, n0=5), fresh_settings(cls)
    assert (first.n0, second.n0) == (5, 20)
    assert fresh_settings(cls) is not second


def test_a_cached_function_is_called_behind_its_cache() -> None:
    cached = get_settings()
    assert fresh_settings(get_settings) is not cached
    assert get_settings() is cached


def test_the_environment_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMTC_N0", "7")
    assert fresh_settings(FromEnvironment).n0 == 7


@pytest.mark.parametrize("cls", [FromEnvironment, Lenient])
def test_an_override_that_is_no_setting_is_refused(cls: Any) -> None:
    with pytest.raises(UsageError, match="has no setting 'n00'"):
        fresh_settings(cls, n00=5)


def test_the_class_itself_may_be_a_setting_named_cls() -> None:
    @dataclass
    class Odd:
        cls: str = ""

    assert fresh_settings(Odd, cls="x").cls == "x"


class Registry(type):
    instances: dict[type, object] = {}  # noqa: RUF012

    def __call__(cls, *args: object) -> object:
        return Registry.instances.setdefault(cls, super().__call__(*args))


class ByMetaclass(metaclass=Registry):
    pass


class ByNew:
    instance: ByNew | None = None

    def __new__(cls) -> ByNew:
        cls.instance = cls.instance or super().__new__(cls)
        return cls.instance


def by_function(instance: object = Frozen()) -> object:
    return instance


@pytest.mark.parametrize("cls", [ByMetaclass, ByNew, by_function])
def test_a_class_that_shares_its_instance_is_refused(cls: Any) -> None:
    with pytest.raises(UsageError, match=r"returned the same instance twice.*settings-not-fresh"):
        fresh_settings(cls)

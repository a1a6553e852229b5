"""State of every sort that a module can have."""

from __future__ import annotations

import functools
import re
from collections import deque
from typing import ClassVar

RATE = 2
PRICES = {"single": 2, "day": 5}
STOPS = ["harbour", "market"]
CLOSED: set[str] = set()
PER_ZONE: dict[str, list[int]] = {"inner": [1, 2]}
_settings = None


class Settings:
    """An object in a module, and a class with a mutable attribute."""

    zones: ClassVar[list[str]] = []
    half = 0.5

    def __init__(self) -> None:
        self.currency = "EUR"

    def price(self, stops: int) -> float:
        return stops * self.half


SETTINGS = Settings()


def settings() -> Settings:
    """Return the one that is made when it is first asked for."""
    global _settings
    if _settings is None:
        _settings = Settings()  # leaks: test_singleton
    return _settings


def fare(stops: int, factor: int = 1) -> int:
    return stops * RATE * factor


def discount(stops: int, factor: int = 1) -> int:
    return stops * factor


@functools.lru_cache
def rate_of(zone: str) -> list[int]:
    """Return what depends on settings, and can be changed by whoever gets it."""
    return [len(zone) * RATE]


@functools.cache
def squared(number: int) -> int:
    return number * number


@functools.lru_cache
def pattern_of(zone: str) -> re.Pattern[str]:
    return re.compile(zone)


class Recent:
    """Answers by their arguments, the last two that were asked for."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, ...], list[int]] = {}
        self.order: deque[tuple[str, ...]] = deque()

    def fare(self, *stops: str) -> list[int]:
        if stops in self.answers:
            self.order.remove(stops)
        self.order.append(stops)
        while len(self.order) > 2:
            del self.answers[self.order.popleft()]
        return self.answers.setdefault(stops, [len(stops)])


class Doubled(dict[int, int]):
    """What is asked for, twice."""

    def __missing__(self, key: int) -> int:
        self[key] = 2 * key
        return self[key]


fare_cache = Recent()
DOUBLED = Doubled()

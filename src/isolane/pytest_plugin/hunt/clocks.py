"""A clock that says another time, in a process that runs one probe and ends: nothing is put back."""

from __future__ import annotations

import datetime
import sys
import time
from typing import Any

from isolane.model.hunt import NOW

_OURS = ("isolane", "_pytest", "pytest", "pluggy", "datetime", "time")
"""Modules that go on to see the machine's clock."""


def set_clock(clock: str) -> None:
    """Let ``time`` and ``datetime`` say this time, in UTC, and go on from there.

    Modules that have imported their functions or classes by name have them replaced. What is written in C asks the
    machine's clock still, and so do monotonic clocks, as nobody reads a date from these.
    """
    shift = 0.0
    if clock != NOW:
        shift = datetime.datetime.fromisoformat(f"{clock}0000+00:00").timestamp() - time.time()
    _replace(_shifted(shift))


def _shifted(shift: float) -> dict[int, Any]:
    """Return what says another time, by the identity of what it replaces."""
    real_time, real_localtime, real_gmtime = time.time, time.localtime, time.gmtime
    real_ctime, real_strftime = time.ctime, time.strftime
    real_date, real_datetime = datetime.date, datetime.datetime

    def shifted_time() -> float:
        return real_time() + shift

    def shifted_time_ns() -> int:
        return int(shifted_time() * 1e9)

    def shifted_localtime(seconds: float | None = None) -> time.struct_time:
        return real_localtime(shifted_time() if seconds is None else seconds)

    def shifted_gmtime(seconds: float | None = None) -> time.struct_time:
        return real_gmtime(shifted_time() if seconds is None else seconds)

    def shifted_ctime(seconds: float | None = None) -> str:
        return real_ctime(shifted_time() if seconds is None else seconds)

    def shifted_strftime(form: str, moment: Any = None) -> str:
        return real_strftime(form, shifted_localtime() if moment is None else moment)

    class _Like(type):
        """Takes what the real class takes for an instance, and for a class below it."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, cls.__mro__[1])

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, cls.__mro__[1])

    class ShiftedDate(datetime.date, metaclass=_Like):
        @classmethod
        def today(cls) -> Any:
            return real_date.fromtimestamp(shifted_time())

    class ShiftedDatetime(datetime.datetime, metaclass=_Like):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return real_datetime.fromtimestamp(shifted_time(), tz)

        @classmethod
        def today(cls) -> Any:
            return real_datetime.fromtimestamp(shifted_time())

        @classmethod
        def utcnow(cls) -> Any:
            return real_datetime.fromtimestamp(shifted_time(), datetime.timezone.utc).replace(tzinfo=None)

    ShiftedDate.__name__, ShiftedDatetime.__name__ = "date", "datetime"
    return {
        id(time.time): shifted_time,
        id(time.time_ns): shifted_time_ns,
        id(real_localtime): shifted_localtime,
        id(real_gmtime): shifted_gmtime,
        id(real_ctime): shifted_ctime,
        id(real_strftime): shifted_strftime,
        id(real_date): ShiftedDate,
        id(real_datetime): ShiftedDatetime,
    }


def _replace(by_identity: dict[int, Any]) -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS:
            continue
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            other = by_identity.get(id(value))
            if other is not None:
                setattr(module, attribute, other)
    for module in (time, datetime):
        for attribute, value in list(vars(module).items()):
            other = by_identity.get(id(value))
            if other is not None:
                setattr(module, attribute, other)

"""The environment: the variables of ``os.environ``, and the time zone that the C library made of ``TZ``."""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from isolane.model.state import Change
from isolane.process_state.glance import Signs

_CURRENT_TEST = "PYTEST_CURRENT_TEST"
"""pytest's own: its value changes from phase to phase, and pytest removes it itself after the test."""
_RAW_CURRENT_TEST: Any = os.fsencode(_CURRENT_TEST) if os.supports_bytes_environ else _CURRENT_TEST


class EnvironmentSnapshot(NamedTuple):
    """The mapping that was ``os.environ``, its raw contents, and the C library's time zone."""

    environ: MutableMapping[str, str]
    contents: dict[Any, Any]
    """As :class:`os.environ` keeps them: bytes on POSIX, so that undecodable values are no matter."""
    current_test: Any
    zone: tuple[object, ...]


class EnvironmentKind:
    """``os.environ``, by identity and content, and with it the environment that child processes get."""

    name = "env"

    def snapshot(self) -> EnvironmentSnapshot:
        """Copy the raw contents; decoding fifty variables would cost ten times as much."""
        environ = os.environ
        contents = dict(_raw(environ))
        current_test = contents.pop(_RAW_CURRENT_TEST, None)
        return EnvironmentSnapshot(environ, contents, current_test, _zone())

    def signs(self) -> Signs:
        """Return the variables themselves, but for pytest's, and where the zone is noted."""
        return Signs(values=(_contents,), objects=(_ZONE,))

    def diff(self, before: EnvironmentSnapshot, after: EnvironmentSnapshot) -> list[Change]:
        """Return a change for each variable set, removed or altered."""
        old, new = before.contents, after.contents
        changes = [
            Change(self.name, _text(key), _text_or_none(old.get(key)), _text_or_none(new.get(key)))
            for key in _differing(old, new)
        ]
        return sorted(changes, key=lambda change: change.name)

    def rebase(
        self, pending: EnvironmentSnapshot, before: EnvironmentSnapshot, after: EnvironmentSnapshot
    ) -> EnvironmentSnapshot:
        """Set in ``pending`` what was set, remove what was removed."""
        contents = dict(pending.contents)
        for key in _differing(before.contents, after.contents):
            if key in after.contents:
                contents[key] = after.contents[key]
            else:
                contents.pop(key, None)
        return EnvironmentSnapshot(
            pending.environ if before.environ is after.environ else after.environ,
            contents,
            pending.current_test,
            pending.zone if before.zone == after.zone else after.zone,
        )

    def restore(self, before: EnvironmentSnapshot) -> None:
        """Put the mapping back in its place, then its contents, then the zone if ``time.tzset`` moved it."""
        environ = before.environ
        if os.environ is not environ:
            os.environ = environ  # type: ignore[assignment]  # noqa: B003  # the very object that it was
        current = dict(_raw(environ))
        if current.pop(_RAW_CURRENT_TEST, None) is None and before.current_test is not None:
            # pytest removes it after the test, and fails when it is not there.
            _put(environ, _RAW_CURRENT_TEST, before.current_test)
        if current != before.contents:
            for key in _differing(before.contents, current):
                _put(environ, key, before.contents.get(key))
        if _zone() != before.zone and hasattr(time, "tzset"):
            time.tzset()


class Patcher(Protocol):
    """The part of ``pytest.MonkeyPatch`` that is needed here."""

    def setenv(self, name: str, value: str) -> None:
        """Set a variable and remember what it was."""
        ...

    def delenv(self, name: str, raising: bool = ...) -> None:
        """Remove a variable and remember what it was."""
        ...


class IsolatedEnvironment:
    """Changes to ``os.environ`` that are undone with the patcher that makes them.

    It shares the patcher with the test's own ``monkeypatch``: two separate undo lists that touch one variable
    would bring back each other's values.
    """

    def __init__(self, patcher: Patcher) -> None:
        self._patcher = patcher

    def set(self, name: str, value: str | os.PathLike[str]) -> None:
        """Set a variable; a path is taken as its text, anything else but a string is a ``TypeError``."""
        self._patcher.setenv(name, os.fspath(value))

    def delete(self, name: str) -> None:
        """Remove a variable; it need not be there."""
        self._patcher.delenv(name, raising=False)

    def clear(self, pattern: str = "*") -> tuple[str, ...]:
        """Remove every variable whose name matches the glob pattern, case-sensitively; return their names.

        >>> import pytest
        >>> with pytest.MonkeyPatch.context() as patcher:
        ...     environment = IsolatedEnvironment(patcher)
        ...     environment.set("BMTC_API_KEY", "secret")
        ...     environment.clear("BMTC_*")
        ('BMTC_API_KEY',)
        """
        names = tuple(name for name in os.environ if fnmatchcase(name, pattern) and name != _CURRENT_TEST)
        for name in names:
            self.delete(name)
        return names


def _raw(environ: MutableMapping[str, str]) -> MutableMapping[Any, Any]:
    """Return the dictionary behind ``os.environ``; for whatever a test has put in its place, that itself."""
    raw = getattr(environ, "_data", None)
    return raw if type(raw) is dict else environ


def _put(environ: MutableMapping[str, str], key: Any, value: Any) -> None:
    """Set, or for ``None`` remove, one variable given by its raw key and value."""
    try:
        if value is None:
            del environ[_text(key)]
        else:
            environ[_text(key)] = _text(value)
    except (OSError, ValueError, KeyError):
        # A name that came with the process but that the C library will not take back, such as an empty one.
        with suppress(KeyError):
            if value is None:
                del _raw(environ)[key]
            else:
                _raw(environ)[key] = value


def _differing(first: dict[Any, Any], second: dict[Any, Any]) -> list[Any]:
    """Return the keys that are in one only, or whose values differ."""
    if first == second:
        return []
    return [key for key in {**first, **second} if first.get(key) != second.get(key)]


def _text(raw: Any) -> str:
    return os.fsdecode(raw)


def _text_or_none(raw: Any) -> str | None:
    return None if raw is None else os.fsdecode(raw)


def _contents() -> dict[Any, Any]:
    contents = dict(_raw(os.environ))
    contents.pop(_RAW_CURRENT_TEST, None)
    return contents


_ZONE = partial(attrgetter("timezone", "altzone", "tzname"), time)


def _zone() -> tuple[object, ...]:
    return (time.timezone, time.altzone, time.tzname)

"""The locale, and the C library's time zone where the environment does not tell it."""

from __future__ import annotations

import locale
import os
import re
import time
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from isolane.model.errors import UsageError
from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs

_BSD_ORDER = ("LC_COLLATE", "LC_CTYPE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES")
"""In which macOS joins the categories by slashes, where they are not all the same."""

_RULE = re.compile(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?\d.*")
"""A zone that is spelled out, as POSIX has it: ``CET-1CEST,M3.5.0,M10.5.0/3``."""
_NO_FILE_NEEDED = ("UTC", "GMT")


class LocaleSnapshot(NamedTuple):
    """The locale as ``setlocale(LC_ALL)`` tells it, the zone's two names and offsets, and the variable ``TZ``."""

    locale: str
    zone: tuple[tuple[str, str], int, int]
    variable: str | None


class LocaleKind:
    """Every category of ``locale.setlocale``; the zone, if ``time.tzset`` moved it and ``TZ`` is as before.

    A variable ``TZ`` that has changed is the environment's affair, and the zone with it.
    """

    name = "locale_time"

    def snapshot(self) -> LocaleSnapshot:
        """Ask the C library."""
        return LocaleSnapshot(_locale(), (time.tzname, time.timezone, time.altzone), _variable())

    def signs(self) -> Signs:
        """Return what a snapshot is made of."""
        zone = partial(attrgetter("timezone", "altzone", "tzname"), time)
        return Signs(values=(_locale, _variable), objects=(zone,))

    def diff(self, before: LocaleSnapshot, after: LocaleSnapshot) -> list[Change]:
        """Return a change a category, and one for the zone."""
        changes = []
        if before.locale != after.locale:
            old, new = _categories(before.locale, after.locale)
            changes += [
                Change(self.name, category, old.get(category), new.get(category))
                for category in {**old, **new}
                if old.get(category) != new.get(category)
            ]
        if before.zone != after.zone and before.variable == after.variable:
            changes.append(Change(self.name, "time.tzset", _tell(before.zone), _tell(after.zone)))
        return changes

    def rebase(self, pending: LocaleSnapshot, before: LocaleSnapshot, after: LocaleSnapshot) -> LocaleSnapshot:
        """Take over a new locale whole, and a new zone with the variable it was made of."""
        kept = pending if before[1:] == after[1:] else after
        return LocaleSnapshot(pending.locale if before.locale == after.locale else after.locale, *kept[1:])

    def restore(self, before: LocaleSnapshot) -> None:
        """Set the locale again, and have the zone made anew of the variable."""
        now = self.snapshot()
        if now.zone != before.zone and now.variable == before.variable and hasattr(time, "tzset"):
            time.tzset()
        if now.locale != before.locale:
            try:
                locale.setlocale(locale.LC_ALL, before.locale)
            except locale.Error as error:
                raise RestoreError(
                    "locale-gone", f"the locale {before.locale} cannot be set again after the test ({error})."
                ) from error


class IsolatedTimeZone:
    """The process's time zone: UTC at first, another when called, at the end the one from before."""

    def __init__(self) -> None:
        self._before = os.environ.get("TZ")
        self("UTC")

    def __call__(self, name: str) -> None:
        """Move to a zone: a name such as ``Asia/Kolkata``, or a POSIX rule.

        :class:`UsageError` for one that the machine does not have (the C library would take it for UTC).
        """
        if not hasattr(time, "tzset"):
            raise UsageError("no-time-zone", "This system cannot change the time zone of a process.")
        if name not in _NO_FILE_NEEDED and not _RULE.fullmatch(name) and not _has_zone(name):
            raise UsageError(
                "unknown-time-zone",
                f"This machine has no time zone {name!r}.",
                "Check the name, or install the system's package of time zones, tzdata.",
            )
        os.environ["TZ"] = name
        time.tzset()

    def restore(self) -> None:
        """Go back."""
        if self._before is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = self._before
        time.tzset()


class IsolatedLocale:
    """The process's locale: ``C`` at first, another when called, at the end the one from before.

    The encoding (``LC_CTYPE``) stays at first: files are opened with it.
    """

    def __init__(self) -> None:
        self._before = locale.setlocale(locale.LC_ALL)
        for name in _BSD_ORDER:
            if name != "LC_CTYPE" and hasattr(locale, name):
                locale.setlocale(getattr(locale, name), "C")

    def __call__(self, name: str, category: int = locale.LC_ALL) -> None:
        """Set a category, all by default; :class:`UsageError` for a locale that the machine does not have."""
        try:
            locale.setlocale(category, name)
        except locale.Error as error:
            raise UsageError(
                "unknown-locale", f"This machine has no locale {name!r}.", "The command 'locale -a' lists them."
            ) from error

    def restore(self) -> None:
        """Go back."""
        locale.setlocale(locale.LC_ALL, self._before)


def _has_zone(name: str) -> bool:
    from zoneinfo import TZPATH

    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and any(
        Path(directory, *parts).is_file() for directory in TZPATH
    )


def _locale() -> str:
    try:
        return locale.setlocale(locale.LC_ALL)
    except locale.Error:
        return ""


def _variable() -> str | None:
    try:
        return os.environ.get("TZ")
    except Exception:  # noqa: BLE001  # whatever a test has put in the environment's place
        return None


def _categories(*told: str) -> list[dict[str, str]]:
    """Return locales by category; by the one name ``LC_ALL`` where no one of them tells categories apart."""
    found = []
    for text in told:
        if "=" in text:
            found.append(dict(part.split("=", 1) for part in text.split(";")))
        elif "/" in text:
            found.append(dict(zip(_BSD_ORDER, text.split("/"), strict=False)))
        else:
            found.append({})
    names = next((list(categories) for categories in found if categories), ["LC_ALL"])
    return [categories or dict.fromkeys(names, text) for categories, text in zip(found, told, strict=True)]


def _tell(zone: tuple[tuple[str, str], int, int]) -> str:
    names, west_of_utc, _ = zone
    hours, minutes = divmod(abs(west_of_utc) // 60, 60)
    return f"{'/'.join(names)} (UTC{'-' if west_of_utc > 0 else '+'}{hours:02}:{minutes:02})"

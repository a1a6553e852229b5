"""The locale, and the C library's time zone where the environment does not tell it."""

from __future__ import annotations

import locale
import os
import time
from typing import NamedTuple

from isolane.model.state import Change
from isolane.process_state.base import RestoreError

_BSD_ORDER = ("LC_COLLATE", "LC_CTYPE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME", "LC_MESSAGES")
"""In which macOS joins the categories by slashes, where they are not all the same."""


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

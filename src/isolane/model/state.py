"""The state of a process in plain data: what changed, of which kind, from what to what, and how bad that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

Plain = str | int | bool | tuple[str, ...] | None
"""What a change is told with: never the live objects, so that nobody keeps a test's objects alive by reporting."""


class Level(str, Enum):
    """How bad it is for the next test that a change stays; anything but harmless makes a process dirty."""

    HARMLESS = "harmless"
    """Cannot change what a test sees, or is meant to happen once a process: a lazily imported standard module."""
    NOTED = "noted"
    """Only a test that asks for just this could see it: a counter that nobody but its own function reads. No process is
    given up for it; who fails behind it runs once more in a fresh one."""
    SUSPECT = "suspect"
    """May change it: a module global, a filled cache, a thread that goes on."""
    DANGEROUS = "dangerous"
    """Does change what other code sees: an environment variable, the working directory, a replaced function."""

    @property
    def is_dirt(self) -> bool:
        """Whether a process with such a change is not clean any more."""
        return self is Level.SUSPECT or self is Level.DANGEROUS


@dataclass(frozen=True)
class Change:
    """One piece of state that is not what it was; ``None`` means that it was, or is, not there.

    Text is made such that it can be written as UTF-8 and is nobody's own sort of string: what the system calls a file
    or a variable need not be text.

    >>> str(Change("env", "BMTC_API_KEY", None, "secret"))
    "env BMTC_API_KEY: None → 'secret'"
    """

    kind: str
    name: str
    before: Plain
    after: Plain
    level: Level = Level.DANGEROUS

    def __post_init__(self) -> None:
        for part in ("name", "before", "after"):
            given = getattr(self, part)
            writable = _writable(given)
            if writable is not given:
                object.__setattr__(self, part, writable)

    @property
    def place(self) -> tuple[str, str]:
        """Return kind and name, the name without the key or position within a container."""
        return self.kind, self.name.partition("[")[0]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.before!r} → {self.after!r}"


def _writable(value: Plain) -> Plain:
    if type(value) is tuple:
        return tuple(str(_writable(item)) for item in value)
    if isinstance(value, str) and (type(value) is not str or not value.isascii()):
        return str.encode(value, "utf-8", "backslashreplace").decode("utf-8")
    return value


@dataclass(frozen=True)
class Leak:
    """A change that outlived whoever made it. owner: a test's node id, or ``fixture NAME of NODE``, or a module."""

    owner: str
    change: Change

    def to_plain(self) -> list[Plain]:
        """Return what :meth:`from_plain` takes, in types that JSON has."""
        change = self.change
        return [self.owner, change.kind, change.name, change.before, change.after, change.level.value]

    @classmethod
    def from_plain(cls, values: Sequence[Any]) -> Leak:
        """Return the leak that :meth:`to_plain` told of."""
        owner, kind, name, before, after, level = values
        before, after = (tuple(one) if isinstance(one, list) else one for one in (before, after))
        return cls(owner, Change(kind, name, before, after, Level(level)))

    def __str__(self) -> str:
        return f"{self.owner}: {self.change} ({self.change.level.value})"

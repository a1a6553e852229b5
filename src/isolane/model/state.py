"""The state of a process in plain data: what changed, of which kind, from what to what."""

from __future__ import annotations

from dataclasses import dataclass

Plain = str | int | bool | tuple[str, ...] | None
"""What a change is told with: never the live objects, so that nobody keeps a test's objects alive by reporting."""


@dataclass(frozen=True)
class Change:
    """One piece of state that is not what it was; ``None`` means that it was, or is, not there.

    >>> str(Change("env", "BMTC_API_KEY", None, "secret"))
    "env BMTC_API_KEY: None → 'secret'"
    """

    kind: str
    name: str
    before: Plain
    after: Plain

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.before!r} → {self.after!r}"

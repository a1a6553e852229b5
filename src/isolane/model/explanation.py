"""Where a change of state comes from: the line that made it, and who had called it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

from isolane.model.state import Leak


@dataclass(frozen=True)
class Frame:
    """A line that was being executed. file: as one types it from the project, a library's from where it is imported.

    source: the line's text, without the space around it; empty where nobody has it.
    """

    file: str
    line: int
    function: str
    of_project: bool
    source: str = ""

    @property
    def place(self) -> str:
        """Return ``file:line``."""
        return f"{self.file}:{self.line}"


Stack = tuple[Frame, ...]
"""The outermost frame first; empty where none of them is the project's or a library's."""


def line_of(stack: Stack) -> Frame | None:
    """Return the frame to look at first: the innermost of the project, of a library where the project has none."""
    if not stack:
        return None
    return next((frame for frame in reversed(stack) if frame.of_project), stack[-1])


@dataclass(frozen=True)
class Blame:
    """since: the lines after which a place differed, and has ever since. last: those of its last change."""

    since: Stack
    last: Stack


@dataclass(frozen=True)
class Explained:
    """A leak, and where it comes from. blame: ``None`` where it was not seen to happen.

    at_import: a module left it when it was imported, while tests were collected.
    """

    leak: Leak
    at_import: bool
    blame: Blame | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return what :meth:`from_plain` takes, in types that JSON has."""
        stacks = None
        if self.blame is not None:
            stacks = [[list(astuple(frame)) for frame in stack] for stack in (self.blame.since, self.blame.last)]
        return {"leak": self.leak.to_plain(), "at_import": self.at_import, "blame": stacks}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Explained:
        """Return what :meth:`to_plain` told of."""
        stacks = values["blame"]
        blame = None if stacks is None else Blame(*(_stack(stack) for stack in stacks))
        return cls(Leak.from_plain(values["leak"]), bool(values["at_import"]), blame)


@dataclass(frozen=True)
class Explanation:
    """What a test leaves behind, line by line.

    test: its node id. outcome, traced_outcome: how it ended, without and with tracing. harmless: how many of its
    changes nobody can see. run: the directory's name of the run that was traced, of the one that looked where there
    was nothing to trace.
    """

    test: str
    outcome: str
    traced_outcome: str
    explained: Sequence[Explained]
    harmless: int
    run: str

    def as_data(self) -> dict[str, Any]:
        """Return it in types that JSON has."""
        return {
            "test": self.test,
            "outcome": self.outcome,
            "traced_outcome": self.traced_outcome,
            "harmless": self.harmless,
            "run": self.run,
            "leaks": [explained_as_data(one) for one in self.explained],
        }


def explained_as_data(one: Explained) -> dict[str, Any]:
    """Return one leak with its line, in types that JSON has."""
    change, blame = one.leak.change, one.blame
    line = line_of(blame.since) if blame else None
    last = line_of(blame.last) if blame else None
    return {
        "owner": one.leak.owner,
        "at_import": one.at_import,
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "level": change.level.value,
        "line": asdict(line) if line else None,
        "last_line": asdict(last) if last else None,
        "stack": [asdict(frame) for frame in blame.since] if blame else [],
    }


def _stack(frames: Iterable[Sequence[Any]]) -> Stack:
    return tuple(Frame(*values) for values in frames)

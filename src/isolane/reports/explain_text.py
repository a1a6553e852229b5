"""What a test leaves behind, and the lines to blame, in words that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap
from typing import Any

from isolane.model.explanation import Explained, Explanation, Frame, Stack, line_of
from isolane.model.state import Plain

_LONGEST = 60
_SHOWN_CALLS = 1
"""How many calls within libraries are shown, between two of the project."""
_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def explanation_lines(found: Explanation, width: int = 80) -> Iterator[str]:
    """Yield the whole explanation, in lines of at most ``width`` where names and paths allow."""
    own = [one for one in found.explained if not one.at_import]
    imported = [one for one in found.explained if one.at_import]
    if own:
        yield f"{found.test} ({found.outcome}) leaves {_changes(len(own))} behind:"
    else:
        harmless = f" that another test could see ({_changes(found.harmless)} harmless)" if found.harmless else ""
        yield from wrap(f"{found.test} ({found.outcome}) leaves nothing behind{harmless}.", width, **_WHOLE)
    for number, one in enumerate(own, 1):
        yield ""
        yield from _leak_lines(number, one, found.test, width)
    if imported:
        yield ""
        text = f"The modules that are imported to collect it leave {_changes(len(imported))}, in every worker:"
        yield from wrap(text, width, **_WHOLE)
    for number, one in enumerate(imported, len(own) + 1):
        yield ""
        yield from _leak_lines(number, one, found.test, width)
    if found.explained and found.traced_outcome != found.outcome:
        yield ""
        yield from wrap(f"Under tracing the test ended otherwise: {found.traced_outcome or 'it did not end'}.", width)


def _changes(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"


def _leak_lines(number: int, one: Explained, test: str, width: int) -> Iterator[str]:
    change = one.leak.change
    yield f"{number}. {change.kind} {change.name} ({change.level.value})"
    yield f"   {_value(change.before)} → {_value(change.after)}"
    if one.leak.owner != test:
        yield f"   left by {one.leak.owner}"
    line = line_of(one.blame.since) if one.blame else None
    if one.blame is None or line is None:
        why = (
            "No line was seen to change it: it did not happen again under tracing, or pytest or one of its plugins "
            "did it."
        )
        yield from wrap(why, width, initial_indent="   ", subsequent_indent="   ")
        return
    yield f"   {line.place}"
    if line.source:
        yield f"       {line.source}"
    yield from _stack_lines(one.blame.since, line)
    last = line_of(one.blame.last)
    if last is not None and last.place != line.place:
        yield f"   changed for the last time at {last.place}"
        yield f"       {last.source}"


def _stack_lines(stack: Stack, line: Frame) -> Iterator[str]:
    """Yield the calls from the outermost down; nothing where there is none but the line itself."""
    if len(stack) > 1:
        yield "   called from the outermost down:"
        column = min(max(len(frame.place) for frame in stack), 40)
        for of_project, group in groupby(stack, key=lambda frame: frame.of_project):
            frames = list(group)
            hidden = 0 if of_project or frames[-1] is stack[-1] else len(frames) - _SHOWN_CALLS
            for frame in frames[max(hidden, 0) :] if hidden > 1 else frames:
                if hidden > 1 and frame is frames[hidden]:
                    yield f"     … {hidden} calls in libraries"
                mark = ">" if frame is line else " "
                yield f"   {mark} {frame.place:<{column}}  {frame.function}"


def _value(value: Plain) -> str:
    if value is None:
        return "(not there)"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

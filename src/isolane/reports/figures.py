"""How figures are written in every report."""

from __future__ import annotations

import re


def seconds_text(seconds: float) -> str:
    """Return a duration as people read it.

    >>> seconds_text(0.1234), seconds_text(12.34), seconds_text(125)
    ('0.12 s', '12.3 s', '2 min 05 s')
    """
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def cell(text: str) -> str:
    """Return text for a cell of a markdown table; what looks like HTML is shown, not obeyed."""
    return text.replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")


def code_cell(text: str) -> str:
    """Return text as code in a cell of a markdown table, whatever marks it holds itself; nothing for no text."""
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    escaped = text.replace("|", "\\|").replace("\n", " ")
    return f"{fence}{gap}{escaped}{gap}{fence}"

"""How figures are written in every report."""

from __future__ import annotations


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
    """Return text for a cell of a markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")

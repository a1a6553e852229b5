"""What a stress run says, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isolane.reports.figures import seconds_text


def rate_text(low: float, high: float) -> str:
    """Return an interval as people read it.

    >>> rate_text(0.0025, 0.445)
    '0.3 % to 44.5 %'
    """
    return f"{low * 100:.1f} % to {high * 100:.1f} %"

"""When two outcomes are the same, and what two runs of a suite differ in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from isolane.model.outcome import MISSING, Category, Outcome

_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x…"),
    (re.compile(r"\b(pytest-of-[^/\s]+/pytest)-\d+"), r"\1-N"),
    (re.compile(r"\bpopen-gw\d+/"), ""),
    (re.compile(r"\d+(\.\d+)?"), "N"),
)
"""What may differ in the reason of a skip or an xfail though it is the same reason: addresses, temporary
directories, numbers (of a process, of seconds)."""


def same_outcome(one: Outcome, other: Outcome) -> bool:
    """Return whether two outcomes are the same: category, and exception type or reason.

    >>> same_outcome(Outcome(Category.SKIPPED, "took 1.5 s"), Outcome(Category.SKIPPED, "took 2 s"))
    True
    >>> same_outcome(Outcome(Category.FAILED, "KeyError"), Outcome(Category.FAILED, "ValueError"))
    False
    """
    if one.category is not other.category:
        return False
    if one.detail == other.detail:
        return True
    if one.category in (Category.SKIPPED, Category.XFAILED, Category.XPASSED):
        return _plain(one.detail) == _plain(other.detail)
    return False


def compare(
    expected: Mapping[str, Outcome], found: Mapping[str, Outcome], ignore: Iterable[str] = ()
) -> list[tuple[str, Outcome, Outcome]]:
    """Return (node id, expected, found) for each test that differs, in the order of ``expected``.

    A test that is only in one of them is ``missing`` in the other. ignore: node ids to leave out.
    """
    left_out = set(ignore)
    differing = []
    for node_id, outcome in expected.items():
        other = found.get(node_id, MISSING)
        if node_id not in left_out and not same_outcome(outcome, other):
            differing.append((node_id, outcome, other))
    differing += [
        (node_id, MISSING, outcome)
        for node_id, outcome in found.items()
        if node_id not in expected and node_id not in left_out
    ]
    return differing


def _plain(reason: str) -> str:
    for pattern, replacement in _VARYING:
        reason = pattern.sub(replacement, reason)
    return reason

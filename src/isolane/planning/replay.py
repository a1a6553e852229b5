"""What is run when a worker's tests are run again in one process: which arguments, and which of its tests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from isolane.model.errors import UsageError

_WITH_VALUE = frozenset(
    {
        "--numprocesses",
        "--maxprocesses",
        "--dist",
        "--tx",
        "--isolane-engine",
        "--isolane-isolation",
        "--isolane-seed",
        "--isolane-order",
    }
)
_ALONE = frozenset({"-d"})
_SHORT = re.compile(r"-(?P<flags>[xsvqlh]*)n(?P<value>.*)")
"""``-n 2``, ``-n2``, and behind other short options: ``-xn2``."""


def in_one_process(argv: Sequence[str]) -> tuple[str, ...]:
    """Return pytest's arguments without those that ask for workers, an engine, or an order.

    >>> in_one_process(["-n", "2", "--dist=loadfile", "-xn4", "tests", "-k", "fare"])
    ('-x', 'tests', '-k', 'fare')
    """
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        name, has_value, _ = word.partition("=")
        short = _SHORT.fullmatch(word)
        if name in _WITH_VALUE:
            if not has_value:
                next(words, None)
        elif short and not word.startswith("--"):
            if short["flags"]:
                kept.append(f"-{short['flags']}")
            if not short["value"]:
                next(words, None)
        elif word not in _ALONE:
            kept.append(word)
    return tuple(kept)


def sequence_of(
    worker: str,
    sequences: Mapping[str, Sequence[str]],
    until: str | None = None,
    processes: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> list[str]:
    """Return the node ids that a worker ran, in its order.

    until: end with the first test of this node id in the last process that ran it, and begin where that began; the
    last part of the id is enough where only one test ends so. processes: for each worker the positions at which its
    processes began; one that has none had a single process.
    Raises :class:`UsageError` for a worker or a test that is not there, and for a part that is of several tests.
    """
    known = [name for name in sequences if name]
    if worker not in known:
        names = f"Its workers: {', '.join(sorted(known, key=_by_number))}." if known else ""
        raise UsageError("no-such-worker", f"No test of this run is known to have run in {worker!r}.", names)
    sequence = list(sequences[worker])
    if until is None:
        return sequence
    meant = {until} & set(sequence) or {one for one in sequence if one.endswith(until)}
    if len(meant) > 1:
        first, second = sorted(meant)[:2]
        raise UsageError(
            "ambiguous-test", f"{until!r} is the end of {len(meant)} tests of {worker}.", f"Say {first} or {second}."
        )
    if not meant:
        others = [name for name in known if any(one.endswith(until) for one in sequences[name])]
        hint = f"{others[0]} did." if others else "isolane replay RUN without --worker lists who ran how many."
        raise UsageError("no-such-test", f"{worker} ran no test {until!r}.", hint)
    test = meant.pop()
    last = len(sequence) - 1 - sequence[::-1].index(test)
    begin = max((start for start in processes.get(worker, ()) if start <= last), default=0)
    return sequence[begin : sequence.index(test, begin) + 1]


def in_order(workers: Sequence[str]) -> list[str]:
    """Return workers' names by their numbers.

    >>> in_order(["gw10", "gw2"])
    ['gw2', 'gw10']
    """
    return sorted(workers, key=_by_number)


def _by_number(worker: str) -> tuple[int, str]:
    digits = re.search(r"\d+$", worker)
    return (int(digits[0]) if digits else -1, worker)

"""The smallest part of a sequence that still does what the whole does.

Pure: what is to be tried is yielded, many at once, and what came of it is sent back.
Source: delta debugging, Zeller and Hildebrandt, IEEE Transactions on Software Engineering 28, 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import chain, groupby, pairwise
from typing import TypeVar

from isolane.model.identity import class_of, module_of

Item = TypeVar("Item")
Trials = Generator[list[list[Item]], Sequence[bool | None], list[Item]]
"""Yields parts to try, the likeliest first; is sent which of them did it, None for those that were not tried because
one before them did; returns the smallest part. Two parts are the two halves of what is left, always."""


def minimize(items: Sequence[Item]) -> Trials[Item]:
    """Return a part of which nothing can be left out.

    The whole must do it, and nothing at all must not. Where the answers contradict each other (a part does it, and
    both that part and its rest did not) the part that last did it is returned.

    >>> trials = minimize([1, 2, 3, 4])
    >>> next(trials)
    [[3, 4], [1, 2]]
    >>> trials.send([False, True])
    [[2], [1]]
    """
    remaining = list(items)
    parts = 2
    while len(remaining) > 1:
        chunks = _split(remaining, parts)
        # Each time one is left out: of two, the other half. Whether one small chunk alone does it need not be tried:
        # then a half would have done it. The nearest half is tried first, since less has run after it that could have
        # cleaned up.
        candidates = [
            list(chain.from_iterable(chunk for place, chunk in enumerate(chunks) if place != left_out))
            for left_out in range(parts)
        ]
        answers = yield candidates
        did = next((place for place, answer in enumerate(answers) if answer), None)
        if did is not None:
            remaining = candidates[did]
            parts = max(parts - 1, 2)
        elif parts >= len(remaining):
            break
        else:
            parts = min(len(remaining), parts * 2)
    return remaining


def minimize_tests(tests: Sequence[str]) -> Trials[str]:
    """Do the same with tests by node id: whole modules first, then their classes, then tests.

    So that what belongs together stays together as long as it can: fixtures of a module are set up once for a block.
    """
    remaining = list(tests)
    for key in (module_of, class_of, str):
        blocks = _blocks(remaining, key)
        if len(blocks) == 1 and key is not str:
            continue
        trials = minimize(blocks)
        answers: Sequence[bool | None] | None = None
        while True:
            try:
                wanted = next(trials) if answers is None else trials.send(answers)
            except StopIteration as end:
                remaining = list(chain.from_iterable(end.value))
                break
            answers = yield [list(chain.from_iterable(blocks)) for blocks in wanted]
    return remaining


def first_halves(tests: Sequence[str]) -> list[list[str]]:
    """Return what :func:`minimize_tests` tries first, the nearer half first; nothing where there is but one test."""
    return next(minimize_tests(tests), []) if len(tests) > 1 else []


def _blocks(tests: Sequence[str], key: Callable[[str], str]) -> list[list[str]]:
    return [list(block) for _, block in groupby(tests, key)]


def _split(items: Sequence[Item], parts: int) -> list[list[Item]]:
    """Cut into so many parts, as equal as can be."""
    ends = [len(items) * number // parts for number in range(parts + 1)]
    return [list(items[start:end]) for start, end in pairwise(ends) if end > start]

"""The two axes of every test session, worker count and seed: how they are read, changed and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WORKERS_VARIABLE = "ISOLANE_WORKERS"
SEEDS_VARIABLE = "ISOLANE_SEEDS"
SERIAL = "1"


class AxisError(ValueError):
    """A value of an axis that means nothing; the text is the whole message."""


@dataclass(frozen=True)
class Variant:
    """One point on both axes.

    workers: ``auto`` or a whole number from 1. seed: None keeps the suite's own order.

    >>> str(Variant("auto", None)), Variant("2", 7).slug
    ('workers=auto, seed=none', 'workers-2-seed-7')
    """

    workers: str
    seed: int | None

    def __str__(self) -> str:
        return f"workers={self.workers}, seed={'none' if self.seed is None else self.seed}"

    @property
    def slug(self) -> str:
        """Return the id as part of a file name."""
        return f"workers-{self.workers}-seed-{'none' if self.seed is None else self.seed}"


def parse_workers(text: str, source: str = WORKERS_VARIABLE) -> tuple[str, ...]:
    """Return worker counts from a comma-separated list, each once; raises :class:`AxisError`.

    >>> parse_workers("2, auto,2")
    ('2', 'auto')
    """
    values = []
    for word in _words(text):
        if word == "auto":
            values.append(word)
        elif (count := whole_number(word)) is not None and count >= 1:
            values.append(str(count))
        else:
            raise AxisError(f"{source}={text!r}: {word!r} is not a worker count (a number from 1, or auto).")
    return tuple(dict.fromkeys(values))


def parse_seeds(text: str, source: str = SEEDS_VARIABLE) -> tuple[int | None, ...]:
    """Return seeds from a comma-separated list, each once; raises :class:`AxisError`. ``none``: not shuffled.

    >>> parse_seeds("1,2,none")
    (1, 2, None)
    """
    values: list[int | None] = []
    for word in _words(text):
        if word == "none":
            values.append(None)
        elif (seed := whole_number(word)) is not None:
            values.append(seed)
        else:
            raise AxisError(f"{source}={text!r}: {word!r} is not a seed (a number from 0, or none).")
    return tuple(dict.fromkeys(values))


def variants(
    workers: Sequence[str],
    seeds: Sequence[int | None],
    environment: Mapping[str, str],
    *,
    fixed_workers: bool = False,
    typed_seed: int | None = None,
) -> tuple[Variant, ...]:
    """Return every combination, worker counts outermost.

    The typed seed wins over the environment, the environment over the defaults.
    fixed_workers: the environment does not change the worker counts (a serial session with workers is none).
    Raises :class:`AxisError` for a bad variable, also where it would not be used.
    """
    asked_workers = parse_workers(environment.get(WORKERS_VARIABLE, ""))
    asked_seeds = parse_seeds(environment.get(SEEDS_VARIABLE, ""))
    chosen_workers = tuple(workers) if fixed_workers else asked_workers or tuple(workers)
    chosen_seeds = (typed_seed,) if typed_seed is not None else asked_seeds or tuple(seeds)
    return tuple(Variant(count, seed) for count in chosen_workers for seed in chosen_seeds)


def typed_arguments(argv: Sequence[str]) -> list[str]:
    """Return what stands behind ``--`` on nox's command line."""
    arguments = list(argv)
    return arguments[arguments.index("--") + 1 :] if "--" in arguments else []


def split_leading_number(arguments: Sequence[str]) -> tuple[int | None, list[str]]:
    """Return the whole number that ``arguments`` begin with, or None, and the rest.

    >>> split_leading_number(["10", "-k", "3"]), split_leading_number(["-k", "3"])
    ((10, ['-k', '3']), (None, ['-k', '3']))
    """
    number = whole_number(arguments[0]) if arguments else None
    return number, list(arguments if number is None else arguments[1:])


def whole_number(text: str) -> int | None:
    """Return the number, or None for anything but ASCII digits."""
    return int(text) if text.isascii() and text.isdigit() else None


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    return [] if words == [""] else words

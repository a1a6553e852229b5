"""What failures in a number of runs say about a test's flake rate: the share of runs it fails in."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log


def upper_bound_without_failure(runs: int, confidence: float = 0.95) -> float:
    """Return the highest flake rate that ``runs`` clean runs leave possible, at that one-sided confidence.

    Solves (1 − p)^runs = 1 − confidence for p; 0 runs leave everything possible.
    Source: the exact bound behind the 'rule of three' (Hanley and Lippman-Hand, JAMA 249, 1983).

    >>> round(upper_bound_without_failure(10), 3)
    0.259
    """
    if runs < 0 or not 0 < confidence < 1:
        raise ValueError(f"runs {runs} must not be negative, confidence {confidence} lies between 0 and 1")
    return 1.0 if runs == 0 else 1 - (1 - confidence) ** (1 / runs)


def smallest_rate_seen(runs: int, confidence: float = 0.95) -> float | None:
    """Return the smallest rate of ending otherwise that ``runs`` runs would have shown, at that confidence.

    A test that ends otherwise at rate p (at most half: else the other outcome is the usual one) stays unseen when
    all runs agree, with probability (1 − p)^runs + p^runs. None where even p = 1/2 may well stay unseen.

    >>> round(smallest_rate_seen(8), 2), smallest_rate_seen(5)
    (0.31, None)
    """
    if runs < 1 or not 0 < confidence < 1:
        raise ValueError(f"runs {runs} must be at least 1, confidence {confidence} lies between 0 and 1")

    def seen(p: float) -> float:
        return confidence - ((1 - (1 - p) ** runs) - p**runs)

    return None if seen(0.5) > 0 else _solve(lambda p: -seen(p / 2)) / 2


def clopper_pearson(failures: int, runs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided exact interval of the flake rate after ``failures`` in ``runs``.

    Source: Clopper and Pearson, Biometrika 26, 1934. Solved by bisection on the binomial distribution, to 1e-12.

    >>> tuple(round(end, 4) for end in clopper_pearson(1, 10))
    (0.0025, 0.445)
    """
    if not 0 <= failures <= runs or runs == 0 or not 0 < confidence < 1:
        raise ValueError(f"{failures} failures in {runs} runs at confidence {confidence} make no sense")
    tail = (1 - confidence) / 2
    low = 0.0 if failures == 0 else _solve(lambda p: 1 - _at_most(failures - 1, runs, p) - tail)
    high = 1.0 if failures == runs else _solve(lambda p: tail - _at_most(failures, runs, p))
    return low, high


def _at_most(successes: int, trials: int, p: float) -> float:
    """Return the binomial probability of at most that many."""
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if successes >= trials else 0.0
    total = 0.0
    for k in range(successes + 1):
        coefficient = lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1)
        total += exp(coefficient + k * log(p) + (trials - k) * log(1 - p))
    return min(1.0, total)


def _solve(rising: Callable[[float], float]) -> float:
    """Return where a function that rises from below 0 to above it on (0, 1) is 0."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2

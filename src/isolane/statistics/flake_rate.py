"""What failures in a number of runs say about a test's flake rate: the share of runs it fails in."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, comb, exp, lgamma, log, log1p


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


def highest_rate(failures: int, runs: int) -> float:
    """Return the flake rate that these runs leave possible, at 95 % confidence.

    Without a failure there is nothing below to be wrong about, and the one-sided bound counts; else the upper end of
    the two-sided interval.

    >>> round(highest_rate(0, 10), 3), round(highest_rate(1, 10), 3)
    (0.259, 0.445)
    """
    if failures == 0:
        return upper_bound_without_failure(runs)
    return clopper_pearson(failures, runs)[1]


def clean_runs_for(rate: float) -> int:
    """Return how many clean runs bring the bound to ``rate`` or under it.

    >>> clean_runs_for(0.01), clean_runs_for(0.26)
    (299, 10)
    """
    if not 0 < rate < 1:
        raise ValueError(f"a rate of {rate} does not lie between 0 and 1")
    return ceil(log(0.05) / log1p(-rate) - 1e-9)


def is_settled(failures: int, runs: int, rate: float) -> bool:
    """Return whether these runs say that the flake rate is at most ``rate``, or that it is over it.

    >>> is_settled(0, 298, 0.01), is_settled(0, 299, 0.01), is_settled(3, 10, 0.01)
    (False, True, True)
    """
    if runs == 0:
        return False
    if failures and clopper_pearson(failures, runs)[0] > rate:
        return True
    return highest_rate(failures, runs) <= rate


def fisher(bad: int, runs: int, others: int, of: int) -> float:
    """Return how likely ``bad`` of ``runs`` and ``others`` of ``of``, or what is rarer, would be if they had one rate.

    Fisher's exact test, two-sided: all tables that are no likelier than this one, with the same totals. Source:
    Fisher, Statistical Methods
    for Research Workers, 5th edition, 1934, section 21.02.

    >>> round(fisher(3, 4, 1, 4), 4), round(fisher(10, 10, 0, 10), 7)
    (0.4857, 1.08e-05)
    """
    if not (0 <= bad <= runs and 0 <= others <= of):
        raise ValueError(f"{bad} of {runs} and {others} of {of} make no sense")
    total, ends = runs + of, bad + others

    def chance(one: int) -> float:
        return comb(runs, one) * comb(of, ends - one) / comb(total, ends)

    observed = chance(bad) * (1 + 1e-7)  # tables that are as likely are not told apart by rounding
    tables = range(max(0, ends - of), min(runs, ends) + 1)
    return min(1.0, sum(chance(one) for one in tables if chance(one) <= observed))


def are_different(bad: int, runs: int, others: int, of: int) -> bool:
    """Return whether two rates are two, at one chance in a hundred that they are one."""
    return fisher(bad, runs, others, of) < 0.01


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

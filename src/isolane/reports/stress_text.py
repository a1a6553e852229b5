"""What many runs of a suite say, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from isolane.model.measurements import StressedTest, StressResult
from isolane.model.stress import Behaviour
from isolane.reports.figures import seconds_text
from isolane.statistics.flake_rate import clean_runs_for, clopper_pearson, is_settled, upper_bound_without_failure

_TITLES = {
    Behaviour.FLAKY: "Flaky",
    Behaviour.ORDER: "Dependent on the order, or the seed (isolane hunt names the tests before it that matter)",
    Behaviour.COLLISION: "Failed only beside another run: they share a file, a port, a server (isolane map names it)",
    Behaviour.UNCLEAR: "Failed in some orders: flaky, or dependent on them (isolane hunt finds out)",
    Behaviour.BROKEN: "Broken (failed every time)",
}
_ONE_RUN = "Failed in the only run: broken or flaky, one run does not tell"


def stress_lines(result: StressResult, width: int = 80) -> Iterator[str]:
    """Yield what N runs say, in lines of at most ``width`` where names allow.

    First the suite, then each test that failed, broken apart from flaky.
    """
    runs, tests = _count(result.runs, "run"), _count(result.tests, "test")
    if result.note:
        yield from _wrapped(result.note, width)
    whole = f"{runs} of {tests} in {_engine(result)}, {seconds_text(result.seconds)}: {result.failed_runs} failed."
    yield from _wrapped(whole, width)
    for death in result.deaths:
        yield from _wrapped(death, width, "  ")
    for behaviour, title in _TITLES.items():
        found = [one for one in result.misbehaving if one.behaviour is behaviour]
        if found:
            is_one_run = behaviour is Behaviour.BROKEN and result.runs == 1
            yield from _wrapped(f"{_ONE_RUN if is_one_run else title}:", width)
            for one in found:
                yield from _test_lines(one, width)
            if behaviour is Behaviour.FLAKY and result.forked and result.workers:
                yield from _wrapped(
                    "Runs went on side by side; whether that is why, the same with -n 1 tells.", width, "  "
                )
    if 0 < result.failed_runs < result.runs:
        low, high = clopper_pearson(result.failed_runs, result.runs)
        yield from _wrapped(f"A run of the suite fails in {low:.1%} to {high:.1%} of cases (95% interval).", width)
    if result.passed and result.runs:
        if result.misbehaving:
            yield "Only quarantined tests failed; they do not decide."
        else:
            yield from _wrapped(clean_sentence(result.runs), width)
    if result.rate is not None:
        yield from _wrapped(_rate_sentence(result, result.rate), width)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return prose in lines of that width; a word that is longer stays whole."""
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )


def clean_sentence(runs: int) -> str:
    """Return what so many runs without a failure say, and what they do not."""
    times = {1: "once", 2: "twice"}.get(runs, f"{runs} times")
    return (
        f"No test failed. That does not say 'stable': a test that fails in up to {_share(runs)} of runs may well pass "
        f"{times} (95% bound)."
    )


def _share(runs: int) -> str:
    bound = upper_bound_without_failure(runs)
    return f"{bound:.0%}" if bound >= 0.05 else f"{bound:.2g}" if bound < 0.0001 else f"{bound:.2%}"


def _engine(result: StressResult) -> str:
    if not result.forked:
        return f"{result.workers} workers" if result.workers else "one process"
    order = ", each in another order" if result.varied else ""
    return (f"{result.workers} workers, a run each" if result.workers else "one process at a time") + order


def _test_lines(test: StressedTest, width: int) -> Iterator[str]:
    low, high = clopper_pearson(test.failures, test.runs)
    rate = f"at least {low:.1%}" if test.failures == test.runs else f"{low:.1%} to {high:.1%}"
    quarantined = ", quarantined" if test.quarantined else ""
    said = f"{test.failures} of {test.runs} (flake rate {rate}, 95% interval){quarantined}"
    line = f"  {test.node_id}: {said}"
    yield from [line] if len(line) <= width else [f"  {test.node_id}", *_wrapped(said, width, "    ")]
    bad = {how: count for how, count in test.outcomes.items() if how != "passed"}
    yield from _wrapped(", ".join(f"{count} {how}" for how, count in bad.items()), width, "    ")
    for what, (failures, runs) in (
        ("its first failing run once more, with nothing beside it", test.alone),
        ("a run in which it had passed, once more", test.elsewhere),
        ("the test by itself", test.by_itself),
    ):
        if runs:
            yield from _wrapped(f"{what}: failed {failures} of {runs} times", width, "    ")
    if test.replay:
        yield f"    {test.replay}"


def _rate_sentence(result: StressResult, rate: float) -> str:
    over = [one for one in result.misbehaving if clopper_pearson(one.failures, one.runs)[0] > rate]
    if over:
        fail = "fails" if len(over) == 1 else "fail"
        return f"Asked for: under {rate:.2%}. {_count(len(over), 'test')} {fail} more often."
    if is_settled(0, result.runs, rate) and all(is_settled(one.failures, one.runs, rate) for one in result.misbehaving):
        return f"Asked for, and so: no test has a flake rate over {rate:.2%}, at 95% confidence."
    return (
        f"Asked for: under {rate:.2%}. Still open after {_count(result.runs, 'run')}; "
        f"it takes {clean_runs_for(rate)} without a failure."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def stress_as_data(result: StressResult) -> dict[str, Any]:
    """Return the result as what JSON can hold."""
    data = asdict(result)
    data["passed"] = result.passed
    is_clean = result.passed and not result.misbehaving
    data["upper_bound"] = upper_bound_without_failure(result.runs) if is_clean else None
    for test in data["misbehaving"]:
        test["behaviour"] = test["behaviour"].value
        test["interval"] = clopper_pearson(test["failures"], test["runs"])
    return data

"""What stress says, in words and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from isolane.model.measurements import StressedTest, StressResult
from isolane.model.stress import Behaviour
from isolane.reports.stress_text import clean_sentence, stress_as_data, stress_lines
from isolane.statistics.flake_rate import clopper_pearson, upper_bound_without_failure

FLAKY = StressedTest("a.py::test_flaky", 3, 20, {"passed": 17, "failed (KeyError)": 3})
BROKEN = StressedTest("a.py::test_broken", 20, 20, {"failed (KeyError)": 20}, Behaviour.BROKEN)
VICTIM = StressedTest(
    "a.py::test_victim",
    8,
    20,
    {"passed": 12, "failed (KeyError)": 8},
    Behaviour.ORDER,
    replay="isolane replay r1 --worker gw0 --until a.py::test_victim",
    alone=(5, 5),
    elsewhere=(0, 5),
)


def unwrapped(result: StressResult) -> Iterator[str]:
    return stress_lines(result, 500)


def stressed(**changed: Any) -> StressResult:
    values: dict[str, Any] = {
        "runs": 20,
        "workers": 4,
        "tests": 40,
        "failed_runs": 0,
        "misbehaving": (),
        "deaths": (),
        "seconds": 75.0,
        "run_ids": ("r1", "r2"),
        **changed,
    }
    return StressResult(**values)


def test_clean_runs_say_what_they_leave_possible() -> None:
    # 1 − 0.05^(1/20) = 13.9%
    assert list(unwrapped(stressed())) == [
        "20 runs of 40 tests in 4 workers, 1 min 15 s: 0 failed.",
        "No test failed. That does not say 'stable': a test that fails in up to 14% of runs may well pass 20 times "
        "(95% bound).",
    ]


@pytest.mark.parametrize(
    ("runs", "share"), [(1, "95%"), (10, "26%"), (59, "4.95%"), (300, "0.99%"), (100_000, "3e-05")]
)
def test_the_bound_has_as_many_digits_as_it_takes(runs: int, share: str) -> None:
    assert f"in up to {share} of runs" in clean_sentence(runs)


@pytest.mark.parametrize(
    ("changed", "engine"),
    [
        ({"workers": 0}, "one process"),
        ({"workers": 0, "forked": True}, "one process at a time"),
        ({"forked": True, "varied": True}, "4 workers, a run each, each in another order"),
    ],
)
def test_where_the_runs_were_made(changed: dict[str, Any], engine: str) -> None:
    line = next(unwrapped(stressed(runs=1, tests=1, **changed)))
    assert line == f"1 run of 1 test in {engine}, 1 min 15 s: 0 failed."


def test_why_runs_are_not_forked_comes_first() -> None:
    assert next(unwrapped(stressed(note="Each run in a new interpreter: so."))) == "Each run in a new interpreter: so."


def test_flaky_tests_stand_apart_from_broken_and_order_dependent_ones() -> None:
    lines = list(unwrapped(stressed(failed_runs=20, misbehaving=(BROKEN, VICTIM, FLAKY))))

    # the exact intervals: 3 in 20 is 0.0321 to 0.3789, 8 in 20 is 0.1912 to 0.6395, 20 in 20 is 0.8316 to 1
    assert lines == [
        "20 runs of 40 tests in 4 workers, 1 min 15 s: 20 failed.",
        "Flaky:",
        "  a.py::test_flaky: 3 of 20 (flake rate 3.2% to 37.9%, 95% interval)",
        "    3 failed (KeyError)",
        "Dependent on the order, or the seed (isolane hunt names the tests before it that matter):",
        "  a.py::test_victim: 8 of 20 (flake rate 19.1% to 63.9%, 95% interval)",
        "    8 failed (KeyError)",
        "    its first failing run once more, with nothing beside it: failed 5 of 5 times",
        "    a run in which it had passed, once more: failed 0 of 5 times",
        "    isolane replay r1 --worker gw0 --until a.py::test_victim",
        "Broken (failed every time):",
        "  a.py::test_broken: 20 of 20 (flake rate at least 83.2%, 95% interval)",
        "    20 failed (KeyError)",
    ]


def test_the_only_run_does_not_tell_broken_from_flaky() -> None:
    once = StressedTest("a.py::test_b", 1, 1, {"failed": 1}, Behaviour.BROKEN)
    lines = list(unwrapped(stressed(runs=1, failed_runs=1, misbehaving=(once,))))
    assert lines[1] == "Failed in the only run: broken or flaky, one run does not tell:"
    assert lines[2] == "  a.py::test_b: 1 of 1 (flake rate at least 2.5%, 95% interval)"


def test_the_suites_own_rate_has_its_interval() -> None:
    lines = list(unwrapped(stressed(failed_runs=3, misbehaving=(FLAKY,))))
    assert lines[-1] == "A run of the suite fails in 3.2% to 37.9% of cases (95% interval)."


def test_side_by_side_says_how_to_see_whether_that_matters() -> None:
    lines = list(unwrapped(stressed(failed_runs=3, misbehaving=(FLAKY,), forked=True)))
    assert "  Runs went on side by side; whether that is why, the same with -n 1 tells." in lines


def test_quarantined_failures_do_not_decide_and_say_nothing_of_stability() -> None:
    shielded = StressedTest("a.py::test_q", 3, 20, {"passed": 17, "failed": 3}, quarantined=True)
    result = stressed(misbehaving=(shielded,))

    lines = list(unwrapped(result))
    assert result.passed
    assert lines[2] == "  a.py::test_q: 3 of 20 (flake rate 3.2% to 37.9%, 95% interval), quarantined"
    assert lines[-1] == "Only quarantined tests failed; they do not decide."
    assert stress_as_data(result)["upper_bound"] is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"runs": 299}, "Asked for, and so: no test has a flake rate over 1.00%, at 95% confidence."),
        ({"runs": 20}, "Asked for: under 1.00%. Still open after 20 runs; it takes 299 without a failure."),
        ({"failed_runs": 3, "misbehaving": (FLAKY,)}, "Asked for: under 1.00%. 1 test fails more often."),
    ],
)
def test_what_was_asked_for_is_answered(changed: dict[str, Any], said: str) -> None:
    assert list(unwrapped(stressed(rate=0.01, **changed)))[-1] == said


def test_a_run_that_died_is_told_and_says_nothing_of_stability() -> None:
    result = stressed(runs=1, failed_runs=1, deaths=("run 1 of 1: the process was killed by SIGKILL",))

    assert not result.passed
    assert list(unwrapped(result))[1:] == ["  run 1 of 1: the process was killed by SIGKILL"]


@pytest.mark.parametrize(
    ("changed", "passed"),
    [({}, True), ({"failed_runs": 1}, False), ({"deaths": ("one",)}, False)],
)
def test_passed_is_without_failure_and_without_death(changed: dict[str, Any], passed: bool) -> None:
    assert stressed(**changed).passed is passed


def test_stress_as_data() -> None:
    data = json.loads(json.dumps(stress_as_data(stressed(failed_runs=20, misbehaving=(FLAKY, BROKEN)))))

    assert data["passed"] is False
    assert data["upper_bound"] is None
    assert data["run_ids"] == ["r1", "r2"]
    flaky, broken = data["misbehaving"]
    assert (flaky["node_id"], flaky["failures"], flaky["runs"]) == ("a.py::test_flaky", 3, 20)
    assert (flaky["behaviour"], flaky["interval"]) == ("flaky", list(clopper_pearson(3, 20)))
    assert (broken["behaviour"], broken["interval"]) == ("broken", list(clopper_pearson(20, 20)))


def test_clean_stress_as_data() -> None:
    data = stress_as_data(stressed())

    assert data["passed"] is True
    assert data["upper_bound"] == upper_bound_without_failure(20)
    assert data["misbehaving"] == ()


def test_80_columns_are_enough_but_for_names() -> None:
    long = replace(VICTIM, node_id=f"tests/{'long' * 16}.py::test_that_has_a_long_name", replay="")
    result = stressed(
        failed_runs=9,
        misbehaving=(FLAKY, BROKEN, long),
        note="Each run in a new interpreter, and not in a fork: thread 'waiting' alive before the first fork.",
        rate=0.01,
        forked=True,
        deaths=("run 1 of 20: the process was killed by SIGKILL while tests/test_the_killer.py::test_kills ran",),
    )
    lines = list(stress_lines(result, 80))
    assert [line for line in lines if len(line) > 80] == [f"  {long.node_id}"]
    whole = " ".join(unwrapped(result)).replace(f"{long.node_id}:", long.node_id)
    assert " ".join(lines).split() == whole.split()

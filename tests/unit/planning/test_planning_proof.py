"""Which runs make up a proof, the verdict over them, and how sure it is."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.model.hunt import Finding, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.proof import PYTEST_ITSELF, Difference, Nature, Phase, PhaseKind, PhaseResult, Proof, Verdict
from isolane.planning.proof import baseline_phases, confidence, decide, later_phases, with_pairs
from isolane.statistics.flake_rate import smallest_rate_seen

SERIAL, AGAIN = baseline_phases()
MODULE = Phase(PhaseKind.MODULE, module="a.py")
PARALLEL = Phase(PhaseKind.PARALLEL, workers=2)
SHUFFLED = Phase(PhaseKind.SHUFFLED, seed=7)
WAVERS = (PASSED, Outcome(Category.FAILED, "KeyError"))


def proof(**changed: Any) -> Proof:
    values: dict[str, Any] = {
        "verdict": Verdict.PROVEN,
        "reason": "every test ended the same way in every run",
        **dict.fromkeys(("project", "python", "python_version", "pytest_version", "baseline_command"), "…"),
        "revision": None,
        "started": 0.0,
        "seconds": 1.0,
        "tests": 10,
        "counts": {"passed": 10},
        **dict.fromkeys(("arguments", "failures", "phases", "checks", "differences", "flaky"), ()),
        "confidence": "each test ran 6 times",
    }
    return Proof(**values | changed)


def difference(phase: Phase, nature: Nature, node_id: str = "a.py::test") -> Difference:
    return Difference(node_id, phase, PASSED, Outcome(Category.FAILED, "KeyError"), nature=nature)


def ran(phase: Phase) -> PhaseResult:
    return PhaseResult(phase, 1.0, 10, 0, 0, "run", 0)


def test_the_baseline_is_run_twice_in_the_same_order() -> None:
    assert [phase.name for phase in baseline_phases()] == ["serial", "serial again"]


def test_each_module_alone_each_worker_count_and_each_seed_is_a_run() -> None:
    phases = later_phases(["a.py", "b.py"], [2, 4], [7, 8])

    assert [phase.name for phase in phases] == [
        "alone: a.py",
        "alone: b.py",
        "parallel, 2 workers",
        "parallel, 4 workers",
        "shuffled, seed 7",
        "shuffled, seed 8",
    ]


def test_a_suite_of_one_module_is_not_run_alone_again() -> None:
    assert later_phases(["a.py"], [2], [7]) == [PARALLEL, SHUFFLED]
    assert later_phases([], [], []) == []


def test_a_thorough_proof_runs_each_test_alone_as_well() -> None:
    phases = later_phases(["a.py"], [2], [7], thorough=True)
    assert [phase.name for phase in phases] == ["each test alone", "parallel, 2 workers", "shuffled, seed 7"]


VICTIM = Finding("b.py::test", Sort.VICTIM, PASSED, Outcome(Category.FAILED), needed=("a.py::test",))
FLAKY = Finding("c.py::test", Sort.FLAKY, PASSED)


@pytest.mark.parametrize(
    ("causes", "verdict", "reason"),
    [
        (
            (VICTIM, FLAKY),
            Verdict.NOT_PROVEN,
            "1 test ends otherwise after certain others, which the runs did not show",
        ),
        ((FLAKY, FLAKY), Verdict.INCONCLUSIVE, "2 tests end now this way, now that, in the same order (flaky)"),
    ],
)
def test_what_pairs_show_speaks_against_runs_that_did_not_differ(
    causes: tuple[Finding, ...], verdict: Verdict, reason: str
) -> None:
    found = with_pairs(proof(causes=causes), "pairs: complete")
    assert (found.verdict, found.reason, found.confidence) == (verdict, reason, "")
    assert found.notes == ("pairs: complete",)


def test_pairs_that_show_nothing_make_a_proof_surer_and_change_no_other_verdict() -> None:
    proven = with_pairs(proof(), "pairs: complete")
    assert proven.verdict is Verdict.PROVEN
    assert proven.confidence == f"{proof().confidence}; pairs: complete"
    refuted = with_pairs(proof(verdict=Verdict.NOT_PROVEN, reason="it differs", causes=(VICTIM,)), "pairs: complete")
    assert (refuted.verdict, refuted.reason, refuted.notes) == (Verdict.NOT_PROVEN, "it differs", ("pairs: complete",))


def test_no_difference_is_proven() -> None:
    assert decide([]) == (Verdict.PROVEN, "every test ended the same way in every run")


@pytest.mark.parametrize(
    ("phase", "nature"),
    [
        (MODULE, Nature.ALONE),
        (PARALLEL, Nature.PARALLEL),
        (PARALLEL, Nature.ORDER),
        (SHUFFLED, Nature.ORDER),
        (PARALLEL, Nature.INTERMITTENT),  # perhaps a race: that counts
    ],
)
def test_a_difference_is_not_proven(phase: Phase, nature: Nature) -> None:
    verdict, reason = decide([difference(phase, nature)])

    assert verdict is Verdict.NOT_PROVEN
    assert reason == "1 test ends otherwise than in the serial run"


@pytest.mark.parametrize("phase", [MODULE, SHUFFLED])
def test_a_difference_of_one_process_and_order_that_was_not_shown_again_is_inconclusive(phase: Phase) -> None:
    verdict, reason = decide([difference(phase, Nature.INTERMITTENT)])

    assert verdict is Verdict.INCONCLUSIVE
    assert reason.startswith("1 test was seen to end otherwise once, and not again in the same order")


def test_tests_are_counted_not_differences() -> None:
    solid = [
        difference(PARALLEL, Nature.ORDER, "a"),
        difference(SHUFFLED, Nature.ORDER, "a"),
        difference(MODULE, Nature.ALONE, "b"),
        difference(SHUFFLED, Nature.INTERMITTENT, "c"),
    ]

    assert decide(solid) == (Verdict.NOT_PROVEN, "2 tests end otherwise than in the serial run")

    once = [difference(SHUFFLED, Nature.INTERMITTENT, name) for name in "aab"]
    verdict, reason = decide(once)
    assert verdict is Verdict.INCONCLUSIVE
    assert reason.startswith("2 tests were seen")


def test_tests_that_fail_together_and_pass_alone_are_counted_apart() -> None:
    failed = Outcome(Category.FAILED, "KeyError")
    passes_alone = [Difference(name, MODULE, failed, PASSED, nature=Nature.ALONE) for name in "ab"]
    otherwise = Difference("c", MODULE, failed, Outcome(Category.FAILED, "ValueError"), nature=Nature.ALONE)
    in_another_order = Difference("d", SHUFFLED, failed, PASSED, nature=Nature.ORDER)
    once = Difference("e", MODULE, failed, PASSED, nature=Nature.INTERMITTENT)

    assert decide([*passes_alone, otherwise, in_another_order, once]) == (
        Verdict.NOT_PROVEN,
        "4 tests end otherwise than in the serial run, 2 of them fail together and pass alone",
    )


def test_pytest_itself_is_no_test_and_says_why_it_failed() -> None:
    itself = Difference(PYTEST_ITSELF, PARALLEL, PASSED, Outcome(Category.FAILED, "exit code 3"), "KeyError: 'a'")
    alone = Difference(
        PYTEST_ITSELF, MODULE, PASSED, Outcome(Category.FAILED, "exit code 4"), "no", nature=Nature.ALONE
    )

    assert decide([itself]) == (
        Verdict.NOT_PROVEN,
        "pytest itself failed in parallel, 2 workers: KeyError: 'a'",
    )
    assert decide([alone, difference(SHUFFLED, Nature.ORDER), itself]) == (
        Verdict.NOT_PROVEN,
        "1 test ends otherwise than in the serial run; pytest itself failed in 2 runs, first in alone: a.py: no",
    )


def test_pytest_itself_that_failed_once_and_not_again_is_inconclusive() -> None:
    itself = Difference(PYTEST_ITSELF, SHUFFLED, PASSED, Outcome(Category.FAILED, "exit code 3"), "no")

    assert decide([itself]) == (
        Verdict.INCONCLUSIVE,
        "pytest itself failed in shuffled, seed 7: no; and not again in the same order",
    )


def test_a_baseline_that_differs_from_itself_is_inconclusive_whatever_else_was_found() -> None:
    assert decide([], [WAVERS]) == (
        Verdict.INCONCLUSIVE,
        "1 test ends differently in two serial runs of the same order (flaky)",
    )
    verdict, reason = decide([difference(PARALLEL, Nature.ORDER)], [WAVERS, WAVERS])
    assert verdict is Verdict.INCONCLUSIVE
    assert reason.startswith("2 tests end differently")


def test_what_fails_each_time_is_never_called_flaky() -> None:
    failed, otherwise = Outcome(Category.FAILED, "KeyError"), Outcome(Category.FAILED, "ValueError")
    assert decide([], [(failed, otherwise)])[1].endswith("(broken, in two ways)")
    assert decide([], [(failed, otherwise), WAVERS])[1].endswith("(flaky; 1 broken, in two ways)")
    once = Difference("c", SHUFFLED, failed, otherwise, nature=Nature.INTERMITTENT)
    assert decide([once])[1].endswith("(broken, in two ways)")


def test_confidence_counts_each_tests_runs_orders_and_workers() -> None:
    results = [
        *map(ran, (SERIAL, AGAIN, MODULE, Phase(PhaseKind.MODULE, module="b.py"), PARALLEL)),
        ran(Phase(PhaseKind.PARALLEL, workers=8)),
        ran(SHUFFLED),
        ran(Phase(PhaseKind.SHUFFLED, seed=8)),
        ran(Phase(PhaseKind.SHUFFLED, seed=9)),
    ]

    # 2 serial, 1 alone, 2 parallel, 3 shuffled: (1 − 0.31)^8 + 0.31^8 = 5%
    assert confidence(results, smallest_rate_seen) == (
        "each test ran 8 times, in 4 orders, on 2 and 8 workers; a test that ends otherwise in over 31% of runs "
        "would have been seen with 95% probability"
    )


def test_confidence_of_serial_runs_alone_names_no_workers() -> None:
    assert confidence([ran(SERIAL), ran(AGAIN)], smallest_rate_seen) == (
        "each test ran 2 times, in 1 order; too few runs to say how rarely a test may still end otherwise"
    )


def test_confidence_says_one_worker_where_it_is_one() -> None:
    assert ", on 1 worker;" in confidence(
        [ran(SERIAL), ran(AGAIN), ran(Phase(PhaseKind.PARALLEL, workers=1))], smallest_rate_seen
    )

"""Which runs make up a proof, and what they say together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from isolane.model.hunt import Finding, Sort
from isolane.model.outcome import Outcome
from isolane.model.proof import PYTEST_ITSELF, Difference, Nature, Phase, PhaseKind, PhaseResult, Proof, Verdict


def baseline_phases() -> tuple[Phase, Phase]:
    """Return the serial run and its repetition, which tells a flaky test from one that depends on its company."""
    return Phase(PhaseKind.SERIAL), Phase(PhaseKind.SERIAL, repeat=2)


def later_phases(
    modules: Sequence[str], workers: Sequence[int], seeds: Sequence[int], *, thorough: bool = False
) -> list[Phase]:
    """Return the runs that are held against the baseline.

    A suite of one module is left out of 'alone': that is the serial run itself. thorough: also each test in a process
    in which no other has run.
    """
    phases = [Phase(PhaseKind.TEST)] if thorough else []
    phases += [Phase(PhaseKind.MODULE, module=module) for module in modules] if len(modules) > 1 else []
    # 'auto' may be a number that is named too: then that is run again.
    phases += [
        Phase(PhaseKind.PARALLEL, workers=count, repeat=workers[: position + 1].count(count))
        for position, count in enumerate(workers)
    ]
    phases += [Phase(PhaseKind.SHUFFLED, seed=seed) for seed in seeds]
    return phases


def decide(differences: Iterable[Difference], unsteady: Sequence[tuple[Outcome, Outcome]] = ()) -> tuple[Verdict, str]:
    """Return the verdict and its reason in a sentence.

    unsteady: how tests ended that did so in two ways in two serial runs. A difference that its own command did not show
    again is a flaky test where the run had one process and a fixed order: the same run gave two results. In a parallel
    run it may be a race, and counts. A test that fails each time, now this way, now that, is broken, and not flaky.
    """
    found = list(differences)
    if unsteady:
        verb = "test ends" if len(unsteady) == 1 else "tests end"
        word = _word_for(unsteady)
        return Verdict.INCONCLUSIVE, f"{len(unsteady)} {verb} differently in two serial runs of the same order ({word})"
    solid = [one for one in found if one.nature is not Nature.INTERMITTENT or one.phase.kind is PhaseKind.PARALLEL]
    if solid:
        return Verdict.NOT_PROVEN, "; ".join(filter(None, (_tests_reason(solid), _itself_reason(solid))))
    if found:
        of_tests = [one for one in found if one.node_id != PYTEST_ITSELF]
        once = len({one.node_id for one in of_tests})
        verb = "test was" if once == 1 else "tests were"
        word = _word_for([(one.expected, one.found) for one in of_tests])
        tests = f"{once} {verb} seen to end otherwise once, and not again in the same order ({word})" if once else ""
        itself = _itself_reason(found)
        again = f"{itself}; and not again in the same order" if itself else ""
        return Verdict.INCONCLUSIVE, "; ".join(filter(None, (tests, again)))
    return Verdict.PROVEN, "every test ended the same way in every run"


def _word_for(pairs: Sequence[tuple[Outcome, Outcome]]) -> str:
    """Return what to call tests that ended in these two ways each though nothing was otherwise."""
    broken = sum(one.is_bad and other.is_bad for one, other in pairs)
    if not broken:
        return "flaky"
    return "broken, in two ways" if broken == len(pairs) else f"flaky; {broken} broken, in two ways"


def with_pairs(proof: Proof, claim: str) -> Proof:
    """Return a proof whose causes were looked for in the whole suite, and in all pairs.

    What they show can speak against a suite whose runs did not differ; else the claim makes it surer.
    """
    reason = _hunted_reason(proof.causes) if proof.verdict is Verdict.PROVEN else None
    if proof.verdict is Verdict.PROVEN and reason is None:
        return replace(proof, confidence=f"{proof.confidence}; {claim}")
    verdict, why = reason or (proof.verdict, proof.reason)
    return replace(proof, verdict=verdict, reason=why, confidence="", notes=(*proof.notes, claim))


def _hunted_reason(found: Sequence[Finding]) -> tuple[Verdict, str] | None:
    importing = sum(one.sort is Sort.IMPORT for one in found)
    needing = sum(bool(one.needed) for one in found) - importing
    if importing and not needing:
        verb = "test ends" if importing == 1 else "tests end"
        why = "otherwise by what other files do when they are imported, which the runs did not show"
        return Verdict.NOT_PROVEN, f"{importing} {verb} {why}"
    seeded = sum(one.sort is Sort.SEED for one in found)
    if not needing and seeded:
        verb = "test ends" if seeded == 1 else "tests end"
        return Verdict.NOT_PROVEN, f"{seeded} {verb} by the random numbers drawn before, which the runs did not show"
    if needing:
        verb = "test ends" if needing == 1 else "tests end"
        return Verdict.NOT_PROVEN, f"{needing} {verb} otherwise after certain others, which the runs did not show"
    flaky = sum(one.sort is Sort.FLAKY for one in found)
    if flaky:
        verb = "test ends" if flaky == 1 else "tests end"
        return Verdict.INCONCLUSIVE, f"{flaky} {verb} now this way, now that, in the same order (flaky)"
    return None


def _tests_reason(found: Sequence[Difference]) -> str:
    tests = {one.node_id for one in found} - {PYTEST_ITSELF}
    if not tests:
        return ""
    verb = "test ends" if len(tests) == 1 else "tests end"
    together = {
        one.node_id
        for one in found
        if one.phase.kind in (PhaseKind.MODULE, PhaseKind.TEST) and one.expected.is_bad and not one.found.is_bad
    } & tests
    more = f", {len(together)} of them fail together and pass alone" if together else ""
    return f"{len(tests)} {verb} otherwise than in the serial run{more}"


def _itself_reason(found: Sequence[Difference]) -> str:
    failed = [one for one in found if one.node_id == PYTEST_ITSELF]
    if not failed:
        return ""
    first = failed[0]
    where = f"in {len(failed)} runs, first " if len(failed) > 1 else ""
    why = f": {first.message}" if first.message else ""
    return f"pytest itself failed {where}in {first.phase.name}{why}"


def confidence(results: Sequence[PhaseResult], smallest_rate: Callable[[int], float | None]) -> str:
    """Return what the runs would have shown, in words to repeat.

    smallest_rate: of ending otherwise that a number of runs would have shown, None where they are too few to say.
    Each test ran once in every serial, parallel and shuffled phase, and once more in its module's own.
    """
    alone = any(one.phase.kind is PhaseKind.MODULE for one in results)
    whole = [one for one in results if one.phase.kind is not PhaseKind.MODULE]
    runs = len(whole) + int(alone)
    workers = sorted({one.phase.workers for one in whole if one.phase.workers})
    orders = 1 + len({one.phase.seed for one in whole if one.phase.seed is not None})
    parts = [f"each test ran {runs} times", f"in {orders} order{'s' if orders != 1 else ''}"]
    if workers:
        parts.append(f"on {' and '.join(map(str, workers))} worker{'s' if workers != [1] else ''}")
    rate = smallest_rate(runs)
    if rate is None:
        return f"{', '.join(parts)}; too few runs to say how rarely a test may still end otherwise"
    return (
        f"{', '.join(parts)}; a test that ends otherwise in over {rate:.0%} of runs would have been seen "
        "with 95% probability"
    )

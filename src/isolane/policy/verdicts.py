"""What a policy's rules say of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isolane.policy.engine import WorkflowResult
from isolane.policy.steps import VERDICTS

_MOST_SAID = 500
_NO_VERDICT = f"it gives no verdict, which is one of {', '.join(VERDICTS)}"


@dataclass(frozen=True)
class RuleVerdict:
    """verdict: one of VERDICTS. reason: why, empty where nothing is to be said. numbers: what the rule saw, by name.

    is_broken: the rule itself failed, and the reason says how; its verdict is then ``fail``.
    """

    rule: str
    verdict: str
    reason: str
    numbers: Mapping[str, float]
    is_broken: bool = False


@dataclass(frozen=True)
class PolicyDecision:
    """A policy's verdicts over a run, in the order of its rules."""

    policy: str
    run_id: str
    verdicts: tuple[RuleVerdict, ...]

    @property
    def verdict(self) -> str:
        """Return the gravest of them."""
        return max((one.verdict for one in self.verdicts), key=VERDICTS.index, default="pass")

    @property
    def is_good(self) -> bool:
        """Return whether nothing is worse than a warning."""
        return VERDICTS.index(self.verdict) <= VERDICTS.index("warn")


def verdicts_of(result: WorkflowResult, policy: str) -> Iterator[RuleVerdict]:
    """Yield the verdicts in the state that a policy ends with.

    ``verdicts`` is a list of them, each with its rule's name; ``verdict`` is the only one. Where there is neither, each
    branch that ran is a rule.
    """
    state = result.state
    if result.timed_out:
        yield RuleVerdict(policy, "fail", "not all of it was run: the time was over", {}, is_broken=True)
    if isinstance(state.get("verdicts"), list):
        for one in state["verdicts"]:
            yield _verdict(_said(one.get("rule", policy)) if isinstance(one, Mapping) else policy, one)
    elif "verdict" in state:
        yield _verdict(policy, state)
    elif result.parallel_results:
        for one in result.parallel_results:
            if one.success:
                yield _verdict(one.branch, one.state)
            else:
                yield RuleVerdict(one.branch, "fail", one.error, {}, is_broken=True)
    elif not result.timed_out:
        yield _broken(policy)


def _verdict(rule: str, given: object) -> RuleVerdict:
    if not isinstance(given, Mapping) or given.get("verdict") not in VERDICTS:
        return _broken(rule)
    numbers = given.get("numbers", {})
    return RuleVerdict(rule, given["verdict"], _said(given.get("reason", "")), _numbers(numbers))


def _said(value: object) -> str:
    said = " ".join((value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).split())
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]} …"


def _numbers(given: object) -> dict[str, float]:
    """Return what is a number of what a rule gave as its numbers."""
    found = given.items() if isinstance(given, Mapping) else ()
    return {_said(name): value for name, value in found if isinstance(value, (int, float))}


def _broken(rule: str) -> RuleVerdict:
    return RuleVerdict(rule, "fail", _NO_VERDICT, {}, is_broken=True)

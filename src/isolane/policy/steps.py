"""What a node can do without Lua: filter, rate, compare, threshold.

Each takes what stands under its name in the file and the state, and returns what is merged into the state. Paths are
names with dots, such as ``run.seconds``; where a number is wanted, a list stands for its length.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from isolane.model.errors import RuleError, RuleLimitError

VERDICTS = ("pass", "warn", "fail", "roll back")
"""From the mildest to the gravest."""
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "over": lambda value, limit: value > limit,
    "under": lambda value, limit: value < limit,
    "at_least": lambda value, limit: value >= limit,
    "at_most": lambda value, limit: value <= limit,
}
_FIELD = re.compile(r"\{([\w.]+)(:%)?\}")
_NUMBER = (int, float)
_MOST_PATTERN = 500

Spec = Mapping[str, Any]
State = Mapping[str, Any]


class SpecError(Exception):
    """What stands under a step's name is wrong. key: which of its keys, None for all of it."""

    def __init__(self, what: str, key: str | None = None) -> None:
        super().__init__(what)
        self.key = key


def look_up(state: State, path: str) -> Any:
    """Return what a path leads to, None where it leads nowhere."""
    found: Any = state
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def check_step(kind: str, spec: object) -> None:
    """Raise :class:`SpecError` where a step cannot be meant."""
    if not isinstance(spec, dict):
        raise SpecError(f"{kind} wants a mapping")
    required, optional = _KEYS[kind]
    for key in spec:
        if key not in required | optional:
            raise SpecError(f"{kind} knows no {key!r}, but {_listed(required | optional)}", key)
    for key in sorted(required - spec.keys()):
        raise SpecError(f"{kind} wants {key!r}")
    for key in ("from", "of", "in", "value", "into", "reason"):
        if key in spec and not isinstance(spec[key], str):
            raise SpecError(f"{key!r} is {'text' if key == 'reason' else 'a name'}, such as {_EXAMPLES[key]}", key)
    if kind == "filter":
        if not isinstance(spec["where"], dict):
            raise SpecError("'where' is a mapping from a test's fields to what they have to be", "where")
        for wanted in spec["where"].values():
            _check_wanted(wanted)
    elif kind == "compare":
        _check_comparison({key: spec[key] for key in spec.keys() & _COMPARISONS.keys()}, None)
    elif kind == "threshold":
        for verdict in spec.keys() & set(VERDICTS):
            if not isinstance(spec[verdict], dict):
                raise SpecError(f"{verdict!r} wants a comparison, such as {{over: 0.05}}", verdict)
            _check_comparison(spec[verdict], verdict)
        if not spec.keys() & set(VERDICTS):
            raise SpecError(f"threshold wants at least one of {_listed(VERDICTS[1:])}")
        if spec.get("missing", "fail") not in VERDICTS:
            raise SpecError(f"'missing' is one of {_listed(VERDICTS)}", "missing")


def _check_wanted(wanted: object) -> None:
    if isinstance(wanted, dict):
        _check_comparison(wanted, "where")
    for one in wanted if isinstance(wanted, list) else (wanted,):
        if isinstance(one, str) and len(one) > _MOST_PATTERN:
            raise SpecError(f"a pattern is over {_MOST_PATTERN} characters long", "where")


def _check_comparison(comparison: Mapping[str, Any], key: str | None) -> None:
    if not comparison:
        raise SpecError(f"it takes one of {_listed(_COMPARISONS)}", key)
    for name, limit in comparison.items():
        if name not in _COMPARISONS:
            raise SpecError(f"{name!r} is no comparison; {_listed(_COMPARISONS)} are", key)
        if isinstance(limit, bool) or not isinstance(limit, (*_NUMBER, str)):
            raise SpecError(f"{name!r} wants a number, or the name of one", key)


def apply_step(kind: str, spec: Spec, state: State, seconds: float = math.inf) -> dict[str, Any]:
    """Return what a step adds to the state; :class:`RuleError` where what it asks for is not there.

    A filter may take so many seconds: its patterns are as much somebody else's as Lua is.
    """
    return _filter(spec, state, seconds) if kind == "filter" else _STEPS[kind](spec, state)


def _filter(spec: Spec, state: State, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    found = []
    for one in _list(state, spec["from"]):
        if time.monotonic() > deadline:
            raise RuleLimitError("rule-time", f"It took over {seconds:g} s.", "Look for less.")
        if isinstance(one, Mapping) and all(
            _fits(one.get(key), wanted, state) for key, wanted in spec["where"].items()
        ):
            found.append(one)
    return {spec.get("into", "filtered"): found}


def _fits(value: Any, wanted: Any, state: State) -> bool:
    if isinstance(wanted, list):
        return any(_fits(value, one, state) for one in wanted)
    if isinstance(wanted, dict):
        return _is_number(value) and _holds(value, wanted, state) is not None
    if isinstance(wanted, str) and isinstance(value, str):
        return fnmatchcase(value, wanted)
    return bool(value == wanted)


def _rate(spec: Spec, state: State) -> dict[str, Any]:
    part, whole = _count(state, spec["of"]), _count(state, spec["in"])
    return {spec.get("into", "rate"): part / whole if whole else 0.0}


def _compare(spec: Spec, state: State) -> dict[str, Any]:
    comparison = {key: spec[key] for key in spec if key in _COMPARISONS}
    return {spec.get("into", "holds"): _holds(_count(state, spec["value"]), comparison, state) is not None}


def _threshold(spec: Spec, state: State) -> dict[str, Any]:
    path = spec["value"]
    if look_up(state, path) is None and "missing" in spec:
        return {"verdict": spec["missing"], "reason": f"{path} is not known", "numbers": {}}
    value = _count(state, path)
    verdict, limit, numbers = "pass", None, {path: value}
    for level in VERDICTS:
        reached = _holds(value, spec[level], state) if level in spec else None
        if reached is not None:
            verdict, limit = level, reached
    if limit is None:
        return {"verdict": verdict, "reason": "", "numbers": numbers}
    return {
        "verdict": verdict,
        "reason": filled(spec.get("reason", f"{path} is {{value}} (limit {{limit}})"), state, value=value, limit=limit),
        "numbers": numbers | {"limit": limit},
    }


def filled(reason: str, state: State, **more: object) -> str:
    """Return a reason with its fields filled in: ``{name}``, or ``{name:%}`` for a share in per cent."""

    def one(match: re.Match[str]) -> str:
        value = more[match[1]] if match[1] in more else look_up(state, match[1])
        if match[2] and _is_number(value):
            return f"{value:.1%}"
        if isinstance(value, (list, Mapping)):
            return str(len(value))
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return _FIELD.sub(one, reason)


def _holds(value: Any, comparison: Mapping[str, Any], state: State) -> Any:
    """Return the limit that was last looked at where all comparisons hold, else None."""
    reached = None
    for name, wanted in comparison.items():
        limit = _number(state, wanted) if isinstance(wanted, str) else wanted
        if not _COMPARISONS[name](value, limit):
            return None
        reached = limit
    return reached


def _list(state: State, path: str) -> list[Any]:
    found = look_up(state, path)
    if not isinstance(found, list):
        raise RuleError("rule-value", f"{path} is {_said(found)}, and should be a list.")
    return found


def _number(state: State, path: str) -> float:
    found = look_up(state, path)
    if not _is_number(found):
        raise RuleError("rule-value", f"{path} is {_said(found)}, and should be a number.")
    return found  # type: ignore[no-any-return]


def _count(state: State, path: str) -> float:
    found = look_up(state, path)
    return len(found) if isinstance(found, list) else _number(state, path)


def _is_number(value: object) -> bool:
    return isinstance(value, _NUMBER) and not isinstance(value, bool)


def _said(value: object) -> str:
    return "not known" if value is None else f"of the kind {type(value).__name__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, (set, frozenset)) else names)


_STEPS: dict[str, Callable[[Spec, State], dict[str, Any]]] = {
    "rate": _rate,
    "compare": _compare,
    "threshold": _threshold,
}
STEPS = ("filter", *_STEPS)
_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "filter": (frozenset({"from", "where"}), frozenset({"into"})),
    "rate": (frozenset({"of", "in"}), frozenset({"into"})),
    "compare": (frozenset({"value"}), frozenset({"into", *_COMPARISONS})),
    "threshold": (frozenset({"value"}), frozenset({"reason", "missing", *VERDICTS[1:]})),
}
"""What each wants, and what it may be given."""
_EXAMPLES = {
    "from": "tests",
    "of": "filtered",
    "in": "tests",
    "value": "run.seconds",
    "into": "failed",
    "reason": '"{value} is too much"',
}

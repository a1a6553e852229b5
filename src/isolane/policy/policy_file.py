"""Reads a policy file: either ``rules``, which run side by side, or ``nodes`` and ``edges``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from isolane.policy.document import Document, Path
from isolane.policy.graph import check_graph
from isolane.policy.retry import Retry
from isolane.policy.steps import STEPS, SpecError, check_step
from isolane.policy.workflow import Branch, Edge, Limits, Node, Parallel, Workflow

ACTIONS = ("run", *STEPS)
START, VERDICTS = "(start)", "(verdicts)"
"""The nodes around a file's rules."""
_TOP = {"policy", "description", "settings", "limits", "history", "rules", "nodes", "edges"}
_HISTORY, _MOST_HISTORY = 20, 200


def read_policy(text: str, name: str) -> Workflow:
    """Return the workflow of a file's text; :class:`PolicyError`, with line and column, where it is none."""
    return _Reader(Document(text, name)).workflow()


class _Reader:
    """Turns a document into a workflow, and says where it is not one."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []
        self._parallels: list[Parallel] = []

    def workflow(self) -> Workflow:
        """Return it."""
        data = self._mapping((), self._document.data, _TOP, "a policy")
        if ("rules" in data) == ("nodes" in data):
            both = "both rules and nodes" if "rules" in data else "neither rules nor nodes"
            raise self._document.error((), f"a policy has rules, or nodes and edges; this has {both}")
        if "rules" in data:
            self._read_rules(data["rules"])
        else:
            self._read_nodes(data["nodes"])
            self._read_edges(data.get("edges", []))
        start = check_graph(self._document, self._nodes, self._edges, self._parallels)
        settings = data.get("settings", {})
        if not isinstance(settings, dict):
            raise self._document.error(("settings",), "settings are a mapping")
        return Workflow(
            self._text(("policy",), data.get("policy", ""), "policy"),
            self._text(("description",), data.get("description", ""), "description"),
            self._document,
            self._nodes,
            tuple(self._edges),
            tuple(self._parallels),
            start,
            settings,
            self._limits(data.get("limits", {})),
            int(self._number(("history",), data.get("history", _HISTORY), 0, _MOST_HISTORY, whole=True)),
        )

    # -- rules

    def _read_rules(self, rules: Any) -> None:
        path: Path = ("rules",)
        self._node(START, "", None, path)
        self._node(VERDICTS, "", None, path)
        branches = [self._rule((*path, at), one) for at, one in enumerate(self._list(path, rules, "a rule"))]
        self._parallels.append(Parallel(START, tuple(branches), VERDICTS, False, path))

    def _rule(self, path: Path, rule: Any) -> Branch:
        known = {"name", "description", "steps", "timeout", "retry", *ACTIONS}
        rule = self._mapping(path, rule, known, "a rule")
        name = self._name(path, rule)
        if "steps" in rule:
            others = [one for one in ACTIONS if one in rule]
            if others:
                raise self._document.error((*path, others[0]), f"a rule has steps, or {others[0]}, not both")
            place = (*path, "steps")
            steps = list(enumerate(self._list(place, rule["steps"], "a step")))
            names = [name, *(f"{name}: step {at + 1}" for at, _ in steps[1:])]
            for at, step in steps:
                self._action(names[at], (*place, at), self._mapping((*place, at), step, set(ACTIONS), "a step"))
            self._edges += [Edge(names[at], names[at + 1], "", place) for at in range(len(steps) - 1)]
            last = names[-1]
        else:
            self._action(name, path, rule)
            last = name
        self._edges.append(Edge(last, VERDICTS, "", path))
        return Branch(name, self._timeout(path, rule), self._retry(path, rule))

    # -- nodes and edges

    def _read_nodes(self, nodes: Any) -> None:
        for at, given in enumerate(self._list(("nodes",), nodes, "a node")):
            path: Path = ("nodes", at)
            node = self._mapping(path, given, {"name", "description", *ACTIONS}, "a node")
            self._action(self._name(path, node), path, node, needed=False)

    def _read_edges(self, edges: Any) -> None:
        for at, given in enumerate(self._list(("edges",), edges, "an edge") if edges else ()):
            path: Path = ("edges", at)
            known = {"from", "to", "when", "parallel", "fan_in", "fail_fast", "timeout", "retry"}
            edge = self._mapping(path, given, known, "an edge")
            source = self._known(path, edge, "from")
            if "parallel" in edge:
                self._parallels.append(self._parallel(path, edge, source))
                continue
            for key in ("fan_in", "fail_fast", "timeout", "retry"):
                if key in edge:
                    raise self._document.error((*path, key), f"{key} belongs to an edge with parallel")
            when = self._text((*path, "when"), edge.get("when", ""), "when")
            self._edges.append(Edge(source, self._known(path, edge, "to"), when, path))

    def _parallel(self, path: Path, edge: dict[str, Any], source: str) -> Parallel:
        for key in ("to", "when"):
            if key in edge:
                raise self._document.error((*path, key), f"an edge has {key} or parallel, not both")
        if "fan_in" not in edge:
            raise self._document.error(path, "a parallel edge wants fan_in", "Name the node where the branches meet.")
        place = (*path, "parallel")
        starts = self._list(place, edge["parallel"], "a node's name")
        timeout, retry = self._timeout(path, edge), self._retry(path, edge)
        branches = []
        for at, one in enumerate(starts):
            if one in starts[:at]:
                raise self._document.error((*place, at), f"{one!r} stands twice")
            branches.append(Branch(self._existing((*place, at), one), timeout, retry))
        fail_fast = edge.get("fail_fast", False)
        if not isinstance(fail_fast, bool):
            raise self._document.error((*path, "fail_fast"), "fail_fast is true or false")
        return Parallel(source, tuple(branches), self._known(path, edge, "fan_in"), fail_fast, path)

    def _known(self, path: Path, edge: dict[str, Any], key: str) -> str:
        if key not in edge:
            raise self._document.error(path, f"an edge wants {key!r}")
        return self._existing((*path, key), edge[key])

    def _existing(self, path: Path, name: Any) -> str:
        if not isinstance(name, str) or name not in self._nodes:
            raise self._document.error(path, f"there is no node {name!r}")
        return name

    # -- what both have

    def _action(self, name: str, path: Path, data: dict[str, Any], *, needed: bool = True) -> None:
        found = [one for one in ACTIONS if one in data]
        if len(found) > 1:
            raise self._document.error((*path, found[1]), f"this has {found[0]} and {found[1]}, and should have one")
        if not found:
            if needed:
                raise self._document.error(path, f"this has nothing to do; it wants one of {', '.join(ACTIONS)}")
            return self._node(name, "", None, path)
        (kind,) = found
        place, spec = (*path, kind), data[kind]
        if kind == "run":
            if not isinstance(spec, str) or not spec.strip():
                raise self._document.error(place, "run wants Lua")
            spec = spec.rstrip()  # else Lua would say that its end is on the line below
        else:
            try:
                check_step(kind, spec)
            except SpecError as error:
                where = place if error.key is None else (*place, error.key)
                raise self._document.error(where, str(error)) from None
        return self._node(name, kind, spec, place)

    def _node(self, name: str, kind: str, spec: Any, path: Path) -> None:
        self._nodes[name] = Node(name, kind, spec, path)

    def _name(self, path: Path, data: dict[str, Any]) -> str:
        if "name" not in data:
            raise self._document.error(path, "this has no name")
        name = self._text((*path, "name"), data["name"], "name")
        if not name.strip() or name in self._nodes:
            said = f"the name {name!r} stands twice" if name.strip() else "a name is not empty"
            raise self._document.error((*path, "name"), said)
        return name

    def _limits(self, data: Any) -> Limits:
        path: Path = ("limits",)
        given = self._mapping(path, data, {"lua", "total"}, "limits")
        return Limits(**{key: self._number((*path, key), value, 0, 86400) for key, value in given.items()})

    def _timeout(self, path: Path, data: dict[str, Any]) -> float | None:
        return self._number((*path, "timeout"), data["timeout"], 0, 86400) if "timeout" in data else None

    def _retry(self, path: Path, data: dict[str, Any]) -> Retry:
        if "retry" not in data:
            return Retry()
        path = (*path, "retry")
        given = self._mapping(path, data["retry"], {"attempts", "backoff", "factor", "cap"}, "retry")
        attempts = self._number((*path, "attempts"), given.get("attempts", 2), 1, 100, whole=True)
        others = {
            key: self._number((*path, key), given[key], 0, 3600, zero=True) for key in given.keys() - {"attempts"}
        }
        return Retry(int(attempts), **others)

    def _number(
        self, path: Path, value: Any, least: float, most: float, *, whole: bool = False, zero: bool = False
    ) -> float:
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not fits or not (least <= value <= most) or (value == 0 and not (whole or zero)):
            kind = "a whole number" if whole else "a number"
            raise self._document.error(
                path, f"{path[-1]} is {kind} {'from' if whole or zero else 'over'} {least} to {most}"
            )
        return float(value)

    def _text(self, path: Path, value: Any, what: str) -> str:
        if not isinstance(value, str):
            raise self._document.error(path, f"{what} is text", "Put it in quotation marks.")
        return value

    def _list(self, path: Path, value: Any, what: str) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise self._document.error(path, f"{path[-1]} is a list with at least {what}")
        return value

    def _mapping(self, path: Path, value: Any, known: Iterable[str], what: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._document.error(path, f"{what} is a mapping")
        for key in value:
            if key not in known:
                hint = f"It knows {', '.join(sorted(known))}."
                raise self._document.error((*path, f"key {key}"), f"{what} knows no {key!r}", hint)
        return value

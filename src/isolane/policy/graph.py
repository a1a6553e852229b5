"""Whether a policy's nodes and edges lead from one beginning to an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isolane.policy.document import Document
from isolane.policy.workflow import Edge, Node, Parallel


def check_graph(
    document: Document, nodes: Mapping[str, Node], edges: Sequence[Edge], parallels: Sequence[Parallel]
) -> str:
    """Return the node where it begins; :class:`PolicyError` where there is none, or several, or it goes in a circle."""
    following: dict[str, list[str]] = {name: [] for name in nodes}
    entered: set[str] = set()
    for edge in edges:
        following[edge.source].append(edge.target)
        entered.add(edge.target)
    for one in parallels:
        if following[one.source]:
            raise document.error(one.path, f"{one.source!r} has another edge beside the parallel one")
        following[one.source] += [*(branch.start for branch in one.branches), one.fan_in]
        entered |= {*(branch.start for branch in one.branches), one.fan_in}
        if one.fan_in in {branch.start for branch in one.branches}:
            raise document.error((*one.path, "fan_in"), f"{one.fan_in!r} is where branches meet, and cannot be one")
    starts = [name for name in nodes if name not in entered]
    if len(starts) > 1:
        where = nodes[starts[1]].path
        raise document.error(where, f"no edge leads to {starts[1]!r}, and the policy begins at {starts[0]!r}")
    circle = _circle(following)
    if circle:
        raise document.error(nodes[circle].path, f"the edges lead from {circle!r} back to it")
    return starts[0]


def _circle(following: Mapping[str, Sequence[str]]) -> str | None:
    """Return a node that leads to itself, None where no one does."""
    done: set[str] = set()
    for root in following:
        if root in done:
            continue
        within = {root: None}  # the way from the root to here, in order
        stack = [(root, iter(following[root]))]
        while stack:
            name, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                within.pop(name)
                done.add(name)
            elif target in within:
                return target
            elif target not in done:
                within[target] = None
                stack.append((target, iter(following[target])))
    return None

"""A policy as nodes and edges: what runs after what, and what runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from isolane.policy.document import Document, Path
from isolane.policy.retry import Retry


@dataclass(frozen=True)
class Node:
    """kind: ``run`` with Lua in ``spec``, one of the steps with its mapping, or empty: it does nothing.

    path: where the node's action stands in the document.
    """

    name: str
    kind: str
    spec: Any
    path: Path


@dataclass(frozen=True)
class Branch:
    """One of several that run side by side. start: its first node. timeout: in seconds, None where it has none."""

    start: str
    timeout: float | None = None
    retry: Retry = field(default_factory=Retry)


@dataclass(frozen=True)
class Edge:
    """From a node to the next. when: Lua that has to hold, or empty."""

    source: str
    target: str
    when: str
    path: Path


@dataclass(frozen=True)
class Parallel:
    """From a node to several at once, which all come together in ``fan_in``.

    fail_fast: the first branch that fails ends the others.
    """

    source: str
    branches: tuple[Branch, ...]
    fan_in: str
    fail_fast: bool
    path: Path


@dataclass(frozen=True)
class Limits:
    """In seconds. lua: for each piece of Lua; total: for the whole workflow, None for no limit of its own."""

    lua: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Workflow:
    """A policy that can be run. start: where it begins. settings: what the file sets, for its rules to read.

    history: how many earlier runs its rules want to see.
    """

    name: str
    description: str
    document: Document
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    parallels: tuple[Parallel, ...]
    start: str
    settings: Mapping[str, Any]
    limits: Limits
    history: int

    @property
    def uses_lua(self) -> bool:
        """Return whether it can be run without Lua."""
        return next(self.code(), None) is not None

    @property
    def most_branches(self) -> int:
        """Return how many branches run side by side at one place."""
        return max((len(one.branches) for one in self.parallels), default=1)

    def code(self) -> Iterator[tuple[Path, str, bool]]:
        """Yield each piece of Lua with its place, and whether it is a condition."""
        for node in self.nodes.values():
            if node.kind == "run":
                yield node.path, node.spec, False
        for edge in self.edges:
            if edge.when:
                yield (*edge.path, "when"), edge.when, True

    def edges_from(self, node: str) -> list[Edge]:
        """Return the edges out of a node, in the order of the file."""
        return [one for one in self.edges if one.source == node]

    def parallel_from(self, node: str) -> Parallel | None:
        """Return where several branches begin after a node."""
        return next((one for one in self.parallels if one.source == node), None)

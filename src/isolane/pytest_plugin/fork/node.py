"""A worker as other plugins know it: what pytest-xdist calls a node."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Spec:
    """What xdist says of how a worker was started."""

    id: str
    popen: bool = True
    chdir: str | None = None
    python: str | None = None
    execmodel: str = "main_thread_only"

    def __str__(self) -> str:
        return "popen"


@dataclass(frozen=True)
class RemoteInfo:
    """What xdist can ask a worker's interpreter; it is this one."""

    executable: str = sys.executable
    platform: str = sys.platform
    version_info: tuple[Any, ...] = tuple(sys.version_info)
    cwd: str = field(default_factory=os.getcwd)
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class Gateway:
    """The connection to a worker, in execnet's words."""

    id: str
    spec: Spec

    def _rinfo(self) -> RemoteInfo:
        return RemoteInfo()


@dataclass(frozen=True)
class Nodes:
    """All workers' common ground, in xdist's words: nothing is copied anywhere."""

    testrunuid: str
    roots: tuple[Path, ...] = ()


@dataclass(eq=False)
class Node:
    """One worker."""

    config: pytest.Config
    gateway: Gateway
    nodemanager: Nodes
    workerinput: dict[str, Any]
    workerinfo: dict[str, Any] = field(default_factory=dict)
    workeroutput: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Node {self.gateway.id}>"

    @property
    def slaveinput(self) -> dict[str, Any]:
        """Return ``workerinput``, by the name it had before xdist 2."""
        return self.workerinput


def make_node(config: pytest.Config, name: str, count: int, nodes: Nodes) -> Node:
    """Return a node with what every worker is told."""
    workerinput = {
        "workerid": name,
        "workercount": count,
        "testrunuid": nodes.testrunuid,
        "mainargv": list(sys.argv),
    }
    return Node(config, Gateway(name, Spec(name)), nodes, workerinput)


def worker_info(node: Node, process_id: int) -> dict[str, Any]:
    """Return what xdist's workers tell of themselves when they are ready."""
    return {
        "version": sys.version,
        "version_info": tuple(sys.version_info),
        "sysplatform": sys.platform,
        "platform": platform.platform(),
        "executable": sys.executable,
        "cwd": str(Path.cwd()),
        "id": node.gateway.id,
        "spec": node.gateway.spec,
        "pid": process_id,
    }

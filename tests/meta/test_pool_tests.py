"""How the pool is tested: no sleep, no alarm, nothing private of it, one fixture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = [*sorted((TESTS / "unit" / "pool").glob("*.py")), *sorted((TESTS / "property").glob("*.py"))]
POOL_FILES = [path for path in FILES if "isolane.pool" in path.read_text(encoding="utf-8")]

NOT_PRIVATE = ("_asdict", "_exit", "__cause__", "__name__")
"""A named tuple's method, that of os, attributes of exceptions and types."""


def faults(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("alarm", "setitimer"):
            yield f"line {node.lineno}: an alarm"
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and node.attr not in NOT_PRIVATE:
            owner = ast.unparse(node.value)
            if owner not in ("self", "super()"):
                yield f"line {node.lineno}: {owner}.{node.attr} is private"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep":
            called = ast.unparse(node)
            if called != "asyncio.sleep(0)":
                yield f"line {node.lineno}: {called}"
        if isinstance(node, ast.FunctionDef) and node.name == "executor":
            yield f"line {node.lineno}: a fixture executor of its own"


@pytest.mark.req("TQ1")
@pytest.mark.parametrize("path", POOL_FILES, ids=lambda path: path.name)
def test_the_pool_is_tested_without_sleeping_and_from_outside(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.req("TQ1")
def test_the_fixture_and_the_builders_are_shared() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in POOL_FILES}

    assert sum("executor: PooledExecutor" in text and "indirect=True" in text for text in texts.values()) >= 3
    assert sum("from pool_processes import" in text for text in texts.values()) >= 6


@pytest.mark.parametrize(
    "source", ["time.sleep(0.1)", "sleep(1)", "asyncio.sleep(1)", "x._lock", "signal.alarm(3)", "def executor(): ..."]
)
def test_what_is_looked_for_would_be_found(source: str) -> None:
    assert list(faults(source))

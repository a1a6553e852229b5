"""Whatever a rule tries: it is contained within its limits, and the next rule runs normally."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hostile_rules import HOSTILE

from isolane.model.errors import RuleError, RuleLimitError
from isolane.policy.lua_runtime import GRACE, LuaRuntime
from isolane.policy.worker_pool import POOL

pytest.importorskip("lupa.lua54")
TIMEOUT = 0.2
STATE = {"name": "x", "list": [1, 2], "items": None}


@pytest.fixture(scope="module")
def runtime() -> Iterator[LuaRuntime]:
    """One warm process for all of them; a bomb that only a kill can end costs it a new one."""
    with LuaRuntime(TIMEOUT, 16, instructions=3_000_000) as runtime:
        runtime.execute("return 1")
        LuaRuntime(trusted=True).execute("return 1")
        yield runtime
    POOL.close()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_contained_and_the_next_rule_runs(runtime: LuaRuntime, name: str) -> None:
    how, code = HOSTILE[name]
    started = time.monotonic()

    if how == "escape":
        assert runtime.execute(code, STATE) in (None, False)
    else:
        with pytest.raises(RuleError) as raised:
            runtime.execute(code, STATE)
        assert how == "either" or isinstance(raised.value, RuleLimitError) == (how == "limit"), raised.value
        assert "\n" not in str(raised.value)

    assert time.monotonic() - started < TIMEOUT + GRACE + 3  # a busy machine, not another limit
    runtime.reset()
    assert runtime.execute("return {sum = 1 + 1, text = ('a'):rep(3), n = #state.list}", STATE) == {
        "sum": 2,
        "text": "aaa",
        "n": 2,
    }


@pytest.mark.parametrize("name", [name for name, (how, _) in HOSTILE.items() if how != "limit"])
def test_a_trusted_runtime_has_the_same_walls(runtime: LuaRuntime, name: str) -> None:
    """In this process, too, a rule gets nowhere; only a single long call is not interrupted there."""
    how, code = HOSTILE[name]
    with LuaRuntime(0.3, runtime.memory_mb, trusted=True, instructions=3_000_000) as trusted:
        if how == "escape":
            assert trusted.execute(code, STATE) in (None, False)
        else:
            with pytest.raises(RuleError):
                trusted.execute(code, STATE)
        assert trusted.execute("return 1") == 1


def test_no_process_is_left_beside_the_one_in_use(runtime: LuaRuntime) -> None:
    runtime.execute("return 1")
    assert len([one for one in POOL.processes if one.memory_mb == runtime.memory_mb]) == 1

"""The plugin's fixture ``isolane_lua``."""

from __future__ import annotations

import os

import pytest

from isolane.policy.lua_runtime import LuaRuntime

pytest.importorskip("lupa.lua54")


@pytest.mark.parametrize("number", range(3))
def test_each_test_has_a_runtime_of_its_own(isolane_lua: LuaRuntime, number: int) -> None:
    assert isolane_lua.execute("seen = (seen or 0) + 1 return seen") == 1
    assert not isolane_lua.trusted


def test_without_lupa_the_test_is_skipped_with_a_line(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys; sys.modules['lupa'] = None")
    pytester.makepyfile("def test_it(isolane_lua): assert 0")
    arguments = ("-rs", "-p", "no:randomly", "-p", "no:hypothesispytest")

    ended = pytester.runpytest_subprocess(*arguments)
    ended.stdout.fnmatch_lines(["SKIPPED*lupa 2.8 or newer is not installed, and policies need it. Install it: *"])
    assert ended.ret == 0
    assert os.environ.get("ISOLANE_REQUIRE_SERVICES") or ended.parseoutcomes() == {"skipped": 1}

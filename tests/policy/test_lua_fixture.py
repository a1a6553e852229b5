"""The plugin's fixture ``isolane_lua``."""

from __future__ import annotations

import pytest

from isolane.policy.lua_runtime import LuaRuntime

pytest.importorskip("lupa.lua54")


@pytest.mark.parametrize("number", range(3))
def test_each_test_has_a_runtime_of_its_own(isolane_lua: LuaRuntime, number: int) -> None:
    assert isolane_lua.execute("seen = (seen or 0) + 1 return seen") == 1
    assert not isolane_lua.trusted


@pytest.mark.parametrize(("required", "ends"), [("off", {"skipped": 1}), ("on", {"errors": 1})])
def test_without_lupa_it_is_told_in_a_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: str, ends: dict[str, int]
) -> None:
    monkeypatch.setenv("ISOLANE_REQUIRE_SERVICES", required)
    pytester.makeconftest("import sys; sys.modules['lupa'] = None")
    pytester.makepyfile("def test_it(isolane_lua): assert 0")

    ended = pytester.runpytest_subprocess("-rs", "-p", "no:randomly", "-p", "no:hypothesispytest")

    ended.assert_outcomes(**ends)
    said = "lupa 2.8 or newer is not installed, and policies need it. Install it: "
    assert ended.stdout.str().count(said) == 1

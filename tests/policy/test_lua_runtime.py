"""A runtime's values, errors and limits; what a hostile rule tries is in tests/quality."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from isolane.model.errors import RuleError, RuleLimitError, UsageError
from isolane.policy import libraries, worker_process
from isolane.policy.codec import encode
from isolane.policy.interpreter import Interpreter
from isolane.policy.lua_runtime import LuaRuntime
from isolane.policy.worker_pool import POOL

pytest.importorskip("lupa.lua54")


@pytest.fixture(params=[False, True], ids=["sandboxed", "trusted"])
def runtime(request: pytest.FixtureRequest, processes: None) -> Iterator[LuaRuntime]:
    with LuaRuntime(0.3, 64, request.param) as runtime:
        yield runtime


def failing(runtime: LuaRuntime, code: str, state: object = None) -> RuleError:
    with pytest.raises(RuleError) as raised:
        runtime.execute(code, state)
    return raised.value


def test_globals_stay_until_a_reset(runtime: LuaRuntime) -> None:
    runtime.execute("kept = 1")
    assert runtime.execute("return kept") == 1
    runtime.reset()
    assert runtime.execute("return kept") is None


def test_the_state_is_there_for_its_own_code_only(runtime: LuaRuntime) -> None:
    assert runtime.execute("return state.a", {"a": 1}) == 1
    assert runtime.execute("return state") is None


def test_a_node_returns_the_state_with_what_it_adds(runtime: LuaRuntime) -> None:
    given = {"a": 1, "b": 2}
    assert runtime.execute_node("state.a = 9 return {b = 3, c = 4}", given) == {"a": 1, "b": 3, "c": 4}
    assert runtime.execute_node("local nothing", given) == given
    assert given == {"a": 1, "b": 2}


@pytest.mark.parametrize(("code", "what"), [("return 5", "5"), ("return list{1}", "a list"), ("return 'x'", "text")])
def test_a_node_returns_a_mapping(runtime: LuaRuntime, code: str, what: str) -> None:
    with pytest.raises(RuleError, match=f"not {what}. Give it a name"):
        runtime.execute_node(code, {})


@pytest.mark.parametrize(
    ("expression", "holds"), [("state.n > 2", True), ("state.n > 3", False), ("nil", False), ("0", True), ("''", True)]
)
def test_a_condition_holds_as_lua_has_it(runtime: LuaRuntime, expression: str, holds: bool) -> None:
    assert runtime.eval_condition(expression, {"n": 3}) is holds


def test_a_condition_may_end_with_a_comment(runtime: LuaRuntime) -> None:
    assert runtime.eval_condition("true -- always", {})


CALLS = """local function inner(x)
  return x.y
end

local function outer() return 1 + inner() end
outer()"""


def test_an_error_has_its_line_and_how_it_came_there(runtime: LuaRuntime) -> None:
    error = failing(runtime, CALLS)

    assert error.slug == "rule-error"
    assert error.what == "attempt to index a nil value (local 'x')."
    assert error.lua_line == 2
    assert error.lua_traceback == "line 2, in inner\nline 5, in outer\nline 6"


@pytest.mark.parametrize(
    ("code", "what", "line"),
    [
        ("\nerror('it is so')", "it is so.", 2),
        ("error('it is so', 0)", "it is so.", 1),
        ("error({message = 'in a table'})", "in a table.", 1),
        ("error({})", "an error that is a table.", 1),
        ("error()", "an error that is a nil.", 1),
        ("error('two\\nlines')", "two lines.", 1),
        ("assert(false, 'no')", "no.", 1),
        ("error(('x'):rep(5000), 0)", "x" * 500 + " ….", 1),
    ],
)
def test_what_a_rule_throws_is_one_line(runtime: LuaRuntime, code: str, what: str, line: int) -> None:
    error = failing(runtime, code)
    assert (error.what, error.lua_line) == (what, line)


def test_code_that_is_not_lua(runtime: LuaRuntime) -> None:
    error = failing(runtime, "local x =\n\nreturn")
    assert (error.slug, error.lua_line) == ("rule-syntax", 3)
    assert error.what == "unexpected symbol near 'return'."
    with pytest.raises(RuleError, match="over 256 kB"):
        runtime.execute("-" * 2**19)


def test_code_is_checked_without_being_run(runtime: LuaRuntime) -> None:
    runtime.check("ran = true while true do end")
    runtime.check_condition("a == b")
    with pytest.raises(RuleError, match="near"):
        runtime.check_condition("a = b")
    assert runtime.execute("return ran") is None


@pytest.mark.parametrize(
    ("code", "slug"),
    [
        ("while true do end", "rule-time"),
        ("local text = 'x' while true do text = text .. text end", "rule-memory"),
    ],
)
def test_after_a_limit_the_runtime_begins_anew(runtime: LuaRuntime, code: str, slug: str) -> None:
    runtime.execute("kept = 1")
    error = failing(runtime, code)

    assert isinstance(error, RuleLimitError)
    assert error.slug == slug
    assert runtime.execute("return kept") is None
    assert runtime.execute("return 1") == 1


def test_after_an_error_it_goes_on(runtime: LuaRuntime) -> None:
    runtime.execute("kept = 1")
    failing(runtime, "error('x')")
    assert runtime.execute("return kept") == 1


def test_instructions_are_counted() -> None:
    with LuaRuntime(trusted=True, instructions=1_000_000) as runtime:
        error = failing(runtime, "for i = 1, 1e9 do end")
        assert (error.slug, error.what) == ("rule-instructions", "It took over 1,000,000 instructions.")


def test_a_single_call_may_have_less_time(runtime: LuaRuntime) -> None:
    with pytest.raises(RuleLimitError, match=r"over 0\.02 s"):
        runtime.execute("while true do end", timeout=0.02)


def test_another_thread_can_end_it(runtime: LuaRuntime) -> None:
    runtime.timeout = 60.0
    runtime.execute("return 1")
    begun = threading.Event()

    def loop() -> str:
        begun.set()
        return failing(runtime, "while true do end").slug

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(loop)
        begun.wait(10)
        runtime.interrupt()
        assert waiting.result(30) == "rule-stopped"
    assert runtime.execute("return 1") == 1


def test_what_is_interrupted_before_it_begins_does_not_begin(runtime: LuaRuntime) -> None:
    runtime.interrupt()
    assert failing(runtime, "return 1").slug == "rule-stopped"
    assert runtime.execute("return 1") == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "the value is a set"),
        ({"a": [1, {"b": object()}]}, "the value at a[1].b is a object"),
        ([1, None, 2], "the value at [1] is None, which would be a hole"),
        (2**63, "the value is a whole number of over 64 bits"),
        ({1.5: 1}, "the value has a key that is neither text nor a whole number"),
    ],
)
def test_a_state_that_lua_cannot_have(runtime: LuaRuntime, value: object, why: str) -> None:
    error = failing(runtime, "return 1", value)
    assert error.slug == "rule-state"
    assert why in error.what


def test_a_state_that_contains_itself(runtime: LuaRuntime) -> None:
    state: dict[str, object] = {}
    state["self"] = state
    assert "nested over 64 deep, or contains itself" in failing(runtime, "return 1", state).what


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("return {a = {1, nil, 3}}", "the result at a is a list with holes"),
        ("return {[1] = 1, [2000000000] = 2}", "the result is a list with holes"),
        ("local t = {} t.x = {t} return t", "the result at x[1] contains itself"),
        ("return {f = print or type}", "the result at f is a function"),
        ("return {[true] = 1}", "has a key that is neither text nor a whole number"),
        ("return {[1.5] = 1}", "has a key that is neither text nor a whole number"),
        ("local t = {} for _ = 1, 70 do t = {t} end return t", "nested over 64 deep"),
    ],
)
def test_a_result_that_is_no_plain_value(runtime: LuaRuntime, code: str, why: str) -> None:
    error = failing(runtime, code)
    assert error.slug == "rule-value"
    assert why in error.what


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return {}", {}),
        ("return list()", []),
        ("return list{}", []),
        ("return {1, 2, 3}", [1, 2, 3]),
        ("return mapping{1, 2}", {1: 1, 2: 2}),
        ("return mapping{[5] = 1}", {5: 1}),
        ("return {[0] = 'a', 'b'}", {0: "a", 1: "b"}),
        ("return 1.0", 1.0),
        ("return 7 // 2", 3),
        ("return 7 / 2", 3.5),
        ("return '\\xff'", b"\xff"),
        ("return 'ä'", "ä"),
        ("return #state.empty == 0 and state.empty", []),
        ("table.insert(state.empty, 1) return state.empty", [1]),
        ("return state.bare", {}),
        ("return state.list[1]", "first"),
        ("local n = 0 for k, v in pairs(state.order) do n = n * 10 + v end return n", 123),
        (
            "local t = {} for k in pairs({c = 1, a = 1, b = 1, [2] = 1}) do t[#t + 1] = k end return t",
            [2, "a", "b", "c"],
        ),
        ("return select('#', table.unpack({1, nil, 3}, 1, 3))", 3),
        ("return {pcall(error, 'x')}", [False, "x"]),
        ("return {xpcall(error, function(e) return e .. '!' end, 'x')}", [False, "x!"]),
        (
            "local g = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return {g(), g(), g()}",
            [1, 2, 3],
        ),
        ("return string.format('%5.2f|%s|%%p|%d', 1.5, {}, 3)", " 1.50|table|%p|3"),
    ],
)
def test_values_as_lua_has_them(runtime: LuaRuntime, code: str, value: object) -> None:
    found = runtime.execute(code, {"empty": [], "bare": {}, "list": ["first"], "order": {"b": 2, "c": 3, "a": 1}})
    assert found == value
    assert type(found) is type(value)


def test_a_result_has_so_many_values(runtime: LuaRuntime) -> None:
    with LuaRuntime(20.0, 256, runtime.trusted) as roomy:
        error = failing(roomy, "local t = {} for i = 1, 1000001 do t[i] = true end return t")
        assert (error.slug, error.lua_line) == ("rule-value", None)
        assert "has over 1000000 values before it" in error.what


def test_an_interrupt_of_python_is_not_caught_by_lua() -> None:
    def stopped() -> bool:
        raise KeyboardInterrupt

    interpreter = Interpreter(16)
    with pytest.raises(KeyboardInterrupt):
        interpreter.run(b"while true do pcall(error) end", encode(None), seconds=60, stopped=stopped)
    assert interpreter.is_spent


def test_where_no_process_comes_up_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    POOL.close()
    monkeypatch.setattr(worker_process, "_PROGRAM", "raise SystemExit")
    with LuaRuntime() as runtime:
        error = failing(runtime, "return 1")
    assert error.slug == "rule-start"
    assert error.what.startswith("No process for Lua came up with ")


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"memory_mb": 0}, {"instructions": 0}, {"timeout": float("nan")}])
def test_limits_are_over_nothing(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be over 0"):
        LuaRuntime(**wrong)


def test_without_lupa_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libraries.__dict__, "import_module", _missing)
    libraries.import_lua.cache_clear()
    with pytest.raises(UsageError) as raised:
        LuaRuntime()
    libraries.import_lua.cache_clear()
    assert raised.value.exit_code == 4
    assert str(raised.value) == (
        "lupa 2.8 or newer is not installed, and policies need it. "
        "Install it: pip install 'isolane[policy]'. [policy-library]"
    )


def test_an_older_lupa_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import lupa

    monkeypatch.setattr(lupa, "__version__", "2.7")
    libraries.import_lua.cache_clear()
    with pytest.raises(UsageError, match=r"lupa 2\.7 is installed, and policies need lupa 2\.8 or newer"):
        LuaRuntime()
    libraries.import_lua.cache_clear()


def _missing(name: str) -> None:
    raise ImportError(name)

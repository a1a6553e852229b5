"""How a policy is walked: sequence, condition, branches, time-outs, retries."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from isolane.model.errors import PolicyError, RuleError, RuleLimitError
from isolane.policy.engine import YAMLEngine

pytest.importorskip("lupa.lua54")
pytestmark = pytest.mark.usefixtures("processes")


@pytest.fixture(scope="module")
def engine() -> YAMLEngine:
    return YAMLEngine(lua_enabled=True, lua_timeout=20.0, trusted=True)


def nodes(*names: str, **code: str) -> str:
    """Return nodes: those with code do it, the others nothing."""
    lines = [f"- {{name: {name}}}" for name in names]
    lines += [f"- name: {name}\n  run: |\n    {text}" for name, text in code.items()]
    return "nodes:\n" + "\n".join(lines) + "\n"


SPLIT = "edges:\n- {from: start, parallel: [a, b, c], fan_in: join%s}\n"


def test_nodes_follow_their_edges_and_add_to_the_state(engine: YAMLEngine) -> None:
    text = nodes(a="return {x = 1}", b="return {y = state.x + 1}") + "edges: [{from: a, to: b}]"
    given = {"x": 0, "z": 3}

    assert engine.run(engine.load(text), given).state == {"settings": {}, "x": 1, "y": 2, "z": 3}
    assert given == {"x": 0, "z": 3}


@pytest.mark.parametrize(("n", "way"), [(5, "many"), (1, "few"), (0, None)])
def test_the_first_edge_whose_condition_holds_is_followed(engine: YAMLEngine, n: int, way: str | None) -> None:
    text = nodes("start", many="return {way = 'many'}", few="return {way = 'few'}") + (
        "edges:\n- {from: start, to: many, when: state.n > 2}\n- {from: start, to: few, when: state.n > 0}\n"
    )
    assert engine.run(engine.load(text), {"n": n}).state.get("way") == way


def test_settings_are_there_for_all_nodes(engine: YAMLEngine) -> None:
    text = "settings: {most: 3}\n" + nodes(a="return {twice = 2 * state.settings.most}")
    assert engine.run(engine.load(text)).state["twice"] == 6


def test_results_come_in_the_order_of_the_edges_whichever_is_first(engine: YAMLEngine) -> None:
    slow = "local n = 0 for i = 1, 3000000 do n = n + 1 end return {who = 'a'}"
    text = nodes("start", a=slow, b="return {who = 'b'}", c="error('no')", join="return {n = #state.parallel_results}")
    text += SPLIT % "" + "- {from: a, to: join}\n- {from: b, to: join}\n- {from: c, to: join}\n"
    result = engine.run(engine.load(text), {"given": 1})
    a, b, c = result.parallel_results

    assert result.state["n"] == 3
    assert (a.branch, a.success, a.state["who"], a.state["given"]) == ("a", True, "a", 1)
    assert (b["branch"], b["state"]["who"], b["error"], b["attempts"]) == ("b", "b", "", 1)
    assert (c.branch, c.success, c.state, c.error_type, c.timed_out) == ("c", False, None, "RuleError", False)
    assert c.error == "policy.yaml:11: rule 'c', line 1 of its Lua: no."
    assert c.traceback == "line 1"
    assert c.timing_ms > 0
    with pytest.raises(AttributeError):
        _ = c.nothing


def test_the_join_of_lua_sees_what_the_branches_did(engine: YAMLEngine) -> None:
    join = "local n = 0 for _, one in ipairs(state.parallel_results) do n = n + one.state.v end return {sum = n}"
    text = nodes("start", a="return {v = 1}", b="return {v = 2}", c="return {v = 4}", join=join) + SPLIT % ""
    assert engine.run(engine.load(text)).state["sum"] == 7


def test_branches_may_have_branches(engine: YAMLEngine) -> None:
    text = nodes(
        "start", "a", "inner", "join", x="seen = (seen or 0) + 1 return {v = seen}", y="return {v = seen == nil}"
    )
    text += (
        "edges:\n- {from: start, parallel: [a], fan_in: join}\n- {from: a, parallel: [x, y], fan_in: inner}\n"
        "- {from: inner, to: join}\n"
    )
    (outer,) = engine.run(engine.load(text)).parallel_results
    assert [one["state"]["v"] for one in outer.state["parallel_results"]] == [1, True]


def test_lua_that_was_not_asked_for_is_refused() -> None:
    engine = YAMLEngine()
    with pytest.raises(PolicyError, match=r"p\.yaml:3:8: this is Lua, and the engine is to run none"):
        engine.run(engine.load(nodes(a="return {}"), "p.yaml"))


def test_a_policy_without_lua_needs_none() -> None:
    engine = YAMLEngine()
    policy = engine.load("rules: [{name: a, threshold: {value: n, fail: {over: 1}}}]")
    (one,) = engine.run(policy, {"n": 2}).parallel_results
    assert one.state["verdict"] == "fail"


def test_an_error_outside_branches_ends_the_policy(engine: YAMLEngine) -> None:
    with pytest.raises(RuleError, match=r"policy\.yaml:4: rule 'a', line 1 of its Lua: attempt to index a nil value"):
        engine.run(engine.load(nodes(a="return {x = state.no.thing}")))


def test_an_error_in_a_condition_names_the_edge(engine: YAMLEngine) -> None:
    text = nodes("a", "b") + "edges:\n- from: a\n  to: b\n  when: state.x.y\n"
    with pytest.raises(RuleError, match=r"policy\.yaml:7: the edge to 'b', line 1 of its Lua: attempt to index"):
        engine.run(engine.load(text))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (nodes(a="return 1 +"), "4: unexpected symbol near <eof>"),
        ("nodes:\n- {name: a, run: 'x ='}", "2: unexpected symbol near <eof>"),
        (nodes("a", "b") + "edges:\n- {from: a, to: b,\n   when: a = b}\n", "6: "),
    ],
)
def test_lua_is_checked_with_the_files_line(engine: YAMLEngine, text: str, where: str) -> None:
    with pytest.raises(PolicyError) as raised:
        engine.check(engine.load(text))
    assert str(raised.value).startswith(f"policy.yaml:{where}")


# -- time

LOOP = "while true do end"
LIMITED = nodes("start", "join", a="return {v = 1}", b=LOOP, c="return {v = 3}")


@pytest.mark.parametrize("trusted", [False, True], ids=["sandboxed", "trusted"])
def test_a_branch_has_a_time_out(trusted: bool) -> None:
    engine = YAMLEngine(lua_enabled=True, trusted=trusted)
    a, b, c = engine.run(engine.load(LIMITED + SPLIT % ", timeout: 0.1")).parallel_results

    assert (a.success, b.success, c.success) == (True, False, True)
    assert (b.timed_out, b.error_type) == (True, "RuleLimitError")
    assert 100 <= b.timing_ms < 5000


def test_a_policys_own_limit_for_lua(engine: YAMLEngine) -> None:
    text = "limits: {lua: 0.05}\n" + LIMITED + SPLIT % ""
    assert [one.timed_out for one in engine.run(engine.load(text)).parallel_results] == [False, True, False]


@pytest.mark.parametrize("trusted", [False, True], ids=["sandboxed", "trusted"])
def test_the_total_time_out_bounds_the_whole(trusted: bool) -> None:
    engine = YAMLEngine(lua_enabled=True, trusted=trusted, most_branches=3)
    policy = engine.load("limits: {total: 0.2}\n" + LIMITED + SPLIT % ", retry: {attempts: 50, backoff: 60}")

    with pytest.raises(RuleLimitError, match=r"policy\.yaml took over 0\.2 s"):
        engine.run(policy)
    kept = engine.run(policy, keep_partial=True)
    assert kept.timed_out
    assert [(one.success, one.timed_out) for one in kept.parallel_results] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_the_total_time_out_bounds_nodes_in_a_row(engine: YAMLEngine) -> None:
    text = "limits: {total: 0.1}\n" + nodes(a="return {v = 1}", b=LOOP) + "edges: [{from: a, to: b}]"
    with pytest.raises(RuleLimitError):
        engine.run(engine.load(text))
    kept = engine.run(engine.load(text), keep_partial=True)
    assert (kept.timed_out, kept.state["v"]) == (True, 1)


@pytest.mark.parametrize("trusted", [False, True], ids=["sandboxed", "trusted"])
def test_fail_fast_ends_the_others(trusted: bool) -> None:
    engine = YAMLEngine(lua_enabled=True, trusted=trusted, most_branches=2)
    text = nodes("start", "join", a=LOOP, b="error('broken')", c="return {}") + SPLIT % ", fail_fast: true"
    a, b, c = engine.run(engine.load(text)).parallel_results

    assert b.error.endswith("broken.")
    assert a.error.endswith("It was stopped, as another branch had failed or all time was over.")
    assert not c.success or c.state is not None  # it may have run before the other failed
    assert (a.timed_out, b.timed_out) == (False, False)


def test_a_branch_that_fails_is_tried_again_from_the_beginning(engine: YAMLEngine) -> None:
    text = nodes("start", "join", a="tried = (tried or 0) + 1 error(tried, 0)", b="return {}", c="return {}")
    a, b, _ = engine.run(engine.load(text + SPLIT % ", retry: {attempts: 3, backoff: 0}")).parallel_results

    assert (a.success, a.attempts, b.attempts) == (False, 3, 1)
    assert a.error.endswith("line 1 of its Lua: 1."), "each attempt has a runtime of its own"


def test_rules_have_time_outs_and_retries_of_their_own(engine: YAMLEngine) -> None:
    text = f"""
rules:
- {{name: a, timeout: 0.05, run: "{LOOP}"}}
- {{name: b, retry: {{attempts: 2, backoff: 0.001}}, run: "error('x')"}}
"""
    a, b = engine.run(engine.load(text)).parallel_results
    assert (a.timed_out, a.attempts, b.timed_out, b.attempts) == (True, 1, False, 2)


def test_several_policies_at_once(engine: YAMLEngine) -> None:
    policy = engine.load(nodes(a="return {v = state.n * 2}"))
    found: dict[int, int] = {}

    def run(number: int) -> None:
        found[number] = engine.run(policy, {"n": number}).state["v"]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: 2 * number for number in range(8)}


def test_a_state_that_cannot_be_copied_is_an_error_in_a_line(engine: YAMLEngine) -> None:
    with pytest.raises(RuleError, match="The state cannot be given to branches"):
        engine.run(engine.load(LIMITED + SPLIT % ""), {"lock": threading.Lock()})


def test_the_shipped_policies_are_policies(engine: YAMLEngine) -> None:
    import isolane.policy

    (package,) = isolane.policy.__path__
    shipped = sorted((Path(package) / "shipped").glob("*.yaml"))
    assert [path.stem for path in shipped] == ["gate", "lenient", "strict"]
    for path in shipped:
        policy = engine.load(path.read_text(encoding="utf-8"), path.name)
        assert policy.name == path.stem
        assert policy.description
        assert not policy.uses_lua

"""``isolane policy run``, ``isolane policy check`` and ``isolane gate --policy``, over runs that are on record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.model.event_samples import ended, run_finished, run_started

from isolane.cli.main import main
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import runs_directory
from isolane.model.outcome import Category
from isolane.model.record import RunRecord
from isolane.planning.gate import decide_gate, measure_gate
from isolane.policy.engine import YAMLEngine
from isolane.policy.verdicts import PolicyDecision, RuleVerdict, verdicts_of
from isolane.reports.policy_text import decision_as_data, decision_lines
from isolane.usecases.policy import shipped_policies
from isolane.usecases.policy_facts import facts_of

pytest.importorskip("lupa.lua54")
pytestmark = pytest.mark.usefixtures("processes")
TESTS = [f"test_{number}.py::test_it" for number in range(10)]


def keep(root: Path, number: int, *bad: str, parallel: bool = False, seconds: float = 10.0, **more: Any) -> str:
    """Keep a run of ten tests, of which some failed; return its name."""
    label = "parallel" if parallel else "serial"
    name = f"20260101T0000{number:02}.000000-{label}-abc"
    writer = EventLogWriter(runs_directory(root) / name / FILE_NAME)
    writer.write(run_started(run_id=name, label=label, workers=2 if parallel else 0))
    for test in more.get("tests", TESTS):
        category = Category.FAILED if test in bad else Category.PASSED
        writer.write(
            replace(ended(test, category, "KeyError" if test in bad else ""), call=0.5, message=more.get("said", ""))
        )
    writer.write(run_finished(seconds, tests=len(TESTS), exit_code=1 if bad else 0))
    writer.close()
    return name


@pytest.fixture
def root(tmp_path: Path) -> Path:
    keep(tmp_path, 1)
    keep(tmp_path, 2, parallel=True, seconds=5.0)
    return tmp_path


def policy(root: Path, text: str) -> str:
    path = root / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def isolane(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


def run(capsys: pytest.CaptureFixture[str], root: Path, text: str, *words: str) -> dict[str, Any]:
    code, out, err = isolane(capsys, "policy", "run", policy(root, text), "--project", str(root), "--json", *words)
    assert not err
    data = json.loads(out)
    assert code == (0 if data["good"] else 1)
    return data


NEW = """
policy: new tests
rules:
- name: new tests flake at most once in 50 runs
  run: |
    for _, test in ipairs(state.tests) do
      if test.runs < 50 and test.flaky and test.failures > 1 then
        return {verdict = "fail", reason = test.id .. " failed " .. test.failures .. " times",
                numbers = {failures = test.failures, runs = test.runs}}
      end
    end
    return {verdict = "pass"}
"""


@pytest.mark.parametrize("trusted", [(), ("--trusted",)], ids=["sandboxed", "trusted"])
def test_a_rule_of_lua_sees_a_test_and_its_history(
    root: Path, capsys: pytest.CaptureFixture[str], trusted: tuple[str, ...]
) -> None:
    assert run(capsys, root, NEW, *trusted)["verdict"] == "pass"
    keep(root, 3, TESTS[4], parallel=True)
    assert run(capsys, root, NEW, *trusted)["verdict"] == "pass", "once is borne"
    last = keep(root, 4, TESTS[4], parallel=True)

    assert run(capsys, root, NEW, *trusted) == {
        "policy": "new tests",
        "run": last,
        "verdict": "fail",
        "good": False,
        "rules": [
            {
                "rule": "new tests flake at most once in 50 runs",
                "verdict": "fail",
                "reason": "test_4.py::test_it failed 2 times",
                "numbers": {"failures": 2, "runs": 4},
                "broken": False,
            }
        ],
    }


def test_an_earlier_run_can_be_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = keep(root, 3, TESTS[4])
    keep(root, 4)
    rule = "rules: [{name: a, threshold: {value: run.failed, fail: {over: 0}}}]"

    assert run(capsys, root, rule)["verdict"] == "pass"
    found = run(capsys, root, rule, "--run", "20260101T000003")
    assert (found["verdict"], found["run"]) == ("fail", first)


def test_the_lines(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
policy: lines
rules:
- {name: one, threshold: {value: run.seconds, warn: {over: 1}, reason: "{value} s"}}
- {name: two, run: 'return {verdict = "pass"}'}
- {name: three, run: 'local x return x.y'}
- {name: four, run: 'return {verdict = "perhaps"}'}
- {name: five, run: 'return {verdict = "roll back", reason = "\\x1b[31m\\nred", numbers = {a = 1.23456, b = "x"}}'}
"""
    code, out, _ = isolane(capsys, "policy", "run", policy(root, text), "--project", str(root))

    assert code == 1
    path = root / "policy.yaml"
    assert out.splitlines() == [
        "roll back to serial (PYTEST_WORKERS=1): lines, run 20260101T000002.000000-parallel-abc",
        "  warn       one: 5 s (run.seconds 5, limit 1)",
        "  pass       two",
        f"  fail       three: {path}:6: rule 'three', line 1 of its Lua: attempt to index a nil value (local 'x').",
        "  fail       four: it gives no verdict, which is one of pass, warn, fail, roll back",
        "  roll back  five: \\x1b[31m red (a 1.235)",
    ]


def test_nodes_and_edges_give_verdicts_in_the_state(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = 'nodes: [{name: a, run: \'return {verdict = "warn", reason = "so"}\'}]'
    assert run(capsys, root, one)["rules"][0]["verdict"] == "warn"
    listed = 'return {verdicts = {{rule = "x", verdict = "fail"}, {rule = "y", verdict = "pass"}}}'
    found = run(capsys, root, f"nodes: [{{name: a, run: '{listed}'}}]")["rules"]
    assert [(each["rule"], each["verdict"]) for each in found] == [("x", "fail"), ("y", "pass")]
    assert run(capsys, root, "policy: p\nnodes: [{name: a}]")["rules"][0]["broken"]


def test_when_time_is_over_it_fails_and_says_what_was_done(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = "- {name: a, run: 'return {verdict = \"pass\"}'}\n- {name: b, run: 'while true do end'}\n"
    text = f"limits: {{total: 0.3}}\nrules:\n{rules}"
    found = run(capsys, root, text)

    assert [(one["rule"], one["verdict"]) for one in found["rules"]][1:] == [("a", "pass"), ("b", "fail")]
    assert found["rules"][0]["reason"] == "not all of it was run: the time was over"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("policy", "run", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file or directory."),
        (("policy", "check", "nowhere.yaml"), "Those that come along: gate, lenient, strict. [no-policy]"),
        (("policy", "run", "gate", "--run", "2099"), "There is no run '2099'"),
        (("policy", "run", "gate", "--project", "nowhere"), "nowhere is not a folder."),
        (("gate", "--trusted"), "--trusted is about a policy's Lua. Name the policy: --policy FILE [no-policy]"),
    ],
)
def test_a_users_mistake_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(root)
    code, out, err = isolane(capsys, *words)

    assert (code, out) == (4, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_without_a_run_there_is_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = isolane(capsys, "policy", "run", "strict", "--project", str(tmp_path))
    assert code == 4
    assert "No whole run is on record in" in err
    code, _, err = isolane(capsys, "gate", str(tmp_path), "--policy", "gate")
    assert code == 4
    assert "No parallel run is on record in" in err


def test_check_reads_and_says_what_it_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = policy(root, NEW)
    assert isolane(capsys, "policy", "check", path) == (0, f"{path}: a policy (1 part, with Lua)\n", "")
    assert isolane(capsys, "policy", "check", "gate") == (0, "gate: a policy (3 parts, without Lua)\n", "")
    code, out, _ = isolane(capsys, "policy", "check", "gate", "--json")
    assert (code, json.loads(out)["nodes"]) == (0, ["newly flaky tests", "intermittent failures", "time"])


@pytest.mark.parametrize(
    ("text", "place"),
    [("rules:\n- {name: a, run: 'x ='}\n", ":2: "), ("rules:\n- {name: a}\n", ":2:3: "), ("rules: [", ":1:9: ")],
)
def test_check_names_the_place(root: Path, capsys: pytest.CaptureFixture[str], text: str, place: str) -> None:
    path = policy(root, text)
    code, out, err = isolane(capsys, "policy", "check", path)
    assert (code, out) == (4, "")
    assert err.startswith(f"isolane: {path}{place}")


def test_a_file_that_is_not_text(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "policy.yaml").write_bytes(b"\xff\xfe")
    code, _, err = isolane(capsys, "policy", "check", str(root / "policy.yaml"))
    assert code == 4
    assert "is not text in UTF-8" in err


def test_the_gate_by_a_policy_looks_at_the_newest_parallel_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(root, 3, TESTS[0], parallel=True)
    keep(root, 4)
    code, out, _ = isolane(capsys, "gate", str(root), "--policy", "gate")

    assert code == 1
    assert out.splitlines()[:2] == [
        "roll back to serial (PYTEST_WORKERS=1): gate, run 20260101T000003.000000-parallel-abc",
        "  roll back  newly flaky tests: 10.0% of the tests are newly flaky (over 5.0%) (gate.share 0.1, limit 0.05)",
    ]
    assert isolane(capsys, "gate", str(root))[0] == 1


@pytest.mark.parametrize(
    ("name", "bad", "verdict"),
    [
        ("strict", (), "pass"),
        ("strict", (0,), "roll back"),
        ("lenient", (0,), "warn"),
        ("lenient", (0, 1, 2), "roll back"),
    ],
)
def test_the_shipped_policies(
    root: Path, capsys: pytest.CaptureFixture[str], name: str, bad: tuple[int, ...], verdict: str
) -> None:
    keep(root, 3, *(TESTS[one] for one in bad), parallel=True, seconds=5.0)
    code, out, _ = isolane(capsys, "policy", "run", name, "--project", str(root), "--json")
    assert (json.loads(out)["verdict"], code) == (verdict, 0 if verdict in ("pass", "warn") else 1)


# -- the gate's own decisions, by its file

GATE = YAMLEngine()
GATE_POLICY = GATE.load(shipped_policies()["gate"].read_text(encoding="utf-8"), "gate")


def record(bad: Mapping[int, Category], seconds: float, tests: int) -> RunRecord:
    events = [ended(f"t{n}", bad.get(n, Category.PASSED)) for n in range(tests)]
    return RunRecord.of([run_started(), *events, run_finished(seconds, tests=tests)])


BAD = st.dictionaries(
    st.integers(0, 39), st.sampled_from([Category.FAILED, Category.SKIPPED, Category.HUNG]), max_size=4
)
RUNS = st.lists(st.tuples(BAD, st.sampled_from([1.0, 1.9, 2.0, 2.1, 4.0])), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RUNS, RUNS, st.sampled_from([20, 40]))
def test_the_gates_file_decides_as_the_gate_does(serial: Any, parallel: Any, tests: int) -> None:
    ones = [record(bad, seconds, tests) for bad, seconds in serial]
    others = [record(bad, seconds, tests) for bad, seconds in parallel]
    decision = decide_gate(ones, others)
    facts = facts_of(others[0], ones, measure_gate(ones, others), 0.0)
    verdicts = list(verdicts_of(GATE.run(GATE_POLICY, facts), "gate"))

    assert {one.verdict for one in verdicts} <= {"pass", "roll back"}
    assert [one.verdict == "roll back" for one in verdicts].count(True) == len(decision.reasons)
    assert all(one.verdict == "pass" for one in verdicts) == decision.keep


# -- what rules may say


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"verdict": "pass", "reason": b"\xffx"}, RuleVerdict("p", "pass", "\ufffdx", {})),
        ({"verdict": "pass", "reason": "x" * 600}, RuleVerdict("p", "pass", "x" * 500 + " …", {})),
        ({"verdict": "pass", "numbers": {b"\xff": 1, "b": "x", "c": [1]}}, RuleVerdict("p", "pass", "", {"\ufffd": 1})),
        ({"verdict": "pass", "numbers": 5}, RuleVerdict("p", "pass", "", {})),
    ],
)
def test_whatever_a_rule_says_can_be_printed(given: dict[str, Any], said: RuleVerdict) -> None:
    from isolane.policy.engine import WorkflowResult

    (found,) = verdicts_of(WorkflowResult(given), "p")
    assert found == said
    decision = PolicyDecision("p", "run", (found,))
    assert json.dumps(decision_as_data(decision))
    assert list(decision_lines(decision))


def test_settings_give_no_verdict(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "settings: {verdict: pass, verdicts: []}\nrules: [{name: a, run: 'return {verdict = \"fail\"}'}]"
    assert run(capsys, root, text)["verdict"] == "fail"

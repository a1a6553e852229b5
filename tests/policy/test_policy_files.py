"""A file that is no policy: the place, and what is wrong."""

from __future__ import annotations

import pytest

from isolane.model.errors import PolicyError, UsageError
from isolane.policy import libraries
from isolane.policy.policy_file import read_policy

RULE = "rules:\n- name: a\n"
NODES = "nodes:\n- {name: a}\n- {name: b}\n- {name: c}\nedges:\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: a policy is a mapping."),
        ("- 1", "1:1: a policy is a mapping."),
        ("policy: x", "1:1: a policy has rules, or nodes and edges; this has neither rules nor nodes."),
        ("rules: []", "1:8: rules is a list with at least a rule."),
        ("rules: [1]", "1:9: a rule is a mapping."),
        ("rulez: 1\nrules: 1", "1:1: a policy knows no 'rulez'. It knows description, edges,"),
        ("rules:\n- run: x", "2:3: this has no name."),
        ("rules:\n- {name: '', run: x}", "2:10: a name is not empty."),
        ("rules:\n- {name: 5, run: x}", "2:10: name is text. Put it in quotation marks."),
        ("rules:\n- {name: a, run: x}\n- {name: a, run: x}", "3:10: the name 'a' stands twice."),
        (RULE, "2:3: this has nothing to do; it wants one of run, filter, rate, compare, threshold."),
        (RULE + "  run: ''", "3:8: run wants Lua."),
        (RULE + "  run: x\n  rate: {}", "4:9: this has run and rate, and should have one."),
        (RULE + "  runs: x", "3:3: a rule knows no 'runs'."),
        (RULE + "  steps: []", "3:10: steps is a list with at least a step."),
        (RULE + "  run: x\n  steps: [{run: x}]", "3:8: a rule has steps, or run, not both."),
        (RULE + "  steps:\n  - {name: b, run: x}", "4:6: a step knows no 'name'."),
        (RULE + "  run: x\n  timeout: 0", "4:12: timeout is a number over 0 to 86400."),
        (RULE + "  run: x\n  timeout: .nan", "4:12: timeout is a number over 0"),
        (RULE + "  run: x\n  timeout: true", "4:12: timeout is a number"),
        (RULE + "  run: x\n  retry: {attempts: 1.5}", "4:21: attempts is a whole number from 1 to 100."),
        (RULE + "  run: x\n  retry: {tries: 1}", "4:11: retry knows no 'tries'."),
        (RULE + "  rate: {of: a}", "3:9: rate wants 'in'."),
        (RULE + "  rate: {of: a, in: 5}", "3:21: 'in' is a name, such as tests."),
        (RULE + "  rate: 5", "3:9: rate wants a mapping."),
        (RULE + "  rate: {of: a, in: b, where: {}}", "3:31: rate knows no 'where', but in, into, of."),
        (RULE + "  filter: {from: a, where: 5}", "3:28: 'where' is a mapping"),
        (RULE + "  filter: {from: a, where: {s: {more: 1}}}", "3:28: 'more' is no comparison; over, under, at_least,"),
        (RULE + "  compare: {value: a}", "3:12: it takes one of over, under, at_least, at_most."),
        (RULE + "  compare: {value: a, over: []}", "3:12: 'over' wants a number, or the name of one."),
        (RULE + "  threshold: {value: a}", "3:14: threshold wants at least one of warn, fail, roll back."),
        (RULE + "  threshold: {value: a, fail: 5}", "3:31: 'fail' wants a comparison, such as {over: 0.05}."),
        (RULE + "  threshold: {value: a, fail: {over: 1}, missing: no}", "3:51: 'missing' is one of pass, warn,"),
        (RULE + "  threshold: {value: a, fail: {over: 1}, reason: 5}", "3:50: 'reason' is text, such as"),
        ("limits: {total: -1}\n" + RULE + "  run: x", "1:17: total is a number over 0"),
        ("limits: {all: 1}\n" + RULE + "  run: x", "1:10: limits knows no 'all'."),
        ("settings: 1\n" + RULE + "  run: x", "1:11: settings are a mapping."),
        ("history: -1\n" + RULE + "  run: x", "1:10: history is a whole number from 0 to 200."),
        ("policy: 1\n" + RULE + "  run: x", "1:9: policy is text."),
        (NODES + "- {from: a, to: z}", "6:17: there is no node 'z'."),
        (NODES + "- {from: a}", "6:3: an edge wants 'to'."),
        (NODES + "- {to: a}", "6:3: an edge wants 'from'."),
        (NODES + "- {from: a, to: b, timeout: 1}", "6:29: timeout belongs to an edge with parallel."),
        (NODES + "- {from: a, parallel: [b]}", "6:3: a parallel edge wants fan_in. Name the node"),
        (NODES + "- {from: a, parallel: [b, b], fan_in: c}", "6:27: 'b' stands twice."),
        (NODES + "- {from: a, parallel: [b], fan_in: c, when: x}", "6:45: an edge has when or parallel, not both."),
        (NODES + "- {from: a, parallel: [b], fan_in: b}", "6:36: 'b' is where branches meet"),
        (NODES + "- {from: a, parallel: [b], fan_in: c, fail_fast: 1}", "6:50: fail_fast is true or false."),
        (NODES + "- {from: a, to: b}\n- {from: a, parallel: [b], fan_in: c}", "7:3: 'a' has another edge beside"),
        (NODES + "- {from: a, to: b}", "4:3: no edge leads to 'c', and the policy begins at 'a'."),
        (NODES + "- {from: a, to: b}\n- {from: b, to: c}\n- {from: c, to: a}", "2:3: the edges lead from 'a' back"),
        ("a: [", "1:5: this is not YAML: "),
        ("a: b: c", "1:5: this is not YAML: mapping values are not allowed here."),
        ("\ta: b", "1:1: this is not YAML: found character"),
        ("x: 1\na: \x07", "2:4: this is not YAML: special characters are not allowed."),
        ("a: 1\n---\nb: 1", "2:1: this is not YAML: "),
        ("policy: a\npolicy: b", "2:1: 'policy' stands twice."),
        ("? [a]\n: b", "1:3: a key is text."),
        ("policy: !!python/name:os.system x", "1:9: a value of the kind 'python/name:os.system' is not read."),
        ("history: !!int ''\nrules: 1", "1:1: this is not YAML that a policy may have"),
        ("history: !!bool x\nrules: 1", "1:1: this is not YAML that a policy may have"),
        ("history: " + "1:" * 500 + "1.5\nrules: 1", "1:1: this is not YAML that a policy may have"),
        (RULE + "  filter: {from: a, where: {id: " + "x" * 501 + "}}", "3:28: a pattern is over 500 characters long."),
        ("policy: 2020-01-01", "1:9: a value of the kind 'timestamp' is not read. Quote it."),
        ("policy: &a x\ndescription: *a", "1:1: aliases are not read ('description' has one)."),
        ("policy: &a [*a]", "1:9: "),
        ("policy: " + "[" * 40 + "]" * 40, "1:41: this is nested over 32 deep."),
        ("- " * 600 + "x", "1:1: this is not YAML that a policy may have"),
        ("policy: '" + "x" * 2**18 + "'", "1:1: the file is over 256 kB."),
    ],
)
def test_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as raised:
        read_policy(text, "p.yaml")
    assert str(raised.value).startswith(f"p.yaml:{said}"), raised.value
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 4


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    text = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    with pytest.raises(PolicyError, match="aliases are not read"):
        read_policy(text, "p.yaml")


def test_without_pyyaml_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setitem(libraries.__dict__, "import_module", missing)
    with pytest.raises(UsageError) as raised:
        read_policy(RULE, "p.yaml")
    assert raised.value.exit_code == 4
    assert str(raised.value) == (
        "PyYAML is not installed, and policies need it. Install it: pip install 'isolane[policy]'. [policy-library]"
    )


def test_a_whole_policy() -> None:
    policy = read_policy(
        "policy: mine\ndescription: x\nhistory: 5\nlimits: {lua: 1, total: 60}\nsettings: {most: 1}\n"
        "rules:\n- {name: a, run: 'return {}', timeout: 2, retry: {}}\n"
        "- name: b\n  steps:\n  - rate: {of: x, in: y}\n  - threshold: {value: rate, warn: {over: 1}}\n",
        "p.yaml",
    )
    (parallel,) = policy.parallels

    assert (policy.name, policy.history, policy.limits.lua, policy.limits.total) == ("mine", 5, 1, 60)
    assert [(one.start, one.timeout, one.retry.attempts) for one in parallel.branches] == [("a", 2, 2), ("b", None, 1)]
    assert [name for name, node in policy.nodes.items() if node.kind] == ["a", "b", "b: step 2"]
    assert policy.uses_lua
    assert policy.settings == {"most": 1}

"""``isolane hunt`` on suites with one fault each, through the real command."""

from __future__ import annotations

HIDDEN = {
    "state.py": "value = []\n",
    "conftest.py": """
        import pytest, state

        @pytest.fixture(autouse=True)
        def forgets():
            before = list(state.value)
            yield
            if before:
                state.value.clear()
    """,
    "test_a_leaves.py": "import state\ndef test_leaves(): state.value.append(1)\n",
    "test_b_between.py": "def test_between(): pass\n",
    "test_c_victim.py": "import state\ndef test_victim(): assert not state.value\n",
    "test_d_between.py": "def test_between(): pass\n",
}


def test_pairs_show_what_only_the_next_test_sees(project):
    ended = project.write(HIDDEN).isolane("hunt", "--json", "--all-pairs", "--seeds", "2")
    assert ended.code == 1, ended.text
    found = ended.data
    # Who puts it back has changed something, too.
    assert found["dirty"] == ["test_a_leaves.py::test_leaves", "test_b_between.py::test_between"]
    assert found["pairs"] == [6, 6]
    (finding,) = found["findings"]
    assert finding["test"] == "test_c_victim.py::test_victim"
    assert (finding["sort"], finding["needed"]) == ("victim", ["test_a_leaves.py::test_leaves"])
    assert finding["cleaner"] == "test_b_between.py::test_between"
    assert [one["name"] for one in finding["carriers"]] == ["state.value"]

    without = project.isolane("hunt", "--seeds", "2")
    assert without.code == 0, "an order shows it too"


def test_a_thorough_proof_runs_each_test_alone_and_knows_what_pairs_show(project):
    ended = project.write(HIDDEN).isolane("prove", "--json", "--thorough", "--workers", "1", "--seeds", "2")
    assert ended.code == 1, ended.text
    proof = ended.data
    assert proof["reason"] == "1 test ends otherwise after certain others, which the runs did not show"
    assert [(one["name"], one["engine"]) for one in proof["phases"]][2] == ("each test alone", "fork")
    assert [one["test"] for one in proof["causes"]] == ["test_c_victim.py::test_victim"]
    assert proof["notes"] == ["pairs: complete over 2 dirty tests"]

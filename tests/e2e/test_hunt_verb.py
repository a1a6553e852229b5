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
    ended = project.write(HIDDEN).isolane("hunt", "--json", "--all-pairs", "--seeds", "1")
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

    without = project.isolane("hunt", "--seeds", "1")
    assert without.code == 0, "an order shows it: the pairs were not needed"

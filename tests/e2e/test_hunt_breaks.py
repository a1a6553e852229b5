"""What breaks pytest itself in a probe ends that probe, and not the hunt."""

from __future__ import annotations

import json

SUITE = {
    "pytest.ini": "[pytest]\n",
    "state.py": "values = {}\n",
    "conftest.py": """
        import pytest
        import state

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol():
            if "zone" in state.values:
                raise RuntimeError("no test can run here")
            return (yield)
    """,
    "test_a.py": """
        import state

        def test_sets(): state.values["zone"] = "Asia/Kolkata"
        def test_follows(): pass
    """,
}


def test_the_test_in_which_pytest_broke_has_crashed(project):
    ended = project.write(SUITE).isolane("hunt", "--json", "test_follows")
    assert ended.code == 1, ended.text
    (finding,) = json.loads(ended.out)["findings"]
    assert (finding["sort"], finding["after"], finding["needed"]) == ("victim", "crashed", ["test_a.py::test_sets"])

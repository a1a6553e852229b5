"""A hunt goes on where a test breaks pytest itself, and where a file cannot be collected."""

from __future__ import annotations

import json

SUITE = {
    "pytest.ini": "[pytest]\naddopts = -x\n",
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
    "test_b.py": "import a_library_that_is_not_here",
}


def test_a_test_in_which_pytest_breaks_has_crashed_and_a_file_that_cannot_be_collected_is_left_out(project):
    ended = project.write(SUITE).isolane("hunt", "--json", "test_follows")
    assert ended.code == 1, ended.text
    found = json.loads(ended.out)
    (finding,) = found["findings"]
    assert (finding["sort"], finding["after"], finding["needed"]) == ("victim", "crashed", ["test_a.py::test_sets"])
    assert found["notes"] == ["1 error during collection: the tests of those files were left out."]
    assert "HOME=" not in finding["command"]  # that of the probes is gone

"""``--isolane-hunt``: what a failed test fails after is named beside the failure."""

from __future__ import annotations

import pytest

SUITE = {
    "settings.py": "values = {}\n",
    "test_a_sets.py": """
        import settings

        def test_nothing():
            with open("ran.txt", "a") as file: file.write("once ")

        def test_sets(): settings.values["zone"] = "Asia/Kolkata"
    """,
    "test_b_reads.py": """
        import settings

        def test_is_broken(): raise KeyError("always")
        def test_reads(): assert "zone" not in settings.values
    """,
}
POLLUTER = [
    "     test_a_sets.py::test_sets",
    "   left behind (put back, all is well):",
    "     module_globals settings.values['zone']: not there → 'Asia/Kolkata'",
    "       test_a_sets.py:7",
    '         def test_sets(): settings.values["zone"] = "Asia/Kolkata"',
]


@pytest.mark.parametrize(
    "arguments", [(), ("-n", "1", "--isolane-isolation=none"), ("--maxfail=2", "--cov=settings")], ids=" ".join
)
def test_the_polluter_of_a_failed_test_is_named_and_a_broken_one_has_none(project, arguments):
    ended = project.write(SUITE).pytest("-q", "--isolane-hunt", *arguments)
    assert ended.code == 1
    lines = ended.out.splitlines()
    start = lines.index("1. polluter:")
    assert [line for line in lines[start + 1 :] if line in POLLUTER] == POLLUTER, ended.text
    assert "   1 victim:" in lines[start:]
    assert "     test_b_reads.py::test_reads" in lines[start:]
    assert "2. " not in ended.out
    assert (project.path / "ran.txt").read_text() == "once "  # what hunts runs it in a copy
    shown = lines.index("   see it (ran once, and shows it):")
    assert lines[shown + 1].endswith(" test_a_sets.py::test_sets test_b_reads.py::test_reads")
    assert "test_b_reads.py::test_is_broken" not in "\n".join(lines[start:]).partition("short test summary")[0]


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        ({}, ("-k", "broken"), "isolane: 1 failed test was run alone, and fails there too"),
        (
            {"conftest.py": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"},
            (),
            "isolane: failures were not hunted: thread ",
        ),
        ({}, ("-k", "nothing or sets"), None),
    ],
    ids=["broken", "a thread", "all pass"],
)
def test_what_is_not_hunted_is_told_in_a_line(project, files, arguments, said):
    ended = project.write(SUITE | files).pytest("-q", "--isolane-hunt", *arguments)
    told = [line for line in ended.out.splitlines() if line.startswith("isolane: ")]
    assert len(told) == (said is not None), ended.text
    assert all(line.startswith(str(said)) for line in told)


def test_a_file_whose_import_makes_tests_fail_is_named_with_its_line(project):
    ended = project.write(
        {
            "test_a_sets.py": """
                import os

                os.environ["CITY"] = "Pune"
                def test_city(): pass
            """,
            "test_b_reads.py": """
                import os

                def test_has_no_city(): assert "CITY" not in os.environ
            """,
        }
    ).pytest("-q", "--isolane-hunt")
    assert ended.code == 1
    lines = ended.out.splitlines()
    start = lines.index("1. polluter, when it is imported:")
    told = [
        "     test_a_sets.py",
        "   left behind by the import (put back, all is well):",
        "     env CITY: not there → 'Pune'",
        '       test_a_sets.py:4  os.environ["CITY"] = "Pune"',
    ]
    assert lines[start + 1 :][:4] == told, ended.text
    shown = lines.index("   see it (ran once, and shows it):")
    assert lines[shown + 1].endswith(" test_a_sets.py test_b_reads.py -k 'test_b_reads.py and test_has_no_city'")


def test_the_process_that_waits_is_nobodys_child_and_ends_with_the_run(project):
    ended = project.write(
        {
            "test_children.py": """
                import os, pytest

                def test_has_no_children():
                    with pytest.raises(ChildProcessError):
                        os.waitpid(-1, os.WNOHANG)
            """
        }
    ).pytest("-q", "--isolane-hunt")
    assert ended.code == 0, ended.text

"""``isolane explain``: the line that changed what a test leaves behind, in a real project and real processes."""

from __future__ import annotations

import re
from typing import Any

import pytest

SHOP = {
    "shop.py": """\
        import os

        SEEN = []


        def sell(name):
            SEEN.append(name)


        def configure(value):
            os.environ["SHOP_KEY"] = value
        """,
    "conftest.py": """\
        import os

        import pytest
        import shop

        os.environ["AT_CONFTEST"] = "1"


        @pytest.fixture
        def configured():
            shop.configure("k")
            yield
            os.environ["IN_TEARDOWN"] = "1"


        @pytest.fixture(scope="module")
        def wide():
            os.environ["WIDE"] = "1"


        @pytest.fixture(scope="module")
        def tidy():
            os.environ["TIDY"] = "1"
            yield
            del os.environ["TIDY"]
        """,
    "test_shop.py": """\
        import logging
        import os
        import sys
        import threading

        import pytest
        import shop

        OWN = {"made": "when imported"}
        os.environ.setdefault("AT_TEST", "1")


        def test_clean(tidy, tmp_path):
            os.environ["FOR_A_WHILE"] = "1"
            (tmp_path / "file").write_text("")
            del os.environ["FOR_A_WHILE"]


        def test_fixture(configured):
            pass


        def test_wide(wide):
            pass


        def test_twice():
            shop.sell("a")
            shop.SEEN.clear()
            shop.sell("b")
            shop.SEEN[0] = "c"


        def test_library():
            logging.getLogger("shop").setLevel("DEBUG")


        def test_many_things():
            def work():
                os.environ["IN_THREAD"] = "1"

            pytest.MonkeyPatch().setenv("PATCHED", "1")
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            with open("left.txt", "w") as file:
                file.write("left")


        def test_fails():
            os.environ["BEFORE"] = "1"
            raise ValueError


        def test_traces():
            sys.settrace(lambda *_: None)


        def test_forks():
            child = os.fork()
            if not child:
                os.environ["IN_CHILD"] = "1"
                os._exit(0)
            os.waitpid(child, 0)


        @pytest.mark.isolane_leak("env:KNOWN", reason="for now")
        def test_known():
            os.environ["KNOWN"] = "1"


        @pytest.mark.parametrize("number", range(5))
        def test_many(number):
            pass


        def test_dies():
            os._exit(7)
        """,
}


def explained(project: Any, test: str, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the leaks of the test, its fixtures and imports by their names."""
    ended = project.write(SHOP).isolane("explain", f"test_shop.py::{test}", "--json", *arguments)
    return ended.code, {leak["name"]: leak for leak in ended.data["leaks"]}


def number_of(file: str, line: str) -> int:
    """Where a line stands in a file, counted from 1; there is but one such line."""
    (number,) = (number for number, text in enumerate(SHOP[file].splitlines(), 1) if text.strip() == line)
    return number


def source(leak: dict[str, Any]) -> str:
    return str(leak["line"]["source"])


@pytest.mark.parametrize(
    ("test", "lines"),
    [
        (
            "test_fixture",
            [
                ("SHOP_KEY", "shop.py", 'os.environ["SHOP_KEY"] = value'),
                ("IN_TEARDOWN", "conftest.py", 'os.environ["IN_TEARDOWN"] = "1"'),
            ],
        ),
        (
            "test_many_things",
            [
                ("PATCHED", "test_shop.py", 'pytest.MonkeyPatch().setenv("PATCHED", "1")'),
                ("IN_THREAD", "test_shop.py", 'os.environ["IN_THREAD"] = "1"'),
                ("left.txt", "test_shop.py", 'with open("left.txt", "w") as file:'),
            ],
        ),
        ("test_fails", [("BEFORE", "test_shop.py", 'os.environ["BEFORE"] = "1"')]),
        ("test_traces", [("sys.settrace", "test_shop.py", "sys.settrace(lambda *_: None)")]),
        (
            "test_wide",
            [
                ("WIDE", "conftest.py", 'os.environ["WIDE"] = "1"'),
                ("AT_CONFTEST", "conftest.py", 'os.environ["AT_CONFTEST"] = "1"'),
                ("AT_TEST", "test_shop.py", 'os.environ.setdefault("AT_TEST", "1")'),
            ],
        ),
    ],
)
def test_each_leak_has_its_line(project, test, lines):
    code, leaks = explained(project, test)
    assert code == 0
    for name, file, line in lines:
        found = leaks[name]
        assert (found["line"]["file"], found["line"]["line"], source(found)) == (file, number_of(file, line), line)
    if test == "test_wide":
        assert {name: leak["owner"] for name, leak in leaks.items()} == {
            "WIDE": "fixture wide of test_shop.py",
            "AT_CONFTEST": "module conftest.py",
            "AT_TEST": "module test_shop.py",
        }


def test_the_calls_lead_from_the_test_down_into_a_library(project):
    _, leaks = explained(project, "test_library")
    stack = [(frame["file"], frame["function"].rpartition(".")[2]) for frame in leaks["shop.level"]["stack"]]
    assert stack == [("test_shop.py", "test_library"), ("logging/__init__.py", "setLevel")]
    assert leaks["shop.level"]["before"] == "NOTSET"
    assert leaks["shop.level"]["after"] == "DEBUG"


def test_what_was_put_back_in_between_is_not_to_blame(project):
    _, leaks = explained(project, "test_twice")
    found = leaks["shop.SEEN"]
    assert [(frame["file"], frame["line"]) for frame in found["stack"]] == [
        ("test_shop.py", number_of("test_shop.py", 'shop.sell("b")')),
        ("shop.py", number_of("shop.py", "SEEN.append(name)")),
    ]
    assert found["last_line"]["source"] == 'shop.SEEN[0] = "c"'


@pytest.mark.parametrize("test", ["test_forks", "test_clean"])
def test_what_a_forked_child_does_or_the_test_puts_back_is_not_left(project, test):
    _, leaks = explained(project, test)
    assert set(leaks) == {"AT_CONFTEST", "AT_TEST"}


def test_nothing_left_is_said_and_is_exit_code_1(project):
    project.write(SHOP | {"conftest.py": "", "test_shop.py": "def test_clean():\n    pass\n"})
    ended = project.isolane("explain", "test_shop.py::test_clean")
    assert ended.code == 1, ended.text
    assert ended.out == "test_shop.py::test_clean (passed) leaves nothing behind.\n"


def test_the_text_has_line_source_and_calls_in_80_columns(project):
    ended = project.write(SHOP).isolane("explain", "test_shop.py::test_fixture")
    assert ended.code == 0, ended.text
    assert 'shop.py:11\n       os.environ["SHOP_KEY"] = value\n' in ended.out
    assert re.search(r"^   > shop\.py:11 +configure$", ended.out, re.MULTILINE)
    assert "2 changes, in every worker" in ended.out.replace("\n", " ")
    assert max(map(len, ended.out.splitlines())) <= 80


def test_it_is_on_record_and_settings_of_the_suite_do_not_matter(project):
    ini = "[pytest]\naddopts = -n 2\nisolane_leaks = fail\nisolane_known_leaks = env:*\n"
    known = 'os.environ["KNOWN"] = "1"'
    project.write(SHOP | {"pytest.ini": ini})
    ended = project.isolane("explain", "test_shop.py::test_known", PYTEST_WORKERS="2")
    assert ended.code == 0, ended.text
    assert "env KNOWN (dangerous)" in ended.out
    assert f"test_shop.py:{number_of('test_shop.py', known)}\n       {known}\n" in ended.out
    assert "(passed)" in ended.out
    assert [run.header.label for run in project.runs()] == ["explain", "explain"]


def test_in_a_project_that_has_neither_isolane_nor_xdist(project, other_python):
    project.write(SHOP)
    ended = project.isolane("explain", "test_shop.py::test_fixture", "--python", other_python, PYTEST_ADDOPTS="")
    assert ended.code == 0, ended.text
    assert "shop.py:11" in ended.out


def test_coverage_and_tracing_do_not_meet(project):
    pytest.importorskip("pytest_cov")
    project.write(SHOP)
    ended = project.isolane("explain", "test_shop.py::test_fixture", "--", "--cov=shop", "-W", "error")
    assert ended.code == 0, ended.text
    assert "shop.py:11" in ended.out


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("test_shop.py::test_nobody",), "[unknown-test]", 4),
        (("test_nowhere.py::test_clean",), "[unknown-test]", 4),
        (("test_shop.py::test_many",), "test_many is 5 tests: test_shop.py::test_many[0], ", 4),
        (("test_shop.py::test_clean", "--", "-k", "other"), "[no-tests]", 5),
        (("test_shop.py::test_dies",), "[did-not-end]", 3),
        (("test_shop.py::test_clean", "--project", "nowhere"), "nowhere", 4),
        (("test_broken.py::test_clean",), "[collection-failed]", 4),
    ],
)
def test_bad_input_is_one_line(project, words, said, code):
    project.write(SHOP | {"test_broken.py": "import nothing_of_that_name\n"})
    ended = project.isolane("explain", *words)
    assert ended.code == code, ended.text
    assert said in ended.err
    assert ended.out == ""
    assert ended.err.rstrip().count("isolane: ") == 1

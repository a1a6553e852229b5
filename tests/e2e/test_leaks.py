"""What tests leave behind: found, told, put back, refused, and kept from the tests that follow."""

from __future__ import annotations

import re

import pytest
from fork_runs import TWO, finished, lines_with

from isolane.model.outcome import Category

SERIAL = ("-p", "no:xdist")
XDIST = ("-n", "1", "--isolane-engine", "xdist")
ENGINES = pytest.mark.parametrize("engine", [SERIAL, TWO, XDIST], ids=["serial", "fork", "xdist"])

LEAKING = {
    "test_fare.py": """
        import os
        import pytest

        @pytest.fixture(scope="module")
        def database():
            os.environ["DATABASE"] = "here"
            yield
            del os.environ["DATABASE"]

        def test_first(database): pass
        def test_leaks(database): os.environ["LEFT"] = "x"
        def test_meets(database): assert "LEFT" not in os.environ; assert os.environ["DATABASE"]
        def test_moves(tmp_path): os.chdir(tmp_path)
        def test_stays(request): assert os.getcwd() == str(request.config.rootpath)
    """
}


def test_a_fresh_process_goes_on_behind_a_test_that_left_something(project):
    ended = project.write(LEAKING).pytest(*TWO, "-q")
    assert ended.code == 0, ended.out
    assert "isolane: 2 tests left state behind, 2 fresh processes went on" in ended.out


@pytest.mark.req("NFR-3")
def test_without_isolation_the_victims_fail_and_are_told_by_whom(project):
    ended = project.write(LEAKING).pytest(*TWO, "--isolane-isolation=none", "--isolane-leaks=report", "-q")
    ends = finished(project.path)
    assert {name for name, end in ends.items() if end.category is Category.FAILED} == {"test_meets", "test_stays"}
    assert "environment changed by test_fare.py::test_leaks: env LEFT: None → 'x'" in ended.out


OTHER_LEAKS = {
    "test_down.py": """
        import os, pytest
        @pytest.fixture
        def fails():
            yield
            os.environ["DOWN"] = "x"
            pytest.fail("by hand")
        def test_fails(fails): pass
        def test_after(): pass
    """,
    "test_fixture.py": """
        import os, pytest
        @pytest.fixture(scope="module")
        def server():
            os.environ["SERVER"] = "up"
            yield
        def test_uses(server): pass
        def test_more(server): pass
    """,
    "test_late.py": """
        import os
        def test_imports(): import this
        def test_leaks_late(): os.environ["LATE"] = "x"
    """,
}


@ENGINES
def test_the_report_has_a_line_a_leak_under_who_left_it(project, engine):
    """The test that left it, be it while its teardown failed; a fixture that others still use; harmless with ``-v``."""
    project.write(LEAKING | OTHER_LEAKS)
    ended = project.pytest(*engine, "--isolane-leaks=report", "-v", COLUMNS="300")
    assert ended.code == 1
    assert lines_with(ended.out, "test_fare.py::test_leaks: env LEFT: None → 'x' (dangerous)"), ended.out
    assert lines_with(ended.out, "test_fare.py::test_moves: cwd directory: ")
    assert not lines_with(ended.out, "DATABASE: None")
    assert lines_with(ended.out, "test_down.py::test_fails: env DOWN: None → 'x'")
    assert lines_with(ended.out, "fixture server of test_fixture.py: env SERVER: None → 'up' (dangerous)")
    assert not lines_with(ended.out, "test_uses: env")
    assert len(lines_with(ended.out, "test_late.py::test_imports: modules this: None → ")) == 1
    assert len(lines_with(ended.out, "test_late.py::test_leaks_late: env LATE")) == 1


def test_harmless_changes_are_not_listed_unless_much_is_to_be_told(project):
    ended = project.write({"test_late.py": OTHER_LEAKS["test_late.py"]}).pytest(*TWO, "--isolane-leaks=report", "-q")
    assert ended.code == 0, ended.out
    assert not lines_with(ended.out, "test_imports")
    assert len(lines_with(ended.out, "test_late.py::test_leaks_late: env LATE")) == 1


def test_harmless_changes_do_not_count(project):
    project.write({"test_late.py": "def test_imports(): import this"})
    ended = project.pytest(*TWO, "-v")
    assert ended.code == 0, ended.out
    assert "left state behind" not in ended.out


@ENGINES
def test_what_can_be_put_back_is_put_back(project, engine):
    ended = project.write(LEAKING).pytest(*engine, "--isolane-leaks=restore", "-q")
    assert ended.code == 0, ended.out


@ENGINES
def test_a_leak_can_be_an_error_of_the_test_that_left_it(project, engine):
    ended = project.write(LEAKING).pytest(*engine, "--isolane-leaks=fail", "-q", COLUMNS="300")
    assert ended.code == 1
    errors = {line.split()[1] for line in lines_with(ended.out, "ERROR test_fare")}
    assert errors == {"test_fare.py::test_leaks", "test_fare.py::test_moves"}
    assert "isolane: the test left state behind" in ended.out


def test_a_fixture_that_fails_by_hand_in_a_process_that_is_left_fails_its_test(project):
    project.write(
        {
            "test_down.py": """
                import pytest
                SEEN = []
                @pytest.fixture(scope="module")
                def fails():
                    yield
                    pytest.fail("by hand")
                def test_quick(fails): SEEN.append(1)
                def test_meets(fails): assert not SEEN
                def test_after(fails): pass
            """
        }
    )
    ended = project.pytest(*TWO, "-q", "--dist=loadfile")
    assert ended.code == 1, ended.out
    assert lines_with(ended.out, "- Failed: by hand")
    assert "3 passed, " in ended.out


def test_who_fails_in_its_teardown_in_a_process_that_is_not_clean_is_run_again(project):
    project.write(
        {
            "test_down.py": """
                import pytest
                SEEN = []
                @pytest.fixture
                def checked():
                    yield
                    assert len(SEEN) < 2
                @pytest.mark.parametrize("number", range(30))
                def test_fills(number): SEEN.append(number)
                def test_victim(checked): SEEN.append("victim")
            """
        }
    )
    ended = project.pytest(*TWO, "-q", "--dist=loadfile")
    assert ended.code == 0, ended.out
    assert "31 passed" in ended.out


@ENGINES
def test_known_leaks_are_not_told(project, engine):
    project.write(
        {
            "pytest.ini": "[pytest]\nisolane_known_leaks =\n    env:LE*\n",
            "test_known.py": """
                import os, pytest
                def test_known(): os.environ["LEFT"] = "x"
                @pytest.mark.isolane_leak("cwd:*", reason="moves on purpose")
                def test_marked(tmp_path): os.chdir(tmp_path)
                SEEN = {}
                @pytest.mark.isolane_leak("module_globals:test_known.SEEN['key']")
                def test_as_it_is_reported(): SEEN["key"] = 1
            """,
        }
    )
    ended = project.pytest(*engine, "--isolane-leaks=fail", "-q")
    assert ended.code == 0, ended.out
    assert "left state" not in ended.out


def test_a_known_leak_stays_and_with_it_what_else_there_is_of_its_kind(project):
    project.write(
        {
            "test_known.py": """
                import os, pytest
                START = os.getcwd()
                @pytest.mark.isolane_leak("env:KNOWN")
                def test_leaves(tmp_path):
                    os.chdir(tmp_path)
                    os.environ.update(KNOWN="x", OTHER="y")
                def test_meets():
                    assert os.environ["KNOWN"] == "x"
                    assert os.environ["OTHER"] == "y"
                    assert os.getcwd() == START
            """
        }
    )
    ended = project.pytest(*SERIAL, "--isolane-leaks=restore", "-q")
    assert ended.code == 0, ended.out
    assert "isolane: 1 test left state behind" in ended.out


@pytest.mark.parametrize("engine", [SERIAL, TWO], ids=["serial", "fork"])
def test_what_a_fixture_has_left_is_put_back_where_nobody_else_has_changed_its_kind(project, engine):
    project.write(
        {
            "conftest.py": """
                import os, pytest
                @pytest.fixture(scope="session")
                def late():
                    os.environ["LATE"] = "x"
                    yield
                    del os.environ["LATE"]
            """,
            "test_a.py": """
                import os, pytest
                @pytest.fixture(scope="module", autouse=True)
                def server(tmp_path_factory):
                    os.chdir(tmp_path_factory.mktemp("server"))
                    os.environ["SERVER"] = "up"
                def test_leaks_as_well(): os.environ["LEFT"] = "x"
                def test_last(): assert "LEFT" not in os.environ
            """,
            "test_b.py": """
                import os, pytest
                @pytest.fixture(scope="module", autouse=True)
                def broker():
                    assert "SERVER" not in os.environ
                    os.environ["BROKER"] = "up"
                def test_starts(request):
                    request.getfixturevalue("late")
                    assert os.getcwd() == str(request.config.rootpath)
            """,
            "test_c.py": """
                import os
                def test_counts_on_it(late): assert os.environ["LATE"] == "x" and os.environ["BROKER"] == "up"
            """,
        }
    )
    one_process = ("-n", "1", "--dist=loadscope", "--isolane-isolation=none") if engine == TWO else ()
    ended = project.pytest(*engine, *one_process, "--isolane-leaks=restore", "-q")
    assert ended.code == 0, ended.out
    assert "isolane: 3 tests left state behind" in ended.out


@pytest.mark.parametrize("isolation", ["module", "test"])
def test_each_has_a_process_of_its_own(project, isolation):
    project.write(
        {
            "conftest.py": """
                import os, pytest
                @pytest.fixture(scope="session", autouse=True)
                def up():
                    print("up")
                    yield
                    with open("down.txt", "a") as file: file.write("down\\n")
            """,
            **{
                f"test_{name}.py": """
                    import os
                    def test_a(): open(f"{os.getpid()}.pid", "a").write("a")
                    def test_b(): open(f"{os.getpid()}.pid", "a").write("b")
                """
                for name in ("one", "two", "three")
            },
        }
    )
    ended = project.pytest(*TWO, f"--isolane-isolation={isolation}", "-q")
    assert ended.code == 0, ended.out
    said = sorted(path.read_text() for path in project.path.glob("*.pid"))
    assert said == (["ab"] * 3 if isolation == "module" else ["a"] * 3 + ["b"] * 3)
    assert (project.path / "down.txt").read_text().count("down") == len(said)


def test_more_isolation_than_the_engine_has_is_refused(project):
    ended = project.write(LEAKING).pytest("-p", "no:xdist", "--isolane-isolation=test")
    assert ended.code == 4
    assert re.search(r"isolane: --isolane-isolation=test needs the fork engine", ended.err)


def test_an_error_in_a_teardown_on_leaving_is_told(project):
    project.write(
        {
            "test_down.py": """
                import os, pytest
                @pytest.fixture(scope="module")
                def breaks():
                    yield
                    raise RuntimeError("teardown broke")
                def test_leaks(breaks): os.environ["LEFT"] = "x"
                def test_after(): pass
            """
        }
    )
    ended = project.pytest(*TWO, "-q")
    assert ended.code == 1
    assert "ERROR test_down.py::test_leaks - RuntimeError: teardown broke" in ended.out
    assert "2 passed, 1 error" in ended.out


def test_a_bad_pattern_is_refused(project):
    project.write({"pytest.ini": "[pytest]\nisolane_known_leaks =\n    HOME\n", "test_a.py": "def test_a(): pass"})
    ended = project.pytest(*TWO, "-q")
    assert ended.code == 4
    assert "isolane: 'HOME' is no leak: it has to be KIND:NAME" in ended.err


CACHE = {
    "shop.py": "SEEN = {}\ndef price(name):\n    SEEN[name] = len(SEEN)\n    return SEEN[name]\n",
    "test_shop.py": """
        import pytest, shop, sys
        from pathlib import Path

        @pytest.mark.parametrize("number", range(40))
        def test_fills(number): shop.price(str(number))

        def test_victim():
            with Path("ran").open("a") as file: file.write("x")
            assert shop.price("victim") == 0
    """,
    "conftest.py": "",
}


def test_who_fails_in_a_process_that_is_not_clean_is_run_again_in_a_fresh_one(project):
    ended = project.write(CACHE).pytest(*TWO, "-q", "--isolane-leaks=report", COLUMNS="200")
    assert ended.code == 0, ended.out
    assert "41 passed" in ended.out
    assert len(lines_with(ended.out, "module_globals shop.SEEN")) >= 3  # then it is lived with, and told of less often
    ends = finished(project.path)
    assert len(ends) == 41


NOTING = {
    "names.py": """
        class Named:
            made = 0
            def __init__(self):
                Named.made += 1
                self.name = f"named {Named.made}"
    """,
    "test_names.py": """
        from names import Named
        def test_makes(): Named()
        def test_makes_more(): Named()
        def test_meets(): assert Named().name == "named 1"
        def test_goes_on(): Named()
    """,
}


def test_who_fails_behind_what_is_only_noted_is_run_again_in_a_fresh_process(project):
    ended = project.write(NOTING).pytest(*TWO, "-q")
    assert ended.code == 0, ended.out
    assert "left state behind" not in ended.out


def test_what_is_noted_is_told_by_its_place(project):
    ended = project.write(NOTING).pytest(
        *SERIAL, "--isolane-leaks=report", "-q", "--deselect", "test_names.py::test_meets", COLUMNS="200"
    )
    assert lines_with(ended.out, "class_attributes names.Named.made: left otherwise by 3 tests (noted)")
    assert not lines_with(ended.out, "test_names.py::test_makes: ")


def test_nobody_stands_unchecked_where_a_window_was_dirty(project):
    """Tests of a millisecond: their module's globals are not looked at after each, and yet the victim is right."""
    body = "\n".join(f"def test_{number}(): work()" for number in range(300))
    project.write(
        {
            "test_quick.py": f"""
import pytest
SETTINGS = []
def work(): sum(range(20000)); assert not SETTINGS
{body}
def test_leaks(): SETTINGS.append(1)
def test_meets(): work()
def test_meets_too(): work()
"""
        }
    )
    ended = project.pytest(*TWO, "-q", "--isolane-leaks=report", "--dist=loadfile", COLUMNS="200")
    assert ended.code == 0, ended.out
    assert "303 passed" in ended.out
    (line,) = lines_with(ended.out, "test_quick.SETTINGS")
    assert line.startswith("test_quick.py::test_leaks: ")
    assert len(finished(project.path)) == 303


def test_what_functions_do_that_are_called_at_a_fork_is_no_tests(project):
    project.write(
        {
            "shop.py": """
                import os

                SETTINGS = os.environ  # which say who the worker is
                CONNECTIONS = ["open"]
                os.register_at_fork(after_in_child=CONNECTIONS.clear)
            """,
            "test_shop.py": """
                import pytest
                import shop

                @pytest.mark.parametrize("number", range(6))
                def test_shop(number): assert not shop.CONNECTIONS
            """,
        }
    )
    ended = project.pytest("-n", "2", "--isolane-engine=fork", "--isolane-leaks=report", "--dist=load")
    assert ended.code == 0, ended.text
    assert "test_shop.py::" not in ended.out
    assert "fresh process" not in ended.out

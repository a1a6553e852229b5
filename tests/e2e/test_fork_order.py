"""Which worker runs what, in which order, and that everything is told the moment it happens."""

from __future__ import annotations

import os
import time

import pytest
from fork_runs import FORK, LOAD, TWO, finished, started

from isolane.planning.order import shuffled

SCATTERED = {
    "test_a.py": """
        import pytest

        class TestX:
            def test_1(self): pass
            def test_2(self): pass

        @pytest.mark.xdist_group("shared")
        def test_3(): pass
        def test_4(): pass
    """,
    "test_b.py": """
        import pytest

        @pytest.mark.xdist_group("shared")
        def test_5(): pass
        @pytest.mark.xdist_group(name="shared")
        def test_6(): pass

        class TestX:
            def test_7(self): pass
    """,
}


@pytest.mark.parametrize(
    ("dist", "together"),
    [
        ("loadscope", [{"TestX::test_1", "TestX::test_2"}, {"test_3", "test_4"}, {"test_5", "test_6"}]),
        ("loadfile", [{"TestX::test_1", "TestX::test_2", "test_3", "test_4"}, {"test_5", "test_6", "TestX::test_7"}]),
        ("loadgroup", [{"test_3", "test_5", "test_6"}]),
        ("load", []),
        ("worksteal", []),
    ],
)
def test_dist_decides_what_stays_together(project, dist, together):
    """Four workers, so that chance does not bring together what may be apart."""
    ended = project.write(SCATTERED).pytest(*FORK, "-n", "4", "--dist", dist)
    assert ended.code == 0, ended.text
    assert f"engine fork, 4 workers (-n 4 given), --dist {dist}" in ended.out
    assert "4 workers [7 items]" in ended.out
    assert "7 passed" in ended.out
    # xdist's own way to show a group is a suffix of the test's name.
    workers = {name.partition("@")[0]: test.worker for name, test in finished(project.path).items()}
    assert len(workers) == 7
    for unit in together:
        assert len({workers[name] for name in unit}) == 1, workers
    assert set(workers.values()) <= {"gw0", "gw1", "gw2", "gw3"}


def test_a_start_is_told_before_and_a_report_right_after_and_nothing_at_the_end_of_a_worker(project):
    """The second of three tests in one worker waits until this process has seen the first one's report."""
    project.write(
        {
            "test_waits.py": """
                from pathlib import Path
                def test_before(): pass
                def test_waits(): assert Path("pipe").read_text() == "go on"
                def test_after(): pass
            """
        }
    )
    os.mkfifo(project.path / "pipe")
    at_once = ("--isolane-isolation=none", "-v", "-p", "no:terminalprogress")
    with project.start("pytest", *FORK, "-n", "1", *at_once) as process:
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "test_before" in line and "PASSED" in line:
                break
        with (project.path / "pipe").open("w") as pipe:  # opens as soon as the test reads, and holds it there
            deadline = time.monotonic() + 10
            while started(project.path) != ["test_before", "test_waits"]:
                assert time.monotonic() < deadline, started(project.path)
            assert list(finished(project.path)) == ["test_before"]
            pipe.write("go on")
        seen += process.stdout
    assert process.returncode == 0, seen
    assert list(finished(project.path)) == ["test_before", "test_waits", "test_after"]


def test_a_result_that_waits_for_a_look_is_told_while_a_long_test_runs(project):
    project.write(
        {
            "test_waits.py": """
                from pathlib import Path
                def test_before(): pass
                def test_waits(): assert Path("pipe").read_text() == "go on"
            """
        }
    )
    os.mkfifo(project.path / "pipe")
    with project.start("pytest", *FORK, "-n", "1", "-q") as process:
        with (project.path / "pipe").open("w") as pipe:
            deadline = time.monotonic() + 20
            while list(finished(project.path)) != ["test_before"]:
                assert time.monotonic() < deadline, started(project.path)
            pipe.write("go on")
        out = process.stdout.read()
    assert process.returncode == 0, out
    assert "2 passed" in out


def test_module_and_session_fixtures_live_as_long_as_the_next_test_needs_them(project):
    project.write(
        {
            "conftest.py": """
                import os
                import pytest

                def note(text):
                    with open(os.environ["PYTEST_XDIST_WORKER"], "a") as file:
                        file.write(text + "\\n")

                @pytest.fixture(scope="session")
                def session():
                    note("session up"); yield; note("session down")

                @pytest.fixture(scope="module")
                def module(session, request):
                    note(f"{request.module.__name__} up"); yield; note(f"{request.module.__name__} down")
            """,
            **{
                f"test_{name}.py": """
                    import pytest
                    from conftest import note

                    @pytest.mark.parametrize("number", range(12))
                    def test_one(number, module): note("test")
                """
                for name in "abc"
            },
        }
    )
    for dist in ("loadfile", "load"):
        ended = project.pytest(*TWO, "--dist", dist)
        assert ended.code == 0, ended.text
        tests = 0
        for worker in ("gw0", "gw1"):
            log = (project.path / worker).read_text().split("\n")[:-1]
            (project.path / worker).unlink()
            assert log[0] == "session up"
            assert log[-1] == "session down"
            assert log.count("session up") == log.count("session down") == 1
            of_modules = [line for line in log[1:-1] if line != "test"]
            ups, downs = of_modules[::2], of_modules[1::2]
            assert [up.replace(" up", " down") for up in ups] == downs  # each one torn down before the next one starts
            if dist == "loadfile":
                assert len(set(ups)) == len(ups)
            tests += log.count("test")
        assert tests == 36


def test_the_longest_goes_first_once_it_is_known(project):
    project.write(
        {
            f"test_{name}.py": f"""
                import threading
                def test_{name}(): threading.Event().wait({seconds})
            """
            for name, seconds in {"a": 0, "b": 0.02, "c": 0.3, "d": 0.1}.items()
        }
    )
    arguments = (*FORK, "-n", "1", "--dist", "loadfile")
    assert project.pytest(*arguments).code == 0
    assert started(project.path) == ["test_a", "test_b", "test_c", "test_d"]
    took = {name: test.seconds for name, test in finished(project.path).items()}  # on a busy machine anything may
    assert project.pytest(*arguments).code == 0
    assert started(project.path) == sorted(took, key=lambda name: took[name], reverse=True)
    assert project.pytest(*arguments, "--no-loadscope-reorder").code == 0
    assert started(project.path) == ["test_a", "test_b", "test_c", "test_d"]
    assert project.pytest(*arguments, "--isolane-seed", "3").code == 0
    ids = [f"test_{name}.py::test_{name}" for name in "abcd"]
    assert started(project.path) == [ids[place].partition("::")[2] for place in shuffled(ids, 3)]


@pytest.mark.parametrize("dist", ["load", "loadfile"])
def test_no_worker_is_idle_while_anything_waits_behind_a_long_test(project, dist):
    """The long test ends when every other test has ended: it would wait for ever for one that waited behind it."""
    files = {
        "test_0_long.py": """
            import threading
            from pathlib import Path
            def test_long():
                for _ in range(600):
                    if len(list(Path("done").iterdir())) == 24:
                        return
                    threading.Event().wait(0.05)
                assert 0, sorted(path.name for path in Path("done").iterdir())
        """
    }
    for number in range(24):
        files[f"test_short_{number}.py"] = f"def test_short_{number}(): open('done/{number}', 'w').close()"
    (project.path / "done").mkdir()
    ended = project.write(files).pytest(*TWO, "--dist", dist)
    assert ended.code == 0, ended.text
    ran = finished(project.path)
    slow = ran["test_long"].worker
    assert [name for name, test in ran.items() if test.worker == slow][-1] == "test_long"


def test_ids_that_look_alike_and_an_empty_suite(project):
    project.write(
        {
            "test_ids.py": r"""
                import pytest
                @pytest.mark.parametrize("text", ["a::b", "ü", "line\nbreak", "[x]", "x" * 3000, " "])
                def test_ids(text): pass
            """
        }
    )
    ended = project.pytest(*LOAD, "-rA")
    assert ended.code == 0, ended.text
    assert "6 passed" in ended.out
    assert project.pytest(*LOAD, "-k", "nothing_of_that_name").code == 5
    broken = project.write({"test_broken.py": "import nothing_of_that_name\n"}).pytest(*LOAD)
    assert broken.code == 2
    assert "1 error during collection" in broken.out
    assert "passed" not in broken.out
    beside = project.pytest(*LOAD, "--continue-on-collection-errors")
    assert beside.code == 1
    assert "6 passed, 1 error" in beside.out

"""What tests print: each test's own, whoever prints at the same time; and readable where nothing is captured."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from fork_runs import FORK, LOAD, TWO, lines_with, test_cases

PRINTS = {
    "test_prints.py": """
        import os
        import subprocess
        import sys
        import threading
        import pytest

        LINES = 60

        @pytest.mark.parametrize("number", range(8))
        def test_prints(number, meet):
            meet()  # all four workers print at the same time
            for line in range(LINES):
                print(f"out {number} {line}", flush=line % 7 == 0)
                sys.stderr.write(f"err {number} {line}\\n")
                if line % 20 == 0:
                    sys.stdout.flush()
                    os.write(1, f"fd {number} {line}\\n".encode())
            subprocess.run([sys.executable, "-S", "-c", f"print('child {number}')"])
            assert 0
    """,
    "conftest.py": """
        import os
        import time
        import pytest

        @pytest.fixture
        def meet(request):
            def meet():
                name = request.node.name
                mine = f"here-{os.environ['PYTEST_XDIST_WORKER']}"
                open(mine, "w").close()
                deadline = time.monotonic() + 30
                while len([name for name in os.listdir() if name.startswith("here-")]) < 4:
                    assert time.monotonic() < deadline
            return meet
    """,
}


@pytest.mark.parametrize("how", ["fd", "sys", "tee-sys"])
def test_each_test_has_what_it_printed_and_nothing_else(project, how):
    ended = project.write(PRINTS).pytest(
        *FORK, "-n", "4", "--dist", "load", f"--capture={how}", "--junitxml=junit.xml", "-o", "junit_logging=all"
    )
    assert ended.code == 1
    assert "8 failed" in ended.out, ended.text
    for number, case in enumerate(test_cases(project.path / "junit.xml")):
        out = [line for line in case.findtext("system-out", "").splitlines() if not line.startswith(("---", " "))]
        err = [line for line in case.findtext("system-err", "").splitlines() if not line.startswith(("---", " "))]
        expected = [f"out {number} {line}" for line in range(60)]
        if how == "fd":
            assert lines_with("\n".join(out), "fd ") == [f"fd {number} {line}" for line in (0, 20, 40)]
            assert f"child {number}" in out
        assert [line for line in out if line.startswith("out")] == expected
        assert [line for line in err if line.startswith("err")] == [line.replace("out", "err") for line in expected]
        assert {line.split()[1] for line in (*out, *err) if line} == {str(number)}
        assert f"out {number} 59" in ended.out  # the terminal's report has it, too


def test_with_s_each_line_is_whole_and_has_its_worker_and_stdin_is_empty(project):
    project.write(PRINTS).write({"test_input.py": "import sys\ndef test_input(): assert sys.stdin.read() == ''\n"})
    ended = project.pytest(*FORK, "-n", "4", "--dist", "load", "-s", "-v")
    assert ended.code == 1
    assert "8 failed, 1 passed" in ended.out
    text = ended.out + ended.err
    assert Counter(re.findall(r"^\[gw\d\] (out \d \d+)$", text, re.MULTILINE)) == Counter(
        f"out {number} {line}" for number in range(8) for line in range(60)
    )
    assert len(set(re.findall(r"^\[gw\d\] (err \d \d+)$", ended.err, re.MULTILINE))) == 8 * 60
    assert len(set(re.findall(r"^\[gw\d\] (child \d)$", text, re.MULTILINE))) == 8
    assert len(re.findall(r"^\[gw\d\] fd \d \d+$", text, re.MULTILINE)) == 8 * 3
    for number in range(8):  # one worker a test, its lines in the order in which it printed them
        lines = re.findall(rf"^\[(gw\d)\] out {number} (\d+)$", text, re.MULTILINE)
        assert len({worker for worker, _ in lines}) == 1
        assert [int(line) for _, line in lines] == list(range(60))


def test_captures_of_fixtures_logs_and_sections_are_in_their_places(project):
    project.write(
        {
            "test_sections.py": """
                import logging
                import os
                import sys
                import pytest

                @pytest.fixture(scope="module")
                def loud():
                    print("module up")
                    yield
                    print("module down")

                def test_first(loud, capsys):
                    print("mine")
                    assert capsys.readouterr().out == "mine\\n"
                    logging.getLogger("lane").warning("logged")
                    print("shown", file=sys.stderr)
                    assert 0

                def test_second(loud, capfd):
                    os.write(1, b"by descriptor\\n")
                    assert capfd.readouterr().out == "by descriptor\\n"
                    with capfd.disabled():
                        print("past every capture")

                def test_last(loud, caplog):
                    logging.getLogger("lane").error("kept")
                    assert [record.message for record in caplog.records] == ["kept"]
                    assert 0
            """
        }
    )
    ended = project.pytest(*TWO, "-rA")
    assert ended.code == 1
    assert "2 failed, 1 passed" in ended.out, ended.text
    assert "[gw0] past every capture" in ended.out
    first, last = ended.out.partition("___ test_first ___")[2].split("___ test_last ___")[:2]
    passes = last.partition("= PASSES =")[0]
    for text, section, content in (
        (first, "Captured stdout setup", "module up"),
        (first, "Captured stderr call", "shown"),
        (first, "Captured log call", "logged"),
        (passes, "Captured stdout teardown", "module down"),
        (passes, "Captured log call", "kept"),
    ):
        assert content in text.partition(section)[2].partition("-----\n")[2].partition("\n---")[0], text
    assert ended.out.count("module down") == 1


def test_a_test_that_prints_much(project):
    project.write({"test_much.py": "def test_much(): print('x' * 3_000_000); assert 0\n"})
    ended = project.pytest(*LOAD, "--tb=short")
    assert ended.code == 1
    assert "x" * 3_000_000 in ended.out
    with_s = project.pytest(*LOAD, "-s")
    assert with_s.code == 1
    assert "[gw0] " + "x" * 3_000_000 in with_s.out


@pytest.mark.parametrize("how", ["fd", "sys", "tee-sys"])
def test_the_streams_of_the_collection_are_the_streams_of_the_tests(project, how):
    # structlog's loggers ask whether theirs is sys.stdout, and its tests get one as a parameter.
    project.write(
        {
            "test_held.py": """
                import sys
                import pytest

                @pytest.mark.parametrize("held, name", [(sys.stdout, "stdout"), (sys.stderr, "stderr")])
                def test_is_the_same(held, name):
                    print(f"to {name}", file=held)
                    assert held is getattr(sys, name)
            """
        }
    )
    ended = project.pytest(*TWO, f"--capture={how}", "-rP")
    assert "2 passed" in ended.out, ended.text
    captured = {
        stream: ended.out.partition(f"Captured {stream} call")[2].splitlines() for stream in ("stdout", "stderr")
    }
    assert captured["stdout"][1] == "to stdout"
    assert captured["stderr"][1] == "to stderr"

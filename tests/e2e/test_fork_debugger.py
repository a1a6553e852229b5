"""Debuggers in workers: one keyboard, and one worker at a time that has it. Everything over a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time

import pytest
from fork_runs import TWO, mark, processes_left

PROMPT = "(Pdb) "


class Terminal:
    """A person's terminal: what is typed, and all that has been shown."""

    def __init__(self, project, *arguments: str) -> None:
        self._master, slave = pty.openpty()

        def at_the_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            project.command("pytest", *arguments),
            cwd=project.path,
            env=project.environment | {"TERM": "dumb", "NO_COLOR": "1"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=at_the_terminal,  # noqa: PLW1509  # nothing in it waits for a lock
        )
        os.close(slave)
        self.shown = ""
        self._seen = 0

    def expect(self, text: str, seconds: float = 20.0) -> str:
        """Wait until the text is shown, behind what was waited for before; return what came before it."""
        deadline = time.monotonic() + seconds
        while text not in self.shown[self._seen :]:
            assert self._read(deadline - time.monotonic()), f"{text!r} is not shown:\n{self.shown}"
        begin, place = self._seen, self.shown.index(text, self._seen)
        self._seen = place + len(text)
        return self.shown[begin:place]

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + 20
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(timeout=20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # nobody has the other end any more
            return False
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


@pytest.fixture
def at_terminal(project):
    terminals = []

    def start(*arguments: str) -> Terminal:
        terminals.append(Terminal(project, *arguments))
        return terminals[-1]

    mark(project)
    yield start
    for one in terminals:
        one.close()
    assert not processes_left(project)


STOPS = {
    f"test_{name}.py": f"""
        def test_{name}(worker_id):
            lane = "lane-{name}"
            open("at-{name}", "w").close()
            breakpoint()
            print("after", lane)
        def test_{name}_goes_on(): pass
    """
    for name in ("left", "right")
}


def test_two_workers_stop_at_a_breakpoint_and_have_the_terminal_one_at_a_time(project, at_terminal):
    project.write(STOPS)
    terminal = at_terminal(*TWO, "--dist", "loadfile")
    asked: list[str] = []
    for _ in range(2):
        terminal.expect("has the terminal")
        before = terminal.expect(PROMPT)
        assert "breakpoint()" in before or "print(" in before  # pdb shows the line it stops at
        if not asked:
            deadline = time.monotonic() + 20
            while not ((project.path / "at-left").exists() and (project.path / "at-right").exists()):
                assert time.monotonic() < deadline  # the other one comes to its breakpoint, too: and waits
        terminal.type("p lane, worker_id")
        answer = re.search(r"\('lane-(left|right)', 'gw\d'\)", terminal.expect(PROMPT))
        assert answer, terminal.shown
        terminal.type("p 40 + 2")
        assert "42" in terminal.expect(PROMPT).splitlines()
        asked.append(answer[1])
        assert terminal.shown.count("has the terminal") == len(asked)
        terminal.type("c")
    assert terminal.end() == 0
    assert sorted(asked) == ["left", "right"]
    assert "4 passed" in terminal.shown


FAILS = {
    f"test_{name}.py": f"""
        def test_{name}():
            lane = "lane-{name}"
            assert lane == "lane"
        def test_{name}_goes_on(): pass
    """
    for name in ("left", "right")
}


@pytest.mark.parametrize("last", ["c", "q"])
def test_pdb_opens_on_each_failure_and_quitting_ends_the_run(project, at_terminal, last):
    project.write(FAILS)
    terminal = at_terminal(*TWO, "--pdb", "--dist", "loadfile")
    asked = []
    for answer in ("c", last):
        terminal.expect("has the terminal")
        assert "lane == " in terminal.expect(PROMPT)
        terminal.type("p lane")
        asked.append(terminal.expect(PROMPT).splitlines()[1])
        terminal.type(answer)
    code = terminal.end()
    assert sorted(asked) == ["'lane-left'", "'lane-right'"]
    if last == "c":
        assert code == 1
        assert "2 failed, 2 passed" in terminal.shown
    else:
        assert code == 2
        assert "Exit: Quitting debugger" in terminal.shown
    assert "INTERNALERROR" not in terminal.shown


def test_trace_stops_at_the_beginning_of_a_test(project, at_terminal):
    project.write({"test_one.py": "def test_one():\n    assert 0\n"})
    terminal = at_terminal(*TWO, "--trace")
    terminal.expect(PROMPT)
    terminal.type("!lane = 17")
    terminal.expect(PROMPT)
    terminal.type("p lane + 1")
    assert "18" in terminal.expect(PROMPT).splitlines()
    terminal.type("q")
    assert terminal.end() == 2

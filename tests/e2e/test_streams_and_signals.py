"""Wherever isolane's output goes, and however isolane is told to end: no traceback, pytest's exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROVE = ("prove", "-n", "2", "--seeds", "1")
SUITE = {"test_a.py": "def test_a(): pass\n"}
needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


def shell(project, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in the project; ``isolane`` in it is this isolane."""
    here = f'isolane() {{ "{sys.executable}" -m isolane "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", here + line],
        cwd=project.path,
        env={**project.environment, "PYTHONUNBUFFERED": "", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@needs_full_device
@pytest.mark.parametrize("verb", ["stress 1 -n 1", "run", "--help"])
def test_output_that_cannot_be_written_is_one_line_and_exit_3(project, verb):
    project.write(SUITE)
    ended = shell(project, f"isolane {verb} > /dev/full")
    assert ended.returncode == 3, ended.stderr
    said = [line for line in ended.stderr.splitlines() if not line.startswith("[") and line]
    assert said == ["isolane: No space left on device. [os-error]"]


def test_a_reader_that_goes_away_is_nothing_to_talk_about(project):
    ended = shell(project.write(SUITE), "isolane stress 1 -n 1 | exec true")
    assert all(line.startswith("[") for line in ended.stderr.split("\n") if line), ended.stderr


@needs_full_device
def test_a_full_standard_error_does_not_touch_the_verdict(project):
    ended = shell(project.write(SUITE), "isolane prove -n 2 --seeds 1 2> /dev/full")
    assert ended.returncode == 0
    assert ended.stdout.startswith("PROVEN")


@pytest.mark.parametrize(
    ("verb", "closed"),
    [("stress 1 -n 1", "<&- >&- 2>&-"), *(("run", closed) for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"))],
)
def test_closed_streams_do_not_touch_the_exit_code(project, verb, closed):
    ended = shell(project.write(SUITE), f"isolane {verb} {closed}")
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_cannot_be_printed_as_they_are_are_escaped(project, encoding):
    project.write(
        {
            "pytest.ini": """\
                [pytest]
                disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true
                """,
            "test_names.py": r"""
                import pytest

                @pytest.mark.parametrize("x", ["ü", "two\nlines", "\x1b[31mred", "\udcff"], ids=str)
                def test_fails(x): assert not x
                """,
        }
    )
    ended = shell(project, "isolane stress 1 -n 1", PYTHONIOENCODING=encoding, COLUMNS="200")
    assert ended.returncode == 1, ended.stderr
    name = "test_names.py::test_fails"
    failed = [line.strip().partition(": 1 of 1")[0] for line in ended.stdout.splitlines() if ": 1 of 1 (" in line]
    first = "ü" if encoding == "utf-8" else r"\xfc"
    assert failed == [f"{name}[{inner}]" for inner in (first, r"two\x0alines", r"\x1b[31mred", r"\udcff")]


STARTS_A_CHILD = {
    "test_child.py": """
        import subprocess, sys, threading
        from pathlib import Path

        def test_child():
            child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
            Path(__file__).with_name("pipe").write_text(str(child.pid))
            threading.Event().wait()
    """
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_leaves_nothing_behind(project, number):
    """What CI sends to a cancelled job, and a terminal that is closed: as Ctrl-C."""
    pipe = project.write(STARTS_A_CHILD).path / "pipe"
    os.mkfifo(pipe)
    with project.start("isolane", *PROVE) as process:
        child = int(pipe.read_text())
        started = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 2.5
    assert process.returncode == 2
    assert err == "isolane: interrupted; what had been recorded is kept in .isolane/runs.\n"
    with pytest.raises(OSError):  # gone, or dead and not yet waited for
        Path(f"/proc/{child}/cwd").readlink()


def test_under_nohup_a_closed_terminal_does_not_end_it(project):
    project.write({"test_waits.py": "from pathlib import Path\ndef test_waits(): Path('pipe').read_text()\n"})
    pipe = project.path / "pipe"
    os.mkfifo(pipe)
    with project.start("isolane", "run", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        with pipe.open("w") as test_goes_on:
            process.send_signal(signal.SIGHUP)
            test_goes_on.write("now")
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "1 passed" in out

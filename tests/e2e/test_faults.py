"""Bad input and faults: one clear line, the right exit code, nothing lost, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isolane.model.outcome import Category

FAST = ("--workers", "2", "--seeds", "1", "--no-hunt")
PLAIN = {"test_plain.py": "def test_plain(): pass\n"}


def one_line(ended, code, *words):
    assert ended.code == code, ended.text
    said = [line for line in ended.err.splitlines() if line.startswith("isolane: ")]
    assert len(said) == 1, ended.text
    assert "Traceback" not in ended.text
    for word in words:
        assert word in said[0]


# -- what cannot be run


def test_no_tests(project):
    one_line(project.isolane("prove"), 5, "no tests", "[no-tests]")


def test_a_collection_error(project):
    project.write(PLAIN | {"test_broken.py": "import nothing_of_that_name\n"})
    one_line(project.isolane("prove"), 2, "test_broken.py", "No module named 'nothing_of_that_name'")


def test_a_syntax_error_in_conftest(project):
    project.write(PLAIN | {"conftest.py": "def broken(:\n"})
    one_line(project.isolane("prove"), 4, "SyntaxError")


def test_an_option_that_pytest_does_not_know(project):
    one_line(project.write(PLAIN).isolane("prove", "--", "--no-such-option"), 4, "--no-such-option")


@pytest.mark.parametrize("python", ["/nowhere/python", "no-such-python"])
def test_an_unknown_interpreter(project, python):
    one_line(project.write(PLAIN).isolane("prove", "--python", python), 4, python, "[no-interpreter]")


def test_an_interpreter_that_is_none(project):
    script = project.path / "python"
    script.write_text("#!/bin/sh\necho nonsense\n")
    script.chmod(0o755)
    one_line(project.write(PLAIN).isolane("prove", "--python", "./python"), 4, "nonsense", "[no-interpreter]")


def test_pytest_missing_in_the_projects_environment(project, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = str(tmp_path / "bare/bin/python")
    one_line(project.write(PLAIN).isolane("prove", "--python", python), 4, "has no pytest", "-m pip install pytest")


@pytest.mark.parametrize(("name", "words"), [("pytest.ini", "is not a folder"), ("nowhere", "does not exist")])
def test_project_that_is_no_folder(project, name, words):
    one_line(project.isolane("prove", name), 4, name, words, "[no-project]")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--workers", "0"), "--workers='0'"),
        (("--workers", "2,many"), "--workers='many'"),
        (("--seeds", "a"), "--seeds='a'"),
    ],
)
def test_bad_values(project, arguments, word):
    one_line(project.write(PLAIN).isolane("prove", *arguments), 4, word)
    assert not project.runs()


def test_a_bad_ini_value_is_one_line(project):
    project.write(PLAIN | {"pytest.ini": "[pytest]\nisolane_record = sometimes\n"})
    ended = project.pytest()
    assert ended.code == 4
    assert "isolane: ini isolane_record='sometimes' is not one of auto, on, off." in ended.err


def test_an_order_that_names_a_test_which_is_not_there(project):
    (project.path / "order.txt").write_text("test_plain.py::test_gone\n")
    ended = project.write(PLAIN).pytest("--isolane-order", "order.txt")
    assert ended.code == 4
    assert "test_plain.py::test_gone" in ended.text


def test_an_order_file_that_is_not_there(project):
    ended = project.write(PLAIN).pytest("--isolane-order", "nowhere.txt")
    assert ended.code == 4
    assert "nowhere.txt" in ended.err


# -- where nothing can be written


def test_without_permission_to_write_the_proof_is_made_all_the_same(project):
    project.write(PLAIN)
    (project.path / ".isolane").write_text("a file where the directory would be\n")
    (project.path / "reports").write_text("the same\n")
    ended = project.isolane("prove", *FAST)
    assert ended.code == 0, ended.text
    assert "PROVEN" in ended.out
    assert ".isolane cannot be written to" in " ".join(ended.out.split())
    assert "The reports are not written" in ended.out


def test_a_full_disk_warns_once_and_the_run_goes_on(project):
    """The log is a link to the kernel's full device: every write fails as on a full disk."""
    project.write(
        PLAIN
        | {
            "conftest.py": """
            from pathlib import Path
            import isolane.history.event_log as event_log

            make = event_log.EventLogWriter

            def on_a_full_disk(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to("/dev/full")
                return make(path)

            event_log.EventLogWriter = on_a_full_disk
            """,
            "test_more.py": "def test_a(): pass\ndef test_b(): pass\n",
            "pytest.ini": "[pytest]\nfilterwarnings = error\n",
        }
    )
    ended = project.pytest("--isolane-record=on")
    assert ended.code == 0, ended.text
    assert "3 passed" in ended.out
    assert ended.out.count("this run is not recorded any further") == 1
    assert "No space left on device" in ended.out
    one_line(project.isolane("prove", *FAST), 3, "No space left on device", "[incomplete-record]")


# -- tests that take their process with them


def test_a_test_that_kills_the_serial_process(project):
    project.write(
        PLAIN
        | {
            "test_z.py": """
            import os, signal
            def test_before(): pass
            def test_kill(): os.kill(os.getpid(), signal.SIGKILL)
            """
        }
    )
    ended = project.isolane("prove", *FAST, "--json")
    assert ended.code == 1
    assert ended.data["verdict"] == "inconclusive"
    assert "was killed by SIGKILL while test_z.py::test_kill ran" in ended.data["reason"]
    record = project.runs()[0].record()
    assert {name: outcome.category for name, outcome in record.outcomes.items()} == {
        "test_plain.py::test_plain": Category.PASSED,
        "test_z.py::test_before": Category.PASSED,
        "test_z.py::test_kill": Category.CRASHED,
    }


def test_a_test_that_kills_its_worker_is_named_and_the_others_go_on(project):
    project.write(
        {
            "test_z.py": """
            import os
            def test_a(): pass
            def test_leave():
                if "PYTEST_XDIST_WORKER" in os.environ:
                    os._exit(3)
            def test_b(): pass
            """,
        }
    )
    ended = project.isolane("prove", *FAST, "--json")
    assert ended.code == 1
    assert ended.data["verdict"] == "not proven"
    assert {(one["node_id"], one["found"]["outcome"], one["nature"]) for one in ended.data["differences"]} == {
        ("test_z.py::test_leave", "crashed", "only in parallel")
    }
    parallel = next(one for one in ended.data["phases"] if one["kind"] == "parallel")
    assert parallel["tests"] == 3


def test_a_test_that_hangs_is_named_by_pytest_timeout(project):
    project.write({"test_z.py": "import threading\ndef test_hang(): threading.Event().wait()\n"})
    ended = project.isolane("prove", *FAST, "--json", "--", "-p", "timeout", "--timeout=0.5")
    assert ended.code == 0, ended.text
    assert [one["node_id"] for one in ended.data["failures"]] == ["test_z.py::test_hang"]
    assert "Timeout" in ended.data["failures"][0]["message"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_that_hangs_is_killed_and_its_test_named(project, workers):
    project.write(PLAIN | {"test_z.py": "import threading\ndef test_hang(): threading.Event().wait()\n"})
    ended = project.isolane("stress", "1", "-n", workers, "--stall-timeout", "3", "--json", "--", "-p", "no:timeout")
    assert ended.code == 1, ended.text
    assert ended.data["deaths"] == ["run 1 of 1: the process hung while test_z.py::test_hang ran"]
    assert [one["node_id"] for one in ended.data["misbehaving"]] == ["test_z.py::test_hang"]


# -- interrupted


HANGING = {
    "test_a.py": "def test_a(): pass\n",
    "test_hang.py": """
        import threading
        from pathlib import Path

        def test_hang():
            Path("running").write_text("running")
            threading.Event().wait()
    """,
}


def wait_for_the_hanging_test(project):
    """Until it runs: it writes to a pipe."""
    assert (project.path / "running").read_text().startswith("running")


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        os.sched_yield()
    return found


def processes_in(folder: Path) -> list[int]:
    """Processes whose working directory is in the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink().is_relative_to(folder):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("verb", [("prove",), ("stress", "3", "-n", "2")], ids=["serial", "parallel"])
def test_ctrl_c_stops_everything_within_two_seconds(project, verb):
    os.mkfifo(project.write(HANGING).path / "running")
    process = project.start("isolane", *verb)
    wait_for_the_hanging_test(project)
    # With workers the two modules run side by side, and the first may be later on record than the second begins.
    wait_for(lambda: [run for run in project.runs() if run.record().outcomes])
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    seconds = time.monotonic() - started
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("isolane: interrupted")
    assert "Traceback" not in err
    assert processes_in(project.path) == []
    assert seconds < 2.5
    kept = [one for run in project.runs() for one in run.record().outcomes.items()]  # of stress, two runs side by side
    assert ("test_a.py::test_a", Category.PASSED) in [(test, outcome.category) for test, outcome in kept]


def test_a_killed_isolane_leaves_no_run_behind(project):
    os.mkfifo(project.write(HANGING).path / "running")
    process = project.start("isolane", "stress", "3", "-n", "2")
    wait_for_the_hanging_test(project)
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: processes_in(project.path) == [], 20)


def test_two_proofs_in_one_checkout_do_not_disturb_each_other(project):
    project.write(PLAIN)
    both = [project.start("isolane", "prove", *FAST, "--json") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, out + err
    assert len(project.runs()) == 2 * 4
    assert (project.path / "reports/proof.json").is_file()

"""Requirements that are about the whole: the bundled suite over and over, its time, its commands, the way back."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
ISOLATED = CHECKOUT / "examples" / "transit_eta_isolated"
TESTS = 33


@pytest.fixture
def isolated(project: Any) -> Any:
    """A copy of the example that is safe."""
    shutil.rmtree(project.path)
    shutil.copytree(ISOLATED, project.path, ignore=shutil.ignore_patterns("__pycache__", ".*", "reports"))
    for name in list(project.environment):
        if name.startswith("BMTC_"):
            del project.environment[name]
    return project


@pytest.mark.slow
@pytest.mark.req("AC2")
@pytest.mark.req("NFR-2")
def test_ten_parallel_runs_of_the_isolated_example_have_no_flake(isolated: Any) -> None:
    """Ten runs hold the three of AC2. What they say is no more than isolane says of them."""
    ended = isolated.isolane("stress", "10", "-n", "2", "--json")

    assert ended.code == 0, ended.text
    assert (ended.data["runs"], ended.data["workers"], ended.data["tests"]) == (10, 2, TESTS)
    assert (ended.data["failed_runs"], ended.data["misbehaving"], ended.data["deaths"]) == (0, [], [])
    assert round(ended.data["upper_bound"], 3) == 0.259
    assert [sum(run.end.counts.values()) for run in isolated.runs()] == [TESTS] * 10


def documented_commands() -> dict[str, str]:
    """Return the pytest commands of the example's README by what their comments say."""
    text = (ISOLATED / "README.md").read_text(encoding="utf-8")
    return {comment: command for command, comment in re.findall(r"^\$ (pytest.*?) +# (.+)$", text, re.MULTILINE)}


@pytest.mark.slow
@pytest.mark.req("FR-7")
@pytest.mark.req("FR-2")
def test_single_module_full_sequential_and_full_parallel_are_three_commands(isolated: Any) -> None:
    """FR-2 wants ``-n auto`` in addopts. There it would make every run parallel, so it is in the command instead."""
    documented = documented_commands()
    module, sequential, parallel = (
        documented[title] for title in ("one module", "all, one after another", "all, in parallel")
    )
    header = {}
    for command, count in ((module, 9), (sequential, TESTS), (parallel, TESTS)):
        ended = isolated.pytest(*shlex.split(command)[1:])
        assert ended.code == 0, ended.text
        assert f"{count} passed" in ended.out
        header[command] = next(line for line in ended.out.splitlines() if line.startswith("isolane: engine"))

    assert "engine serial" in header[module]
    assert "engine serial" in header[sequential]
    processors = len(os.sched_getaffinity(0))
    assert re.search(rf"engine fork, {processors} workers? \(-n auto given\), --dist loadfile", header[parallel])


@pytest.mark.req("FR-2")
def test_serial_stays_serial_no_configuration_asks_for_workers(pytestconfig: pytest.Config) -> None:
    for path in (CHECKOUT / "pyproject.toml", *CHECKOUT.glob("examples/*/pyproject.toml")):
        addopts = re.findall(r"^addopts = (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [one for one in addopts if re.search(r"(^|[\s\"'])(-n\b|--numprocesses|--dist)", one)], path


BUSY = """
    import time

    import pytest

    @pytest.mark.parametrize("part", range(2))
    def test_busy(part):
        total = 0
        for number in range({rounds}):
            total += number * number
        assert total
    """


def rounds_that_take(seconds: float) -> int:
    """Return how many rounds of the busy loop take that much processor time, by the best of three tries."""
    count, best = 200_000, float("inf")
    for _ in range(3):
        started, total = time.process_time(), 0
        for number in range(count):
            total += number * number
        best = min(best, time.process_time() - started)
    return int(count * seconds / best)


def time_ratios(project: Any, workers: int, pairs: int) -> list[float]:
    ended = project.isolane("bench", "-n", str(workers), "--pairs", str(pairs), "--json")
    assert ended.code == 0, ended.text
    (row,) = ended.data["rows"]
    return list(row["ratios"])


@pytest.mark.slow
@pytest.mark.req("NFR-1")
def test_parallel_takes_at_most_one_and_a_half_times_as_long_as_serial(project: Any) -> None:
    """Work for the processor, enough of it that starting workers does not decide.

    The better of two pairs counts: in one of them somebody else may have had the processors.
    """
    busy = BUSY.format(rounds=rounds_that_take(0.3))
    project.write({f"test_busy_{number}.py": busy for number in range(2)})

    assert min(time_ratios(project, workers=2, pairs=2)) <= 1.5


@pytest.mark.slow
@pytest.mark.req("NFR-1")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 4, reason="needs four processors")
@pytest.mark.skipif("'PYTEST_XDIST_WORKER' in os.environ", reason="needs the machine to itself: run it serially")
def test_on_four_processors_parallel_is_at_least_twice_as_fast(project: Any) -> None:
    busy = BUSY.format(rounds=rounds_that_take(0.8))
    project.write({f"test_busy_{number}.py": busy for number in range(8)})

    assert min(time_ratios(project, workers=4, pairs=2)) <= 0.5


AUDIT = """
    import json, os, socket, sys

    def note(event, arguments):
        outside = event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind")
        if outside and getattr(arguments[0], "family", None) != socket.AF_UNIX:
            write(event, [str(one) for one in arguments[1:]])
        elif event == "subprocess.Popen":
            write(event, [str(arguments[0])])
        elif event in ("os.system", "os.exec", "os.posix_spawn"):
            write(event, [str(arguments[0])])

    def write(event, words):
        with open(os.environ["AUDIT"], "a") as file:
            file.write(json.dumps([event, words]) + "\\n")

    sys.addaudithook(note)
    """


def audited(project: Any, *arguments: str) -> list[tuple[str, list[str]]]:
    """Run pytest, and return what it and its workers had to do with the network and with other programs."""
    tools = project.path.parent / "tools"
    tools.mkdir(exist_ok=True)
    log = tools / "audit.jsonl"
    log.write_text("", encoding="utf-8")
    project.write({"../tools/audit_of_this_run.py": AUDIT})
    inherited = project.environment.get("PYTHONPATH")
    ended = project.pytest(
        *("-p", "audit_of_this_run"),
        *("-p", "no:rerunfailures"),  # its workers report through a port of this machine
        *arguments,
        AUDIT=str(log),
        PYTHONPATH=os.pathsep.join([str(tools), *filter(None, [inherited])]),
    )
    assert ended.code == 0, ended.text
    return [(event, words) for event, words in map(json.loads, log.read_text(encoding="utf-8").splitlines())]


@pytest.mark.slow
@pytest.mark.req("NFR-4")
@pytest.mark.parametrize(
    ("arguments", "programs"),
    [(("-n", "0"), 0), (("-n", "2"), 0), (("-n", "2", "--isolane-engine", "xdist"), 2)],
    ids=["serial", "fork", "xdist"],
)
def test_no_docker_and_no_service_outside_is_used(isolated: Any, arguments: tuple[str, ...], programs: int) -> None:
    """Nobody connects anywhere, and no program is started but xdist's workers' Python (and what platform asks)."""
    seen = audited(isolated, *arguments)

    started = [Path(words[0]).name for event, words in seen if event == "subprocess.Popen"]
    assert [one for one in seen if one[0] != "subprocess.Popen"] == []
    assert [name for name in started if name != "uname"] == [Path(sys.executable).name] * programs


@pytest.mark.req("NFR-4")
def test_a_suite_that_did_use_something_outside_would_be_seen(project: Any) -> None:
    project.write(
        {
            "test_outside.py": """
            import socket, subprocess, sys

            def test_outside():
                with socket.socket() as one:
                    one.settimeout(0.01)
                    one.connect_ex(("127.0.0.1", 9))
                subprocess.run(["true"], check=False)
            """
        }
    )

    assert {event for event, _ in audited(project)} == {"socket.connect", "subprocess.Popen"}


@pytest.mark.req("RK-5")
def test_every_test_of_ours_has_a_timeout(pytestconfig: pytest.Config) -> None:
    assert 0 < float(pytestconfig.getini("timeout")) <= 120
    assert pytestconfig.pluginmanager.hasplugin("timeout")
    assert list(switched_off()) == []


def switched_off() -> Iterator[str]:
    """Yield where a test takes its timeout away, or makes it longer than ten minutes."""
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.timeout":
                seconds = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                if any(isinstance(one, int | float) and not 0 < one <= 600 for one in seconds):
                    yield f"{path.name}:{node.lineno}"


@pytest.mark.req("RK-5")
def test_a_worker_that_hangs_is_found_and_its_test_named(project: Any) -> None:
    """By the same ini setting that isolane's own suite has."""
    project.write(
        {
            "pytest.ini": "[pytest]\ntimeout = 1\n",
            "test_quick.py": "def test_quick(): pass\n",
            "test_hang.py": "import threading\ndef test_hang(): threading.Event().wait()\n",
        }
    )
    ended = project.pytest("-n", "2")

    assert ended.code == 1
    assert "1 failed, 1 passed" in ended.out
    assert "FAILED test_hang.py::test_hang - Failed: Timeout (>1.0s)" in ended.out


@pytest.mark.slow
@pytest.mark.req("R1.3")
def test_the_documented_way_back_to_serial(project: Any) -> None:
    """One test in ten fails only in parallel: the gate says so, and PYTEST_WORKERS=1 is all that is changed."""
    project.write(
        {
            "pytest.ini": "[pytest]\naddopts = -n 2\n",
            "test_fares.py": """
                import os
                import pytest

                @pytest.mark.parametrize("stops", range(10))
                def test_fare(stops):
                    assert stops or "PYTEST_XDIST_WORKER" not in os.environ
                """,
        }
    )
    assert project.pytest("--isolane-record=on", PYTEST_WORKERS="1").code == 0
    assert project.pytest().code == 1

    gate = project.isolane("gate")
    assert gate.code == 1
    assert gate.out.startswith("roll back to serial (PYTEST_WORKERS=1): 10.0% of the tests are newly flaky (over 5%)")
    assert "test_fares.py::test_fare[0]" in gate.out

    back = project.pytest(PYTEST_WORKERS="1")
    assert back.code == 0
    assert "engine serial (PYTEST_WORKERS=1)" in back.out
    page = (CHECKOUT / "docs" / "testing.md").read_text(encoding="utf-8").partition("## Back to serial")[2]
    for word in ("isolane gate", "over 5 %", "export PYTEST_WORKERS=1", "**Triage**", "**Come back**"):
        assert word in page

"""What the fork engine costs a test, a crash and in memory, on 10,000 empty tests.

    python bench/fork_overhead.py [--rounds 5] [--tests 10000] [--only processor,crash,memory] [--suite networkx]

Processor time a test. A serial run's time is start and collection (a run with --collect-only), reporting (what it takes
less with -p no:terminal), and running. Under fork the controller starts, collects and reports, and workers run. So

    controller: its own time − (collect-only + reporting), over the tests
    worker:     all workers' time − (serial − collect-only − reporting), over the tests

Workers' time is what the controller's children took (RUSAGE_CHILDREN), the controller's own the rest of the tree. All
processes share one processor: two that run at once on one core's halves would each seem to have more to do. All
runs are without an event log; the line after it is the same with it. Goal: at most 60 µs each.

Crash: tests that kill their worker; from the start of such a test to the start of the fresh worker's first test, by
the event log. Goal: at most 50 ms.

Memory: the proportional set size of all processes, sampled, at its highest, with 2 workers over a serial run. What does
not last for three samples does not count: a process that is just being started (vfork) shows its parent's memory as
its own. Goal: at most 1.5. With --suite it is a downstream suite's; 10,000 empty tests are the worst case, since
nearly all that there is are items, which each worker that runs one has to itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from statistics import median

from pairs import QUIET, temporary
from process_tree import run_tree

from isolane.history.event_log import FILE_NAME, read_events
from isolane.history.runs import run_names, runs_directory
from isolane.model.events import Event, TestStarted
from isolane.model.record import RunRecord

PYTEST = (sys.executable, "-m", "pytest", *QUIET)
FORK = ("-n", "2", "--isolane-engine=fork", "-p", "children_time")
CHILDREN_TIME = """
import resource

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open("children-time", "w") as stream:
            stream.write(str(usage.ru_utime + usage.ru_stime))
"""
CRASHES = 10


def empty_suite(directory: Path, tests: int, crashes: int = 0, files: int = 50) -> Path:
    """Write a suite of tests with nothing in them; some kill the process that runs them."""
    for number in range(files):
        lines = [f"def test_{test}():\n    pass\n" for test in range(tests // files)]
        if number < crashes:
            lines.insert(len(lines) // 2, "def test_kills():\n    import os\n    os.kill(os.getpid(), 9)\n")
        (directory / f"test_empty_{number}.py").write_text("\n".join(lines), encoding="utf-8")
    (directory / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (directory / "children_time.py").write_text(CHILDREN_TIME, encoding="utf-8")
    return directory


def environment(directory: Path) -> dict[str, str]:
    """Return this process's, without what belongs to its own pytest, and with bytecode kept."""
    left_out = ("PYTEST_", "ISOLANE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    # A run removes old temporary directories, be they another's of thousands of files.
    return {**kept, "PYTHONPATH": str(directory), "PYTEST_DEBUG_TEMPROOT": str(directory)}


def processor(directory: Path, *words: str) -> tuple[float, float]:
    """Return the seconds of the process itself, and of its children."""
    (directory / "children-time").unlink(missing_ok=True)
    command = [word for word in (*PYTEST, *words) if word != "-q" or "no:terminal" not in words]  # it brings -q
    finished = run_tree(command, directory, environment(directory))
    if finished.exit_code:
        sys.exit(finished.output)
    written = directory / "children-time"
    children = float(written.read_text(encoding="ascii")) if written.exists() else 0.0
    return finished.processor - children, children


def overhead(tests: int, rounds: int) -> None:
    ways = {
        "collect-only": ("-p", "no:isolane", "--collect-only", "-qq"),
        "serial": ("-p", "no:isolane"),
        "unreported": ("-p", "no:isolane", "-p", "no:terminal"),
        "fork": (*FORK, "--isolane-record=off"),
        "recorded": (*FORK, "--isolane-record=on", "--isolane-keep-runs=2"),
        "serial recorded": ("--isolane-record=on", "--isolane-keep-runs=2"),
    }
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with temporary() as name:
        directory = empty_suite(Path(name), tests)
        for words in ways.values():
            processor(directory, *words)
        measured: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for number in range(rounds):
            order = list(ways)[:: -1 if number % 2 else 1]
            for way in order:
                measured[way].append(processor(directory, *ways[way]))
    own = {way: [one for one, _ in figures] for way, figures in measured.items()}
    for way, figures in measured.items():
        print(f"  {way}: {median(own[way]):.3f} s itself, {median(other for _, other in figures):.3f} s its children")

    def a_test(seconds: list[float]) -> str:
        figures = sorted(one / tests * 1e6 for one in seconds)
        return f"{median(figures):.0f} µs a test ({figures[0]:.0f} to {figures[-1]:.0f})"

    reporting = [serial - quiet for serial, quiet in zip(own["serial"], own["unreported"], strict=True)]
    still = [collect + report for collect, report in zip(own["collect-only"], reporting, strict=True)]
    for way in ("fork", "recorded"):
        controller = [mine - rest for mine, rest in zip(own[way], still, strict=True)]
        running = [serial - rest for serial, rest in zip(own["serial"], still, strict=True)]
        workers = [theirs - mine for (_, theirs), mine in zip(measured[way], running, strict=True)]
        print(
            f"{way}, {tests:,} empty tests: controller {a_test(controller)}, worker {a_test(workers)}; goal 60 µs each"
        )
    print(f"  of which serial pytest's reporting, not counted: {a_test(reporting)}")


def crash(tests: int, rounds: int) -> None:
    delays: list[float] = []
    with temporary() as name:
        directory = empty_suite(Path(name), tests, CRASHES)
        for _ in range(rounds):
            words = (*FORK, "--isolane-record=on", "--dist", "load")
            run_tree((*PYTEST, *words), directory, environment(directory))
            run = runs_directory(directory) / run_names(directory)[-1]
            events = list(read_events(run / FILE_NAME))
            assert len(RunRecord.of(events).lost_workers) == CRASHES
            delays += _delays(events)
    figures = sorted(delay * 1000 for delay in delays)
    print(
        f"from a test that kills its worker to the fresh worker's first test: {median(figures):.1f} ms "
        f"({figures[0]:.1f} to {figures[-1]:.1f}, {len(figures)} crashes among {tests:,} tests); goal 50 ms"
    )


def _delays(events: list[Event]) -> list[float]:
    """Return, for each test that killed its worker, the time to the first test of a worker not heard of before."""
    waiting: list[float] = []
    found: list[float] = []
    seen: set[str] = set()
    for event in events:
        if not isinstance(event, TestStarted):
            continue
        if event.worker not in seen and waiting:
            found.append(event.at - waiting.pop(0))
        seen.add(event.worker)
        if event.node_id.endswith("test_kills"):
            waiting.append(event.at)
    return found


def memory(tests: int, rounds: int, suite: str) -> None:
    with temporary() as name:
        if suite:
            import suites

            (prepared,) = suites.prepared_suites([suite])
            directory, python, arguments = prepared.source, prepared.python, prepared.suite.arguments
            variables = suites.clean_environ(
                {**prepared.suite.environment, "PYTHONPATH": str(suites.isolane_overlay())}
            )
            variables.pop("PYTHONDONTWRITEBYTECODE", None)
            command: tuple[str, ...] = (str(python), "-m", "pytest", "-q", *arguments)
        else:
            directory = empty_suite(Path(name), tests)
            command, variables = PYTEST, environment(directory)
        ratios = []
        for _ in range(rounds):
            alone = _peak((*command, "-p", "no:isolane"), directory, variables)
            two = _peak((*command, "-n", "2", "--isolane-engine=fork"), directory, variables)
            ratios.append(two / alone)
            print(f"  serial {alone / 1024:.0f} MB, fork -n 2 {two / 1024:.0f} MB", flush=True)
    what = suite or f"{tests:,} empty tests"
    print(f"peak memory, {what}, fork -n 2 / serial: {median(ratios):.2f}; goal 1.5")


def _peak(command: tuple[str, ...], directory: Path, variables: dict[str, str]) -> int:
    """Return the most kilobytes that a process and its children had in proportion, in three samples in a row."""
    process = subprocess.Popen(
        command, cwd=directory, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    over = threading.Event()
    threading.Thread(target=lambda: (process.wait(), over.set())).start()
    samples = [0, 0]
    while not over.wait(0.02):
        samples.append(sum(map(_proportional_set_size, _tree(process.pid))))
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} exited with {process.returncode}")
    return max(map(min, zip(samples, samples[1:], samples[2:], strict=False)))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
            found += map(int, children.split())
    return found


def _proportional_set_size(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--only", default="processor,crash,memory", help="which figures, with commas")
    parser.add_argument("--suite", default="", help="whose memory is measured")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if "crash" in wanted:
        crash(options.tests // 10, options.rounds)
    if "memory" in wanted:
        memory(options.tests, options.rounds, options.suite)
    if "processor" in wanted:
        overhead(options.tests, options.rounds)


if __name__ == "__main__":
    main()

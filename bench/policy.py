"""What Lua runtimes, rules and branches of policies take, and how the rejected designs compare.

    python bench/policy.py [--against REVISION]

Goals: a trusted runtime within 1 ms, a sandboxed one out of the warm pool within 10; a trivial rule within 2 ms in the
warm process, 0.2 trusted; eight branches that keep a processor busy at 1.6 times the throughput of one, where there are
two processors; memory flat over 10,000 branches; and, with a revision, parallel time within 5 % of what it was there.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from isolane.policy.engine import YAMLEngine
from isolane.policy.lua_runtime import LuaRuntime

CHECKOUT = Path(__file__).parents[1]
MOST_SLOWER = 1.05
BUSY = "local sum = 0 for i = 1, {rounds} do sum = sum + i % 7 end return {{sum = sum}}"
BRANCHES = """
import sys, time
from isolane.policy.engine import YAMLEngine
branches, rounds = int(sys.argv[1]), int(sys.argv[2])
rule = "\\n".join(f"- {{name: r{one}, run: 'return {{verdict = \\"pass\\"}}'}}" for one in range(branches))
engine = YAMLEngine(lua_enabled=True)
policy = engine.load("rules:\\n" + rule)
engine.run(policy)
started = time.perf_counter()
for _ in range(rounds):
    engine.run(policy)
print((time.perf_counter() - started) / rounds)
"""


def main() -> None:
    creating()
    trivial_rules()
    throughput()
    memory()
    rejected()
    if "--against" in sys.argv:
        against(sys.argv[sys.argv.index("--against") + 1])


def tell(what: str, figure: str, goal: str = "") -> None:
    print(f"{what:58} {figure:>14}  {goal}")


def milliseconds(call: Callable[[], object], count: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times) * 1000


def create(*, trusted: bool) -> None:
    """Make a runtime, and use it: before that it has taken nothing."""
    with LuaRuntime(trusted=trusted) as runtime:
        runtime.execute("return 1")


def creating() -> None:
    """Print what a runtime takes until its first rule has run."""
    create(trusted=False)
    tell("a runtime and its first rule, trusted", f"{milliseconds(lambda: create(trusted=True), 200):.2f} ms", "1")
    tell("… from the warm pool", f"{milliseconds(lambda: create(trusted=False), 200):.2f} ms", "10")

    def cold() -> None:
        from isolane.policy.worker_pool import POOL

        POOL.close()
        create(trusted=False)

    tell("… with a process that has to be started", f"{milliseconds(cold, 10):.1f} ms")


def trivial_rules() -> None:
    """Print what a rule that does nothing takes."""
    for trusted, goal in ((False, "2"), (True, "0.2")):
        with LuaRuntime(trusted=trusted) as runtime:
            took = milliseconds(lambda runtime=runtime: runtime.execute("return 1"), 2000)
            tell(f"a trivial rule, {'trusted' if trusted else 'in the warm process'}", f"{took:.3f} ms", goal)
    state = {"tests": [{"id": f"t.py::t{n}", "outcome": "passed", "seconds": 0.1, "runs": n} for n in range(1000)]}
    with LuaRuntime() as runtime:
        took = milliseconds(lambda: runtime.execute("return #state.tests", state), 20)
        tell("a rule that is given 1,000 tests", f"{took:.1f} ms")


def throughput() -> None:
    """Print how much more eight busy branches do than one after the other."""
    code = BUSY.format(rounds=3_000_000)
    rules = "\n".join(f"- {{name: r{one}, run: '{code}'}}" for one in range(8))
    ratios = []
    for _ in range(5):
        times = []
        for most in (1, 2):
            engine = YAMLEngine(lua_enabled=True, most_branches=most)
            policy = engine.load("rules:\n" + rules)
            engine.warm_up(policy)
            times.append(milliseconds(lambda engine=engine, policy=policy: engine.run(policy), 1))
        ratios.append(times[0] / times[1])
    tell(f"8 busy branches, 2 at a time, {os.cpu_count()} processors", f"{median(ratios):.2f} ×", "1.6")


def memory() -> None:
    """Print by how much memory grows over 10,000 branches, each with a fresh runtime."""
    engine = YAMLEngine(lua_enabled=True, most_branches=2)
    policy = engine.load("rules:\n" + "\n".join(f"- {{name: r{one}, run: 'kept = {{}}'}}" for one in range(100)))
    for _ in range(5):
        engine.run(policy)
    gc.collect()
    before = resident()
    for _ in range(100):
        engine.run(policy)
    gc.collect()
    tell("memory over 10,000 branches", f"{(resident() - before) / 2**20:+.1f} MB", "flat")


def resident() -> int:
    """Return this process's memory, in bytes; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


class ByThread:
    """The first rejected design: a dictionary from thread ids to runtimes, under a lock."""

    def __init__(self) -> None:
        self.runtimes: dict[int, LuaRuntime] = {}
        self._lock = threading.Lock()

    def get(self) -> LuaRuntime:
        """Return the runtime of this thread's number."""
        with self._lock:
            runtime = self.runtimes.get(threading.get_ident())
            if runtime is None:
                runtime = self.runtimes[threading.get_ident()] = LuaRuntime(trusted=True)
            return runtime


class ThreadLocal:
    """The second: a thread-local variable."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self) -> LuaRuntime:
        """Return the runtime of this thread."""
        if not hasattr(self._local, "runtime"):
            self._local.runtime = LuaRuntime(trusted=True)
        return self._local.runtime


def rejected() -> None:
    """Print how many of 100 branches on 10 threads find another branch's global, and what a look-up takes."""
    engine = YAMLEngine(lua_enabled=True, trusted=True)
    designs = (
        ("thread id and lock", ByThread().get),
        ("thread-local", ThreadLocal().get),
        ("scope", engine._get_lua_runtime),
    )
    for name, get in designs:

        def branch(_: int, get: Callable[[], LuaRuntime] = get) -> int:
            with engine._scopes.branch():
                return int(get().execute("local before = left left = true return before and 1 or 0"))

        with ThreadPoolExecutor(10) as threads:
            leaks = sum(threads.map(branch, range(100)))
        with engine._scopes.branch():
            get()
            look_up = milliseconds(lambda get=get: [get() for _ in range(1000)], 20)
        tell(f"{name}: branches of 100 that see another's global", str(leaks), "0")
        tell(f"{name}: a look-up", f"{look_up:.2f} µs")


def against(revision: str) -> None:
    """Print parallel time here, over that at a revision."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, "other")
        subprocess.run(["git", "worktree", "add", "--detach", other, revision], cwd=CHECKOUT, check=True)
        try:
            here, there = in_pairs(CHECKOUT / "src", other / "src", pairs=7)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", other], cwd=CHECKOUT, check=True)
    tell(f"parallel time against {revision}", comparison(here, there), "1.05")


def in_pairs(
    here: Path, there: Path, *, pairs: int, branches: int = 8, rounds: int = 50
) -> tuple[list[float], list[float]]:
    """Return the seconds that parallel branches take with two source trees, measured in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(pairs):
        for source, seconds in zip((here, there), times, strict=True):
            done = subprocess.run(
                [sys.executable, "-c", BRANCHES, str(branches), str(rounds)],
                env=os.environ | {"PYTHONPATH": str(source)},
                capture_output=True,
                text=True,
                check=True,
            )
            seconds.append(float(done.stdout))
    return times


def comparison(here: list[float], there: list[float]) -> str:
    """Return the median of the pairs' ratios, and whether that is too much."""
    ratio = median(one / other for one, other in zip(here, there, strict=True))
    return f"{ratio:.2f} ×{' (over 5 %)' if ratio > MOST_SLOWER else ''}"


if __name__ == "__main__":
    main()

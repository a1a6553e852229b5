"""What the pooled executor gains and costs: speed, overhead, throughput against a limit, memory.

    python bench/pool.py [SECONDS]

Four figures:

* 20 rows of 0.1 s with one permit and with ten; goal: at least 9 times as fast.
* Overhead a row against ``ThreadPoolExecutor.map``, 10,000 trivial rows, audit in memory; goal: at most 1.5 times.
  Processor time, the median of 9 pairs, run in turn.
* Rows done and 429s in SECONDS (20), ten at a time, against a server on loopback that takes 50 requests in any second,
  with and without Retry-After; beside it tenacity with a random exponential wait over a thread pool, with the bounds
  that the pool has and with those of its documentation. Goal: no less done, fewer 429s.
* Memory after 10,000 and after 100,000 rows of a stream, with the audit in SQLite; goal: flat.
"""

from __future__ import annotations

import http.client
import resource
import sys
import tempfile
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import tenacity

from isolane.pool import (
    CapacityError,
    PoolConfig,
    PooledExecutor,
    RowContext,
    SqliteAudit,
    TransformResult,
    capacity_error,
)

LIMIT = 50
AT_A_TIME = 10


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    good = [speed(), overhead()]
    for tells in (True, False):
        good.append(throughput(seconds, tells))
    good.append(memory())
    sys.exit(0 if all(good) else 1)


def speed() -> bool:
    def work(row: Any, _: str) -> TransformResult:
        time.sleep(0.1)
        return TransformResult.success(row)

    def took(size: int) -> float:
        with PooledExecutor(PoolConfig(pool_size=size)) as executor:
            started = time.perf_counter()
            executor.execute_batch(contexts(20), work)
            return time.perf_counter() - started

    alone, ten = took(1), median(took(10) for _ in range(5))
    ratio = alone / ten
    print(f"20 rows of 0.1 s: one permit {alone:.3f} s, ten {ten:.3f} s; {ratio:.1f} times, goal 9")
    return ratio >= 9


def overhead() -> bool:
    def work(row: Any, _: str) -> TransformResult:
        return TransformResult.success(row)

    good = True
    for size in (1, 4, 10):
        pairs = []
        for _ in range(9):
            given = contexts(10_000)
            with PooledExecutor(PoolConfig(pool_size=size)) as executor:
                ours = processor_time(lambda run=executor, rows=given: run.execute_batch(rows, work))
            with ThreadPoolExecutor(size) as threads:
                theirs = processor_time(lambda run=threads: list(run.map(lambda row: row, range(10_000))))
            pairs.append((ours, theirs))
        ratio = median(ours / theirs for ours, theirs in pairs)
        ours, theirs = (median(one) * 100 for one in zip(*pairs, strict=True))
        print(
            f"overhead, {size} at a time: {ours:.1f} microseconds a row, ThreadPoolExecutor.map {theirs:.1f}; "
            f"ratio {ratio:.2f}, goal 1.5"
        )
        good &= ratio <= 1.5
    return good


def throughput(seconds: float, tells: bool) -> bool:
    print(f"a server that takes {LIMIT} a second and {'says' if tells else 'does not say'} when, {seconds:.0f} s:")
    clients: dict[str, Callable[[int], None]] = {"the pool": lambda port: pool(port, seconds)}
    for name, wait in (
        ("the pool's bounds", tenacity.wait_random_exponential(multiplier=0.05, max=5)),
        ("its documentation's", tenacity.wait_random_exponential(multiplier=1, max=60)),
    ):
        retrying = tenacity.retry(wait=wait, retry=tenacity.retry_if_exception_type(CapacityError))
        clients[f"tenacity, {name}"] = lambda port, retrying=retrying: over_threads(port, seconds, retrying)
    told = {}
    for name, client in clients.items():
        with serving(tells) as server:
            client(server.port)
            told[name] = server.told()
        print(f"  {name}: {told[name][0]} done, {told[name][1]} told 429")
    done, refused = zip(*told.values(), strict=True)
    return done[0] == max(done) and refused[0] == min(refused)


def pool(port: int, seconds: float) -> None:
    def work(_row: Any, _: str) -> TransformResult:
        post(port)
        return TransformResult.success(None)

    ends = time.monotonic() + seconds
    with PooledExecutor(PoolConfig(pool_size=AT_A_TIME)) as executor:
        threading.Timer(seconds, executor.shutdown, [False]).start()
        for _ in executor.stream((RowContext(None, f"row-{n}", n) for n in until(ends)), work, ahead=100):
            pass


def over_threads(port: int, seconds: float, retrying: Callable[[Any], Any]) -> None:
    stop = threading.Event()

    @retrying
    def work() -> None:
        if not stop.is_set():
            post(port)

    def rows() -> None:
        while not stop.is_set():
            work()

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        for _ in range(AT_A_TIME):
            threads.submit(rows)
        time.sleep(seconds)
        stop.set()


def until(ends: float) -> Iterator[int]:
    for number in count():
        if time.monotonic() >= ends:
            return
        yield number


def post(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/", "")
        answer = connection.getresponse()
        answer.read()
        error = capacity_error(answer.status, dict(answer.getheaders()))
    finally:
        connection.close()
    if error is not None:
        raise error


class Limited(ThreadingHTTPServer):
    """Takes LIMIT requests in any second. tells: whether a refusal says when there is room again."""

    request_queue_size = 64

    def __init__(self, tells: bool) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.tells = tells
        self.port = self.server_address[1]
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._done = self._refused = 0

    def room(self) -> float:
        """Return 0 where a request is taken, else for how many seconds there is no room."""
        with self._lock:
            now = time.monotonic()
            while self._taken and self._taken[0] <= now - 1:
                self._taken.popleft()
            if len(self._taken) < LIMIT:
                self._taken.append(now)
                self._done += 1
                return 0.0
            self._refused += 1
            return self._taken[0] + 1 - now

    def told(self) -> tuple[int, int]:
        """Return how many were taken, and how many refused."""
        with self._lock:
            return self._done, self._refused


class Answer(BaseHTTPRequestHandler):
    """Says 200 or 429."""

    server: Limited

    def do_POST(self) -> None:
        """Answer."""
        wait = self.server.room()
        self.send_response(429 if wait else 200)
        if wait and self.server.tells:
            self.send_header("Retry-After", f"{wait:.3f}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(tells: bool) -> Iterator[Limited]:
    server = Limited(tells)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def memory() -> bool:
    def work(row: Any, _: str) -> TransformResult:
        return TransformResult.success(row)

    with tempfile.TemporaryDirectory(prefix="isolane-bench-") as name:
        tracemalloc.start(1)
        with (
            SqliteAudit(Path(name, "audit")) as audit,
            PooledExecutor(PoolConfig(pool_size=4), audit=audit) as executor,
        ):
            held = []
            source = (RowContext({"text": "x" * 100}, f"row-{n}", n) for n in range(100_000))
            for number, _ in enumerate(executor.stream(source, work), 1):
                if number in (10_000, 100_000):
                    held.append(tracemalloc.get_traced_memory()[0] / 1024)
        tracemalloc.stop()
    growth = held[1] - held[0]
    print(f"a stream: {held[0]:.0f} KiB after 10,000 rows, {held[1]:.0f} after 100,000; goal: under 100 more")
    return growth < 100


def contexts(count: int) -> list[RowContext]:
    return [RowContext(number, f"row-{number}", number) for number in range(count)]


def processor_time(what: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    what()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

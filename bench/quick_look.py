"""What the look after a test costs where it has changed nothing: all quick kinds, and what a forked process pays first.

    python bench/quick_look.py [--loggers 30]

A glance asks all quick kinds for their signs; the way without is a snapshot and a comparison for each. Both are told
warm (run again and again) and cold (behind something that goes through as much memory as a processor keeps for
itself), which is nearer to what a test leaves. Goal: 60 µs. Then, in a forked process, what one whole look at this
very project's modules takes, in time and in page faults: most of them are pages that the process has to copy.
"""

from __future__ import annotations

import argparse
import asyncio
import decimal
import gc
import importlib
import logging
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from unittest import mock

import isolane
from isolane.process_state.kinds import DEAR, KINDS, OUTSIDE, Surroundings, make_kinds
from isolane.process_state.watch import StateWatch

_LOADED = (asyncio, decimal, socket, mock)
"""Most suites load these, and some kinds look only where they are."""
_MUCH = bytearray(3 << 20)


def cost(look: Callable[[], object], *, cold: bool) -> float:
    """Return the median microseconds of a look."""
    seconds = []
    for _ in range(100 if cold else 1000):
        if cold:
            _MUCH.translate(None)
        started = perf_counter()
        look()
        seconds.append(perf_counter() - started)
    return median(seconds) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loggers", type=int, default=30)
    options = parser.parse_args()
    for number in range(options.loggers):
        logging.getLogger(f"bench.{number}")
    quick = make_kinds([name for name in KINDS if name not in (*DEAR, *OUTSIDE, "warnings")])
    watch = StateWatch(quick)
    watch.begin()
    watch.look(closely=False)
    expected = {kind: kind.snapshot() for kind in quick}

    def each_kind() -> None:
        for kind in quick:
            kind.diff(expected[kind], kind.snapshot())

    for name, look in (("a glance", lambda: watch.look(closely=False)), ("each kind by itself", each_kind)):
        print(f"{name}: {cost(look, cold=False):.0f} µs warm, {cost(look, cold=True):.0f} µs cold; goal 60 µs")

    root = Path(isolane.__file__).parent
    for file in root.rglob("*.py"):
        if "__main__" not in file.name and "noxkit" not in file.parts:
            importlib.import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))
    dear = StateWatch([], make_kinds(DEAR, Surroundings(root)))
    dear.begin()
    gc.collect()
    gc.freeze()
    if os.fork():
        os.wait()
        return
    for look_number in ("first", "second"):
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, perf_counter()
        dear.look(closely=True)
        seconds = perf_counter() - started
        pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        print(f"the {look_number} whole look of a forked process: {seconds * 1e3:.2f} ms, {pages} page faults")


if __name__ == "__main__":
    main()

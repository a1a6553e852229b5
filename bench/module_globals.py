"""What a look at the globals, classes, functions and caches of a project's modules costs, in a generated project.

    python bench/module_globals.py [MODULES]

100 modules, each with 30 names or so: functions, classes, constants, imports, two dictionaries and a list of 10
to 1,000 entries (the larger the rarer), a nested table, a few objects. Goal: a look at the globals of 100 modules in
under 0.5 ms where nothing has changed, which is what nearly every look finds.
"""

from __future__ import annotations

import importlib
import random
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from isolane.process_state.class_attributes import ClassAttributesKind
from isolane.process_state.function_caches import FunctionCachesKind
from isolane.process_state.functions import FunctionsKind
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules

GOAL = 0.5
"""Milliseconds a look at the module globals of 100 modules."""


def source(chance: random.Random) -> str:
    def size() -> int:
        return round(10 ** chance.uniform(1, 3))

    lines = ["import functools, json, os, re, sys", "from collections import defaultdict", "DEBUG = False"]
    lines += [f"LIMIT_{number} = {chance.random()!r}" for number in range(4)]
    lines.append(f"ITEMS = [f'item {{n}}' for n in range({size()})]")
    for number in range(2):
        lines.append(f"TABLE_{number} = {{f'key {{n}}': object() if n % 2 else str(n) for n in range({size()})}}")
    lines += [
        "NESTED = {name: [1, 2] for name in 'abcd'}",
        "_cache = None",
        "PATTERN = re.compile('a')",
    ]
    for number in range(3):
        lines += [
            f"class Class{number}:",
            "    registry = {}",
            "    limit = 3",
            "    def __init__(self):",
            "        self.name, self.parts, self.options = 'name', [1, 2], {'a': 1}",
            *(f"    def method_{method}(self, value=None, *, flag=False): return value" for method in range(5)),
            f"object_{number} = Class{number}()",
        ]
    lines += [f"def function_{number}(first, second=2): return first" for number in range(7)]
    lines += ["@functools.lru_cache", "def cached(argument): return argument"]
    return "\n".join(lines)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "bench_project")
        root.mkdir()
        for number in range(count):
            (root / f"module_{number}.py").write_text(source(chance))
        sys.path.insert(0, name)
        loaded = [importlib.import_module(f"bench_project.module_{number}") for number in range(count)]
        entries = sum(len(value) for module in loaded for value in vars(module).values() if type(value) in (dict, list))
        names = sum(len(vars(module)) for module in loaded)
        print(f"{count} modules, {names} names, {entries:,} entries in containers, {len(sys.modules)} modules loaded")
        project = ProjectModules([root])
        for make in (ModuleGlobalsKind, ClassAttributesKind, FunctionsKind, FunctionCachesKind):
            goal = GOAL * count / 100 if make is ModuleGlobalsKind else None
            report(make(project), loaded, goal)


def report(kind: Any, loaded: list[Any], goal: float | None) -> None:
    started = perf_counter()
    before = kind.snapshot()
    first = perf_counter() - started
    looks = []
    for _ in range(300):
        started = perf_counter()
        after = kind.snapshot()
        kind.diff(before, after)
        looks.append(perf_counter() - started)
    found = []
    for number in range(50):
        loaded[number % len(loaded)].NESTED["a"].append(number)
        started = perf_counter()
        after = kind.snapshot()
        kind.diff(before, after)
        found.append(perf_counter() - started)
        before = after
    line = f"{kind.name:17} a look: {median(looks) * 1e3:.3f} ms"
    line += f" (goal {goal:.3f} ms)" if goal else ""
    print(f"{line}, with one change: {median(found) * 1e3:.3f} ms, the first: {first * 1e3:.1f} ms")


if __name__ == "__main__":
    main()

"""What collecting in shards would bring, and what it would cost: each worker imports only the files it will run.

    python bench/sharded_collection.py PROJECT [PYTHON] [--files tests] [--options "-p no:randomly"]

The suite runs once as a whole, then its files are dealt out to two processes of which each collects and runs only
its own, as two workers with sharded collection would, one after the other. Printed are the phases of both, the wall
time that two such workers would need at best against that of two forked from one collection, and the tests whose
outcome is another because somebody else's import is missing.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from isolane.model.identity import module_of
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord
from isolane.planning.compare import compare
from isolane.usecases.execution import execute
from isolane.usecases.observer import Silence
from isolane.usecases.workshop import Workshop, open_workshop

SHARDS = 2


@dataclass(frozen=True)
class Phases:
    """Seconds: until the session starts, until the first test, until the last has ended."""

    start: float
    collection: float
    tests: float

    @classmethod
    def of(cls, record: RunRecord) -> Phases:
        """Return a run's."""
        phases = record.end.phases if record.end is not None else {}
        return cls(phases.get("start", 0.0), phases.get("collection", 0.0), phases.get("tests", 0.0))

    @property
    def seconds(self) -> float:
        """Return all three together."""
        return self.start + self.collection + self.tests

    def __str__(self) -> str:
        return f"start {self.start:.2f} s, collection {self.collection:.2f} s, tests {self.tests:.2f} s"


def run(workshop: Workshop, arguments: tuple[str, ...], options: tuple[str, ...]) -> RunRecord:
    plan = RunPlan(workshop.project, workshop.interpreter.python, (*options, *arguments), label="bench")
    return execute(workshop, plan, Silence()).record


def deal(record: RunRecord) -> list[list[str]]:
    """Return the files for each shard: the longest first, to whoever has least."""
    seconds: dict[str, float] = {}
    for node_id, finished in record.finished.items():
        module = module_of(node_id)
        seconds[module] = seconds.get(module, 0.0) + finished.seconds
    shards: list[list[str]] = [[] for _ in range(SHARDS)]
    loads = [0.0] * SHARDS
    for module in sorted(seconds, key=lambda one: -seconds[one]):
        least = loads.index(min(loads))
        shards[least].append(module)
        loads[least] += seconds[module]
    return shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("python", nargs="?")
    parser.add_argument("--options", default="", help="pytest's options that are not files, e.g. '-p no:randomly'")
    parser.add_argument("--files", default="", help="what the whole suite is, e.g. 'tests'")
    given = parser.parse_args()
    options = tuple(given.options.split())
    with open_workshop(given.project, given.python) as workshop:
        whole = run(workshop, tuple(given.files.split()), options)
        parts = [run(workshop, tuple(files), options) for files in deal(whole)]
    together = {node_id: outcome for part in parts for node_id, outcome in part.outcomes.items()}
    different = compare(whole.outcomes, together)
    all_phases = Phases.of(whole)
    shards = [Phases.of(part) for part in parts]
    forked = all_phases.start + all_phases.collection + all_phases.tests / SHARDS
    sharded = max(one.seconds for one in shards)
    print(f"{given.project.resolve()}: {len(whole.outcomes)} tests; as a whole: {all_phases}")
    for number, one in enumerate(shards, 1):
        print(f"  shard {number}: {one}")
    print(f"  two workers at best: collected once {forked:.2f} s, in shards {sharded:.2f} s: {sharded / forked:.2f}")
    print(f"  tests with another outcome in shards: {len(different)}")
    for node_id, expected, found in different[:5]:
        print(f"    {node_id}: {expected}, in shards {found}")


if __name__ == "__main__":
    main()

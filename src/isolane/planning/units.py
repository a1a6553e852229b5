"""What stays together: tests grouped into the units that workers are given, as ``--dist`` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isolane.model.identity import class_of, module_of
from isolane.planning.needs import NOTHING, Needs

MODES = ("load", "loadscope", "loadfile", "loadgroup", "worksteal")
"""The values of ``--dist`` that are understood here; xdist knows ``each`` besides."""
_CHUNKS_A_WORKER = 16
_LARGEST_CHUNK = 64
_LAST_PART, _LAST_CHUNKS_A_WORKER = 0.25, 64
"""The last quarter of the tests, by time, is cut four times as small: a run ends when its last chunk does."""
_SHORTEST_CHUNK_SECONDS = 0.005
"""A chunk that takes less costs more to hand out than it saves."""


@dataclass(frozen=True)
class Unit:
    """Tests that one worker runs, in this order. tests: positions in the collection. seconds: what they may take.

    needs: what they need from outside their process, one after the other.
    """

    key: str
    tests: tuple[int, ...]
    seconds: float | None = None
    needs: Needs = NOTHING


def make_units(
    node_ids: Sequence[str],
    dist: str,
    workers: int,
    *,
    groups: Sequence[str | None] | None = None,
    seconds: Sequence[float] | None = None,
    largest_chunk: int | None = None,
) -> list[Unit]:
    """Return the units of a run, in the order of their first tests.

    dist: one of :data:`MODES`. groups: for ``loadgroup``, each test's group (its ``xdist_group`` markers) or None.
    seconds: how long each test is expected to take. largest_chunk: the most tests that ``load`` keeps together.

    ``loadscope`` keeps the tests of a class together, and a module's functions; ``loadfile`` those of a file;
    ``loadgroup`` those of a group. What nothing keeps together is cut into chunks of neighbours: they share
    fixtures, and a chunk costs a message where each test would. A chunk ends with its file.

    >>> [unit.tests for unit in make_units(["a::x", "b::x", "a::y"], "loadfile", 2)]
    [(0, 2), (1,)]
    """
    if dist in ("load", "worksteal"):
        return _chunks(node_ids, range(len(node_ids)), workers, seconds, largest_chunk)
    together: dict[str, list[int]] = {}
    alone: list[int] = []
    for position, node_id in enumerate(node_ids):
        if dist == "loadscope":
            key: str | None = class_of(node_id) or module_of(node_id)
        elif dist == "loadfile":
            key = module_of(node_id)
        else:
            key = groups[position] if groups else None
        if key is None:
            alone.append(position)
        else:
            together.setdefault(key, []).append(position)
    units = [Unit(key, tuple(tests), _sum(tests, seconds)) for key, tests in together.items()]
    units += _chunks(node_ids, alone, workers, seconds, largest_chunk)
    return sorted(units, key=lambda unit: unit.tests[0])


def _chunks(
    node_ids: Sequence[str],
    positions: Sequence[int],
    workers: int,
    seconds: Sequence[float] | None,
    largest: int | None,
) -> list[Unit]:
    total = sum(seconds[position] for position in positions) if seconds else 0.0
    share = max(_SHORTEST_CHUNK_SECONDS, total / (workers * _CHUNKS_A_WORKER))
    last_share = max(_SHORTEST_CHUNK_SECONDS, total / (workers * _LAST_CHUNKS_A_WORKER))
    most = max(1, min(largest or _LARGEST_CHUNK, len(positions) // (workers * _CHUNKS_A_WORKER)))
    units: list[Unit] = []
    chunk: list[int] = []
    taken = gone = 0.0
    for position in positions:
        new_file = bool(chunk) and module_of(node_ids[chunk[0]]) != module_of(node_ids[position])
        one = seconds[position] if seconds else 0.0
        if chunk and (new_file or len(chunk) >= most or (seconds and taken + one > share)):
            units.append(Unit(node_ids[chunk[0]], tuple(chunk), _sum(chunk, seconds)))
            chunk, taken = [], 0.0
        chunk.append(position)
        taken += one
        gone += one
        if gone > (1 - _LAST_PART) * total:
            share = last_share
    if chunk:
        units.append(Unit(node_ids[chunk[0]], tuple(chunk), _sum(chunk, seconds)))
    return units


def _sum(tests: Sequence[int], seconds: Sequence[float] | None) -> float | None:
    return sum(seconds[position] for position in tests) if seconds else None

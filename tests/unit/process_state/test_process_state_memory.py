"""Pieces of memory: what is set in an object is seen in its piece, and reading changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import CellType
from typing import Any

import pytest

from isolane.process_state import memory
from isolane.process_state.dict_version import tells_of_attributes, version_of, version_piece
from isolane.process_state.memory import cell_piece, function_piece

pytestmark = pytest.mark.skipif(memory.piece_at is None, reason="this Python's memory is not read")


def example(first: int = 1, *, second: int = 2) -> int:
    return first + second


def other(first: int = 3, *, second: int = 4) -> int:
    return first - second


@pytest.mark.parametrize(
    "change",
    [
        lambda function: setattr(function, "__code__", other.__code__),
        lambda function: setattr(function, "__defaults__", (5,)),
        lambda function: setattr(function, "__kwdefaults__", None),
        lambda function: setattr(function, "attribute", 1),
    ],
    ids=["code", "defaults", "kwdefaults", "attributes"],
)
def test_what_a_function_runs_and_carries_is_in_its_piece(change: Callable[[Any], object]) -> None:
    assert function_piece is not None
    function = type(example)(example.__code__, globals(), "copy", (1,))
    function.__kwdefaults__ = {"second": 2}
    piece = [function_piece(function)]
    before = memory.read(piece)
    function()
    assert memory.read(piece) == before
    change(function)
    assert memory.read(piece) != before


def test_what_is_in_a_cell_is_in_its_piece() -> None:
    assert cell_piece is not None
    cell = CellType(object())
    before = memory.read([cell_piece(cell)])
    cell.cell_contents = object()
    assert memory.read([cell_piece(cell)]) != before


def test_the_pieces_that_differ_are_named_by_their_positions() -> None:
    dictionaries: list[dict[str, int]] = [{}, {"x": 1}, {}]
    assert version_of is not None
    assert function_piece is not None
    pieces = [version_piece(dictionaries[0]), function_piece(example), *map(version_piece, dictionaries[1:])]
    before = memory.read(pieces)
    assert memory.moved(pieces, before, before) == []
    dictionaries[1]["x"] = 2
    dictionaries[2]["y"] = 3
    assert memory.moved(pieces, before, memory.read(pieces)) == [2, 3]


def test_reading_counts_no_reference() -> None:
    assert cell_piece is not None
    value = object()
    piece = cell_piece(CellType(value))
    count = sys.getrefcount(value)
    list(map(memory.read, [[piece]] * 10))
    assert sys.getrefcount(value) == count


@pytest.mark.skipif(not tells_of_attributes, reason="attributes are written past the dictionary in this Python")
def test_an_attribute_that_is_set_again_and_again_is_seen_each_time() -> None:
    assert version_of is not None

    class Settings:
        value = 0

    settings = Settings()
    settings.value = -1
    versions = set()
    for number in range(300):
        settings.value = number
        versions.add(version_of(vars(settings)))
    assert len(versions) == 300


GLOBAL = 1


def set_global(value: int) -> None:
    global GLOBAL
    GLOBAL = value


@pytest.mark.parametrize("write", [partial(setattr, sys.modules[__name__], "GLOBAL"), set_global])
def test_a_global_that_is_set_again_and_again_is_seen_each_time(write: Callable[[int], object]) -> None:
    assert version_of is not None
    versions = set()
    for number in range(300):
        write(-number)
        versions.add(version_of(globals()))
    assert len(versions) == 300

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest

from isolane.pool import PoolValueError, RowContext, TransformResult


@pytest.mark.req("PC7")
def test_a_row_is_what_it_was_when_the_context_was_made() -> None:
    given = {"stop": 7, "lines": ["a", "b"]}
    context = RowContext(given, "row", 0)

    given["stop"] = 8
    given["lines"].append("c")  # type: ignore[attr-defined]
    context.row["lines"].append("d")
    context.row["stop"] = 9

    assert context.row == {"stop": 7, "lines": ["a", "b"]}


@pytest.mark.parametrize("name", ["row", "state_id", "row_index", "other"])
def test_a_context_cannot_be_changed(name: str) -> None:
    context = RowContext({}, "row", 0)

    with pytest.raises(AttributeError):
        setattr(context, name, "changed")
    with pytest.raises(AttributeError):
        delattr(context, name)


@pytest.mark.parametrize("state_id", ["", "  ", None, 3])
def test_a_context_has_a_name(state_id: Any) -> None:
    with pytest.raises(PoolValueError, match="state_id"):
        RowContext({}, state_id, 0)


@pytest.mark.parametrize("index", [-1, 1.0, None, True])
def test_a_context_has_a_place(index: Any) -> None:
    with pytest.raises(PoolValueError, match="row_index"):
        RowContext({}, "row", index)


def test_a_row_that_cannot_be_copied() -> None:
    with pytest.raises(PoolValueError, match=r"The row of row-1 cannot be copied: TypeError"):
        RowContext({"lock": threading.Lock()}, "row-1", 0)


@pytest.mark.parametrize("row", [{"a": 1}, {"a": [1]}, {(1, 2): {3}}, [1], "text", None, 2.5])
def test_any_value_can_be_a_row(row: Any) -> None:
    assert RowContext(row, "row", 0).row == row


def test_a_row_that_holds_itself() -> None:
    row: dict[str, Any] = {}
    row["self"] = row

    held = RowContext(row, "row", 0).row

    assert held["self"] is held is not row


@pytest.mark.parametrize(
    "value",
    [
        RowContext({"a": [1]}, "row", 3),
        TransformResult.success({"a": [1]}),
        TransformResult.success_multi([{"a": 1}, {"a": 2}]),
        TransformResult.error("no", retryable=True),
    ],
)
def test_contexts_and_results_can_be_copied_and_pickled(value: Any) -> None:
    assert copy.deepcopy(value) == value == pickle.loads(pickle.dumps(value))
    assert copy.copy(value) is value


def test_a_result_is_what_it_was_when_it_was_made() -> None:
    row: dict[str, Any] = {"lines": ["a"]}
    result = TransformResult.success(row)
    row["lines"].append("b")
    result.row["lines"].append("c")

    assert result.row == {"lines": ["a"]}
    with pytest.raises(AttributeError):
        result.status = "error"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("result", "row", "rows", "reason"),
    [
        (TransformResult.success(7), 7, None, None),
        (TransformResult.success((1, 2)), (1, 2), None, None),
        (TransformResult.success_multi([1, 2]), None, [1, 2], None),
        (TransformResult.error("no"), None, None, {"reason": "no"}),
        (TransformResult.error({"reason": "no", "code": 4}), None, None, {"reason": "no", "code": 4}),
    ],
)
def test_what_a_result_holds(result: TransformResult, row: Any, rows: Any, reason: Any) -> None:
    assert (result.row, result.rows, result.reason) == (row, rows, reason)
    assert result.is_success == (reason is None)
    assert not result.retryable
    assert result.account is None


def test_results_that_are_not_the_same() -> None:
    results = [
        TransformResult.success([1, 2]),
        TransformResult.success((1, 2)),
        TransformResult.success_multi([1, 2]),
        TransformResult.error("no"),
        TransformResult.error("no", retryable=True),
        "no result",
    ]

    assert all((one == other) == (one is other) for one in results for other in results)


@pytest.mark.parametrize("make", [lambda: TransformResult.success_multi([]), lambda: TransformResult.error("")])
def test_a_result_that_says_nothing(make: Any) -> None:
    with pytest.raises(PoolValueError):
        make()

"""A row of a batch: what is to be worked on, under which name, in which place."""

from __future__ import annotations

from typing import Any

from isolane.pool.errors import PoolValueError
from isolane.pool.snapshot import Frozen, own_copy, set_once


class RowContext(Frozen):
    """A row, its place in the batch and the name that its calls have in the audit.

    row: copied when the context is made, and again each time it is read: who changes what it got changes nothing
    here, nor for any other call. state_id: not empty, and no two rows at work have the same. row_index: from 0.
    """

    __slots__ = ("_row", "row_index", "state_id")
    row_index: int
    state_id: str
    _row: Any

    def __init__(self, row: Any, state_id: str, row_index: int) -> None:
        if not isinstance(state_id, str) or not state_id.strip():
            raise PoolValueError("bad-row", f"state_id is {state_id!r}.", "It has to be a text that is not empty.")
        if type(row_index) is not int or row_index < 0:
            raise PoolValueError("bad-row", f"row_index is {row_index!r}.", "It has to be a whole number from 0.")
        try:
            set_once(self, "_row", own_copy(row))
        except Exception as error:
            what = f"The row of {state_id} cannot be copied: {type(error).__name__}: {error}."
            raise PoolValueError("bad-row", what, "A row holds values, not connections or locks.") from error
        set_once(self, "state_id", state_id)
        set_once(self, "row_index", row_index)

    @property
    def row(self) -> Any:
        """The row; each time a copy of your own."""
        return own_copy(self._row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowContext):
            return NotImplemented
        return (self.state_id, self.row_index, self._row) == (other.state_id, other.row_index, other._row)

    def __hash__(self) -> int:
        return hash((self.state_id, self.row_index))

    def __reduce__(self) -> tuple[Any, ...]:
        return (RowContext, (self._row, self.state_id, self.row_index))

    def __repr__(self) -> str:
        return f"RowContext(state_id={self.state_id!r}, row_index={self.row_index})"

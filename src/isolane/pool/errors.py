"""What can go wrong with a pool for a reason the user can act on.

    IsolaneError
      UsageError         exit 4
        PoolValueError   a configuration, row or result that cannot be meant; also a ValueError
        PoolUseError     the executor is closed, belongs to another process, or waits for itself; also a RuntimeError
      RecordError        exit 3
        AuditError       a call could not be put on record, so the batch was stopped

:class:`~isolane.pool.capacity.CapacityError` is none of these: it is what the user's own function raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isolane.model.errors import RecordError, UsageError

if TYPE_CHECKING:
    from isolane.pool.result import TransformResult


class PoolValueError(UsageError, ValueError):
    """A value that cannot be meant."""


class PoolUseError(UsageError, RuntimeError):
    """An executor that cannot be used like this, or not any more."""


class AuditError(RecordError):
    """A call could not be put on record, so that no further call of the batch was made.

    results: what the batch's rows had come to by then, by row; None where a row has no result.
    """

    def __init__(self, what: str, hint: str = "", results: tuple[TransformResult | None, ...] = ()) -> None:
        super().__init__("audit-failed", what, hint)
        self.results = results

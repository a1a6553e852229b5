"""What a row comes to, and how it came to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from isolane.pool.errors import PoolValueError
from isolane.pool.snapshot import Frozen, own_copy, set_once


class Account(NamedTuple):
    """How a row came to its result. The times are in seconds.

    calls: those made for it. capacity_errors: how many of them were told 'not now'. elapsed_seconds: from the first
    call's start until the result was there; 0 without a call. delayed_seconds: for how long the throttle had held it
    back, before the first call too.
    """

    state_id: str
    row_index: int
    calls: int
    capacity_errors: int
    elapsed_seconds: float
    delayed_seconds: float


class TransformResult(Frozen):
    """A row's result: one row, several, or an error. Made by :meth:`success`, :meth:`success_multi`, :meth:`error`.

    status: ``success`` or ``error``. retryable: whether the same may succeed at another time. account: how the executor
    came to it; None before it has been through one. What is given is copied, and so is what is read: a result that is
    on record stays what it was. Results are equal whose contents are, whatever their accounts.
    """

    __slots__ = ("_content", "account", "retryable", "status")
    status: str
    retryable: bool
    account: Account | None
    _content: Any

    def __init__(self, status: str, content: Any, retryable: bool, account: Account | None = None) -> None:
        set_once(self, "status", status)
        set_once(self, "_content", content)
        set_once(self, "retryable", retryable)
        set_once(self, "account", account)

    @classmethod
    def success(cls, row: Any) -> TransformResult:
        """Return the result that is one row."""
        return cls("success", own_copy(row), False)

    @classmethod
    def success_multi(cls, rows: Iterable[Any]) -> TransformResult:
        """Return the result that is several rows; none at all is a :class:`PoolValueError`."""
        content = tuple(map(own_copy, rows))
        if not content:
            raise PoolValueError("bad-result", "A result of several rows has none.", "Return an error, or one row.")
        return cls("success", _Rows(content), False)

    @classmethod
    def error(cls, reason: str | Mapping[str, Any], retryable: bool = False) -> TransformResult:
        """Return an error. reason: words, or a mapping that has them under ``reason`` and more that explains it."""
        content = {"reason": reason} if isinstance(reason, str) else own_copy(dict(reason))
        if not content.get("reason"):
            raise PoolValueError("bad-result", "An error has no reason.", 'Give it words, or {"reason": …}.')
        return cls("error", content, retryable)

    @property
    def is_success(self) -> bool:
        """Whether it is no error."""
        return self.status == "success"

    @property
    def row(self) -> Any:
        """The row of a success; None for several, or an error."""
        return own_copy(self._content) if self.is_success and not isinstance(self._content, _Rows) else None

    @property
    def rows(self) -> list[Any] | None:
        """The rows of a success with several; else None."""
        return [own_copy(row) for row in self._content] if isinstance(self._content, _Rows) else None

    @property
    def reason(self) -> dict[str, Any] | None:
        """Why it is an error; its words are under ``reason``. None for a success."""
        return None if self.is_success else own_copy(self._content)

    @property
    def content(self) -> Any:
        """The row, a list of the rows, or the reason; a copy of your own."""
        rows = self.rows
        return rows if rows is not None else own_copy(self._content)

    def with_content(self, content: Any) -> TransformResult:
        """Return a result of the same kind with other content: what :attr:`content` gives, changed."""
        made = _Rows(content) if isinstance(self._content, _Rows) else content
        return TransformResult(self.status, made, self.retryable, self.account)

    def with_account(self, account: Account) -> TransformResult:
        """Return the same result, with how it came to be."""
        return TransformResult(self.status, self._content, self.retryable, account)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TransformResult):
            return NotImplemented
        mine = (self.status, self.retryable, type(self._content) is _Rows, self._content)
        return mine == (other.status, other.retryable, type(other._content) is _Rows, other._content)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return (TransformResult, (self.status, self._content, self.retryable, self.account))

    def __repr__(self) -> str:
        if not self.is_success:
            return f"TransformResult.error({self._content!r}, retryable={self.retryable})"
        if isinstance(self._content, _Rows):
            return f"TransformResult.success_multi({list(self._content)!r})"
        return f"TransformResult.success({self._content!r})"


class _Rows(tuple[Any, ...]):
    """Several rows, so that a row that is a tuple is not taken for them."""

    __slots__ = ()

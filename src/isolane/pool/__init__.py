"""Work for places that can say 'not now': bounded, in order, backing off together, every call on record.

>>> from isolane.pool import PoolConfig, PooledExecutor, RowContext, TransformResult
>>> def double(row, state_id):
...     return TransformResult.success(row * 2)
>>> with PooledExecutor(PoolConfig(pool_size=4)) as executor:
...     results = executor.execute_batch([RowContext(n, f"row-{n}", n) for n in range(3)], double)
>>> [result.row for result in results]
[0, 2, 4]

The names are looked up when they are first used: a trail in SQLite imports sqlite3, the asynchronous executor asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isolane.pool.asynchronous import AsyncPooledExecutor
    from isolane.pool.audit import AuditRecord, AuditSink, CallError, CallOutcome, CallTotals, MemoryAudit
    from isolane.pool.capacity import CAPACITY_CODES, CapacityError, capacity_error
    from isolane.pool.config import PoolConfig
    from isolane.pool.counts import PoolStatistics, RowCounts
    from isolane.pool.errors import AuditError, PoolUseError, PoolValueError
    from isolane.pool.executor import PooledExecutor
    from isolane.pool.jsonl_audit import JsonlAudit
    from isolane.pool.reorder import ReadyResult, ReorderBuffer
    from isolane.pool.result import Account, TransformResult
    from isolane.pool.row import RowContext
    from isolane.pool.sqlite_audit import SqliteAudit
    from isolane.pool.throttle import AIMDThrottle, ThrottleStatistics
    from isolane.pool.waiting import Waiting

_MODULES = {
    "asynchronous": ("AsyncPooledExecutor",),
    "audit": ("AuditRecord", "AuditSink", "CallError", "CallOutcome", "CallTotals", "MemoryAudit"),
    "capacity": ("CAPACITY_CODES", "CapacityError", "capacity_error"),
    "config": ("PoolConfig",),
    "counts": ("PoolStatistics", "RowCounts"),
    "errors": ("AuditError", "PoolUseError", "PoolValueError"),
    "executor": ("PooledExecutor",),
    "jsonl_audit": ("JsonlAudit",),
    "reorder": ("ReadyResult", "ReorderBuffer"),
    "result": ("Account", "TransformResult"),
    "row": ("RowContext",),
    "sqlite_audit": ("SqliteAudit",),
    "throttle": ("AIMDThrottle", "ThrottleStatistics"),
    "waiting": ("Waiting",),
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "CAPACITY_CODES",
    "AIMDThrottle",
    "Account",
    "AsyncPooledExecutor",
    "AuditError",
    "AuditRecord",
    "AuditSink",
    "CallError",
    "CallOutcome",
    "CallTotals",
    "CapacityError",
    "JsonlAudit",
    "MemoryAudit",
    "PoolConfig",
    "PoolStatistics",
    "PoolUseError",
    "PoolValueError",
    "PooledExecutor",
    "ReadyResult",
    "ReorderBuffer",
    "RowContext",
    "RowCounts",
    "SqliteAudit",
    "ThrottleStatistics",
    "TransformResult",
    "Waiting",
    "capacity_error",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"isolane.pool.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'isolane.pool' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

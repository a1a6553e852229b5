"""``isolane push``: send records of runs to a server that keeps them."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from isolane.history.event_log import FILE_NAME
from isolane.history.runs import RunSummary, find_run
from isolane.model.clock import Clock
from isolane.model.errors import UsageError
from isolane.pool import PoolConfig, PooledExecutor, RowContext, TransformResult, capacity_error

PATIENCE = 60.0
_AT_A_TIME = 4
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class PushRequest:
    """What was asked. runs: ids, beginnings of such, ``last``, or directories. url: where each is sent by POST.

    patience: seconds for which a server that says 'not now' is asked again.
    """

    runs: tuple[str, ...]
    url: str
    project: Path = Path()
    patience: float = PATIENCE


@dataclass(frozen=True)
class PushedRun:
    """A run that was sent, or was not: then ``failure`` says why. calls: how often it was tried."""

    run: str
    size: int
    calls: int
    failure: str = ""


def push(request: PushRequest, clock: Clock | None = None) -> list[PushedRun]:
    """Send each run's events as they are on record, one request a run, and return what became of each.

    A server that answers 429, 503 or 529 is left alone for as long as it asks, and tried again. Raises
    :class:`UsageError` for a run that is not there and a URL that is none, before anything is sent.
    """
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("bad-url", f"{request.url!r} is no address of a server.", "Give one like https://host/runs.")
    found = {run.directory: run for run in (find_run(request.project.resolve(), name) for name in request.runs)}
    contexts = [
        RowContext({"path": str(directory / FILE_NAME), "run": directory.name}, str(directory), number)
        for number, directory in enumerate(found)
    ]
    config = PoolConfig(pool_size=_AT_A_TIME, max_capacity_retry_seconds=request.patience)
    with PooledExecutor(config, clock=clock) as executor:
        results = executor.execute_batch(contexts, lambda row, _: _send(row, request.url))
    return [_pushed(run, result) for run, result in zip(found.values(), results, strict=True)]


def _send(row: Mapping[str, str], url: str) -> TransformResult:
    body = Path(row["path"]).read_bytes()
    headers = {"Content-Type": "application/x-ndjson", "Isolane-Run": row["run"]}
    question = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(question, timeout=_ANSWER_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            not_now = capacity_error(error.code, dict(error.headers.items()), str(error.reason))
        if not_now is not None:
            raise not_now from None
        return TransformResult.error(f"the server answers {error.code} {error.reason}")
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # What urllib wraps says more than the wrapping.
        words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return TransformResult.error(f"the server cannot be reached: {words}", retryable=True)
    return TransformResult.success(len(body))


def _pushed(run: RunSummary, result: TransformResult) -> PushedRun:
    calls = result.account.calls if result.account else 0
    if result.is_success:
        return PushedRun(run.directory.name, result.row, calls)
    reason = result.reason or {}
    if reason["reason"] == "capacity_retry_timeout":
        why = f"the server has no room ({reason['error']}), {calls} times in {reason['elapsed_seconds']:.0f} s"
    else:
        why = reason.get("error") or reason["reason"]
    return PushedRun(run.directory.name, 0, calls, why)

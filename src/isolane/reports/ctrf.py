"""A run in the Common Test Report Format: JSON, with each test's retries and whether it is flaky."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from isolane import __version__
from isolane.model.identity import module_of
from isolane.model.outcome import Category
from isolane.reports.cases import Case, Cases, name_of, suite_of
from isolane.reports.characters import cut, writable

SPECIFICATION = "0.0.0"
_LONGEST = 4_000
_STATUS = {
    Category.PASSED: "passed",
    Category.XPASSED: "passed",
    Category.SKIPPED: "skipped",
    Category.XFAILED: "skipped",
    Category.MISSING: "pending",
}
"""Everything else has failed."""


def ctrf_report(run: Cases) -> dict[str, Any]:
    """Return the document. Times are whole milliseconds, of the Unix epoch where they are points in time.

    A test that was collected and did not run is pending; one that failed in quarantine is ``other``. A file that could
    not be collected is a test that failed.
    """
    tests = [*_collection_failures(run), *(_test(one, run.location(one)) for one in run.tests)]
    statuses = [one["status"] for one in tests]
    header = run.record.header
    environment = {"reportName": header.run_id, "osPlatform": header.platform} if header else {}
    if header is not None and header.revision:
        environment["commit"] = header.revision
    return {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "timestamp": datetime.fromtimestamp(run.ended, tz=timezone.utc).isoformat(),
        "generatedBy": f"isolane {__version__}",
        "results": {
            "tool": {"name": "pytest", **({"version": header.pytest_version} if header else {})},
            "summary": {
                "tests": len(tests),
                **{status: statuses.count(status) for status in ("passed", "failed", "skipped", "pending", "other")},
                "flaky": sum(one.is_flaky for one in run.tests),
                "suites": len({tuple(one["suite"]) for one in tests}),
                "start": _milliseconds(run.began),
                "stop": _milliseconds(run.ended),
                "duration": _milliseconds(run.ended - run.began),
            },
            "tests": tests,
            "environment": environment,
            "extra": {name: writable(value) for name, value in {**run.facts, "trouble": run.trouble}.items() if value},
        },
    }


def _collection_failures(run: Cases) -> Iterator[dict[str, Any]]:
    for failure in run.collection_failures:
        file = writable(failure.node_id) or "(collection)"
        yield {
            "name": file,
            "status": "failed",
            "rawStatus": "not collected",
            "duration": 0,
            "suite": [file],
            "filePath": file,
            "message": _text(failure.message),
        }


def _test(case: Case, location: str) -> dict[str, Any]:
    category = case.outcome.category
    found: dict[str, Any] = {
        "name": writable(name_of(case.node_id)) or "(no name)",
        "status": "other" if case.is_quarantined else _STATUS.get(category, "failed"),
        "rawStatus": _text(str(case.outcome)),
        "duration": _milliseconds(case.seconds),
        "suite": [writable(part) for part in suite_of(case.node_id)],
        "filePath": writable(module_of(case.node_id)),
    }
    if case.start:
        found |= {"start": _milliseconds(case.start), "stop": _milliseconds(case.end)}
    if case.worker:
        found["threadId"] = case.worker
    message = case.message or case.outcome.detail
    if message:
        found["message"] = _text(message)
    if location:
        found["trace"] = _text(location)
    if case.is_quarantined:
        found["tags"] = ["quarantined"]
    if case.earlier:
        found |= {"retries": len(case.earlier), "flaky": case.is_flaky}
        found["retryAttempts"] = [
            {"attempt": number, "status": "failed", **({"message": _text(message)} if message else {})}
            for number, message in enumerate(case.earlier, 1)
        ]
    return found


def _milliseconds(seconds: float) -> int:
    return round(max(0.0, seconds) * 1000)


def _text(text: str) -> str:
    return cut(writable(text), _LONGEST)

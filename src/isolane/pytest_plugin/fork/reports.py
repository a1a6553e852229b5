"""Reports and warnings on their way from a worker to the controller."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from isolane.engines.fork.messages import Reported, Warned

_SENT_APART = ("_id", "nodeid", "location", "keywords")
"""What the controller has already, under the names that pytest has had for it."""


def only_pytest_serializes(config: pytest.Config) -> bool:
    """Return whether no plugin has a say in how reports are serialized."""
    return all(
        implementation.plugin_name.startswith("_pytest.")
        or getattr(implementation.plugin, "__name__", "").startswith("_pytest.")
        for hook in (config.hook.pytest_report_to_serializable, config.hook.pytest_report_from_serializable)
        for implementation in hook.get_hookimpls()
    )


def failed_subtests(config: pytest.Config) -> dict[object, int]:
    """Return pytest's own count of failed subtests by :func:`subtests_key`; an empty one before pytest 9."""
    try:
        from _pytest.subtests import failed_subtests_key
    except ImportError:
        return {}
    key: Any = failed_subtests_key
    found: dict[object, int] = config.stash.get(key, {})
    return found


def subtests_key(item: pytest.Item) -> object:
    """Return what pytest counts an item's subtests under: its node id, in parts where pytest has them."""
    return getattr(item, "id", item.nodeid)


class Writer:
    """Makes messages of reports, in the worker. quickly: reports that say nothing special go as they are."""

    def __init__(self, config: pytest.Config, *, quickly: bool) -> None:
        self._config = config
        self._quickly = quickly
        self._keywords: Mapping[str, Any] = {}
        self._keywords_of = -1

    def reported(self, test: int, item: pytest.Item, report: pytest.TestReport) -> Reported:
        """Return the report's message."""
        if (
            self._quickly
            and type(report) is pytest.TestReport
            and (report.longrepr is None or type(report.longrepr) is tuple)
            and report.location == item.location
            and report.nodeid == item.nodeid
        ):
            values = dict(report.__dict__)
            for name in _SENT_APART:
                values.pop(name, None)
            keywords: Mapping[str, Any] | None = report.keywords
            if self._keywords_of == test and keywords == self._keywords:
                keywords = None
            else:
                self._keywords_of, self._keywords = test, dict(report.keywords)
            return Reported(test, False, values, keywords)
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        return Reported(test, True, data, None)


class Reader:
    """Makes reports of messages, in the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._keywords: dict[int, Mapping[str, Any]] = {}
        self._bare: dict[int, pytest.TestReport] = {}

    def report(self, message: Reported, node_id: str, location: tuple[str, int | None, str]) -> pytest.TestReport:
        """Return the report."""
        if message.serialized:
            data = self._config.hook.pytest_report_from_serializable(config=self._config, data=dict(message.values))
            report: pytest.TestReport = data
            return report
        if message.keywords is not None:
            # One set of keywords does for all phases, as it mostly does in a serial run.
            self._keywords[message.test] = dict(message.keywords)
            self._bare[message.test] = pytest.TestReport(
                nodeid=node_id,
                location=location,
                keywords=self._keywords[message.test],
                outcome="passed",
                longrepr=None,
                when="call",
            )
        report = pytest.TestReport.__new__(pytest.TestReport)
        report.__dict__.update(self._bare[message.test].__dict__)
        report.__dict__.update(message.values)
        return report

    def over(self, test: int) -> None:
        """Forget a test."""
        self._keywords.pop(test, None)
        self._bare.pop(test, None)


def warned(message: warnings.WarningMessage, when: str, node_id: str, location: tuple[str, int, str] | None) -> Warned:
    """Return a warning's message."""
    content = message.message
    category = message.category or (type(content) if isinstance(content, Warning) else UserWarning)
    source = type(content) if isinstance(content, Warning) else category
    return Warned(
        {
            "module": source.__module__,
            "class": source.__qualname__,
            "arguments": content.args if isinstance(content, Warning) else (content,),
            "text": str(content),
            "category_module": category.__module__,
            "category": category.__qualname__,
            "filename": message.filename,
            "lineno": message.lineno,
            "line": message.line,
        },
        when,
        node_id,
        location,
    )


def warning_of(message: Mapping[str, Any]) -> warnings.WarningMessage:
    """Return the warning that :func:`warned` described.

    A class that cannot be found or made here is stood in for by ``UserWarning`` with the same text.
    """
    category = _class(message["category_module"], message["category"]) or UserWarning
    source = _class(message["module"], message["class"]) or category
    try:
        content: Warning | str = source(*message["arguments"])
        if str(content) != message["text"]:
            content = category(message["text"])
    except Exception:  # noqa: BLE001  # a stranger's constructor
        content = UserWarning(message["text"])
    return warnings.WarningMessage(
        content, category, str(message["filename"]), int(message["lineno"]), line=message["line"]
    )


def _class(module: str, name: str) -> type[Warning] | None:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:  # noqa: BLE001  # whatever importing a stranger's module raises
        return None
    return found if isinstance(found, type) and issubclass(found, Warning) else None

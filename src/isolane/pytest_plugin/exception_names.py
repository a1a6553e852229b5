"""The type of a test's exception, added to its report in the process that has it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

EXCEPTION_ATTRIBUTE = "isolane_exception"
NAMES_PLUGIN = "isolane-exception-names"


def exception_names(
    config: pytest.Config, *, in_one_process: bool
) -> ExceptionNames | ExceptionNamesAround | ExceptionNamesAfter:
    """Return the plugin: the cheapest one, unless it would keep a conftest's or a plugin's own hook from being called.

    in_one_process: what makes a report is also what keeps it, so that the name may be added a moment later. Else
    pytest asks for the first report that is made, so a hook that makes it is the last that is called. What is
    registered later (a conftest of a subdirectory) is called before ours and needs no care.
    """
    if in_one_process:
        return ExceptionNamesAfter()
    others = [
        one
        for one in config.hook.pytest_runtest_makereport.get_hookimpls()
        if not (one.wrapper or one.hookwrapper) and one.plugin_name not in ("runner", "unittest")
    ]
    return ExceptionNamesAround() if others else ExceptionNames()


class ExceptionNamesAfter:
    """For a serial run: a hook that is called for failures only."""

    def pytest_exception_interact(self, call: pytest.CallInfo[Any], report: object) -> None:
        """Add it."""
        if call.excinfo is not None:
            setattr(report, EXCEPTION_ATTRIBUTE, call.excinfo.typename)


class ExceptionNamesAround:
    """The same for a suite with hooks of its own: whoever makes the report, the attribute is added to it."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add it."""
        report = yield
        if call.excinfo is not None:
            setattr(report, EXCEPTION_ATTRIBUTE, call.excinfo.typename)
        return report


class ExceptionNames:
    """Gives each failed report its exception's type, where the exception is: in the worker."""

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Make the report as pytest does, with an attribute more, which travels with it to the controller.

        Not a wrapper: that would cost every phase of every test, though only failed ones have a name to add.
        """
        if call.excinfo is None:
            return None
        report = pytest.TestReport.from_item_and_call(item, call)
        setattr(report, EXCEPTION_ATTRIBUTE, call.excinfo.typename)
        return report

"""The type of a test's exception, added to its report in the process that has it."""

from __future__ import annotations

import pytest

EXCEPTION_ATTRIBUTE = "isolane_exception"


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

"""What became of a test, in a form that two runs can be compared by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Category(str, Enum):
    """How a test ended, or that it did not."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    SETUP_ERROR = "error in setup"
    TEARDOWN_ERROR = "error in teardown"
    CRASHED = "crashed"
    HUNG = "hung"
    MISSING = "missing"
    DUPLICATED = "duplicated"


BAD = frozenset(
    {
        Category.FAILED,
        Category.SETUP_ERROR,
        Category.TEARDOWN_ERROR,
        Category.CRASHED,
        Category.HUNG,
    }
)
"""Categories that make a run fail."""


@dataclass(frozen=True)
class Outcome:
    """A category with what else must be the same: the exception's type, or the reason of a skip.

    >>> str(Outcome(Category.FAILED, "ValueError"))
    'failed (ValueError)'
    """

    category: Category
    detail: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether a run with this outcome fails."""
        return self.category in BAD

    @classmethod
    def parse(cls, text: str) -> Outcome:
        """Return the outcome that is written so.

        >>> Outcome.parse("failed (ValueError)") == Outcome(Category.FAILED, "ValueError")
        True
        """
        category, _, detail = text.partition(" (")
        return cls(Category(category), detail.removesuffix(")"))

    def __str__(self) -> str:
        return f"{self.category.value} ({self.detail})" if self.detail else self.category.value


MISSING = Outcome(Category.MISSING)
PASSED = Outcome(Category.PASSED)

"""The tree of errors: each has a slug, what happened, what to do, and pytest's exit code for it."""

from __future__ import annotations

import re

import pytest

from isolane.model import errors
from isolane.model.errors import (
    ExitCode,
    IsolaneError,
    NewerFormatError,
    PolicyError,
    ProjectError,
    RecordError,
    RuleError,
    RuleLimitError,
    ServerMissingError,
    ServerUnavailableError,
    UsageError,
)

PARENTS = {
    UsageError: IsolaneError,
    ProjectError: UsageError,
    PolicyError: UsageError,
    RuleError: IsolaneError,
    RuleLimitError: RuleError,
    RecordError: IsolaneError,
    NewerFormatError: RecordError,
    ServerUnavailableError: IsolaneError,
    ServerMissingError: ServerUnavailableError,
}
EXIT_CODES = {
    IsolaneError: 3,
    UsageError: 4,
    ProjectError: 4,
    PolicyError: 4,
    RuleError: 1,
    RuleLimitError: 1,
    RecordError: 3,
    NewerFormatError: 3,
    ServerUnavailableError: 3,
    ServerMissingError: 3,
}


def subclasses(cls: type[IsolaneError]) -> set[type[IsolaneError]]:
    return {cls}.union(*(subclasses(one) for one in cls.__subclasses__() if one.__module__ == errors.__name__))


def an_error(cls: type[IsolaneError]) -> IsolaneError:
    return NewerFormatError("the log", 2, 1) if cls is NewerFormatError else cls("a-slug", "It broke.", "Mend it.")


def test_the_tree_is_the_one_that_is_tested_here() -> None:
    assert subclasses(IsolaneError) == set(EXIT_CODES)
    assert {cls: cls.__bases__[0] for cls in PARENTS} == PARENTS


def test_the_tree_is_drawn_at_the_top_of_its_file() -> None:
    drawn = re.findall(r"^ *(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)

    assert set(drawn) == {cls.__name__ for cls in EXIT_CODES}


@pytest.mark.parametrize("cls", EXIT_CODES, ids=lambda cls: cls.__name__)
def test_an_error_is_one_line_with_what_happened_what_to_do_and_its_slug(cls: type[IsolaneError]) -> None:
    error = an_error(cls)

    assert str(error) == f"{error.what} {error.hint} [{error.slug}]"
    assert error.args == (error.what,)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.slug)
    assert "\n" not in str(error)
    assert error.what.endswith(".")
    assert error.hint.endswith(".")


@pytest.mark.parametrize(("cls", "code"), EXIT_CODES.items(), ids=lambda value: getattr(value, "__name__", None))
def test_an_error_has_pytests_exit_code(cls: type[IsolaneError], code: int) -> None:
    assert an_error(cls).exit_code == code


def test_an_exit_code_can_be_given_to_one_error_alone() -> None:
    error = IsolaneError("no-tests", "Nothing.", exit_code=ExitCode.NO_TESTS)

    assert error.exit_code == 5
    assert IsolaneError("other", "Something.").exit_code == 3


def test_without_a_hint_there_is_no_gap() -> None:
    assert str(IsolaneError("a-slug", "It broke.")) == "It broke. [a-slug]"


def test_exit_codes_are_pytests_own() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        {"TESTS_FAILED": "FAILED", "NO_TESTS_COLLECTED": "NO_TESTS"}.get(code.name, code.name): int(code)
        for code in pytest.ExitCode
        if int(code) <= 5
    }

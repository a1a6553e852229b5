"""What can go wrong for a reason the user can act on.

    IsolaneError
      UsageError              exit 4: a bad option, path or value
        ProjectError          the project cannot be run as it is (no interpreter, no pytest, …)
        PolicyError           a policy file is not one
      RecordError             exit 3: a run's record cannot be read or written
        NewerFormatError      it was written by a newer isolane
      ServerUnavailableError  exit 3: an outside service did not answer
        ServerMissingError    it is not installed here
      RuleError               exit 1: a policy's rule came to no end of its own
        RuleLimitError        it reached a limit of time, memory or instructions

Each says what happened, and apart from that what to do. The slug is stable: scripts and docs may name it.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """pytest's exit codes, used by every face."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NO_TESTS = 5


class IsolaneError(Exception):
    """An error with a slug, one sentence of what happened and one of what to do."""

    exit_code: ExitCode = ExitCode.INTERNAL_ERROR

    def __init__(self, slug: str, what: str, hint: str = "", *, exit_code: ExitCode | None = None) -> None:
        super().__init__(what)
        self.slug = slug
        self.what = what
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        """Return one line: what happened, what to do, and the slug."""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.what}{hint} [{self.slug}]"


class UsageError(IsolaneError):
    """What was typed or configured cannot be done."""

    exit_code = ExitCode.USAGE_ERROR


class ProjectError(UsageError):
    """The project, or its interpreter, cannot be run as it is."""


class PolicyError(UsageError):
    """A policy file cannot be read, or is not a policy."""


class RecordError(IsolaneError):
    """A run's record cannot be read or written."""


class NewerFormatError(RecordError):
    """A record was written in a format newer than this isolane knows."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(
            "newer-format",
            f"{where} has format {found}, this isolane reads up to {known}.",
            "Upgrade isolane, or read it with the version that wrote it.",
        )


class ServerUnavailableError(IsolaneError):
    """An outside service did not answer."""


class ServerMissingError(ServerUnavailableError):
    """A program or a library that an outside service needs is not installed here."""


class RuleError(IsolaneError):
    """A rule of a policy failed. lua_line: in its code, from 1; lua_traceback: the lines that led there."""

    exit_code = ExitCode.FAILED

    def __init__(self, slug: str, what: str, hint: str = "", *, lua_line: int | None = None, lua_traceback: str = ""):
        super().__init__(slug, what, hint)
        self.lua_line = lua_line
        self.lua_traceback = lua_traceback


class RuleLimitError(RuleError):
    """A rule reached a limit, and was ended."""

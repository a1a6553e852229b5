"""isolane's options, declared once, each with three spellings.

``--isolane-NAME`` on the command line, ``ISOLANE_NAME`` in the environment, ``isolane_NAME`` in the ini file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Option:
    """One option. choices: the words it takes; empty for free text. number: whether it is a whole number.

    switch: typed without a value, it means ``on``.
    """

    name: str
    default: str
    help: str
    choices: tuple[str, ...] = ()
    number: bool = False
    switch: bool = False

    @property
    def flag(self) -> str:
        """Return the command line's spelling."""
        return f"--isolane-{self.name}"

    @property
    def ini(self) -> str:
        """Return the ini file's spelling."""
        return f"isolane_{self.name.replace('-', '_')}"

    @property
    def variable(self) -> str:
        """Return the environment's spelling."""
        return self.ini.upper()

    @property
    def destination(self) -> str:
        """Return the attribute of ``config.option`` that holds what was typed."""
        return self.ini


OPTIONS = (
    Option(
        "engine",
        "auto",
        "What runs the tests where -n asks for workers: fork (collect once, fork workers), xdist, serial, or auto "
        "(fork where it is safe, else xdist)",
        choices=("auto", "fork", "xdist", "serial"),
    ),
    Option(
        "worker-timeout",
        "",
        "Seconds without a sign of life from a worker after which it is killed and its test named (fork engine)",
        number=True,
    ),
    Option(
        "isolation",
        "leak",
        "How far forked workers keep tests apart: none (a worker runs all it is given), leak (a fresh process goes on "
        "as soon as a test has left something behind), module, test (a fresh process for each)",
        choices=("none", "leak", "module", "test"),
    ),
    Option(
        "leaks",
        "off",
        "What to do about state that a test leaves behind: off, report (list it), restore (put it back), fail (an "
        "error in the test's teardown)",
        choices=("off", "report", "restore", "fail"),
    ),
    Option(
        "record",
        "auto",
        "Keep the run's events under .isolane/runs: on, off, or auto (parallel runs)",
        choices=("auto", "on", "off"),
    ),
    Option(
        "conflict",
        "wait",
        "What a recorded run does where another run in this checkout writes the same coverage data or report: fail, "
        "wait, or retry (wait, and look after pauses that grow)",
        choices=("fail", "wait", "retry"),
    ),
    Option(
        "live",
        "off",
        "Show the workers, what each is running and for how long, and failures as they come; plain lines where the "
        "output is no terminal: on, off",
        choices=("on", "off"),
        switch=True,
    ),
    Option(
        "worktree",
        "off",
        "Run in a git worktree of its own at this revision (HEAD, a branch, a commit), removed afterwards; or off",
    ),
    Option(
        "worktree-changes",
        "off",
        "Take what is not committed along into the worktree: on, off",
        choices=("on", "off"),
        switch=True,
    ),
    Option("conflict-timeout", "300", "Seconds after which a run waits no longer for another one", number=True),
    Option(
        "seed",
        "",
        "Shuffle the tests, modules and classes staying together, in the order drawn by this number",
        number=True,
    ),
    Option("order", "", "Run exactly the tests whose node ids this file lists, one a line, in that order"),
    Option(
        "require-services",
        "off",
        "Fail, instead of skip, the tests whose server, program or library is not installed: on, off",
        choices=("on", "off"),
        switch=True,
    ),
    Option(
        "hunt",
        "off",
        "After a run with failures, look which tests the failed ones that pass alone fail after, and why: on, off",
        choices=("on", "off"),
        switch=True,
    ),
    Option(
        "stress-load",
        "off",
        "Run the tests on a machine kept busy (processors, disk, memory), with threads that switch often and event "
        "loops that lag, so that races show: on, off",
        choices=("on", "off"),
        switch=True,
    ),
    Option("reports", "reports", "Directory for reports, relative to rootdir"),
    Option("keep-runs", "200", "How many runs to keep under .isolane/runs", number=True),
    Option("workers", "2,auto", "Worker counts that isolane prove runs with"),
    Option("seeds", "", "Seeds for the shuffled orders of isolane prove (drawn anew each time if not given)"),
    Option(
        "stall-timeout", "600", "Seconds without any event after which isolane's verbs take a run for hung", number=True
    ),
)
_BY_NAME = {option.name: option for option in OPTIONS}


def add_options(parser: pytest.Parser) -> None:
    """Register every option with pytest."""
    group = parser.getgroup("isolane", "isolane: parallel runs, proven")
    for option in OPTIONS:
        group.addoption(
            option.flag,
            dest=option.destination,
            default=None,
            **(
                {"action": "store_const", "const": "on"}
                if option.switch
                else {"metavar": "|".join(option.choices) or option.name.upper()}
            ),
            help=f"{option.help}. Default: {option.default or 'none'}. Also {option.variable}, ini {option.ini}.",
        )
        parser.addini(option.ini, option.help, default="")


def value_of(config: pytest.Config, name: str, *, early: bool = False) -> str:
    """Return an option's value: typed, else from the environment, else from the ini file, else the default.

    early: the arguments have not been parsed for good; what is known of them counts.

    Raises :class:`pytest.UsageError` for a value that the option does not take.
    """
    option = _BY_NAME[name]
    typed = config.known_args_namespace if early else config.option
    for source, value in (
        (option.flag, getattr(typed, option.destination, None)),
        (option.variable, os.environ.get(option.variable)),
        (f"ini {option.ini}", config.getini(option.ini)),
    ):
        if value is not None and value != "":
            return _checked(option, str(value), source)
    return option.default


def number_of(config: pytest.Config, name: str) -> int | None:
    """Return a numeric option, None where it is not given."""
    text = value_of(config, name)
    return int(text) if text else None


def settings(config: pytest.Config) -> dict[str, str]:
    """Return every option's value in force, by name."""
    return {option.name: value_of(config, option.name) for option in OPTIONS}


def _checked(option: Option, value: str, source: str) -> str:
    if option.choices and value not in option.choices:
        raise pytest.UsageError(f"isolane: {source}={value!r} is not one of {', '.join(option.choices)}.")
    if option.number and not (value.isascii() and value.isdigit()):
        raise pytest.UsageError(f"isolane: {source}={value!r} is not a whole number.")
    return value

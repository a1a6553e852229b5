"""Loggers are given back as they were; new ones are made like new; pytest's own handlers are left to pytest."""

from __future__ import annotations

import logging
import logging.config
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change, Level
from isolane.process_state.logging_state import LoggingKind

KIND = LoggingKind()
LEVELS = st.sampled_from([logging.NOTSET, logging.DEBUG, logging.WARNING, logging.CRITICAL])
NAMES = st.sampled_from(["", "isolane_known", "isolane_known.child", "isolane_new", "isolane_new.child"])
STEPS = st.one_of(
    st.tuples(st.just("level"), NAMES, LEVELS),
    st.tuples(st.just("propagate"), NAMES, st.booleans()),
    st.tuples(st.just("disabled"), NAMES, st.booleans()),
    st.tuples(st.just("add"), NAMES),
    st.tuples(st.just("filter"), NAMES),
    st.tuples(st.just("handler level"), NAMES, LEVELS),
    st.tuples(st.just("clear"), NAMES),
    st.tuples(st.just("replace lists"), NAMES),
    st.tuples(st.just("forget"), NAMES),
    st.tuples(st.just("disable"), LEVELS),
    st.tuples(st.just("configure")),
)


def take(step: tuple) -> None:
    logger = logging.getLogger(step[1]) if len(step) > 1 and isinstance(step[1], str) else logging.getLogger()
    match step:
        case ("level", _, level):
            logger.setLevel(level)
        case ("propagate", _, value):
            logger.propagate = value
        case ("disabled", _, value):
            logger.disabled = value
        case ("add", _):
            logger.addHandler(logging.StreamHandler())
        case ("filter", _):
            logger.addFilter(lambda record: False)
        case ("handler level", _, level):
            for handler in logger.handlers:
                handler.setLevel(level)
        case ("clear", _):
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
                handler.close()
        case ("replace lists", _):
            logger.handlers, logger.filters = [logging.StreamHandler()], [lambda record: True]
        case ("forget", name):
            logging.root.manager.loggerDict.pop(name, None)
        case ("disable", level):
            logging.disable(level)
        case ("configure",):
            logging.config.dictConfig({"version": 1, "root": {"level": "ERROR"}})


def lasting(handlers: list[logging.Handler]) -> list[logging.Handler]:
    """Without those that pytest attaches for one phase of a test."""
    return [handler for handler in handlers if type(handler).__name__ != "LogCaptureHandler"]


@pytest.fixture
def known() -> Iterator[logging.Logger]:
    """A logger that exists before the test's changes, with a handler and a filter, and everything as before after."""
    initial = KIND.snapshot()
    logger = logging.getLogger("isolane_known")
    logger.addHandler(logging.StreamHandler())
    logger.addFilter(lambda record: True)
    logging.getLogger("isolane_known.child").propagate = False
    yield logger
    KIND.restore(initial)


@pytest.mark.req("R2.4")
@given(steps=st.lists(STEPS, max_size=8))
def test_any_changes_are_undone(steps: list[tuple]) -> None:
    initial = KIND.snapshot()
    logging.getLogger("isolane_known").addHandler(logging.StreamHandler())
    logging.getLogger("isolane_known.child").propagate = False
    lists = {name: logging.getLogger(name).handlers for name in ("", "isolane_known")}
    contents = {name: lasting(handlers) for name, handlers in lists.items()}
    before = KIND.snapshot()
    try:
        for step in steps:
            take(step)
        KIND.restore(before)
        now = KIND.snapshot()
        assert KIND.diff(before, now) == []
        for name, handlers in lists.items():
            assert logging.getLogger(name).handlers is handlers
            assert lasting(handlers) == contents[name]
        for name in ("isolane_new", "isolane_new.child"):
            logger = logging.getLogger(name)
            assert (logger.level, logger.propagate, logger.disabled) == (logging.NOTSET, True, False)
            assert logger.handlers == logger.filters == []
    finally:
        KIND.restore(initial)


@pytest.mark.req("R2.4")
def test_levels_found_enabled_before_are_asked_for_again(known: logging.Logger) -> None:
    known.setLevel(logging.ERROR)
    before = KIND.snapshot()
    known.setLevel(logging.DEBUG)
    assert known.isEnabledFor(logging.DEBUG)
    KIND.restore(before)
    assert not known.isEnabledFor(logging.DEBUG)


@pytest.mark.req("R2.4")
def test_loggers_that_a_configuration_disabled_work_again(known: logging.Logger) -> None:
    handlers = list(known.handlers)
    before = KIND.snapshot()
    logging.config.dictConfig({"version": 1, "root": {"level": "ERROR"}})
    assert known.disabled
    KIND.restore(before)
    assert not known.disabled
    assert known.handlers == handlers


def test_a_handler_that_was_removed_and_closed_is_there_again_and_works(known: logging.Logger, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "app.log")
    known.addHandler(handler)
    try:
        before = KIND.snapshot()
        known.removeHandler(handler)
        handler.close()
        KIND.restore(before)
        known.error("after")
    finally:
        handler.close()
    assert (tmp_path / "app.log").read_text() == "after\n"


def test_the_file_of_a_handler_that_is_left_behind_is_closed(known: logging.Logger, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "test.log")
    before = KIND.snapshot()
    known.addHandler(handler)
    stream = handler.stream
    KIND.restore(before)
    assert handler not in known.handlers
    assert stream.closed


def test_the_file_of_a_handler_that_belongs_to_another_logger_stays_open(known: logging.Logger, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "app.log", mode="w")
    known.addHandler(handler)
    try:
        before = KIND.snapshot()
        logging.getLogger("isolane_known.child").addHandler(handler)
        KIND.restore(before)
        assert not handler.stream.closed
    finally:
        handler.close()


def test_the_null_handler_of_a_library_that_a_test_imports_stays(known: logging.Logger) -> None:
    before = KIND.snapshot()
    library = logging.getLogger("isolane_known.library")
    library.addHandler(logging.NullHandler())
    library.addHandler(logging.StreamHandler())
    KIND.restore(before)
    assert [type(handler) for handler in library.handlers] == [logging.NullHandler]


def test_pytests_capturing_handler_is_not_brought_back_and_a_leaked_one_is_removed(
    known: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    known.propagate = False
    with_it = [*known.handlers, caplog.handler]
    without_it = list(known.handlers)

    known.handlers[:] = with_it  # As pytest does for a logger that does not propagate, for one phase of a test.
    before = KIND.snapshot()
    known.handlers[:] = without_it
    KIND.restore(before)
    assert known.handlers == without_it

    known.handlers[:] = with_it
    KIND.restore(before)
    assert known.handlers == with_it

    known.handlers[:] = without_it
    before = KIND.snapshot()
    known.addHandler(caplog.handler)
    assert KIND.diff(before, KIND.snapshot()) == []
    KIND.restore(before)
    assert known.handlers == without_it


def test_captured_warnings_and_the_modules_settings_are_given_back(known: logging.Logger) -> None:
    logger_class, record_factory = logging.getLoggerClass(), logging.getLogRecordFactory()
    show, last_resort = warnings.showwarning, logging.lastResort
    before = KIND.snapshot()
    logging.captureWarnings(True)
    logging.setLoggerClass(type("Own", (logging.Logger,), {}))
    logging.setLogRecordFactory(type("Record", (logging.LogRecord,), {}))
    logging.raiseExceptions = False
    logging.lastResort = None
    logging.disable(logging.ERROR)
    changed = {change.name for change in KIND.diff(before, KIND.snapshot())}
    assert changed >= {"logging.disable", "logging.raiseExceptions", "logging.lastResort", "logging._loggerClass"}

    KIND.restore(before)

    assert KIND.diff(before, KIND.snapshot()) == []
    assert logging.getLoggerClass() is logger_class
    assert logging.getLogRecordFactory() is record_factory
    assert (logging.raiseExceptions, logging.lastResort) == (True, last_resort)
    warnings.showwarning = show
    logging.captureWarnings(True)  # Works once more only if the module has forgotten the first time.
    assert warnings.showwarning is not show
    logging.captureWarnings(False)
    assert warnings.showwarning is show


def test_lists_that_are_none_and_handlers_that_cannot_be_compared_do_no_harm(known: logging.Logger) -> None:
    class Contrary:
        level = 0

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("compared")

        __hash__ = None  # type: ignore[assignment]

    handlers = list(known.handlers)
    before = KIND.snapshot()
    for value in (None, [Contrary()], [object()], 5):
        known.handlers = value  # type: ignore[assignment]
        KIND.snapshot()
        KIND.restore(before)
        assert known.handlers == handlers


def test_a_diff_names_logger_and_attribute(known: logging.Logger) -> None:
    before = KIND.snapshot()
    known.setLevel(logging.DEBUG)
    known.handlers[0].setLevel(logging.ERROR)
    logging.getLogger("isolane_fresh").disabled = True
    logging.getLogger("isolane_fresh_but_untouched")
    assert KIND.diff(before, KIND.snapshot()) == [
        Change("logging", "isolane_fresh.disabled", False, True, Level.SUSPECT),
        Change("logging", "isolane_known.level", "NOTSET", "DEBUG"),
        Change("logging", "isolane_known.handlers", ("StreamHandler (NOTSET)",), ("StreamHandler (ERROR)",)),
    ]


def test_what_a_fixture_configured_in_between_stays(known: logging.Logger) -> None:
    initial = KIND.snapshot()
    by_test, by_fixture = logging.StreamHandler(), logging.StreamHandler()
    known.addHandler(by_test)
    known.disabled = True
    before = KIND.snapshot()
    known.setLevel(logging.ERROR)
    known.addHandler(by_fixture)
    logging.getLogger("isolane_fixture").setLevel(logging.INFO)
    logging.disable(logging.DEBUG)
    pending = KIND.rebase(initial, before, KIND.snapshot())
    known.setLevel(logging.DEBUG)
    logging.getLogger("isolane_fixture").setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)

    KIND.restore(pending)

    assert known.handlers == [known.handlers[0], by_fixture]
    assert (known.level, known.disabled) == (logging.ERROR, False)
    assert logging.getLogger("isolane_fixture").level == logging.INFO
    assert logging.root.manager.disable == logging.DEBUG
    assert KIND.rebase(initial, before, before) is initial

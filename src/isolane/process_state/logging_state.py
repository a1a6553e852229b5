"""Logging: the loggers' levels, handlers and switches, and the module's own settings."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, NamedTuple

from isolane.model.state import Change, Plain
from isolane.process_state.sequences import rebase_items, same_items

_MODULE_SETTINGS = ("raiseExceptions", "lastResort", "_loggerClass", "_logRecordFactory", "_warnings_showwarning")
"""Module globals behind documented functions: setLoggerClass, setLogRecordFactory, captureWarnings."""


class LoggerSnapshot(NamedTuple):
    """One logger: the object, its switches, and its lists by identity and content."""

    logger: logging.Logger
    level: int
    propagate: bool
    disabled: bool
    handler_list: list[logging.Handler]
    handlers: tuple[logging.Handler, ...]
    handler_levels: tuple[int, ...]
    filter_list: list[Any]
    filters: tuple[Any, ...]


class LoggingSnapshot(NamedTuple):
    """All loggers that there are by name (the root logger's is ``root``), and the module's settings."""

    loggers: dict[str, LoggerSnapshot]
    disable: int
    settings: tuple[Any, ...]


class LoggingKind:
    """Levels, handlers, filters and switches of every logger, ``logging.disable``, the module's settings.

    A logger that came to be during the test is made like new. pytest's capturing handlers, which come and go
    with the phases of a test, are never brought back, and taken away only where a test had put them.
    """

    name = "logging"

    def snapshot(self) -> LoggingSnapshot:
        """Look at every logger: about a third of a microsecond each."""
        manager = logging.root.manager
        loggers = {
            name: _snapshot_of(logger)
            for name, logger in list(manager.loggerDict.items())
            if isinstance(logger, logging.Logger)
        }
        loggers["root"] = _snapshot_of(logging.root)
        return LoggingSnapshot(
            loggers, manager.disable, tuple(getattr(logging, setting, None) for setting in _MODULE_SETTINGS)
        )

    def diff(self, before: LoggingSnapshot, after: LoggingSnapshot) -> list[Change]:
        """Return a change an attribute of a logger, named ``LOGGER.ATTRIBUTE``."""
        changes = []
        for name in sorted(before.loggers.keys() | after.loggers.keys()):
            new = after.loggers.get(name)
            old = before.loggers.get(name) or (new and _pristine(new))
            if old == new:
                continue
            told_before = _tell(old) if old else {}
            told_after = _tell(new) if new else {}
            changes += [
                Change(self.name, f"{name}.{attribute}", told_before.get(attribute), told_after.get(attribute))
                for attribute in told_before or told_after
                if told_before.get(attribute) != told_after.get(attribute)
            ]
        if before.disable != after.disable:
            changes.append(Change(self.name, "logging.disable", before.disable, after.disable))
        changes += [
            Change(self.name, f"logging.{setting}", repr(old), repr(new))
            for setting, old, new in zip(_MODULE_SETTINGS, before.settings, after.settings)
            if old is not new
        ]
        return changes

    def rebase(
        self, pending: LoggingSnapshot, before: LoggingSnapshot, after: LoggingSnapshot
    ) -> LoggingSnapshot:
        """Change what was changed, attribute by attribute; handlers and filters one by one."""
        loggers = dict(pending.loggers)
        for name, new in after.loggers.items():
            old = before.loggers.get(name) or _pristine(new)
            if old != new:
                loggers[name] = _rebase_logger(loggers.get(name) or _pristine(new), old, new)
        return LoggingSnapshot(
            loggers,
            pending.disable if before.disable == after.disable else after.disable,
            tuple(
                kept if old is new else new
                for kept, old, new in zip(pending.settings, before.settings, after.settings)
            ),
        )

    def restore(self, before: LoggingSnapshot) -> None:
        """Put back every logger that differs, then the settings."""
        now = self.snapshot()
        if now == before:
            return
        known = logging.root.manager.loggerDict
        for name, new in now.loggers.items():
            old = before.loggers.get(name)
            if old is None:
                _restore_logger(_pristine(new))
            elif old.logger is not new.logger:
                known[name] = old.logger
        for name, old in before.loggers.items():
            if name not in now.loggers:
                known[name] = old.logger
            _restore_logger(old)
        for setting, value in zip(_MODULE_SETTINGS, before.settings):
            if getattr(logging, setting, None) is not value:
                setattr(logging, setting, value)
        # Besides setting the level this makes the loggers forget which levels they had found enabled.
        logging.disable(before.disable)


def _snapshot_of(logger: logging.Logger) -> LoggerSnapshot:
    handlers = logger.handlers
    filters = logger.filters
    return LoggerSnapshot(
        logger,
        logger.level,
        logger.propagate,
        logger.disabled,
        handlers,
        tuple(handlers),
        tuple([handler.level for handler in handlers]) if handlers else (),
        filters,
        tuple(filters),
    )


def _pristine(snapshot: LoggerSnapshot) -> LoggerSnapshot:
    """Return the logger as ``getLogger`` would have made it.

    Its ``NullHandler``s stay: libraries put one on their own logger when imported, and it changes nothing else.
    """
    handlers = tuple(handler for handler in snapshot.handlers if isinstance(handler, logging.NullHandler))
    return snapshot._replace(
        level=logging.NOTSET,
        propagate=True,
        disabled=False,
        handlers=handlers,
        handler_levels=tuple(handler.level for handler in handlers),
        filters=(),
    )


def _rebase_logger(pending: LoggerSnapshot, before: LoggerSnapshot, after: LoggerSnapshot) -> LoggerSnapshot:
    handlers = rebase_items(pending.handlers, before.handlers, after.handlers)
    levels = dict(zip(pending.handlers, pending.handler_levels))
    old_levels = dict(zip(before.handlers, before.handler_levels))
    for handler, level in zip(after.handlers, after.handler_levels):
        if old_levels.get(handler) != level:
            levels[handler] = level
    return LoggerSnapshot(
        logger=pending.logger if before.logger is after.logger else after.logger,
        level=pending.level if before.level == after.level else after.level,
        propagate=pending.propagate if before.propagate == after.propagate else after.propagate,
        disabled=pending.disabled if before.disabled == after.disabled else after.disabled,
        handler_list=pending.handler_list if before.handler_list is after.handler_list else after.handler_list,
        handlers=handlers,
        handler_levels=tuple(levels.get(handler, handler.level) for handler in handlers),
        filter_list=pending.filter_list if before.filter_list is after.filter_list else after.filter_list,
        filters=rebase_items(pending.filters, before.filters, after.filters),
    )


def _restore_logger(before: LoggerSnapshot) -> None:
    logger = before.logger
    logger.level = before.level
    logger.propagate = before.propagate
    logger.disabled = before.disabled
    present = tuple(logger.handlers)
    wanted = tuple(
        handler for handler in before.handlers if handler in present or not _captures_for_pytest(handler)
    )
    if not same_items(present, wanted):
        logger.handlers = before.handler_list
        logger.handlers[:] = wanted
        _close_files(set(present) - set(wanted))
    elif logger.handlers is not before.handler_list:
        logger.handlers = before.handler_list
        logger.handlers[:] = wanted
    for handler, level in zip(before.handlers, before.handler_levels):
        if handler.level != level and not _captures_for_pytest(handler):
            handler.level = level
    if logger.filters is not before.filter_list:
        logger.filters = before.filter_list
    if not same_items(logger.filters, before.filters):
        logger.filters[:] = before.filters


def _captures_for_pytest(handler: logging.Handler) -> bool:
    handler_type = type(handler)
    return handler_type.__name__ == "LogCaptureHandler" and handler_type.__module__ == "_pytest.logging"


def _close_files(handlers: set[logging.Handler]) -> None:
    """Close files that a test has left open: nobody will log to them, and when the garbage collector finds them,
    the ResourceWarning would be blamed on another test. A handler that is used again opens its file again."""
    for handler in handlers:
        if isinstance(handler, logging.FileHandler):
            with suppress(Exception):
                handler.close()


def _tell(snapshot: LoggerSnapshot) -> dict[str, Plain]:
    handlers = [handler for handler in snapshot.handlers if not _captures_for_pytest(handler)]
    levels = dict(zip(snapshot.handlers, snapshot.handler_levels))
    return {
        "level": logging.getLevelName(snapshot.level),
        "propagate": snapshot.propagate,
        "disabled": snapshot.disabled,
        "handlers": tuple(f"{type(item).__name__} ({logging.getLevelName(levels[item])})" for item in handlers),
        "filters": tuple(str(getattr(item, "__qualname__", type(item).__name__)) for item in snapshot.filters),
    }

"""Logging: the loggers' levels, handlers and switches, and the module's own settings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import chain
from typing import Any, NamedTuple

from isolane.model.state import Change, Level, Plain
from isolane.process_state.dict_version import tells_of_attributes, version_piece
from isolane.process_state.glance import Signs, Unsure
from isolane.process_state.memory import length_piece
from isolane.process_state.project_modules import ProjectModules
from isolane.process_state.sequences import rebase_items, same_items
from isolane.process_state.sources import Sources

_ROOT = "root"
_MODULE_SETTINGS = ("raiseExceptions", "lastResort", "_loggerClass", "_logRecordFactory", "_warnings_showwarning")
"""Module globals behind documented functions: setLoggerClass, setLogRecordFactory, captureWarnings."""

Switches = tuple[int, bool, bool, Any, Any]
"""level, propagate, disabled, and the list objects of handlers and filters."""
Contents = tuple[tuple[Any, ...], tuple[int, ...], tuple[Any, ...]]
"""What is in those lists: handlers, their levels, filters."""

_EMPTY: Contents = ((), (), ())


class LoggingSnapshot(NamedTuple):
    """All loggers there are, root first, and the module's settings.

    ``contents`` has an entry, by position, only for loggers with handlers or filters: most have none, and a
    program has hundreds of loggers.
    """

    known: Mapping[str, Any]
    loggers: list[tuple[str, logging.Logger]]
    switches: list[Switches]
    contents: dict[int, Contents]
    disable: int
    settings: tuple[Any, ...]


class LoggerState(NamedTuple):
    """One logger of a snapshot."""

    logger: logging.Logger
    switches: Switches
    contents: Contents


class LoggingKind:
    """Levels, handlers, filters and switches of every logger, ``logging.disable``, the module's settings.

    modules: whose text says who asks for a logger; where there are none, nothing is noted.

    A logger that came to be during the test is made like new. pytest's capturing handlers, which come and go
    with the phases of a test, are never brought back, and taken away only where a test had put them.
    """

    name = "logging"

    def __init__(self, modules: ProjectModules | None = None) -> None:
        self._sources = Sources(modules) if modules is not None else None
        self._known: Mapping[str, Any] = {}
        self._loggers: list[tuple[str, logging.Logger]] = [(_ROOT, logging.root)]

    def snapshot(self) -> LoggingSnapshot:
        """Look at every logger, a sixth of a microsecond each."""
        known = logging.root.manager.loggerDict
        if self._known != known or self._loggers[0][1] is not logging.root:
            self._known = dict(known)
            self._loggers = [(_ROOT, logging.root)]
            self._loggers += [item for item in self._known.items() if isinstance(item[1], logging.Logger)]
        switches = [
            (logger.level, logger.propagate, logger.disabled, logger.handlers, logger.filters)
            for _, logger in self._loggers
        ]
        contents = {
            position: _contents(handlers, filters)
            for position, (_, _, _, handlers, filters) in enumerate(switches)
            if handlers or filters
        }
        settings = tuple([getattr(logging, setting, None) for setting in _MODULE_SETTINGS])
        disable = logging.root.manager.disable
        return LoggingSnapshot(self._known, self._loggers, switches, contents, disable, settings)

    def signs(self) -> Signs:
        """Return the versions of the loggers' and handlers' attributes, and which of them there are.

        A logger's list of handlers, and of filters, is told by its length if there is nothing in it.
        """
        if not tells_of_attributes:
            return Signs(values=(Unsure,))
        manager = logging.root.manager
        loggers = [logging.root, *(one for one in manager.loggerDict.values() if isinstance(one, logging.Logger))]
        lists = [items for logger in loggers for items in (logger.handlers, logger.filters)]
        handlers = chain.from_iterable(logger.handlers for logger in loggers)
        # pytest sets the level of the root for each phase of a test, where a suite asks for it.
        attributes = [vars(one) for one in (manager, *loggers[1:], *handlers)]
        dictionaries = [manager.loggerDict, *attributes]
        filled = [items for items in lists if items]
        return Signs(
            values=(lambda: (logging.root.level, logging.root.disabled, logging.root.propagate),),
            objects=(
                lambda: (logging.root, *[getattr(logging, setting, None) for setting in _MODULE_SETTINGS]),
                lambda: (logging.root.handlers, logging.root.filters),
                lambda: chain(*filled),
            ),
            pieces=(*map(version_piece, dictionaries), *map(length_piece, lists)),
            alive=(dictionaries, lists),
        )

    def diff(self, before: LoggingSnapshot, after: LoggingSnapshot) -> list[Change]:
        """Return a change an attribute of a logger, named ``LOGGER.ATTRIBUTE``."""
        if _equal(before, after):
            return []
        old_states, new_states = _by_name(before), _by_name(after)
        changes = []
        for name in sorted(old_states.keys() | new_states.keys()):
            new = new_states.get(name)
            old = old_states.get(name) or (new and _pristine(new))
            if _equal(old, new):
                continue
            was, now = _tell(old) if old else {}, _tell(new) if new else {}
            level = Level.DANGEROUS if name in old_states else self._level_of_new(name, new)
            changes += [
                Change(self.name, f"{name}.{attribute}", was.get(attribute), now.get(attribute), level)
                for attribute in was or now
                if was.get(attribute) != now.get(attribute)
            ]
        if before.disable != after.disable:
            changes.append(Change(self.name, "logging.disable", before.disable, after.disable))
        changes += [
            Change(self.name, f"logging.{setting}", repr(old_value), repr(new_value))
            for setting, old_value, new_value in zip(_MODULE_SETTINGS, before.settings, after.settings, strict=True)
            if old_value is not new_value
        ]
        return changes

    def _level_of_new(self, name: str, state: LoggerState | None) -> Level:
        """Return how bad it is that a logger that nobody had asked for before is set.

        It is hardly one that others log to. Where the project's text has its name but once, and no package of that
        name can be imported, nobody does: then its level is only noted.
        """
        if state is None or self._sources is None or state.switches[2] or any(state.contents):
            return Level.SUSPECT
        if not self._sources.quote_once(name):
            return Level.SUSPECT
        try:
            is_package = find_spec(name.partition(".")[0]) is not None
        except (ImportError, ValueError):
            is_package = True
        return Level.SUSPECT if is_package else Level.NOTED

    def rebase(self, pending: LoggingSnapshot, before: LoggingSnapshot, after: LoggingSnapshot) -> LoggingSnapshot:
        """Change what was changed, attribute by attribute; handlers and filters one by one."""
        if _equal(before, after):
            return pending
        states, old_states = _by_name(pending), _by_name(before)
        for name, new in _by_name(after).items():
            old = old_states.get(name) or _pristine(new)
            if not _equal(old, new):
                states[name] = _rebase_logger(states.get(name) or _pristine(new), old, new)
        return LoggingSnapshot(
            known={name: state.logger for name, state in states.items() if name != _ROOT},
            loggers=[(name, state.logger) for name, state in states.items()],
            switches=[state.switches for state in states.values()],
            contents={position: state.contents for position, state in enumerate(states.values())},
            disable=pending.disable if before.disable == after.disable else after.disable,
            settings=tuple(
                kept if old_value is new_value else new_value
                for kept, old_value, new_value in zip(pending.settings, before.settings, after.settings, strict=True)
            ),
        )

    def restore(self, before: LoggingSnapshot) -> None:
        """Put back every logger that differs, then the settings."""
        now = self.snapshot()
        if _equal(now, before):
            return
        states = _by_name(before)
        logging.root = states[_ROOT].logger  # type: ignore[assignment]
        known = logging.root.manager.loggerDict
        for name, placeholder in before.known.items():
            known.setdefault(name, placeholder)
        left_behind: list[Any] = []
        for name, state in _by_name(now).items():
            if name not in states:
                left_behind += _restore_logger(_pristine(state))
        for name, state in states.items():
            if name != _ROOT:
                known[name] = state.logger
            left_behind += _restore_logger(state)
        _close_files(left_behind, states.values())
        for setting, value in zip(_MODULE_SETTINGS, before.settings, strict=True):
            setattr(logging, setting, value)
        # Besides setting the level this makes the loggers forget which levels they had found enabled.
        logging.disable(before.disable)


@contextmanager
def isolated_logging() -> Iterator[None]:
    """Put everything back as :class:`LoggingKind` does, and close the handlers that are left over."""
    kind = LoggingKind()
    before = kind.snapshot()
    try:
        yield
    finally:
        kept = {id(handler) for handlers, _, _ in before.contents.values() for handler in handlers}
        attached = [handler for handlers, _, _ in kind.snapshot().contents.values() for handler in handlers]
        kind.restore(before)
        for handler in attached:
            if id(handler) not in kept and not _captures_for_pytest(handler):
                with suppress(Exception):
                    handler.close()


def _equal(first: object, second: object) -> bool:
    try:
        return bool(first == second)
    except Exception:  # noqa: BLE001  # a test's handler or filter may compare itself in its own way
        return False


def _contents(handlers: Any, filters: Any) -> Contents:
    try:
        entries = tuple(handlers)
        return entries, tuple([handler.level for handler in entries]), tuple(filters)
    except (TypeError, AttributeError):
        return _EMPTY  # Not lists, or not of handlers: whatever a test has put there instead.


def _by_name(snapshot: LoggingSnapshot) -> dict[str, LoggerState]:
    return {
        name: LoggerState(logger, switches, snapshot.contents.get(position, _EMPTY))
        for position, ((name, logger), switches) in enumerate(zip(snapshot.loggers, snapshot.switches, strict=True))
    }


def _pristine(state: LoggerState) -> LoggerState:
    """Return the logger as ``getLogger`` would have made it.

    Its ``NullHandler`` stays: libraries put one on their own logger when imported, and it changes nothing else.
    """
    _, _, _, handler_list, filter_list = state.switches
    kept = [
        (handler, level)
        for handler, level in zip(*state.contents[:2], strict=True)
        if isinstance(handler, logging.NullHandler)
    ]
    contents = (tuple(handler for handler, _ in kept), tuple(level for _, level in kept), ())
    return LoggerState(state.logger, (logging.NOTSET, True, False, handler_list, filter_list), contents)


def _rebase_logger(pending: LoggerState, before: LoggerState, after: LoggerState) -> LoggerState:
    level, propagate, disabled, handler_list, filter_list = (
        kept if old is new or (old == new and not isinstance(old, list)) else new
        for kept, old, new in zip(pending.switches, before.switches, after.switches, strict=True)
    )
    handlers = rebase_items(pending.contents[0], before.contents[0], after.contents[0])
    levels, old_levels = _handler_levels(pending), _handler_levels(before)
    for handler, handler_level in _handler_levels(after).items():
        if old_levels.get(handler) != handler_level:
            levels[handler] = handler_level
    return LoggerState(
        pending.logger if before.logger is after.logger else after.logger,
        (level, propagate, disabled, handler_list, filter_list),
        (
            handlers,
            tuple(levels.get(id(handler), handler.level) for handler in handlers),
            rebase_items(pending.contents[2], before.contents[2], after.contents[2]),
        ),
    )


def _restore_logger(before: LoggerState) -> list[Any]:
    """Return the handlers that were taken away."""
    logger = before.logger
    switches = (logger.level, logger.propagate, logger.disabled, logger.handlers, logger.filters)
    contents = _contents(logger.handlers, logger.filters)
    handlers, handler_levels, filters = before.contents
    if _equal((switches, contents), before[1:]):
        return []
    present = set(map(id, contents[0]))
    wanted = [item for item in handlers if id(item) in present or not _captures_for_pytest(item)]
    logger.level, logger.propagate, logger.disabled, logger.handlers, logger.filters = before.switches
    if not same_items(logger.handlers, wanted):
        logger.handlers[:] = wanted
    if not same_items(logger.filters, filters):
        logger.filters[:] = filters
    for handler, level in zip(handlers, handler_levels, strict=True):
        if handler.level != level and not _captures_for_pytest(handler):
            handler.level = level
    kept = set(map(id, wanted))
    return [handler for handler in contents[0] if id(handler) not in kept]


def _captures_for_pytest(handler: object) -> bool:
    handler_type = type(handler)
    return handler_type.__name__ == "LogCaptureHandler" and handler_type.__module__ == "_pytest.logging"


def _close_files(left_behind: list[Any], states: Iterable[LoggerState]) -> None:
    """Close the files that a test has left open on a logger.

    Nobody will log to them, and when the garbage collector found them its ResourceWarning would be blamed on
    another test. A file handler that is used again after all opens its file again, if it appends.
    """
    kept = {id(handler) for state in states for handler in state.contents[0]}
    for handler in left_behind:
        if isinstance(handler, logging.FileHandler) and id(handler) not in kept:
            with suppress(Exception):
                handler.close()


def _handler_levels(state: LoggerState) -> dict[int, int]:
    return {id(handler): level for handler, level in zip(*state.contents[:2], strict=True)}


def _tell(state: LoggerState) -> dict[str, Plain]:
    level, propagate, disabled, _, _ = state.switches
    handlers, handler_levels, filters = state.contents
    return {
        "level": logging.getLevelName(level),
        "propagate": propagate,
        "disabled": disabled,
        "handlers": tuple(
            f"{type(handler).__name__} ({logging.getLevelName(handler_level)})"
            for handler, handler_level in zip(handlers, handler_levels, strict=True)
            if not _captures_for_pytest(handler)
        ),
        "filters": tuple(str(getattr(item, "__qualname__", type(item).__name__)) for item in filters),
    }

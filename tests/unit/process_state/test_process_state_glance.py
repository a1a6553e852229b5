"""A glance names the kinds that a change is of, and none where nothing has changed."""

from __future__ import annotations

import asyncio
import atexit
import builtins
import contextvars
import decimal
import gc
import locale
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

from isolane.process_state.dict_version import tells_of_attributes
from isolane.process_state.glance import Glance
from isolane.process_state.kinds import DEAR, KINDS, OUTSIDE, make_kinds
from isolane.process_state.random_state import RandomStateKind

_variable: contextvars.ContextVar[int] = contextvars.ContextVar("isolane_glance")

_patches: list[object] = mock._patch._active_patches  # type: ignore[attr-defined]


def unsure() -> set[str]:
    """Return what no sign can tell of here: threads, patches and children of others; writes past dictionaries."""
    told = {
        "threads": threading.active_count() > 1,
        "mock_patches": bool(_patches),
        "children": _has_children(),
        "logging": not tells_of_attributes,
    }
    return {name for name, is_unsure in told.items() if is_unsure}


def _has_children() -> bool:
    """Return whether there is a child, be it one that has ended and was not asked for yet."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


@pytest.fixture
def glance() -> Glance:
    # pytest-randomly seeds before each test, so that nobody else is looked after.
    kinds = make_kinds([name for name in KINDS if name not in (*DEAR, *OUTSIDE, "random_state")])
    glance = Glance([*kinds, RandomStateKind(reseeded=False)])
    for _ in range(2):  # the first has decimal make a context, which is in a context variable
        glance.take(glance.moved())
    assert moved(glance) <= unsure()
    return glance


def moved(glance: Glance) -> set[str]:
    return {kind.name for kind in glance.moved()}


@pytest.fixture
def undo(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[pytest.MonkeyPatch, ExitStack]]:
    with ExitStack() as stack:
        yield monkeypatch, stack


def _start_thread(_: pytest.MonkeyPatch, stack: ExitStack) -> None:
    goes_on = threading.Event()
    thread = threading.Thread(target=goes_on.wait)
    thread.start()
    stack.callback(thread.join)
    stack.callback(goes_on.set)


def _start_program(_: pytest.MonkeyPatch, stack: ExitStack) -> None:
    stack.enter_context(subprocess.Popen(["cat"], stdin=subprocess.PIPE))


def _new_loop(_: pytest.MonkeyPatch, stack: ExitStack) -> None:
    loop = asyncio.new_event_loop()
    stack.callback(loop.close)
    stack.callback(asyncio.set_event_loop, None)
    asyncio.set_event_loop(loop)


def _other_zone(patcher: pytest.MonkeyPatch, stack: ExitStack) -> None:
    stack.callback(time.tzset)
    stack.callback(patcher.undo)
    patcher.setenv("TZ", "UTC-5:30")
    time.tzset()


def _on_logger(change: Callable[[logging.Logger], object]) -> Callable[[pytest.MonkeyPatch, ExitStack], object]:
    def on_it(_: pytest.MonkeyPatch, stack: ExitStack) -> None:
        logger = logging.getLogger("isolane.glance")
        stack.callback(logger.handlers.clear)
        stack.callback(logger.filters.clear)
        stack.callback(logger.setLevel, logging.NOTSET)
        change(logger)

    return on_it


CHANGES: dict[str, tuple[str, Callable[[pytest.MonkeyPatch, ExitStack], object]]] = {
    "variable": ("env", lambda patch, _: patch.setenv("ISOLANE_GLANCE", "1")),
    "directory": ("cwd", lambda patch, _: patch.chdir("/")),
    "umask": ("umask", lambda _, stack: stack.callback(os.umask, os.umask(0o027))),
    "path": ("sys_path", lambda patch, _: patch.syspath_prepend("/isolane-glance")),
    "argument": ("argv", lambda _, stack: stack.callback(sys.argv.remove, sys.argv.append("x") or "x")),
    "module": ("modules", lambda patch, _: patch.setitem(sys.modules, "isolane_glance", ModuleType("isolane_glance"))),
    "finder": ("import_hooks", lambda patch, _: patch.setattr(sys, "meta_path", [*sys.meta_path])),
    "stream": ("streams", lambda patch, _: patch.setattr(sys, "stdin", None)),
    "hook": ("hooks", lambda patch, _: patch.setattr(sys, "excepthook", print)),
    "filter": ("warnings", lambda *_: warnings.filterwarnings("ignore", "isolane glance")),
    "level": ("logging", _on_logger(lambda logger: logger.setLevel(3))),
    "handler": ("logging", _on_logger(lambda logger: logger.addHandler(logging.NullHandler()))),
    "log filter": ("logging", _on_logger(lambda logger: logger.addFilter(lambda _: True))),
    "new logger": ("logging", lambda *_: logging.getLogger("isolane.glance.new")),
    "disable": ("logging", lambda _, stack: stack.callback(logging.disable, logging.disable(logging.INFO) or 0)),
    "logger class": ("logging", lambda patch, _: patch.setattr(logging, "_loggerClass", None)),
    "signal": ("signals", lambda _, stack: stack.callback(signal.signal, 12, signal.signal(12, print))),
    "timer": ("signals", lambda _, stack: (signal.setitimer(1, 1000), stack.callback(signal.setitimer, 1, 0))),
    "mock": (
        "mock_patches",
        lambda _, stack: stack.callback((patch := mock.patch("os.getpid")).stop) and patch.start(),
    ),
    "thread": ("threads", _start_thread),
    "program": ("children", _start_program),
    "descriptor": ("descriptors", lambda _, stack: stack.callback(os.close, os.open("/dev/null", os.O_RDONLY))),
    "zone": ("locale_time", _other_zone),
    "locale": ("locale_time", lambda patch, _: patch.setattr(locale, "_setlocale", lambda *_: "other")),
    "seed": ("random_state", lambda *_: random.seed(1)),
    "draw": ("random_state", lambda *_: random.random()),
    "loop": ("event_loop", _new_loop),
    "context": ("contextvars", lambda _, stack: stack.callback(_variable.reset, _variable.set(1))),
    "timeout": ("socket_timeout", lambda patch, _: patch.setattr(socket, "getdefaulttimeout", lambda: 1.0)),
    "precision": ("decimal", lambda patch, _: patch.setattr(decimal.getcontext(), "prec", 5)),
    "template": ("decimal", lambda patch, _: patch.setattr(decimal.DefaultContext, "prec", 5)),
    "limit": ("limits", lambda _, stack: _recursion(stack)),
    "builtin": ("builtins", lambda patch, _: patch.setattr(builtins, "isolane_glance", 1, raising=False)),
    "collector": ("gc", lambda _, stack: stack.callback(gc.set_threshold, *_threshold())),
    "exit handler": ("atexit", lambda _, stack: stack.callback(atexit.unregister, atexit.register(print))),
}


def _patched(stack: ExitStack) -> mock._patch[mock.MagicMock]:
    patch = mock.patch("os.getpid")
    stack.callback(patch.stop)
    return patch


def _recursion(stack: ExitStack) -> None:
    stack.callback(sys.setrecursionlimit, sys.getrecursionlimit())
    sys.setrecursionlimit(5000)


def _threshold() -> tuple[int, int, int]:
    before = gc.get_threshold()
    gc.set_threshold(before[0] + 1, *before[1:])
    return before


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named(glance: Glance, undo: tuple[pytest.MonkeyPatch, ExitStack], name: str) -> None:
    kind, change = CHANGES[name]
    change(*undo)
    assert kind in moved(glance)
    glance.take(glance.moved())
    assert kind not in moved(glance) or kind in unsure()


def test_every_quick_kind_has_signs_that_are_tried_here() -> None:
    tried = {kind for kind, _ in CHANGES.values()}
    assert tried == set(KINDS) - {*DEAR, *OUTSIDE, "caches"}


@pytest.mark.skipif(not tells_of_attributes, reason="attributes are written past the dictionary in this Python")
def test_a_handler_whose_level_changes_is_seen(undo: tuple[pytest.MonkeyPatch, ExitStack]) -> None:
    handler = logging.NullHandler()
    _on_logger(lambda logger: logger.addHandler(handler))(*undo)
    (kind,) = make_kinds(["logging"])
    glance = Glance([kind])
    glance.take([kind])
    assert glance.moved() == ()
    handler.setLevel(5)
    assert list(glance.moved()) == [kind]


def test_kinds_are_taken_for_changed_until_they_are_taken_again(glance: Glance) -> None:
    glance.forget()
    kinds = glance.moved()
    assert len(kinds) > 20
    glance.take(kinds)
    assert moved(glance) <= unsure()


def test_where_a_sign_cannot_be_read_everything_is_looked_at(
    glance: Glance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert {"cwd", "env", "logging"} <= moved(glance)

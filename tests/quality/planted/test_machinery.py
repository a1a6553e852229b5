"""Leaks into logging, signals, threads, processes, loops, descriptors and files."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from unittest import mock

import pytest

leaves = pytest.mark.leaves
KEPT: dict[str, object] = {}
LOGGER = logging.getLogger("planted")


@leaves("logging", "planted*level*")
def test_level():
    LOGGER.setLevel(logging.ERROR)  # leaks


def test_level_victim():
    assert LOGGER.level == logging.NOTSET


@leaves("logging", "root*level*")
def test_level_of_the_root():
    logging.getLogger().setLevel(logging.CRITICAL)  # leaks


def test_level_of_the_root_victim():
    assert logging.getLogger().level == logging.WARNING


@leaves("logging", "planted*handlers*")
def test_handler():
    LOGGER.addHandler(logging.NullHandler())  # leaks


def test_handler_victim():
    assert LOGGER.handlers == []


@leaves("logging", "planted*disabled*")
def test_disabled_logger():
    LOGGER.disabled = True  # leaks


def test_disabled_logger_victim():
    assert not LOGGER.disabled


@leaves("logging", "planted*propagate*")
def test_propagate():
    LOGGER.propagate = False  # leaks


def test_propagate_victim(caplog):
    LOGGER.warning("heard")
    assert caplog.messages == ["heard"]


@leaves("logging", "*")
def test_logging_disabled():
    logging.disable(logging.CRITICAL)  # leaks


def test_logging_disabled_victim():
    assert logging.root.manager.disable == logging.NOTSET


@leaves("logging", "planted*filters*")
def test_filter():
    LOGGER.addFilter(lambda record: False)  # leaks


def test_filter_victim():
    assert LOGGER.filters == []


@leaves("logging", "*")
def test_logger_class():
    class Loud(logging.Logger):
        pass

    logging.setLoggerClass(Loud)  # leaks


def test_logger_class_victim():
    assert logging.getLoggerClass() is logging.Logger


def ignore(*_arguments):
    return None


@leaves("signals", "*SIGUSR1*")
def test_signal_handler():
    signal.signal(signal.SIGUSR1, ignore)  # leaks


def test_signal_handler_victim():
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


@leaves("signals", "*")
def test_alarm():
    signal.setitimer(signal.ITIMER_REAL, 3000)  # leaks


def test_alarm_victim():
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@leaves("threads", "planted-thread*")
def test_thread():
    threading.Thread(target=threading.Event().wait, name="planted-thread", daemon=True).start()  # leaks


def test_thread_victim():
    assert "planted-thread" not in {thread.name for thread in threading.enumerate()}


@leaves("threads", "*")
def test_timer():
    timer = threading.Timer(3000, ignore)
    timer.daemon = True
    timer.name = "planted-timer"
    timer.start()  # leaks


def test_timer_victim():
    assert "planted-timer" not in {thread.name for thread in threading.enumerate()}


@leaves("children", "*planted_child*")
def test_child():
    """It ends when what it reads from does: with this process."""
    code = "planted_child = input()"
    command = [sys.executable, "-c", code]
    KEPT["child"] = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)  # leaks


def test_child_victim():
    assert "child" not in KEPT


@leaves("descriptors", "*opened-by-number*")
def test_descriptor(tmp_path):
    KEPT["number"] = os.open(tmp_path / "opened-by-number", os.O_CREAT | os.O_RDWR)  # leaks


def test_descriptor_victim():
    assert "number" not in KEPT


@leaves("descriptors", "*opened-file*")
def test_file(tmp_path):
    KEPT["file"] = (tmp_path / "opened-file").open("w")  # leaks


def test_file_victim():
    assert "file" not in KEPT


@leaves("descriptors", "a socket listening on *")
def test_listens():
    KEPT["server"] = socket.create_server(("127.0.0.1", 0))  # leaks


def test_listens_victim():
    assert "server" not in KEPT


@leaves("descriptors", "a socket*")
def test_socket():
    KEPT["socket"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # leaks


def test_socket_victim():
    assert "socket" not in KEPT


@leaves("descriptors", "a pipe")
def test_pipe():
    KEPT["pipe"] = os.pipe()  # leaks


def test_pipe_victim():
    assert "pipe" not in KEPT


@leaves("event_loop", "*")
def test_closed_loop():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.close()  # leaks


def test_closed_loop_victim():
    loop = getattr(asyncio.get_event_loop_policy()._local, "_loop", None)
    assert loop is None or not loop.is_closed()


@leaves("event_loop", "*polic*")
def test_loop_policy():
    class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    asyncio.set_event_loop_policy(Policy())  # leaks


def test_loop_policy_victim():
    assert type(asyncio.get_event_loop_policy()).__name__ != "Policy"


@leaves("event_loop", "*")
def test_loop_with_work():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.call_later(3000, ignore)  # leaks


def test_loop_with_work_victim():
    loop = getattr(asyncio.get_event_loop_policy()._local, "_loop", None)
    assert not getattr(loop, "_scheduled", ())


@leaves("mock_patches", "os.getlogin")
def test_patch():
    mock.patch("os.getlogin", return_value="planted").start()  # leaks


def test_patch_victim():
    assert not isinstance(os.getlogin, mock.Mock)


@leaves("mock_patches", "*")
def test_patch_of_a_dictionary():
    mock.patch.dict("shop.fares.PRICES", {"planted": 1}).start()  # leaks


def test_patch_of_a_dictionary_victim():
    from shop import fares

    assert "planted" not in fares.PRICES

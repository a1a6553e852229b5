"""Tests that leave nothing behind that matters, and look as if they did: none of them is to be named."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import contextvars
import copy
import decimal
import importlib
import io
import json
import locale
import logging
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import warnings
from concurrent.futures import ThreadPoolExecutor
from enum import Flag, auto
from pathlib import Path
from unittest import mock

import pytest
from shop import fares

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")


class Mode(Flag):
    READ = auto()
    WRITE = auto()
    RUN = auto()


def test_nothing():
    pass


def test_monkeypatch_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CLEAN", "x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["clean"])


def test_monkeypatch_project(monkeypatch):
    monkeypatch.setattr(fares, "RATE", 9)
    monkeypatch.setitem(fares.PRICES, "day", 9)
    monkeypatch.setattr(fares.Settings, "price", lambda self, stops: 0.0)
    monkeypatch.setattr(fares.SETTINGS, "currency", "CHF")
    monkeypatch.setattr(builtins, "open", open)


def test_tmp_path(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("x")


def test_temporary_directory_that_goes():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x").write_text("x")


def test_temporary_file_that_goes():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")


@pytest.fixture
def undoes():
    os.environ["CLEAN_UNDONE"] = "x"
    fares.STOPS.append("clean")
    yield
    fares.STOPS.remove("clean")
    del os.environ["CLEAN_UNDONE"]


def test_fixture_that_undoes(undoes):
    assert fares.STOPS[-1] == "clean"


@pytest.fixture(scope="session")
def owned_by_session():
    os.environ["CLEAN_SESSION"] = "x"
    logging.getLogger("clean.session").setLevel(logging.DEBUG)
    server = socket.create_server(("127.0.0.1", 0))
    yield server
    server.close()
    logging.getLogger("clean.session").setLevel(logging.NOTSET)
    del os.environ["CLEAN_SESSION"]


@pytest.fixture(scope="module")
def owned_by_module(owned_by_session):
    fares.CLOSED.add("clean")
    pool = ThreadPoolExecutor(1)
    pool.submit(len, "").result()
    yield pool
    pool.shutdown()
    fares.CLOSED.discard("clean")


def test_module_fixture(owned_by_module):
    assert owned_by_module.submit(len, "abc").result() == 3


def test_module_fixture_again(owned_by_module):
    assert "clean" in fares.CLOSED


def test_lazy_import_of_the_standard_library():
    for name in ("colorsys", "wave", "mailbox", "imaplib", "plistlib", "xml.dom.minidom", "sqlite3"):
        importlib.import_module(name)


def test_import_of_a_project_module():
    importlib.import_module("shop.late")


def test_cache_of_a_pure_function():
    assert fares.squared(12) == 144


def test_cache_of_patterns():
    assert fares.pattern_of("inner").pattern == "inner"


def test_cache_by_arguments():
    for stops in ("abc", "ab", "bc", "ab"):
        assert fares.fare_cache.fare(*stops) == [len(stops)]


def test_dictionary_that_makes_what_is_missing():
    assert fares.DOUBLED[4] == 8


def test_caplog(caplog):
    caplog.set_level(logging.DEBUG, logger="clean.caplog")
    logging.getLogger("clean.caplog").debug("heard")
    assert "heard" in caplog.messages or logging.root.manager.disable


def test_caplog_at_level(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("clean.at_level").info("heard")


def test_a_new_logger():
    logging.getLogger("clean.new.deeply").getChild("child").info("not heard")


def test_capsys(capsys):
    print("said")
    assert capsys.readouterr().out in ("said\n", "")


def test_capfd(capfd):
    os.write(1, b"said\n")
    assert capfd.readouterr().out == "said\n"


def test_recwarn(recwarn):
    warnings.warn("heard", UserWarning, stacklevel=1)
    assert len(recwarn) == 1


def test_warns():
    with pytest.warns(DeprecationWarning, match="heard"):
        warnings.warn("heard", DeprecationWarning, stacklevel=1)


def test_catches_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("not heard", stacklevel=1)


class TestUnit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = {"a": 1}
        os.environ["CLEAN_CLASS"] = "x"

    @classmethod
    def tearDownClass(cls):
        del os.environ["CLEAN_CLASS"]

    def setUp(self):
        self.patch = mock.patch.object(fares, "RATE", 7)
        self.patch.start()
        self.addCleanup(self.patch.stop)

    def test_one(self):
        assert fares.RATE == 7

    def test_two(self):
        with self.assertLogs("clean.unit") as heard:
            logging.getLogger("clean.unit").warning("heard")
        assert len(heard.records) == 1

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                assert number * 2 == number + number


class TestSetUpOnce:
    shared: list[str] | None = None

    @classmethod
    def setup_class(cls):
        cls.shared = ["a"]
        cls.more = {"b": 2}

    def test_one(self):
        assert self.shared == ["a"]

    def test_two(self):
        assert self.more == {"b": 2}


class TestGivenToTheClass:
    @pytest.fixture(scope="class", autouse=True)
    def given(self, request):
        request.cls.given_to_all = [1]

    def test_one(self):
        assert self.given_to_all == [1]

    def test_two(self):
        assert self.given_to_all == [1]


class TestWithFixture:
    @pytest.fixture(scope="class", autouse=True)
    def opened(self, tmp_path_factory):
        with (tmp_path_factory.mktemp("clean") / "open.txt").open("w") as file:
            yield file

    def setup_method(self):
        self.items = []

    def test_one(self, opened):
        opened.write("x")

    def test_two(self, opened):
        self.items.append(1)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("word", ["a", "b"])
def test_parametrized(number, word):
    assert word * number == number * word


@pytest.mark.skip(reason="clean")
def test_skipped():
    pass


@pytest.mark.xfail(reason="clean", strict=True)
def test_expected_failure():
    raise AssertionError


def test_asyncio_run():
    async def main():
        WHO.set("somebody")
        await asyncio.sleep(0)
        return await asyncio.gather(asyncio.to_thread(len, "ab"), asyncio.sleep(0, 3))

    assert asyncio.run(main()) == [2, 3]


def test_new_loop_that_is_closed():
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(asyncio.sleep(0, 4)) == 4
    finally:
        loop.close()


def test_mock_decorated():
    with mock.patch("os.getlogin", return_value="x"), mock.patch.dict(os.environ, {"CLEAN_DICT": "x"}):
        assert os.getlogin() == "x"


def test_context_variable_reset():
    token = WHO.set("somebody")
    WHO.reset(token)


def test_context_copied():
    contextvars.copy_context().run(WHO.set, "somebody")


def test_thread_that_ends():
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()


def test_pool_that_ends():
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(len, ["a", "bb"])) == [1, 2]


def test_child_that_ends():
    assert subprocess.run([sys.executable, "-c", "pass"], check=True).returncode == 0


def test_socket_that_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_draws_random_numbers():
    random.shuffle(list(range(1000)))
    assert random.Random(3).random() < 1


def test_decimal_context_of_its_own():
    with decimal.localcontext() as context:
        context.prec = 3
        assert str(decimal.Decimal(1) / 3) == "0.333"


def test_signal_handler_put_back():
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, before)


def test_locale_put_back():
    before = locale.setlocale(locale.LC_COLLATE)
    locale.setlocale(locale.LC_COLLATE, "C.UTF-8")
    locale.setlocale(locale.LC_COLLATE, before)


def test_redirects():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print("said")
    assert out.getvalue() == "said\n"


def test_pickles_and_copies():
    assert pickle.loads(pickle.dumps(fares.SETTINGS)).currency == copy.deepcopy(fares.SETTINGS).currency


def test_combines_flags():
    assert Mode.READ | Mode.RUN != Mode.READ | Mode.WRITE


def test_json_and_bytecode(tmp_path):
    (tmp_path / "made.py").write_text("x = 1\n")
    assert json.loads(json.dumps({"a": [1]})) == {"a": [1]}
    compile((tmp_path / "made.py").read_text(), "made.py", "exec")


def test_singleton_reset():
    fares.settings()
    fares._settings = None


def test_cache_file(pytestconfig):
    if cache := getattr(pytestconfig, "cache", None):
        cache.set("clean/x", 1)

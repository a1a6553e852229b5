"""Leaks into what the interpreter keeps, each with a test behind it that meets it, or does not."""

from __future__ import annotations

import atexit
import builtins
import decimal
import fractions
import gc
import io
import locale
import os
import random
import socket
import sys
import sysconfig
import time
import types
import warnings
from contextvars import ContextVar
from pathlib import Path

import pytest
import shop.zones

leaves = pytest.mark.leaves
USER: ContextVar[str] = ContextVar("USER", default="nobody")
ARGUMENTS = tuple(sys.argv)
DIRECTORY = Path.cwd()
REGISTERED: list[object] = []
UMASK = os.umask(0)
os.umask(UMASK)
RECURSION = sys.getrecursionlimit()


@leaves("env", "PLANTED_NEW")
def test_sets_a_variable():
    os.environ["PLANTED_NEW"] = "x"  # leaks


def test_sets_a_variable_victim():
    assert "PLANTED_NEW" not in os.environ


@leaves("env", "HOME")
def test_alters_a_variable(tmp_path):
    os.environ["HOME"] = str(tmp_path)  # leaks


def test_alters_a_variable_victim(tmp_path):
    assert os.environ["HOME"] == os.environ["PLANTED_HOME"]


@leaves("env", "PLANTED_THERE")
def test_removes_a_variable():
    os.environ.pop("PLANTED_THERE", None)  # leaks


def test_removes_a_variable_victim():
    assert os.environ["PLANTED_THERE"] == "there"


@leaves("env", "PLANTED_CLEARED")
def test_clears_the_environment():
    kept = {name: os.environ[name] for name in os.environ if name != "PLANTED_CLEARED"}
    os.environ.clear()  # leaks
    os.environ.update(kept)


def test_clears_the_environment_victim():
    assert os.environ["PLANTED_CLEARED"] == "there"


@leaves("cwd", "directory")
def test_moves(tmp_path):
    os.chdir(tmp_path)  # leaks


def test_moves_victim():
    assert Path.cwd() == DIRECTORY


@leaves("umask", "*")
def test_umask():
    os.umask(0o077 if os.umask(0) != 0o077 else 0o022)  # leaks


def test_umask_victim(tmp_path):
    made = tmp_path / "made"
    made.touch(0o666)
    assert made.stat().st_mode & 0o777 == 0o666 & ~UMASK


@leaves("sys_path", "*planted-first")
def test_sys_path_insert():
    sys.path.insert(0, "planted-first")  # leaks


def test_sys_path_insert_victim():
    assert "planted-first" not in sys.path


@leaves("sys_path", "*")
def test_sys_path_rebound():
    sys.path = [*sys.path, "planted-last"]  # leaks


def test_sys_path_rebound_victim():
    assert "planted-last" not in sys.path


@leaves("argv", "*")
def test_argv():
    sys.argv = ["program", "--planted"]  # leaks


def test_argv_victim():
    assert tuple(sys.argv) == ARGUMENTS


@leaves("argv", "*")
def test_argv_in_place():
    sys.argv.append("--planted-more")  # leaks


def test_argv_in_place_victim():
    assert tuple(sys.argv) == ARGUMENTS


@leaves("modules", "planted_stub")
def test_stub_of_a_module():
    sys.modules["planted_stub"] = types.ModuleType("planted_stub")  # leaks


def test_stub_of_a_module_victim():
    assert "planted_stub" not in sys.modules


@leaves("modules", "shop.zones")
def test_replaces_a_module():
    sys.modules["shop.zones"] = types.SimpleNamespace(ZONES=())  # leaks


def test_replaces_a_module_victim():
    assert sys.modules["shop.zones"] is shop.zones


@leaves("modules", "colorsys")
def test_blocks_a_module():
    sys.modules["colorsys"] = None  # leaks


def test_blocks_a_module_victim():
    import colorsys

    assert colorsys


@leaves("modules", "sysconfig")
def test_removes_a_module():
    del sys.modules["sysconfig"]  # leaks


def test_removes_a_module_victim():
    assert sys.modules["sysconfig"] is sysconfig


class Finder:
    def find_spec(self, name, path=None, target=None):
        return None


@leaves("import_hooks", "*meta_path*")
def test_meta_path():
    sys.meta_path.append(Finder())  # leaks


def test_meta_path_victim():
    assert not any(isinstance(finder, Finder) for finder in sys.meta_path)


def refuse(path):
    raise ImportError(path)


@leaves("import_hooks", "*path_hooks*")
def test_path_hooks():
    sys.path_hooks.append(refuse)  # leaks


def test_path_hooks_victim():
    assert not any(hook.__name__ == "refuse" for hook in sys.path_hooks)


@leaves("streams", "sys.stdin")
def test_stdin():
    sys.stdin = io.StringIO("planted")  # leaks


def test_stdin_victim():
    assert type(sys.stdin) is not io.StringIO


@leaves("streams", "sys.__stderr__")
def test_original_stderr():
    sys.__stderr__ = io.StringIO()  # leaks


def test_original_stderr_victim():
    assert not isinstance(sys.__stderr__, io.StringIO)


def nothing(*_arguments):
    return None


@leaves("hooks", "sys.excepthook")
def test_excepthook():
    sys.excepthook = nothing  # leaks


def test_excepthook_victim():
    assert sys.excepthook.__name__ != "nothing"


@leaves("hooks", "sys.displayhook")
def test_displayhook():
    sys.displayhook = nothing  # leaks


def test_displayhook_victim():
    assert sys.displayhook.__name__ != "nothing"


@leaves("hooks", "*trace*")
def test_trace():
    sys.settrace(nothing)  # leaks


def test_trace_victim():
    assert sys.gettrace() is None


@leaves("hooks", "*profile*")
def test_profile():
    sys.setprofile(nothing)  # leaks


def test_profile_victim():
    assert sys.getprofile() is None


@leaves("warnings", "ignore::BytesWarning")
def test_warnings_filter():
    warnings.simplefilter("ignore", BytesWarning)  # leaks


def test_warnings_filter_victim():
    assert not any(entry[:3] == ("ignore", None, BytesWarning) for entry in warnings.filters)


@leaves("warnings", "*")
def test_warnings_reset():
    warnings.filterwarnings("error", "planted")  # leaks


def test_warnings_reset_victim():
    assert not any(getattr(entry[1], "pattern", None) == "planted" for entry in warnings.filters)


@leaves("warnings", "warnings.showwarning")
def test_showwarning():
    warnings.showwarning = nothing  # leaks


def test_showwarning_victim():
    assert warnings.showwarning.__name__ != "nothing"


@leaves("locale_time", "*")
def test_locale():
    locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")  # leaks


def test_locale_victim():
    assert locale.setlocale(locale.LC_NUMERIC) == "C"


@leaves("env", "TZ")
def test_time_zone():
    os.environ["TZ"] = "Asia/Kolkata"  # leaks
    time.tzset()


def test_time_zone_victim():
    assert time.timezone == 0


@leaves("locale_time", "*")
def test_time_zone_that_the_variable_does_not_show():
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/Bogota"
    time.tzset()
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before  # leaks


def test_time_zone_that_the_variable_does_not_show_victim():
    assert time.timezone == 0


@leaves("random_state", "random")
def test_seeds():
    random.seed(20)  # leaks


def test_seeds_victim():
    state = random.getstate()
    random.seed(20)
    assert random.getstate() != state
    random.setstate(state)


@leaves("random_state", "random")
def test_sets_the_generators_state():
    random.setstate(random.Random(21).getstate())  # leaks


def test_sets_the_generators_state_victim():
    assert random.getstate() != random.Random(21).getstate()


@leaves("contextvars", "*USER*")
def test_context_variable():
    USER.set("planted")  # leaks


def test_context_variable_victim():
    assert USER.get() == "nobody"


@leaves("socket_timeout", "*")
def test_socket_timeout():
    socket.setdefaulttimeout(7.5)  # leaks


def test_socket_timeout_victim():
    assert socket.getdefaulttimeout() is None


@leaves("decimal", "*prec*")
def test_decimal_precision():
    decimal.getcontext().prec = 5  # leaks


def test_decimal_precision_victim():
    assert decimal.getcontext().prec == 28


@leaves("decimal", "*")
def test_decimal_trap():
    decimal.getcontext().traps[decimal.Inexact] = True  # leaks


def test_decimal_trap_victim():
    assert not decimal.getcontext().traps[decimal.Inexact]


@leaves("gc", "*")
def test_collector_off():
    gc.disable()  # leaks


def test_collector_off_victim():
    assert gc.isenabled()


@leaves("gc", "*")
def test_collector_threshold():
    gc.set_threshold(123_456)  # leaks


def test_collector_threshold_victim():
    assert gc.get_threshold()[0] != 123_456


@leaves("atexit", "*")
def test_exit_handler():
    atexit.register(nothing, "planted")  # leaks
    REGISTERED.append(nothing)


def test_exit_handler_victim():
    assert REGISTERED == []


@leaves("builtins", "planted")
def test_builtin():
    builtins.planted = 1  # leaks


def test_builtin_victim():
    assert not hasattr(builtins, "planted")


@leaves("builtins", "ascii")
def test_replaces_a_builtin():
    builtins.ascii = repr  # leaks


def test_replaces_a_builtin_victim():
    assert ascii.__name__ == "ascii"


@leaves("limits", "sys.getrecursionlimit")
def test_recursion_limit():
    sys.setrecursionlimit(RECURSION + 77)  # leaks


def test_recursion_limit_victim():
    assert sys.getrecursionlimit() == RECURSION


@leaves("limits", "sys.getswitchinterval")
def test_switch_interval():
    sys.setswitchinterval(0.05)  # leaks


def test_switch_interval_victim():
    assert sys.getswitchinterval() < 0.05


@leaves("library", "time.monotonic_ns")
def test_replaces_a_function_of_the_standard_library():
    time.monotonic_ns = time.perf_counter_ns  # leaks


def test_replaces_a_function_of_the_standard_library_victim():
    assert time.monotonic_ns.__name__ == "monotonic_ns"


@leaves("", "a method of the standard library", gap="of the standard library only the modules' own names are looked at")
def test_replaces_a_method_of_the_standard_library():
    fractions.Fraction.limit_denominator = nothing

"""A Lua state with the sandbox in it, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

from isolane.policy.codec import encode
from isolane.policy.libraries import import_lua

INSTRUCTIONS = 2_000_000_000
"""How many instructions a rule may take: some ten seconds' worth, so that the verdict is the same on any machine."""
_MEGABYTE = 2**20
_INTERRUPTED = b"e" + encode({"kind": "interrupt"})
"""What is answered where Python was interrupted while Lua asked it for the time."""


@cache
def _sandbox() -> bytes:
    """Return the sandbox, compiled once: to parse it for each state takes four times as long."""
    runtime = import_lua().LuaRuntime(encoding=None, source_encoding="utf-8")
    source = Path(__file__).with_name("sandbox.lua").read_bytes()
    return bytes(runtime.eval(b"string.dump")(runtime.compile(source), True))


class Interpreter:
    """A fresh Lua state. What runs in it shares its globals; nothing else does."""

    def __init__(self, memory_mb: int) -> None:
        lua = import_lua()
        self._memory_error = lua.LuaMemoryError
        self._lua_error = lua.LuaError
        self._deadline = 0.0
        self._stopped: Callable[[], bool] = _never
        self.is_spent = False
        """Whether a limit was reached: then the state may hold anything, and is to be thrown away."""
        # Nothing of Python is given to Lua but one function; should Lua get hold of it, all it can do is to call it.
        runtime = lua.LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=False,
            attribute_filter=_refuse,
            max_memory=memory_mb * _MEGABYTE,
        )
        self._run, self._check = runtime.execute(_sandbox(), self._expired)

    def run(
        self,
        code: bytes,
        state: bytes,
        *,
        seconds: float,
        instructions: int = INSTRUCTIONS,
        condition: bool = False,
        stopped: Callable[[], bool] | None = None,
    ) -> bytes:
        """Run a rule's code on a state, both as bytes, and return the answer as bytes: ``v`` and the value, or ``e``.

        Seconds and instructions are counted in Lua: a single long call into Lua's own library is not interrupted.
        stopped: asked as often as the clock; the rule ends when it says so.
        """
        self._deadline = time.monotonic() + seconds
        self._stopped = stopped or _never
        answer = self._answer(lambda: self._run(condition, code, state, instructions))
        if answer == _INTERRUPTED:
            raise KeyboardInterrupt
        return answer

    def check(self, code: bytes) -> bytes:
        """Return the answer to whether the code is Lua, without running it."""
        return self._answer(lambda: self._check(code))

    def _answer(self, call: Callable[[], tuple[bytes, bool]]) -> bytes:
        try:
            answer, self.is_spent = call()
        except self._memory_error:
            answer, self.is_spent = b"e" + encode({"kind": "memory"}), True
        except self._lua_error as error:  # the sandbox itself had no room left to say what happened
            kind = "memory" if "not enough memory" in str(error) else "error"
            answer, self.is_spent = b"e" + encode({"kind": kind, "message": str(error)}), True
        return answer

    def _expired(self) -> bool:
        return time.monotonic() > self._deadline or self._stopped()


def _never() -> bool:
    return False


def _refuse(*_: object) -> NoReturn:
    raise AttributeError("no attribute is in reach of a rule")

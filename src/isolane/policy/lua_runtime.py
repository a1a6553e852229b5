"""A Lua runtime: in a killable process of its own, or, trusted, in this one."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from isolane.model.errors import RuleError, RuleLimitError
from isolane.policy.codec import ConversionError, decode, encode
from isolane.policy.interpreter import INSTRUCTIONS, Interpreter
from isolane.policy.libraries import import_lua
from isolane.policy.requests import CHECK, CONDITION, RUN, Request
from isolane.policy.worker_pool import POOL
from isolane.policy.worker_process import WorkerLateError, WorkerLostError, WorkerProcess, WorkerStartError

GRACE = 0.25
"""Seconds over its time-out until a rule's process is killed: one that Lua itself can end keeps its process."""
_MOST_CODE = 2**18
_MOST_SAID = 500


class LuaRuntime:
    """Runs Lua code on plain values. What the code sets as globals stays until a limit is reached, or a reset.

    timeout: seconds for each piece of code. memory_mb: for Lua's values. trusted: runs in this process, under the same
    limits but one: long calls into Lua's library (a search with a pattern) are not ended, they only count when they
    are over. instructions: of Lua's machine, for each piece of code.

    The code sees ``state`` and the libraries that docs/policies.md lists. Any thread may use a runtime, one at a time
    does. It can be used on after any error. Nothing is started until code is run.
    """

    def __init__(
        self,
        timeout: float = 30.0,
        memory_mb: int = 64,
        trusted: bool = False,
        *,
        instructions: int = INSTRUCTIONS,
    ) -> None:
        if not timeout > 0 or not memory_mb > 0 or not instructions > 0:
            raise ValueError(f"timeout {timeout}, memory_mb {memory_mb}, instructions {instructions} must be over 0")
        import_lua()
        self.timeout = timeout
        self.memory_mb = memory_mb
        self.trusted = trusted
        self._instructions = instructions
        self._side: _HereSide | _ProcessSide = _HereSide(memory_mb) if trusted else _ProcessSide(memory_mb)
        self._lock = threading.Lock()
        # A runtime that nobody closes gives its process back when it is garbage.
        self._finalizer = weakref.finalize(self, self._side.close)

    def execute(self, code: str, state: object = None, *, timeout: float | None = None) -> Any:
        """Return what a chunk returns, as a plain value. timeout: less than the runtime's own, for this once.

        Raises :class:`RuleError`, and its kind :class:`RuleLimitError` where it was ended.
        """
        return self._ask(RUN, code, state, timeout)

    def execute_node(self, code: str, state: Mapping[str, Any], *, timeout: float | None = None) -> dict[str, Any]:
        """Return the state with what the chunk returns merged into it: a mapping, or nothing."""
        returned = self.execute(code, dict(state), timeout=timeout)
        if returned is None:
            return dict(state)
        if not isinstance(returned, dict):
            raise RuleError(
                "rule-value",
                f"A node returns a mapping or nothing, not {_kind(returned)}.",
                "Give it a name: return {name = value}.",
            )
        return {**state, **returned}

    def eval_condition(self, expression: str, state: object = None, *, timeout: float | None = None) -> bool:
        """Return whether an expression holds; in Lua all but nil and false does."""
        return bool(self._ask(CONDITION, f"return {expression}", state, timeout))

    def check(self, code: str) -> None:
        """Raise :class:`RuleError` where the code is not Lua; it is not run."""
        self._ask(CHECK, code, None, None)

    def check_condition(self, expression: str) -> None:
        """Raise :class:`RuleError` where this is no expression of Lua."""
        self._ask(CHECK, f"return {expression}", None, None)

    def reset(self) -> None:
        """Forget all globals."""
        with self._lock:
            self._side.begin_anew()

    def interrupt(self) -> None:
        """End what runs now, from another thread: it raises a :class:`RuleError` there. Else what runs next."""
        self._side.interrupt()

    def close(self) -> None:
        """Give the process back. A closed runtime that is used again takes another."""
        with self._lock:
            self._side.close()

    def __enter__(self) -> LuaRuntime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, kind: int, code: str, state: object, timeout: float | None) -> Any:
        source = code.encode("utf-8", "surrogatepass")
        if len(source) > _MOST_CODE:
            raise RuleError("rule-syntax", f"The code is over {_MOST_CODE // 1024} kB long.", "Rules are short.")
        try:
            values = encode(state)
        except ConversionError as error:
            raise RuleError("rule-state", f"The state cannot be given to Lua: {error}.") from None
        seconds = self.timeout if timeout is None else min(self.timeout, timeout)
        with self._lock:
            answer = self._side.answer(Request(kind, source, values, max(0.0, seconds), self._instructions))
        return self._value(answer, seconds)

    def _value(self, answer: bytes, seconds: float) -> Any:
        try:
            value = decode(answer[1:])
        except ConversionError as error:
            raise RuleError("rule-value", f"The rule's answer cannot be read: {error}.") from None
        if answer[:1] == b"v":
            return value
        found = value if isinstance(value, dict) else {}
        kind = found.get("kind")
        if kind == "time":
            raise _took_too_long(seconds)
        if kind == "instructions":
            raise RuleLimitError("rule-instructions", f"It took over {self._instructions:,} instructions.")
        if kind == "memory":
            raise RuleLimitError("rule-memory", f"It wanted more than {self.memory_mb} MB of memory.")
        line, message = found.get("line"), found.get("message", "")
        raise RuleError(
            f"rule-{kind}" if kind in ("syntax", "value") else "rule-error",
            f"{_one_line(message)}." if message else "It failed.",
            lua_line=line if isinstance(line, int) else None,
            lua_traceback=_text(found.get("traceback", "")),
        )


class _HereSide:
    """A Lua state in this process."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._interpreter: Interpreter | None = None
        self._interrupted = threading.Event()

    def answer(self, request: Request) -> bytes:
        """Return the answer to a request."""
        interpreter = self._interpreter
        if interpreter is None or interpreter.is_spent:
            interpreter = self._interpreter = Interpreter(self._memory_mb)
        if request.kind == CHECK:
            return interpreter.check(request.code)
        answer = interpreter.run(
            request.code,
            request.state,
            seconds=request.seconds,
            instructions=request.instructions,
            condition=request.kind == CONDITION,
            stopped=self._interrupted.is_set,
        )
        if self._interrupted.is_set():
            self._interrupted.clear()
            raise _stopped()
        return answer

    def interrupt(self) -> None:
        """Have the code end at the next look at its limits."""
        self._interrupted.set()

    def begin_anew(self) -> None:
        """Forget the state."""
        self._interpreter = None

    close = begin_anew


class _ProcessSide:
    """A Lua state in a process from the pool, which is taken when it is first needed."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._process: WorkerProcess | None = None
        self._is_new = True  # whether the process has to begin a fresh state
        self._interrupted = False
        # Between whoever ends the process and whoever gives it back: a process that is killed then would be another's.
        self._guard = threading.RLock()

    def answer(self, request: Request) -> bytes:
        """Return the answer to a request; the process is another one after a kill."""
        process = self._taken()
        try:
            reply = process.ask(request.as_bytes(anew=self._is_new), request.seconds + GRACE)
        except WorkerLostError as error:
            if self._let_go():
                raise _stopped() from None
            if isinstance(error, WorkerStartError):
                raise RuleError(
                    "rule-start",
                    f"No process for Lua came up with {sys.executable}.",
                    "Run a policy of your own with --trusted.",
                ) from None
            if isinstance(error, WorkerLateError):
                raise _took_too_long(request.seconds) from None
            raise RuleLimitError(
                "rule-died", "The process that it ran in ended: it took more than the system gives it."
            ) from None
        except BaseException:
            self._let_go()
            raise
        self._is_new = False
        return reply

    def _taken(self) -> WorkerProcess:
        with self._guard:
            interrupted = self._interrupted
            if interrupted or (self._process is not None and not self._process.is_usable):
                self._let_go()
            if interrupted:  # before it had begun
                raise _stopped()
            if self._process is None:
                self._process = POOL.take(self._memory_mb)
                self._is_new = True
            return self._process

    def _let_go(self) -> bool:
        """End the process, and return whether somebody wanted that."""
        with self._guard:
            interrupted, self._interrupted = self._interrupted, False
            process, self._process = self._process, None
            if process is not None:
                POOL.drop(process)
            return interrupted

    def interrupt(self) -> None:
        """Kill the process; it is not used again."""
        with self._guard:
            self._interrupted = True
            if self._process is not None:
                self._process.kill()

    def begin_anew(self) -> None:
        """Have the next request begin a fresh state."""
        self._is_new = True

    def close(self) -> None:
        """Give the process back."""
        with self._guard:
            if self._interrupted:
                self._let_go()
            process, self._process = self._process, None
        if process is not None:
            POOL.give_back(process)


def _took_too_long(seconds: float) -> RuleLimitError:
    return RuleLimitError("rule-time", f"It took over {seconds:g} s.", "Do less, or raise the policy's timeout.")


def _stopped() -> RuleError:
    return RuleError("rule-stopped", "It was stopped, as another branch had failed or all time was over.")


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "text" if isinstance(value, (str, bytes)) else repr(value)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _one_line(value: object) -> str:
    """Return what a rule said without its line ends, and not more than somebody would read."""
    said = " ".join(_text(value).split())
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]} …"

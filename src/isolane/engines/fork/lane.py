"""A worker's connections: what the controller holds of them, and what the worker does.

Messages go from the worker to the controller over a stream. What is to be run goes the other way as datagrams, one
a unit, into an *inbox* whose reading end both sides hold: a unit that waits there is taken by whoever reads it
first, the worker to run it or the controller to give it to somebody else. The kernel decides, and nobody has to
answer while a test runs.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import socket
import struct
import tempfile
from dataclasses import dataclass, field

from isolane.engines.fork.messages import Message, encode

_ORDER = struct.Struct("<qqqq")
_ENOUGH = 1 << 18
_process_id = os.getpid
"""Bound here: a test may replace os.getpid for a whole module."""
FINISH = -1
ONE_TEST = -2
TERMINAL = -3
PAUSE = -4
"""Positions that are not a unit's: tear down and go; the test that ``first`` names; the terminal is yours; tear down
and ask again."""


class ControllerGoneError(Exception):
    """The controller does not listen any more: there is nobody to run tests for."""


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do.

    token: the assignment's. unit: position of the unit in the run's list, or one of the constants above. first: how
    many of the unit's tests are done already; the test itself for ONE_TEST. closely_until: how many of the unit's
    tests are to be looked after one by one: they have run before, and somebody among them left the process dirty.
    """

    token: int
    unit: int
    first: int
    closely_until: int = 0

    def encode(self) -> bytes:
        """Return the datagram."""
        return _ORDER.pack(self.token, self.unit, self.first, self.closely_until)

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """Return what :meth:`encode` wrote."""
        return cls(*_ORDER.unpack(data))


class Board:
    """Bytes that every worker sees at once, without a message."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def stopped(self) -> bool:
        """Whether no further test may start."""
        return self._memory[0] != 0

    def stop(self) -> None:
        """Let no further test start."""
        self._memory[0] = 1

    @property
    def budget(self) -> int:
        """What is left for fresh processes: one byte, whose meaning is the workers' and their listener's."""
        return self._memory[1]

    @budget.setter
    def budget(self, budget: int) -> None:
        self._memory[1] = budget

    @property
    def doubts(self) -> int:
        """How often something that workers know when they are forked has become otherwise, modulo 256."""
        return self._memory[2]

    @doubts.setter
    def doubts(self, doubts: int) -> None:
        self._memory[2] = doubts % 256


@dataclass
class Lane:
    """Both ends of one worker's connections; after the fork each side closes what is the other's.

    captured: files for what tests print, one each for stdout and stderr. The worker writes and empties them; when
    it dies, what the running test had printed is still there for the controller to read. crash_text: where
    faulthandler writes.
    """

    worker: str
    board: Board
    messages: socket.socket = field(init=False)
    inbox: socket.socket = field(init=False)
    out: int = field(init=False)
    error: int = field(init=False)
    captured: tuple[int, int] = field(init=False)
    crash_text: int = field(init=False)

    def __post_init__(self) -> None:
        self.messages, self._messages_in = socket.socketpair()
        self.inbox, self._inbox_in = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.out, self._out_in = os.pipe()
        self.error, self._error_in = os.pipe()
        self._files = [tempfile.TemporaryFile(buffering=0) for _ in range(3)]  # noqa: SIM115  # closed by close()
        self.captured = (self._files[0].fileno(), self._files[1].fileno())
        self.crash_text = self._files[2].fileno()
        self._owner = -1
        self._unsent = b""

    # -- the controller's side

    def hold(self) -> None:
        """Keep the controller's ends: in the controller, after the fork."""
        self._messages_in.close()
        os.close(self._out_in)
        os.close(self._error_in)
        for descriptor in (self.out, self.error):
            os.set_blocking(descriptor, False)
        for one in (self.messages, self.inbox, self._inbox_in):
            one.setblocking(False)

    def give(self, order: Order) -> bool:
        """Put an order into the inbox; False where the worker is not there any more."""
        try:
            self.inbox.send(order.encode())
        except OSError:
            return False
        return True

    def take_back(self) -> Order | None:
        """Return the oldest order that the worker has not taken yet; it will not see it any more."""
        try:
            return Order.decode(self._inbox_in.recv(_ORDER.size))
        except OSError:
            return None

    def printed(self) -> tuple[str, str, str]:
        """Return what the running test had printed when its worker died: stdout, stderr, faulthandler's text."""
        texts = []
        for file in self._files:
            size = os.fstat(file.fileno()).st_size
            data = os.pread(file.fileno(), _ENOUGH, max(0, size - _ENOUGH))
            texts.append(data.decode("utf-8", "replace"))
        return texts[0], texts[1], texts[2]

    def close(self) -> None:
        """Close the controller's ends; more than once does no harm."""
        for one in (self.messages, self._messages_in, self.inbox, self._inbox_in):
            one.close()
        for descriptor in (self.out, self.error):
            if descriptor >= 0:
                os.close(descriptor)
        self.out = self.error = -1
        for file in self._files:
            file.close()

    # -- the worker's side

    def enter(self) -> tuple[int, int]:
        """Keep the worker's ends: in the worker, after the fork. Return descriptors for stdout and stderr."""
        self.messages.close()
        self.inbox.close()
        os.close(self.out)
        os.close(self.error)
        self._messages_in.setblocking(True)
        self._inbox_in.setblocking(False)
        self._owner = _process_id()
        return self._out_in, self._error_in

    def leave_to_others(self) -> None:
        """Close every end: in another worker, which inherited them."""
        for one in (self.messages, self._inbox_in, self.inbox, self._messages_in):
            one.close()
        for descriptor in (self.out, self.error):
            if descriptor >= 0:
                os.close(descriptor)
        for file in self._files:
            file.close()

    def send(self, message: Message, *, at_once: bool = True) -> None:
        """Tell the controller. Raises :class:`ControllerGoneError`. A child that a test forked says nothing.

        at_once: False for what may go along with the next message, since that follows within microseconds: each
        message on its own wakes the controller.
        """
        if _process_id() != self._owner:
            return
        self._unsent += encode(message)
        if at_once:
            data, self._unsent = self._unsent, b""
            try:
                self._messages_in.sendall(data)
            except OSError as error:
                raise ControllerGoneError(str(error)) from error

    def end_strays(self) -> None:
        """End a child that a test forked and that came out of the test by an exception: it is no worker."""
        if _process_id() != self._owner:
            os._exit(1)

    def poll(self) -> Order | None:
        """Return the next order if there is one."""
        self.end_strays()
        with contextlib.suppress(BlockingIOError):
            return Order.decode(self._inbox_in.recv(_ORDER.size))
        return None

    def wait(self) -> Order:
        """Return the next order, however long that takes. Raises :class:`ControllerGoneError`."""
        poller = select.poll()
        poller.register(self._inbox_in, select.POLLIN)
        poller.register(self._messages_in, select.POLLHUP)
        while True:
            order = self.poll()
            if order is not None:
                return order
            for descriptor, event in poller.poll():
                if descriptor == self._messages_in.fileno() and event & (select.POLLHUP | select.POLLERR):
                    raise ControllerGoneError("it has ended")

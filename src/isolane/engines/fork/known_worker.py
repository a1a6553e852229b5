"""A worker as the controller knows it: its process and connections, what it was given, how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from socket import socket

from isolane.coordination.workers import Assignment
from isolane.engines.fork.lane import ONE_TEST, Lane, Order
from isolane.engines.fork.messages import Decoder, Message
from isolane.engines.fork.process import Process


@dataclass
class Share:
    """A unit, or one test of it again, and how far it has come. number: the unit's, or ONE_TEST.

    closely_until: as in :class:`Order`.
    """

    number: int
    tests: Sequence[int]
    done: int = 0
    closely_until: int = 0

    @property
    def left(self) -> Sequence[int]:
        """Return the tests that have not run yet."""
        return self.tests[self.done :]

    def order(self, token: int) -> Order:
        """Return what a worker is told."""
        return Order(token, self.number, self.tests[0] if self.number == ONE_TEST else self.done, self.closely_until)


@dataclass
class Unsettled:
    """A share of which some tests have ended and nobody has looked at what they left. first: where these begin."""

    assignment: Assignment[Share]
    first: int


@dataclass
class Worker:
    """A worker as the controller knows it."""

    name: str
    lane: Lane
    process: Process
    decoder: Decoder = field(default_factory=Decoder)
    current: Assignment[Share] | None = None
    ahead: Assignment[Share] | None = None
    running: int | None = None
    last_heard: float = 0.0
    has_begun: bool = False
    """It has started a test."""
    waiting: bool = False
    """It has asked for more, and has not begun with anything since."""
    finishing: bool = False
    renews: bool = False
    """It leaves what it has not begun to a fresh process of its name."""
    held: list[Message] = field(default_factory=list)
    """What it has said of tests after which nobody has looked yet; see :class:`Limits`."""
    held_since: float = 0.0
    unsettled: list[Unsettled] = field(default_factory=list)
    """The shares that have tests among them, as they came; the last one may not be at its end."""
    rewound: list[Unsettled] = field(default_factory=list)
    """Those of which tests are to be run again."""
    said_goodbye_at: float | None = None
    killed_because: str = ""
    partial_lines: dict[str, bytes] = field(default_factory=dict)
    at_end: set[object] = field(default_factory=set)
    """The connections in which nothing will come any more."""

    def sources(self) -> dict[socket | int, str]:
        """Return what is listened to, and which stream each is."""
        return {self.lane.messages: "messages", self.lane.out: "stdout", self.lane.error: "stderr"}

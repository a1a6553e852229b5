"""The events of a run: what the event log holds, one JSON object a line, and what engines yield.

Format history:

1. the first: run-started, collection-finished, collection-failed, worker-started, worker-stopped,
   test-started, test-finished, run-finished

A reader takes every format up to :data:`FORMAT`, ignores fields it does not know, and refuses a newer format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from json.encoder import encode_basestring_ascii
from typing import Any, ClassVar

from isolane.model.errors import NewerFormatError, RecordError
from isolane.model.outcome import Category, Outcome

FORMAT = 1
GAVE_UP = "isolane: this run is not recorded any further"
"""How the line begins that a run prints whose log could not be written: an engine looks for it."""

_dumps = json.dumps
"""Bound here: a test that replaces json.dumps, for a whole module even, does not mean the log."""


@dataclass(frozen=True, eq=False, repr=False)
class Event:
    """Anything that happened; ``at`` is seconds since the Unix epoch, UTC.

    What compares and shows an event is here, once: generated anew for each kind it would be a third of the time
    that importing this module takes, and every recorded run imports it.
    """

    kind: ClassVar[str]
    at: float

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


@dataclass(frozen=True, eq=False, repr=False)
class RunStarted(Event):
    """The header: everything needed to know what ran, and to run it again."""

    kind: ClassVar[str] = "run-started"
    run_id: str
    label: str
    """What the run is for: ``serial``, ``parallel``, ``module``, ``shuffled``, ``stress``, ``check``, ``replay`` …"""
    argv: tuple[str, ...]
    """pytest's arguments as typed, without the program."""
    directory: str
    """The working directory."""
    rootdir: str
    inifile: str | None
    python: str
    python_version: str
    pytest_version: str
    platform: str
    engine: str
    workers: int
    """Worker processes; 0 for a serial run."""
    dist: str
    seed: int | None
    isolation: str
    revision: str | None
    process_started: float
    """When the process came to be; the start phase counts from here."""
    positional: tuple[str, ...] = ()
    """Those of ``argv`` that name files, directories or node ids."""
    addopts: tuple[str, ...] = ()
    """What the ini file's ``addopts`` and PYTEST_ADDOPTS added to ``argv``."""
    added: tuple[str, ...] = ()
    """What isolane itself put before ``argv``: a person who wants this very run has to type it."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """isolane's own options as they were in force, by name."""
    isolane_version: str = ""
    format: int = FORMAT


@dataclass(frozen=True, eq=False, repr=False)
class CollectionFinished(Event):
    """All tests that will run, in the order of collection."""

    kind: ClassVar[str] = "collection-finished"
    node_ids: tuple[str, ...]
    deselected: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class CollectionFailed(Event):
    """A file, or conftest, could not be collected."""

    kind: ClassVar[str] = "collection-failed"
    node_id: str
    message: str


@dataclass(frozen=True, eq=False, repr=False)
class WorkerStarted(Event):
    """A worker process is there."""

    kind: ClassVar[str] = "worker-started"
    worker: str
    process_id: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class WorkerStopped(Event):
    """A worker process ended; ``reason`` is empty when it was asked to."""

    kind: ClassVar[str] = "worker-stopped"
    worker: str
    reason: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class TestStarted(Event):
    """A test is about to run."""

    __test__: ClassVar[bool] = False
    kind: ClassVar[str] = "test-started"
    node_id: str
    worker: str


@dataclass(frozen=True, eq=False, repr=False)
class TestFinished(Event):
    """A test ended, teardown included. Durations in seconds."""

    __test__: ClassVar[bool] = False
    kind: ClassVar[str] = "test-finished"
    node_id: str
    worker: str
    category: Category
    detail: str = ""
    setup: float = 0.0
    call: float = 0.0
    teardown: float = 0.0
    message: str = ""
    """The first line of the failure, empty for a test that passed."""
    location: str = ""
    """``file:line`` of the failure."""
    attempts: int = 1
    earlier: tuple[str, ...] = ()
    """The first lines of the failures of the attempts before the last."""
    leaks: tuple[tuple[Any, ...], ...] = ()
    """What the test has left behind that others may see, where that was looked for.

    As :meth:`isolane.model.state.Leak.to_plain` has it.
    """

    @property
    def outcome(self) -> Outcome:
        """Return what two runs are compared by."""
        return Outcome(self.category, self.detail)

    @property
    def seconds(self) -> float:
        """Return setup, call and teardown together."""
        return self.setup + self.call + self.teardown


@dataclass(frozen=True, eq=False, repr=False)
class RunFinished(Event):
    """The run is over; phases in seconds by name (start, collection, tests, teardown, reporting)."""

    kind: ClassVar[str] = "run-finished"
    exit_code: int
    phases: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    """Tests by category."""
    leaks: tuple[tuple[Any, ...], ...] = ()
    """What importing modules has left behind, as for a test."""

    @property
    def seconds(self) -> float:
        """Return the whole process's time, from its start to the end of reporting."""
        return sum(self.phases.values())

    @property
    def tests(self) -> int:
        """Return how many tests ran."""
        return sum(self.counts.values())


_KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        RunStarted,
        CollectionFinished,
        CollectionFailed,
        WorkerStarted,
        WorkerStopped,
        TestStarted,
        TestFinished,
        RunFinished,
    )
}

_FIELDS = {
    cls: (
        {item.name: None if item.default is MISSING else item.default for item in fields(cls)},
        frozenset(item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING),
    )
    for cls in _KINDS.values()
}
"""Its fields with their defaults, in their order; and those that have none. Asked once, not for each line."""
_WITH_FACTORIES = frozenset(
    cls for cls in _KINDS.values() if any(item.default_factory is not MISSING for item in fields(cls))
)
_CATEGORIES = {category.value: category for category in Category}
_raw_decode = json.JSONDecoder().raw_decode
"""Half of what ``json.loads`` takes for a line, which looks for white space."""


def encode(event: Event) -> str:
    """Return the event as one line of JSON, without the line end.

    The two kinds that are written once a test are put together by hand: that is four times as fast as
    ``json.dumps(asdict(event))``, and a run of quick tests would feel the difference.
    """
    if type(event) is TestStarted:
        return encode_started(event.at, event.node_id, event.worker)
    if (
        type(event) is TestFinished
        and event.category is Category.PASSED
        and event.attempts == 1
        and not (event.detail or event.message or event.location or event.leaks)
    ):
        return encode_passed(event.at, event.node_id, event.worker, event.setup, event.call, event.teardown)
    return _dumps({"kind": event.kind, **asdict(event)}, separators=(",", ":"), default=str)


def encode_started(at: float, node_id: str, worker: str) -> str:
    """Return the line of a :class:`TestStarted`, without making one."""
    return (
        f'{{"kind":"test-started","at":{at:.6f},"node_id":{encode_basestring_ascii(node_id)},'
        f'"worker":{encode_basestring_ascii(worker)}}}'
    )


def encode_passed(at: float, node_id: str, worker: str, setup: float, call: float, teardown: float) -> str:
    """Return the line of a :class:`TestFinished` that passed at once, without making one."""
    return (
        f'{{"kind":"test-finished","at":{at:.6f},"node_id":{encode_basestring_ascii(node_id)},'
        f'"worker":{encode_basestring_ascii(worker)},"category":"passed","setup":{setup:.6f},'
        f'"call":{call:.6f},"teardown":{teardown:.6f}}}'
    )


def decode(line: str, where: str = "the event log") -> Event:
    """Return the event of one line.

    Raises :class:`NewerFormatError` for a header of a newer format, :class:`RecordError` for anything that is
    not an event.
    """
    try:
        raw, end = _raw_decode(line)
        if end != len(line):
            raw = json.loads(line)
        event_type = _KINDS[raw.pop("kind")]
        written_in = int(raw.get("format", 1)) if event_type is RunStarted else FORMAT
        if event_type is TestFinished and "category" in raw:
            raw["category"] = _CATEGORIES.get(raw["category"]) or Category(raw["category"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RecordError("not-an-event", f"{where} holds a line that is not an event: {line[:80]!r}.") from error
    if written_in > FORMAT:
        raise NewerFormatError(where, written_in, FORMAT)
    if list in map(type, raw.values()):
        raw = {name: _frozen(value) if type(value) is list else value for name, value in raw.items()}
    defaults, required = _FIELDS[event_type]
    if not required <= raw.keys():
        missing = next(name for name in defaults if name in required and name not in raw)
        raise RecordError("not-an-event", f"{where} holds a {event_type.kind} event without {missing!r}.")
    if not raw.keys() <= defaults.keys():
        raw = {name: value for name, value in raw.items() if name in defaults}
    if event_type in _WITH_FACTORIES:
        return event_type(**raw)
    # As its own __init__ would, in a third of the time: who watches a run decodes thousands of them.
    event = event_type.__new__(event_type)
    event.__dict__.update(defaults, **raw)
    return event


def _frozen(values: list[Any]) -> tuple[Any, ...]:
    return tuple([_frozen(one) if type(one) is list else one for one in values])

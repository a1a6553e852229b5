"""A hunt: what is asked of tests that run in a fresh process, and what is found out about one that misbehaves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from isolane.model.explanation import Explained
from isolane.model.outcome import MISSING, Outcome

AT_TEARDOWN = 0
AT_ITS_END = -1
NOW = "now"
"""What a probe's clock says that is its own and goes as the machine's."""

SET_UP = "set_up"
"""What is told, as if it were a kind of state, of a fixture of wider scope that a test gets as others have left it."""


@dataclass(frozen=True)
class Stand:
    """Where a test stands still until another one has run: after it has touched any of these so many times.

    resources: as :attr:`~isolane.model.touch.Touch.resource` names them. touch: AT_TEARDOWN before anything is torn
    down, AT_ITS_END after all of it: then the two follow each other. seconds: for how long at most.
    """

    resources: tuple[str, ...]
    touch: int
    seconds: float


@dataclass(frozen=True)
class Meeting:
    """Two tests that touch the same things, and are to run at the same time."""

    first: str
    second: str
    resources: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """Tests, run in this order in a process that nothing has run in yet; the last one is asked about.

    looks: whether what each test leaves behind is looked at. restored: kinds of state that are put back to what they
    were at the process's start before the last test runs. traced: kinds of which the line that changes them is wanted.
    tells_all: whether it is wanted how each test ends; else it is known of the last one only. stand: where its only
    test waits for that of another probe, which runs at the same time. seed: of the random numbers that everybody
    shares, set before the first of them. clock: what it says when the first of them begins, as ``YYYY-MM-DD
    HH:MM:SS.FF`` in UTC, or NOW; None leaves it alone. widely: whether
    libraries are looked into as well.
    """

    tests: tuple[str, ...]
    looks: bool = False
    restored: tuple[str, ...] = ()
    traced: tuple[str, ...] = ()
    tells_all: bool = False
    stand: Stand | None = None
    seed: int | None = None
    clock: str | None = None
    widely: bool = False
    files: tuple[str, ...] | None = None
    preloaded: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """Return the test that is asked about."""
        return self.tests[-1]

    def encode(self) -> str:
        """Return it as text; for one that stands nowhere."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Probe:
        """Return what :meth:`encode` wrote."""
        values = json.loads(text)
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})


@dataclass(frozen=True)
class Answer:
    """What became of a probe. outcomes: of the tests, by node id. found: what they left, where it was looked at.

    modules: of a probe about imports, the names of the modules that were loaded when all was collected.
    """

    outcomes: Mapping[str, Outcome]
    last: Outcome = MISSING
    seconds: float = 0.0
    found: tuple[Explained, ...] = ()
    modules: tuple[str, ...] = ()


class Sort(str, Enum):
    """What is wrong with a test; one word for one thing."""

    VICTIM = "victim"
    """Ends otherwise after certain tests than alone, where it is well."""
    BRITTLE = "brittle"
    """Is well only after certain tests."""
    IMPORT = "import-dependent"
    """Ends otherwise where certain files are imported besides its own, whatever runs: bad with them, or without."""
    BROKEN = "broken"
    """Ends badly, whatever runs before it."""
    COLLISION = "collision"
    """Ends otherwise while another one runs, and in no order in which they follow each other."""
    SEED = "seed-dependent"
    """Ends by the random numbers that it draws: with certain seeds otherwise, whatever ran before."""
    TIME = "time-dependent"
    """Ends by what the clock says, whatever ran before."""
    FLAKY = "flaky"
    """Ends otherwise though nothing is otherwise."""
    UNCLEAR = "unclear"
    """Ended otherwise in some order, and could not be made to do so again."""


@dataclass(frozen=True)
class HuntOrders:
    """What is asked of a hunt; goes through the handover as JSON.

    count: how many probes run side by side. seeds: of the shuffled orders. wanted: the tests to look into, by node id
    or the end of one; none for all. cleaners: whether to look for tests that make a victim well again. silence: seconds
    without a word after which a probe is taken for hung; None takes the project's setting. all_pairs: whether each of
    them also runs after each test that leaves something. meetings: pairs to run at the same time; then nothing else is
    asked. are_cheap: whether a probe takes milliseconds, so that there may be many. shows: whether what is found is to
    be shown by the command that is told. failed: a file that names tests, as JSON, each with what had run before it
    when it failed; then these are looked into, and no order is run. Their names may be too many for the environment.
    home: the home that the tests were collected with, and that is theirs alone; empty where they have the user's.
    """

    count: int
    seeds: tuple[int, ...]
    wanted: tuple[str, ...] = ()
    cleaners: bool = True
    silence: float | None = None
    all_pairs: bool = False
    meetings: tuple[Meeting, ...] | None = None
    are_cheap: bool = True
    shows: bool = True
    failed: str = ""
    home: str = ""

    def encode(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> HuntOrders:
        """Return what :meth:`encode` wrote."""
        values = json.loads(text)
        met = values["meetings"]
        return cls(
            **{
                **values,
                "seeds": tuple(values["seeds"]),
                "wanted": tuple(values["wanted"]),
                "meetings": None
                if met is None
                else tuple(Meeting(one["first"], one["second"], tuple(one["resources"])) for one in met),
            }
        )


@dataclass(frozen=True)
class Finding:
    """What is known of one test.

    alone: how it ends in a fresh process. after: how it ends after ``needed``, in their order: for a victim its
    polluters, which are all needed together; for a brittle test those that make it well. others: sets that do the
    same. carriers: the changes of state that it takes, as far as they were seen; ``tried`` tells whether putting these
    back was tried, and helped. cleaner: a test after which the victim is well again. rates: how often it was bad,
    alone and after, where one run says too little: (bad, runs) each. probes, seconds: what it has cost. Of a collision,
    needed is the test beside which it ends otherwise, shared what both touch, stood who of them stood still where, and
    rates how often it was bad one after the other, and side by side with nobody held up. seeds, clocks: those with
    which one that depends on the seed, or on the time, ends otherwise. Of one that depends on imports, alone is how it
    ends when its own file alone is imported, and needed are the files with which it ends otherwise; the test may be a
    file, which is collected or not.
    """

    test: str
    sort: Sort
    alone: Outcome
    after: Outcome | None = None
    needed: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()
    carriers: tuple[Explained, ...] = ()
    tried: bool = False
    cleaner: str = ""
    rates: tuple[tuple[int, int], tuple[int, int]] | None = None
    probes: int = 0
    seconds: float = 0.0
    command: str = ""
    shown: bool | None = None
    shared: tuple[str, ...] = ()
    stood: str = ""
    seeds: tuple[int, ...] = ()
    clocks: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return it in types that JSON has."""
        return {
            "test": self.test,
            "sort": self.sort.value,
            "alone": str(self.alone),
            "after": str(self.after) if self.after else None,
            "needed": list(self.needed),
            "others": [list(one) for one in self.others],
            "carriers": [one.to_plain() for one in self.carriers],
            "tried": self.tried,
            "cleaner": self.cleaner,
            "rates": [list(one) for one in self.rates] if self.rates else None,
            "probes": self.probes,
            "seconds": round(self.seconds, 3),
            "command": self.command,
            "shown": self.shown,
            "shared": list(self.shared),
            "stood": self.stood,
            "seeds": list(self.seeds),
            "clocks": list(self.clocks),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Finding:
        """Return what :meth:`as_data` told of."""
        rates = data["rates"]
        return cls(
            test=data["test"],
            sort=Sort(data["sort"]),
            alone=Outcome.parse(data["alone"]),
            after=Outcome.parse(data["after"]) if data["after"] else None,
            needed=tuple(data["needed"]),
            others=tuple(tuple(one) for one in data["others"]),
            carriers=tuple(Explained.from_plain(one) for one in data["carriers"]),
            tried=data["tried"],
            cleaner=data["cleaner"],
            rates=((rates[0][0], rates[0][1]), (rates[1][0], rates[1][1])) if rates else None,
            probes=data["probes"],
            seconds=data["seconds"],
            command=data["command"],
            shown=data["shown"],
            shared=tuple(data["shared"]),
            stood=data["stood"],
            seeds=tuple(data["seeds"]),
            clocks=tuple(data["clocks"]),
        )


@dataclass(frozen=True)
class HuntResult:
    """What a hunt has come to.

    orders: how many orders of the whole suite were run. dirty: tests that left what others may see. pairs: how many
    of them and another test told something, and of how many; None where pairs were not asked for. alike: how many more
    tests leave something, and nothing that these do not. pair_seconds: what pairs took. meetings: how many pairs were
    run at the same time, and of how many; None where they were not asked for. files: how many were imported alone.
    """

    findings: Sequence[Finding]
    tests: int
    orders: int = 0
    dirty: Sequence[str] = ()
    probes: int = 0
    seconds: float = 0.0
    serial_seconds: float = 0.0
    pairs: tuple[int, int] | None = None
    pair_seconds: float = 0.0
    alike: int = 0
    meetings: tuple[int, int] | None = None
    files: int = 0
    notes: Sequence[str] = field(default_factory=tuple)

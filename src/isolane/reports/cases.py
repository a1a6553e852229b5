"""A run test by test, as reports for other tools want it: each test once, in the order of the collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from isolane.model.errors import ExitCode
from isolane.model.events import CollectionFailed, Event, TestFinished, TestStarted
from isolane.model.identity import class_of, module_of
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.model.quarantine import MARK
from isolane.model.record import RunRecord

CUT_OFF = "the record of the run ends while this test runs"


@dataclass(frozen=True)
class Case:
    """A test. start, end: seconds since the Unix epoch, both 0 where it never ran.

    finished: what its run said last; None where it was not heard to end.
    """

    node_id: str
    outcome: Outcome
    worker: str = ""
    start: float = 0.0
    end: float = 0.0
    finished: TestFinished | None = None

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.finished.seconds if self.finished is not None else max(0.0, self.end - self.start)

    @property
    def message(self) -> str:
        """Return the first line of its failure."""
        return self.finished.message if self.finished is not None else CUT_OFF if self.outcome.is_bad else ""

    @property
    def location(self) -> str:
        """Return ``file:line`` of its failure."""
        return self.finished.location if self.finished is not None else ""

    @property
    def earlier(self) -> tuple[str, ...]:
        """Return the first lines of the failures of the attempts before the last: empty ones where nobody told."""
        if self.finished is None:
            return ()
        told = self.finished.earlier
        return told + ("",) * (self.finished.attempts - 1 - len(told))

    @property
    def is_flaky(self) -> bool:
        """Whether it passed, and not at the first attempt."""
        return bool(self.earlier) and self.outcome.category in (Category.PASSED, Category.XPASSED)

    @property
    def is_quarantined(self) -> bool:
        """Whether it failed and does not decide."""
        return self.outcome.category is Category.XFAILED and self.outcome.detail.startswith(MARK)


@dataclass(frozen=True)
class Cases:
    """A run's tests. record: the rest of what is known of it. began, ended: seconds since the Unix epoch."""

    tests: Sequence[Case]
    record: RunRecord
    began: float
    ended: float

    @property
    def collection_failures(self) -> Sequence[CollectionFailed]:
        """Return the files that could not be collected."""
        return self.record.collection_failures

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what a reader may want to know of the run, by name; what is not known is left out."""
        header = self.record.header
        if header is None:
            return {}
        found = {
            "run": header.run_id,
            "engine": header.engine,
            "workers": str(header.workers),
            "dist": header.dist if header.workers else "",
            "isolation": header.isolation if header.workers else "",
            "seed": "" if header.seed is None else str(header.seed),
            "revision": header.revision or "",
            "python": header.python_version,
            "pytest": header.pytest_version,
        }
        return {name: value for name, value in found.items() if value}

    def location(self, case: Case) -> str:
        """Return ``file:line`` of a test's failure, from the root directory where it is in it."""
        rootdir = self.record.header.rootdir if self.record.header is not None else ""
        return case.location.removeprefix(f"{rootdir}/")

    @property
    def trouble(self) -> str:
        """Return why the run is not whole, or nothing."""
        if self.record.end is None:
            return "the record has no end: the run goes on, or was killed"
        if self.record.end.exit_code == ExitCode.INTERRUPTED:
            return "the run was interrupted"
        return ""


def cases_of(events: Sequence[Event]) -> Cases:
    """Return a run's tests: also those that were collected and never ran, as missing.

    A test that was heard to end more than once, as with ``--dist each``, is there once, with the worst of its outcomes.
    """
    record = RunRecord.of(events)
    began = record.header.process_started if record.header is not None else 0.0
    ended = max((event.at for event in events), default=0.0)
    found: dict[str, Case] = {}
    for case in endings(events):
        outcome = case.outcome
        known = record.outcomes.get(case.node_id, outcome)
        if case.finished is None and record.exit_code == ExitCode.INTERRUPTED:
            outcome = MISSING  # Who was running then has done nothing wrong.
        elif known.category is Category.CRASHED:
            outcome = known
        before = found.get(case.node_id)
        if before is None or not before.outcome.is_bad:
            found[case.node_id] = replace(case, outcome=outcome)
    order = dict.fromkeys((*record.node_ids, *found))
    return Cases([found.get(one) or Case(one, MISSING) for one in order], record, began or ended, ended)


def endings(events: Sequence[Event]) -> Iterator[Case]:
    """Yield each end of a test that was heard, in order, and then the tests that were not heard to end, as crashed."""
    started: dict[str, TestStarted] = {}
    for event in events:
        if isinstance(event, TestStarted):
            started[event.node_id] = event
        elif isinstance(event, TestFinished):
            begin = started.pop(event.node_id, None)
            # Where nobody was told of the start, it is the end less the time that the test took.
            start = begin.at if begin is not None and begin.worker else event.at - event.seconds
            worker = event.worker or (begin.worker if begin is not None else "")
            yield Case(event.node_id, event.outcome, worker, start, max(event.at, start), event)
    for begin in started.values():
        yield Case(begin.node_id, Outcome(Category.CRASHED), begin.worker, begin.at, events[-1].at)


def suite_of(node_id: str) -> tuple[str, ...]:
    """Return what a test is in: its file, and its classes from the outermost.

    >>> suite_of("tests/test_a.py::TestX::test_y[a::b]")
    ('tests/test_a.py', 'TestX')
    """
    classes = class_of(node_id)
    return tuple(classes.split("::")) if classes else (module_of(node_id),)


def name_of(node_id: str) -> str:
    """Return a test's own name, with its parameters; all of a node id that names no test in a file.

    >>> name_of("tests/test_a.py::TestX::test_y[a::b]"), name_of("tests/test_a.py")
    ('test_y[a::b]', 'tests/test_a.py')
    """
    outer = "::".join(suite_of(node_id))
    return node_id[len(outer) + 2 :] or node_id

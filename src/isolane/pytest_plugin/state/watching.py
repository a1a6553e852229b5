"""Looks after each test at what it has left; lives in the process that runs the tests."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import pytest
from _pytest.outcomes import TEST_OUTCOME

from isolane.model.state import Change, Leak, Level
from isolane.process_state.watch import Findings, StateWatch, Suspect
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.customs import Budget, Customs
from isolane.pytest_plugin.state.own_names import weigh
from isolane.pytest_plugin.state.words import who_left

_ENOUGH_CLEAN = 20
"""How many looks of a process have to find nothing until it spares some: what leaves things mostly does so early."""


class LeakWatch:
    """Asks a :class:`StateWatch` at the right moments, and adds what it finds to the test's reports.

    restores: put back what can be put back. fails: a leak is an error in the test's teardown. budgeted: looks that
    cost much may be left out where tests are quick; whoever asks for that runs tests again, see :attr:`again`.
    tells_harmless: harmless changes are told, too. There may be thousands, of modules that a test imports.
    """

    def __init__(
        self,
        watch: StateWatch,
        accepted: Accepted,
        dear: Sequence[str],
        *,
        restores: bool,
        fails: bool,
        budgeted: bool,
        tells_harmless: bool,
    ) -> None:
        self._watch = watch
        self._accepted = accepted
        self._dear = frozenset(dear)
        self._restores = restores
        self._fails = fails
        self._budgeted = budgeted
        self._tells_harmless = tells_harmless
        self._begun = False
        self._failed = False
        self._tearing_down: pytest.Item | None = None
        """Where a fixture ends at another time, to set up another of the same comes next, and nothing is put back."""
        self._leaks: list[Leak] = []
        self._of_fixtures: list[Leak] = []
        self._standing: dict[tuple[str, str], Leak] = {}
        self._unchecked = self._unasked = self._unseen = 0
        """How many tests have ended since everything was looked at, at least the suspects, and at least quick kinds."""
        self.suspects: frozenset[Suspect] = frozenset()
        """What changed where a window has to run again; see :class:`Suspicion`."""
        self.runs_again: Callable[[], bool] = lambda: False
        """Asked before each look: whether the test runs again to see whether it has changed one of the suspects."""
        self._clean = 0
        """How many looks in a row have found nothing that others may see."""
        self.sparing = True
        """Whether very quick tests may go without any look, where others may: see :attr:`again`."""
        self.closely: Callable[[], bool] = lambda: False
        """Asked before each look: whether it has to be a close one."""
        self.findings: Findings | None = None
        """What the look after the last test has found and nobody has put back; None where there was no look."""
        self.customs = Customs()
        """Which changes are found, and told, but nothing is given up for them."""
        self.budget: Callable[[], Budget] = lambda: Budget.LEFT
        """Asked when something is found: what is left for fresh processes."""
        self.dirty = False
        """Whether any test has left what may be seen by others and nobody has put back or tolerates."""
        self.doubtful = False
        """Whether the last test failed, in a process that was not as clean as a fresh one."""
        self._tolerates = False
        self.again = False
        """Whether that is dirt that an earlier test, which nobody had looked after, may have left."""

    def begin(self) -> None:
        """Take the state as it is now for what it should be."""
        self._begun = True
        self._watch.begin()

    def begin_in_fork(self) -> None:
        """Go on in a forked process, as it is now."""
        self._watch.begin_in_fork()

    # -- the moments

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let a fixture of wider scope own what it changes."""
        if request.scope == "function" or not self._begun:
            return (yield)
        self._watch.owner_begins(fixturedef)
        try:
            value = yield
        except BaseException:
            self._watch.owner_is_ready(fixturedef, failed=True)
            raise
        self._watch.owner_is_ready(fixturedef)
        # The last finalizer that is added is the first to run, before the fixture's own.
        request.addfinalizer(lambda: self._watch.owner_ends(fixturedef))
        return value

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
        """See what a fixture of wider scope has left behind."""
        if request.scope == "function" or not self._begun:
            return
        place = fixturedef.baseid or request.node.nodeid
        owner = f"fixture {fixturedef.argname} of {place}" if place else f"fixture {fixturedef.argname}"
        accepted = self._accepted.by(self._tearing_down) if self._restores and self._tearing_down else None

        def is_to_go(change: Change) -> bool:
            (weighed,) = weigh([change], fixturedef.argname, request)
            return accepted is not None and weighed.level is not Level.HARMLESS and not accepted(change)

        left = weigh(self._watch.owner_has_ended(fixturedef, is_to_go), fixturedef.argname, request)
        self._of_fixtures += [Leak(owner, change) for change in left]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Begin, with the first test."""
        if not self._begun:
            self.begin()
        self.findings = None
        self._failed = False
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Look, when all that belongs to the test has been torn down."""
        self._tearing_down = item
        try:
            yield
        except TEST_OUTCOME:  # pytest.fail raises what is no Exception
            self._failed = True
            self.look(item)
            raise
        finally:
            self._tearing_down = None
        found = self.look(item)
        if found and self._fails:
            lines = "\n".join(f"  {leak.change} ({leak.change.level.value})" for leak in found)
            pytest.fail(f"isolane: the test left state behind:\n{lines}", pytrace=False)

    def look(self, item: pytest.Item) -> list[Leak]:
        """Look at what the test has left; return what nobody has accepted and may be seen by others."""
        if not self._begun:
            return []
        of_fixtures, self._of_fixtures = self._of_fixtures, []
        suspects = self.suspects if self.runs_again() else frozenset()
        closely = not self._budgeted or self._failed or bool(of_fixtures) or self.closely()
        closely = closely or (self.runs_again() and not suspects)
        only_looks = self._budgeted and not (self._restores or self._fails)
        sparingly = only_looks and self.sparing and not suspects and self._clean >= _ENOUGH_CLEAN
        before = self._watch.expected() if self._restores else {}
        findings = self._watch.look(closely=closely, sparingly=sparingly, suspects=suspects)
        self.again = False
        tolerated = self._tolerates
        if findings.changes or of_fixtures:
            findings = self._take(item, findings, of_fixtures, before)
        # What is found now may have been left before this test began, where nobody had looked in between.
        # Where nobody had looked at anything, it may even be gone: a test that fails takes back what it has met.
        unsure = self._unseen > 0 or (self._unchecked > 0 and findings.doubtful)
        self.doubtful = self._failed and (tolerated or unsure)
        self.findings = findings
        self._unchecked = 0 if findings.whole else self._unchecked + 1
        self._unasked = 0 if findings.whole else self._unasked + (not suspects)
        self._unseen = 0 if findings.seen else self._unseen + 1
        if findings.seen:
            self._clean = 0 if findings.dirty else self._clean + 1
        return [leak for leak in self._leaks if leak.change.level.is_dirt]

    def _take(self, item: pytest.Item, findings: Findings, of_fixtures: list[Leak], before: Any) -> Findings:
        """Say whose the changes are; return those that stay."""
        accepted = self._accepted.by(item)
        of_fixtures = [leak for leak in of_fixtures if not accepted(leak.change)]
        owned = {(leak.change.kind, leak.change.name) for leak in of_fixtures}
        changes = tuple(one for one in findings.changes if not accepted(one) and (one.kind, one.name) not in owned)
        self.again = self._unchecked > 0 and self._dirt(one for one in changes if self._may_be_earlier(one))
        leaks = [*of_fixtures, *(Leak(item.nodeid, one) for one in changes)]
        seen = [leak for leak in leaks if leak.change.level is not Level.HARMLESS]
        self._leaks += leaks if self._tells_harmless else seen
        if self._restores and not self.again:
            # A kind is put back whole, and what is known of it is to stay.
            known = {one.kind for one in findings.changes if accepted(one)}
            going = [one for one in findings.changes if one.kind not in known]
            left = self._watch.restore(before, going)
            gone = {(one.kind, one.name) for one in going} - {(one.kind, one.name) for one in left}
            changes = tuple(one for one in changes if one.kind in known) + tuple(
                one for one in left if (one.kind, one.name) not in owned
            )
            of_fixtures = [leak for leak in of_fixtures if (leak.change.kind, leak.change.name) not in gone]
        stays = (*changes, *(leak.change for leak in of_fixtures))
        staying = set(stays)
        self._standing.update({(leak.change.kind, leak.change.name): leak for leak in seen if leak.change in staying})
        findings = findings._replace(changes=stays)
        self.dirty = self.dirty or self._dirt(stays)
        self._tolerates = self._tolerates or findings.doubtful
        return findings

    def _may_be_earlier(self, change: Change) -> bool:
        """Return whether a change may have been there before the test, and nobody has seen it."""
        if change.kind not in self._dear:
            return self._unseen > 0
        return self._unasked > 0 or self.suspect(change) not in self.suspects

    def suspect(self, change: Change) -> Suspect:
        """Return what a change makes suspect."""
        return self._watch.suspect(change)

    def is_dear(self, change: Change) -> bool:
        """Return whether a change is of a kind that is not looked at after each test."""
        return change.kind in self._dear

    def _dirt(self, changes: Iterable[Change]) -> bool:
        budget = self.budget()
        return any(self.customs.are_broken_by(one, budget) for one in changes)

    # -- telling

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add to a failure what had been left before the test began, and to the last report what it left itself."""
        if report.outcome == "failed":
            self._failed = True
            if self._standing and report.when != "teardown":
                lines = "\n".join(map(who_left, self._standing.values()))
                report.sections.append(("isolane: dirty before this test began", lines))
        if self._leaks and report.when == "teardown":
            leaks, self._leaks = self._leaks, []
            setattr(report, LEAKS_ATTRIBUTE, [leak.to_plain() for leak in leaks])


def leaks_of(report: pytest.TestReport) -> list[Leak]:
    """Return what a report says of leaks."""
    return [Leak.from_plain(values) for values in report.__dict__.get(LEAKS_ATTRIBUTE, ())]

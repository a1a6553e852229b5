"""What tests need from outside their process: read from their markers, and kept apart under xdist by locks.

The fork engine hands out no two units that need the same; see ``engines/fork/controller.py``. xdist's own scheduler
knows nothing of it, so there each test takes locks before it is set up, always in the same order.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from isolane.model.errors import UsageError
from isolane.planning.needs import ALONE_MARKER, NOTHING, RESOURCE_MARKER, Needs, needs_of

_EVERYBODY = "everybody"
"""The lock that each test shares and a test that is to be alone has for itself."""


def needs_of_items(items: Sequence[pytest.Item]) -> dict[int, Needs]:
    """Return what tests need, by position; most have no entry. Raises :class:`pytest.UsageError` for a bad marker."""
    found = {}
    for position, item in enumerate(items):
        markers = [mark for mark in item.iter_markers() if mark.name in (RESOURCE_MARKER, ALONE_MARKER)]
        if markers:
            try:
                found[position] = needs_of(markers)
            except UsageError as error:
                raise pytest.UsageError(f"isolane: {item.nodeid}: {error}") from None
    return found


class ResourceLocks:
    """Keeps tests of several processes apart by files in a directory that all of them know."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._needs: dict[str, Needs] = {}
        self._somebody_is_alone = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the markers; where there are none, nothing is locked."""
        needs = needs_of_items(session.items)
        self._needs = {session.items[position].nodeid: one for position, one in needs.items()}
        self._somebody_is_alone = any(one.alone for one in needs.values())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Have the locks while the test runs."""
        needs = self._needs.get(item.nodeid, NOTHING)
        if needs is NOTHING and not self._somebody_is_alone:
            return (yield)
        from hashlib import sha256  # here: it would be felt in every start of pytest

        self._directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            if self._somebody_is_alone:
                locks.enter_context(_locked(self._directory / _EVERYBODY, exclusive=needs.alone))
            for name, exclusive in sorted(needs.resources):
                digest = sha256(name.encode()).hexdigest()[:32]
                locks.enter_context(_locked(self._directory / digest, exclusive=exclusive))
            return (yield)


@contextmanager
def _locked(path: Path, *, exclusive: bool) -> Generator[None, None, None]:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)

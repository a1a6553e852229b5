"""The arguments of a run, with other tests in the place of what it ran."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from isolane.model.events import RunStarted
from isolane.model.identity import module_of


def options_of(header: RunStarted) -> list[str]:
    """Return a run's arguments without those that named what to run, each as often as the parser found it."""
    options = list(header.argv)
    for argument in header.positional:
        # From the end: an option's value of the same text stands before it more often than not.
        options.reverse()
        options.remove(argument)
        options.reverse()
    return options


def typed(header: RunStarted, tests: Iterable[str]) -> list[str]:
    """Return files, directories or node ids as they are typed where the run was started."""
    found = []
    for test in tests:
        module = module_of(test)
        found.append(_relative(Path(header.rootdir, module), Path(header.directory)) + test[len(module) :])
    return found


def _relative(path: Path, directory: Path) -> str:
    try:
        return path.resolve().relative_to(directory.resolve()).as_posix()
    except ValueError:
        return str(path)

"""The arguments of a run, with other tests in the place of what it ran."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from isolane.model.events import RunStarted
from isolane.model.identity import module_of
from isolane.planning.imports import is_conftest


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


def typed_files(header: RunStarted, files: Iterable[str]) -> list[str]:
    """Return what lets pytest import certain files and no others, in this order, by node ids.

    Whole files are named, since a file of which a test is named is imported before those. Of a conftest the directory
    is named, and all else in it is passed over.
    """
    found = []
    for word in typed(header, files):
        if is_conftest(word):
            directory = word.rpartition("/")[0]
            found += [directory, f"--ignore-glob={directory}/*"]
        else:
            found.append(word)
    return found


def by_name(test: str) -> list[str]:
    """Return what lets pytest run a test of those that it has collected, or, of a file, nothing at all.

    Tests of that file whose names begin alike run, too.
    """
    module, *names = test.partition("[")[0].split("::")
    return ["-k", " and ".join([module.rpartition("/")[2], *names])] if names else ["--collect-only"]


def _relative(path: Path, directory: Path) -> str:
    try:
        return path.resolve().relative_to(directory.resolve()).as_posix()
    except ValueError:
        return str(path)

"""A probe about imports: what files leave when they are imported is looked at, put back, or traced.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion.rewrite import assertstate_key

from isolane.model.explanation import Explained
from isolane.model.hunt import Probe
from isolane.model.identity import module_of
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.model.state import Change, Leak
from isolane.planning.imports import CONFTEST
from isolane.process_state.base import Kind, RestoreError
from isolane.process_state.kinds import KINDS
from isolane.process_state.project_modules import loaded_packages
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.frames import Frames
from isolane.pytest_plugin.state.importing import ImportWatch
from isolane.pytest_plugin.state.start import kinds_of, unseen_kinds
from isolane.pytest_plugin.state.tracing import Left, Tracer

_MOST_CHARACTERS = 60_000
"""Of the names of modules that are told to another probe: all go through one variable, and Linux takes 128 KiB."""
_IN_LIBRARIES = 1.0
"""Seconds for which lines of libraries are looked at as well."""


class _Windows(ImportWatch):
    """Looks at what certain files leave, and puts it back. files: whole paths; none for all."""

    def __init__(
        self,
        frames: Frames,
        kinds: Sequence[Kind[Any]],
        is_accepted: Callable[[Change], bool],
        files: Iterable[str],
        probe: Probe,
    ) -> None:
        super().__init__(frames, kinds, is_accepted)
        self._files = set(files)
        self._probe = probe

    def _take(self, file: str, name: str, before: Iterable[Any]) -> None:
        if self._files and os.path.realpath(file) not in self._files:
            return
        then = list(before)
        if self._probe.looks:
            super()._take(file, name, then)
        for kind, snapshot in zip(self._kinds, then, strict=True):
            if kind.name in self._probe.restored:
                with contextlib.suppress(RestoreError):  # then it cannot have helped
                    kind.restore(snapshot)


class ImportProbe:
    """Looks, puts back or traces while files are imported; tells at the end of the collection."""

    def __init__(self, config: pytest.Config, handover: Handover, probe: Probe) -> None:
        self._config = config
        self._file = Path(handover.run_directory) / FINDINGS_NAME
        self._probe = probe
        self._root = config.rootpath
        self._own = module_of(probe.asked)
        self._files = [os.path.realpath(self._root / one) for one in probe.files or () if one != self._own]
        self._found: list[Explained] = []
        self._watch: _Windows | None = None
        self._tracer: Tracer | None = None
        self._original: Path | None = None
        if handover.copied:
            original, copy = handover.copied
            self._original = Path(original, os.path.relpath(os.path.realpath(config.invocation_params.dir), copy))

    def start(self) -> None:
        """Begin, before any conftest is imported."""
        if self._probe.preloaded:
            self._preload()
        config, probe = self._config, self._probe
        if not (probe.looks or probe.restored or probe.traced):
            return
        kinds = kinds_of(config, unseen_kinds(config), loaded_packages() if probe.widely else ())
        if probe.traced:
            frames = Frames(config.invocation_params.dir, self._original)
            traced = [kind for name, kind in kinds.items() if name in probe.traced]
            self._tracer = Tracer(
                frames, traced, after_lines=KINDS, at_import=self._take, seconds_in_libraries=_IN_LIBRARIES
            )
            self._tracer.start()
        else:
            known = Accepted(config.getini("isolane_known_leaks"))
            looked = [kind for name, kind in kinds.items() if probe.looks or name in probe.restored]
            self._watch = _Windows(Frames(self._root), looked, known.of_suite, self._files, probe)
            self._watch.start(getattr(config.stash.get(assertstate_key, None), "hook", None))

    def _preload(self) -> None:
        """Import what the test's own file would, from where it would."""
        own = self._root / self._own
        places = [own.parent, *(one for one in own.parents if not (one / "__init__.py").exists())][:2]
        path = sys.path[:]
        sys.path[:0] = [*map(str, self._config.getini("pythonpath")), *map(str, places)]
        try:
            for name in self._probe.preloaded:
                with contextlib.suppress(Exception):  # it was imported otherwise there, or made by hand
                    import_module(name)
        finally:
            sys.path[:] = path

    def _take(self, file: str, left: Left) -> None:
        """Take what a file has left that was imported under tracing."""
        path = os.path.realpath(os.path.join(self._config.invocation_params.dir, file))  # noqa: PTH118
        if path in self._files or not self._files:
            self._found += [
                Explained(Leak(f"module {self._named(path)}", change), True, blame) for change, blame in left
            ]

    def _named(self, path: str) -> str:
        return os.path.relpath(path, os.path.realpath(self._root)).replace(os.sep, "/")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Look no longer, and tell."""
        if self._tracer is not None:
            self._tracer.stop()
        if self._watch is not None:
            self._watch.stop()
            self._found += [Explained(leak, True) for leak in self._watch.leaks]
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(one.to_plain())}\n" for one in self._found)
            file.write(json.dumps({"modules": list(_within(_MOST_CHARACTERS, self._modules()))}) + "\n")

    def _modules(self) -> Iterator[str]:
        """Yield the names of the modules that an import has loaded, in that order, but for tests and conftests."""
        tests = {os.path.realpath(self._root / self._own), *self._files}
        for name, module in list(sys.modules.items()):
            namespace = getattr(module, "__dict__", {})
            file = namespace.get("__file__")
            is_test = isinstance(file, str) and (os.path.realpath(file) in tests or Path(file).name == CONFTEST)
            if type(name) is str and namespace.get("__spec__") is not None and name != "__main__" and not is_test:
                yield name


def _within(most: int, names: Iterable[str]) -> Iterator[str]:
    """Yield names until they have so many characters."""
    for one in names:
        most -= len(one) + len('"", ')
        if most < 0:
            return
        yield one


def start_import_probe(config: pytest.Config, handover: Handover, probe: Probe) -> None:
    """Register it, before any conftest is imported."""
    importing = ImportProbe(config, handover, probe)
    config.pluginmanager.register(importing, "isolane-import-probe")
    importing.start()

"""What a test needs from outside its process, as its markers say, and what may therefore run at the same time.

    @pytest.mark.isolane_resource("port:8080", "db:main", mode="exclusive", cpus=2)
    @pytest.mark.isolane_alone

A resource's name is the suite's own: two tests that give the same name mean the same thing. Without a mode it is
exclusive. Like a lock for readers and writers: any number of tests share a resource, one has it exclusively.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from isolane.model.errors import UsageError

RESOURCE_MARKER = "isolane_resource"
ALONE_MARKER = "isolane_alone"
_MODES = ("exclusive", "shared")
_EXAMPLE = 'Write it like isolane_resource("port:8080", mode="shared") or isolane_resource(cpus=2).'


class Marker(Protocol):
    """What is read of a ``pytest.Mark``."""

    @property
    def name(self) -> str:
        """The marker's name."""
        ...

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments."""
        ...

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What one test, or one unit of tests, needs while it runs.

    resources: names, each with whether it is needed exclusively. alone: nothing runs beside it. cpus: as how many
    workers it counts, at least 1.
    """

    resources: frozenset[tuple[str, bool]] = frozenset()
    alone: bool = False
    cpus: int = 1


NOTHING = Needs()
"""What most tests need."""


def needs_of(markers: Iterable[Marker]) -> Needs:
    """Return what all markers of a test together ask for; markers of other names are passed over.

    Where several say something of the same thing, on a test and on its class, the stricter holds: exclusive before
    shared, the larger number of cpus. Their order does not matter. :class:`UsageError`, with the marker's name in it,
    for what cannot be meant.
    """
    found = []
    for marker in markers:
        if marker.name == RESOURCE_MARKER:
            found.append(_read_resource(marker))
        elif marker.name == ALONE_MARKER:
            if marker.args or marker.kwargs:
                raise UsageError("bad-marker", f"{_shown(marker)}: it takes no arguments.")
            found.append(Needs(alone=True))
    return needs_together(found) if found else NOTHING


def needs_together(parts: Iterable[Needs]) -> Needs:
    """Return what a unit needs whose tests, one after the other, need these.

    >>> needs_together([Needs(frozenset({("db", False)}), cpus=2), Needs(frozenset({("db", True)}))])
    Needs(resources=frozenset({('db', True)}), alone=False, cpus=2)
    """
    names: dict[str, bool] = {}
    alone, cpus = False, 1
    for part in parts:
        for name, exclusive in part.resources:
            names[name] = exclusive or names.get(name, False)
        alone = alone or part.alone
        cpus = max(cpus, part.cpus)
    return Needs(frozenset(names.items()), alone, cpus)


def may_run_beside(needs: Needs, running: Iterable[Needs], *, workers: int | None = None) -> bool:
    """Return whether what needs that may start while those are running.

    workers: how many there are; with it, what runs at the same time counts as no more workers than that. Beside
    nothing everything may run, also what asks for more cpus than there are: or it never would.

    >>> reader, writer = Needs(frozenset({("db", False)})), Needs(frozenset({("db", True)}))
    >>> may_run_beside(reader, [reader]), may_run_beside(writer, [reader])
    (True, False)
    """
    others = list(running)
    if not others:
        return True
    if needs.alone or any(other.alone for other in others):
        return False
    if workers is not None and needs.cpus + sum(other.cpus for other in others) > workers:
        return False
    if not needs.resources:
        return True
    wanted: dict[str, bool] = {}
    for name, exclusive in needs.resources:
        wanted[name] = exclusive or wanted.get(name, False)
    return not any(
        name in wanted and (exclusive or wanted[name]) for other in others for name, exclusive in other.resources
    )


def _read_resource(marker: Marker) -> Needs:
    unknown = sorted(set(marker.kwargs) - {"mode", "cpus"})
    if unknown:
        raise _wrong(marker, f"it has no argument {unknown[0]}")
    for name in marker.args:
        if not isinstance(name, str):
            raise _wrong(marker, f"the name of a resource is a string, not {name!r}")
        if not name.strip():
            raise _wrong(marker, "the name of a resource is not empty")
    mode = marker.kwargs.get("mode", "exclusive")
    if mode not in _MODES:
        raise _wrong(marker, f"mode is {' or '.join(map(repr, _MODES))}, not {mode!r}")
    cpus = marker.kwargs.get("cpus", 1)
    if not isinstance(cpus, int) or isinstance(cpus, bool) or cpus < 1:
        raise _wrong(marker, f"cpus is a whole number from 1, not {cpus!r}")
    if not marker.args and "cpus" not in marker.kwargs:
        raise _wrong(marker, "it names no resource")
    return Needs(frozenset((name, mode == "exclusive") for name in marker.args), cpus=cpus)


def _wrong(marker: Marker, fault: str) -> UsageError:
    return UsageError("bad-marker", f"{_shown(marker)}: {fault}.", _EXAMPLE)


def _shown(marker: Marker) -> str:
    arguments = [repr(value) for value in marker.args]
    arguments += [f"{name}={value!r}" for name, value in marker.kwargs.items()]
    return f"{marker.name}({', '.join(arguments)})"

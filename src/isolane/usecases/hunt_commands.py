"""The command that shows what a hunt has found: plain pytest with as few tests as it takes, run once to see."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from isolane.engines.scratch import Scratch, ScratchKeeper
from isolane.model.hunt import Finding, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.model.plan import RunPlan
from isolane.planning.compare import same_outcome
from isolane.usecases.execution import Execution, execute
from isolane.usecases.hunt_fresh import OWN_PLACES, of_file, own_places
from isolane.usecases.observer import Observer
from isolane.usecases.selection import by_name, options_of, typed, typed_files
from isolane.usecases.suggestion import suggest
from isolane.usecases.workshop import Workshop

MOST_SHOWN = 10
"""Commands that are run: one for each set of tests after which others end otherwise."""
_HUNG_SECONDS = 20.0
_LEAST_HUNG_SECONDS = 5.0


def with_commands(
    findings: Sequence[Finding],
    files: Sequence[str],
    hunted: Execution,
    workshop: Workshop,
    scratch: Scratch | None,
    observer: Observer,
    *,
    silence: float | None = None,
) -> list[Finding]:
    """Return the findings; the first of each that have the same tests before them has the command that shows it.

    It is run where the probes ran, in the copy of the project, with a home and temporary files of its own. files: all
    that are imported, in the suite's order. silence: seconds after which a probe was taken for hung, where that was
    asked for.
    """
    hang_seconds = min(_HUNG_SECONDS, max(_LEAST_HUNG_SECONDS, silence or _HUNG_SECONDS))
    found = list(findings)
    keeper = ScratchKeeper(scratch.original, scratch.copy) if scratch else None
    seen: set[tuple[str, ...]] = set()
    for place, one in enumerate(found):
        if one.needed and not one.shared and one.needed not in seen and len(seen) < MOST_SHOWN:
            seen.add(one.needed)
            found[place] = _with_command(one, files, hunted, workshop, observer, hang_seconds)
            if keeper is not None:
                keeper.refresh()
    return found


def _with_command(
    one: Finding,
    files: Sequence[str],
    hunted: Execution,
    workshop: Workshop,
    observer: Observer,
    hang_seconds: float,
) -> Finding:
    for plan in _ways(one, files, hunted, hang_seconds):
        found = replace(
            one,
            command=suggest(workshop, replace(plan, project=workshop.project), _added(hunted)).text,
            # The hunt may have shown it already, beside its last probes.
            shown=one.shown or _shows(one, plan, workshop, observer),
        )
        if found.shown:
            return found
    return found


def _ways(one: Finding, files: Sequence[str], hunted: Execution, hang_seconds: float) -> Iterator[RunPlan]:
    """Yield the runs that may show it: by node ids; else by an order file.

    That is for where pytest has an order of its own, or where it matters what else is imported.
    """
    header = hunted.record.header
    tests = (one.test,) if one.sort is Sort.IMPORT else (*one.needed, one.test)
    hangs = Category.HUNG in (one.alone.category, one.after.category if one.after else None)
    limit = hang_seconds if hangs else None
    # A person has places of his own, and each check has, too.
    environment = {name: value for name, value in hunted.plan.environment.items() if name not in OWN_PLACES}
    plan = replace(
        hunted.plan, label="check", probe=(), stall_seconds=None, hang_seconds=limit, environment=environment
    )
    if one.sort is Sort.IMPORT:
        if header is not None:
            imported = [file for file in files if file in (*one.needed, module_of(one.test))]
            plan = replace(plan, arguments=(*options_of(header), *typed_files(header, imported)))
            yield replace(plan, arguments=(*plan.arguments, *by_name(one.test)))
    elif header is not None:
        yield replace(plan, arguments=(*options_of(header), *typed(header, tests)))
    if "::" not in one.test:
        return
    order = hunted.directory / f"order-{sum(map(len, tests))}.txt"
    order.write_text("\n".join(tests) + "\n", encoding="utf-8", errors="surrogateescape")
    yield replace(plan, order=order)


def _shows(one: Finding, plan: RunPlan, workshop: Workshop, observer: Observer) -> bool:
    with tempfile.TemporaryDirectory(prefix="isolane-check-", ignore_cleanup_errors=True) as home:
        plan = replace(plan, environment={**plan.environment, **own_places(Path(home))})
        observer.run_started("see it", plan)
        again = execute(workshop, plan, observer)
    ended = again.record.outcomes.get(one.test, MISSING) if "::" in one.test else of_file(one.test, again)
    if ended.category in (Category.CRASHED, Category.HUNG):
        ended = Outcome(ended.category)  # how a process ended is told otherwise of a probe
    shown = one.after is not None and same_outcome(ended, one.after)
    observer.run_finished("see it", again.record, "shown" if shown else "not shown")
    return shown


def _added(hunted: Execution) -> tuple[str, ...]:
    return hunted.record.header.added if hunted.record.header else ()

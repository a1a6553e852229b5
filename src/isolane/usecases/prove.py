"""``isolane prove``: serial = each module alone = parallel = any order, or what differs and how to see it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from isolane.history.runs import summaries, write_whole
from isolane.model.errors import ExitCode
from isolane.model.events import Event, RunStarted
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, PASSED, Outcome
from isolane.model.plan import ISOLATION_VARIABLE, RunPlan
from isolane.model.proof import (
    PYTEST_ITSELF,
    Difference,
    Failure,
    Flaky,
    Phase,
    PhaseKind,
    PhaseResult,
    Proof,
    Verdict,
)
from isolane.model.record import RunRecord
from isolane.planning.hash_seed import VARIABLE as HASH_SEED
from isolane.planning.hash_seed import held_environment, held_seed
from isolane.planning.proof import baseline_phases, confidence, decide, later_phases
from isolane.planning.workers import DEFAULT_DIST
from isolane.reports.findings import remarks_of_proof
from isolane.reports.github import annotations_of_remarks, workflow_commands
from isolane.reports.places import Places
from isolane.reports.proof_html import proof_html
from isolane.reports.proof_json import proof_as_data
from isolane.reports.proof_md import proof_page
from isolane.reports.timeline import timeline_of
from isolane.statistics.flake_rate import smallest_rate_seen
from isolane.usecases.actions import add_to_summary, is_in_actions
from isolane.usecases.causes import with_causes
from isolane.usecases.check import Checker
from isolane.usecases.execution import Execution, differences, execute, require_tests, result_of
from isolane.usecases.hunt import HuntRequest
from isolane.usecases.observer import Observer
from isolane.usecases.report import places_in, places_of, sarif_text, trace_text
from isolane.usecases.seeds import draw_seeds, parse_seeds
from isolane.usecases.selection import options_of, typed
from isolane.usecases.suggestion import suggest
from isolane.usecases.timings import write_timings
from isolane.usecases.worker_counts import chosen_workers, parse_workers
from isolane.usecases.workshop import Workshop, open_workshop

_SHUFFLES = 3
_COMPILED = "the very first run had other tests than the next: Python had just compiled them; it is not counted"
_NO_TEST_ALONE = "each test alone was left out: it takes forked workers, which this suite cannot have"
_NOT_HELD = f"{HASH_SEED}=random: each run had a hash seed of its own, which no command shows again"


@dataclass(frozen=True)
class ProveRequest:
    """What was asked. workers, seeds, dist, engine: None takes the project's ini options, else the defaults.

    hunts: whether the causes of differences are looked for. thorough: each test alone as well, and all pairs.
    """

    project: Path
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str | None = None
    seeds: str | None = None
    dist: str | None = None
    reports: Path | None = None
    stall_seconds: float | None = None
    engine: str | None = None
    hunts: bool = True
    thorough: bool = False


@dataclass
class _Baseline:
    """The first serial run, and what it tells about how to run the others."""

    execution: Execution
    outcomes: dict[str, Outcome]
    modules: list[str]
    flaky: set[str] = field(default_factory=set)

    @property
    def added(self) -> tuple[str, ...]:
        header = self.execution.record.header
        return header.added if header else ()

    def setting(self, name: str) -> str:
        return self.execution.record.setting(name)


def prove(request: ProveRequest, observer: Observer) -> Proof:
    """Run every phase, compare, check each difference's command, and return the proof.

    Raises :class:`~isolane.model.errors.IsolaneError` where there is nothing to compare: no project, no pytest, no
    tests, a collection error; each with the exit code that pytest itself has for it.
    """
    # What was typed wrong is said before the first run, not after it.
    if request.workers:
        parse_workers(request.workers)
    if request.seeds:
        parse_seeds(request.seeds)
    with open_workshop(request.project, request.python) as workshop:
        proof = _Prover(workshop, request, observer).prove()
    if not request.hunts:
        return proof
    hunt = HuntRequest(
        (),
        request.project,
        request.python,
        request.arguments,
        stall_seconds=request.stall_seconds,
        all_pairs=request.thorough,
        only_forks=True,
    )
    return with_causes(proof, hunt, observer)


@dataclass(frozen=True)
class Written:
    """What became of a proof's reports. where: a line that says it. commands: lines for the log of GitHub Actions."""

    where: str
    commands: Sequence[str] = ()


def write_reports(proof: Proof, request: ProveRequest) -> Written:
    """Write the proof's reports and the timings; in GitHub Actions the page goes to the step's summary, too."""
    directory = request.reports or Path(proof.project) / (proof.reports or "reports")
    runs = list(_runs_shown(proof))
    remarks = list(remarks_of_proof(proof, _places(proof, runs)))
    page = proof_page(proof)
    try:
        write_whole(directory / "proof.json", json.dumps(proof_as_data(proof), indent=2) + "\n")
        write_whole(directory / "proof.md", page)
        timelines = filter(None, (timeline_of(name, events) for name, events in runs))
        write_whole(directory / "proof.html", proof_html(proof, list(timelines)))
        write_whole(directory / "proof.sarif", sarif_text(remarks))
        write_whole(directory / "proof.trace.json", trace_text(runs))
        write_timings(Path(proof.project), directory)
        add_to_summary(page)
    except OSError as error:
        where = f"The reports are not written: {directory}: {error.strerror}."
    else:
        where = f"Reports: {directory / 'proof.html'}, and beside it proof.md, .json, .sarif and .trace.json"
    return Written(where, workflow_commands(annotations_of_remarks(remarks)) if is_in_actions() else ())


def _runs_shown(proof: Proof) -> Iterator[tuple[str, list[Event]]]:
    """Yield what is on record of the first serial run, and of those over workers, each with its name."""
    runs = {summary.directory.name: summary for summary in summaries(Path(proof.project))}
    for one in proof.phases:
        wanted = one.phase.workers or (one.phase.kind is PhaseKind.SERIAL and one.phase.repeat == 1)
        if wanted and one.run_id in runs:
            yield one.phase.name, list(runs[one.run_id].events())


def _places(proof: Proof, runs: Sequence[tuple[str, Sequence[Event]]]) -> Places:
    """Return what finds lines: a record says from where node ids are named."""
    project = Path(proof.project)
    header = next((one for _, events in runs for one in events if isinstance(one, RunStarted)), None)
    return places_of(header) if header is not None else places_in(project, project)


class _Prover:
    def __init__(self, workshop: Workshop, request: ProveRequest, observer: Observer) -> None:
        self._workshop = workshop
        self._request = request
        self._observer = observer
        self._started = time.time()
        self._results: list[PhaseResult] = []
        self._notes: list[str] = []
        self._plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            stall_seconds=request.stall_seconds,
            dist=None,
            environment=held_environment(os.environ),
        )

    def prove(self) -> Proof:
        first, second = baseline_phases()
        baseline = self._baseline(first)
        broken = baseline.execution.broken
        if broken:
            return self._proof(baseline, [], (Verdict.INCONCLUSIVE, f"the serial run ended early: {broken}"))
        workers, seeds = self._axes(baseline)
        again = self._run(second, replace(self._plan, label="serial"), baseline)
        flaky = _flaky(baseline, again)
        if flaky and not again.broken and all(MISSING in one.outcomes for one in flaky):
            # Other tests, not other outcomes. A set that is written in a module may have one order when the module has
            # just been compiled, and another when it is read from its bytecode, as it is from the second run on.
            self._results.clear()
            baseline = self._keep_baseline(first, again)
            self._notes.append(_COMPILED)
            again = self._run(second, replace(self._plan, label="serial"), baseline)
            flaky = _flaky(baseline, again)
        if flaky and again.broken:
            why = f"the second serial run ended early, and the first did not: {again.broken}"
            return self._proof(baseline, [], (Verdict.INCONCLUSIVE, why), flaky)
        if flaky:
            return self._proof(baseline, [], decide([], [one.outcomes for one in flaky]), flaky)
        found: list[Difference] = []
        checker = Checker(self._workshop, self._observer, baseline.outcomes, baseline.added)
        for phase in later_phases(baseline.modules, workers, seeds, thorough=self._request.thorough):
            execution = self._run(phase, self._plan_of(phase, baseline), baseline)
            if phase.kind is PhaseKind.TEST and execution.record.engine != "fork":
                self._results.pop()
                self._notes.append(_NO_TEST_ALONE)
                continue
            found += checker.check(phase, execution, self._expected(phase, baseline))
        return self._proof(baseline, found, decide(found), checks=checker.results)

    def _baseline(self, phase: Phase) -> _Baseline:
        plan = replace(self._plan, label="serial")
        self._observer.run_started(phase.name, plan)
        execution = execute(self._workshop, plan, self._observer)
        require_tests(execution)
        return self._keep_baseline(phase, execution)

    def _keep_baseline(self, phase: Phase, execution: Execution) -> _Baseline:
        record = execution.record
        modules = list(dict.fromkeys(module_of(node_id) for node_id in record.outcomes))
        self._keep(phase, execution, 0)
        return _Baseline(execution, execution.outcomes, modules)

    def _run(self, phase: Phase, plan: RunPlan, baseline: _Baseline) -> Execution:
        self._observer.run_started(phase.name, plan)
        execution = execute(self._workshop, plan, self._observer)
        if plan.engine == "fork" and execution.record.exit_code == ExitCode.USAGE_ERROR:
            require_tests(execution)  # the suite cannot be forked, which was asked for: that is no difference
        differing = differences(self._expected(phase, baseline), execution)
        self._keep(phase, execution, len(differing), broken=bool(differing) and bool(execution.broken))
        return execution

    def _keep(self, phase: Phase, execution: Execution, differing: int, *, broken: bool = False) -> None:
        result = result_of(phase, execution, differing)
        self._results.append(result)
        remark = "pytest itself failed" if broken else f"{differing} differ" if differing else ""
        self._observer.run_finished(phase.name, execution.record, remark)

    def _expected(self, phase: Phase, baseline: _Baseline) -> dict[str, Outcome]:
        if phase.module is None:
            return baseline.outcomes
        of_module = {
            node_id: outcome for node_id, outcome in baseline.outcomes.items() if module_of(node_id) == phase.module
        }
        return of_module | {PYTEST_ITSELF: PASSED}

    def _plan_of(self, phase: Phase, baseline: _Baseline) -> RunPlan:
        if phase.kind is PhaseKind.MODULE and phase.module is not None:
            return replace(self._plan, label="module", arguments=module_arguments(baseline.execution, phase.module))
        if phase.kind is PhaseKind.TEST:
            # One worker: what tests do side by side is another question.
            environment = {**self._plan.environment, ISOLATION_VARIABLE: "test"}
            return replace(self._plan, label="alone", workers=1, environment=environment)
        if phase.kind is PhaseKind.PARALLEL:
            return replace(
                self._plan,
                label="parallel",
                workers=phase.workers,
                dist=self._dist(baseline),
                engine=self._request.engine,
                # What is proven is the suite, and not that fresh processes hide what its tests do to one another.
                environment={**self._plan.environment, ISOLATION_VARIABLE: "none"},
            )
        return replace(self._plan, label="shuffled", seed=phase.seed)

    def _dist(self, baseline: _Baseline) -> str | None:
        """Return the grouping to ask for: ours, unless the request or the project's own configuration names one."""
        if self._request.dist:
            return self._request.dist
        header = baseline.execution.record.header
        given = (*header.addopts, *header.argv) if header else ()
        return None if any(one.split("=")[0] == "--dist" for one in given) else DEFAULT_DIST

    def _axes(self, baseline: _Baseline) -> tuple[list[int], list[int]]:
        workers = chosen_workers(self._request.workers, baseline.execution.record)
        seeds = self._request.seeds or baseline.setting("seeds")
        return workers, draw_seeds(_SHUFFLES) if seeds in ("", "none") else parse_seeds(seeds)

    def _proof(
        self,
        baseline: _Baseline,
        found: Sequence[Difference],
        verdict: tuple[Verdict, str],
        flaky: Sequence[Flaky] = (),
        checks: Sequence[PhaseResult] = (),
    ) -> Proof:
        record = baseline.execution.record
        header = record.header
        hash_seed = held_seed(self._plan.environment)
        return Proof(
            verdict=verdict[0],
            reason=verdict[1],
            project=str(self._workshop.project),
            python=self._workshop.interpreter.python,
            python_version=".".join(map(str, self._workshop.interpreter.version)),
            pytest_version=self._workshop.interpreter.packages["pytest"],
            hash_seed=hash_seed,
            revision=header.revision if header else None,
            arguments=self._request.arguments,
            started=self._started,
            seconds=time.time() - self._started,
            baseline_command=suggest(self._workshop, baseline.execution.plan, baseline.added).text,
            tests=len(record.outcomes),
            counts=record.counts(),
            failures=tuple(failures_of(record)),
            phases=tuple(self._results),
            checks=tuple(checks),
            differences=tuple(found),
            flaky=tuple(flaky),
            confidence=confidence(self._results, smallest_rate_seen) if verdict[0] is Verdict.PROVEN else "",
            reports=baseline.setting("reports"),
            notes=tuple(
                filter(None, (self._workshop.note, None if hash_seed is not None else _NOT_HELD, *self._notes))
            ),
        )


def _flaky(baseline: _Baseline, again: Execution) -> list[Flaky]:
    return [Flaky(node_id, (one, other)) for node_id, one, other in differences(baseline.outcomes, again)]


def failures_of(record: RunRecord) -> list[Failure]:
    """Return the tests of a run that failed."""
    return [
        Failure(one.node_id, record.outcomes[one.node_id], one.message, one.location)
        for one in record.finished.values()
        if record.outcomes[one.node_id].is_bad
    ]


def module_arguments(baseline: Execution, module: str) -> tuple[str, ...]:
    """Return the run's arguments with one module in the place of all files, directories and node ids.

    The module is named relative to the directory that pytest is started in. Node ids of that very module stay as they
    are.
    """
    header = baseline.record.header
    if header is None:
        return (module,)
    whole = typed(header, [module])
    named = [one for one in header.positional if "::" in one and module_of(one) == whole[0]]
    return (*options_of(header), *(named or whole))

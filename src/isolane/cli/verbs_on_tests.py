"""The verbs that run tests: each asks its use case, and prints what that has found."""

from __future__ import annotations

import argparse
import shutil
import sys

from isolane.cli.printing import print_lines, print_result
from isolane.cli.progress import Progress
from isolane.cli.streams import say
from isolane.model.errors import ExitCode, UsageError
from isolane.reports.characters import one_line


def verb_prove(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Prove a suite."""
    from isolane.model.proof import Verdict
    from isolane.reports.proof_json import proof_as_data
    from isolane.reports.proof_text import proof_lines
    from isolane.usecases.prove import ProveRequest, prove, write_reports

    request = ProveRequest(
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        workers=options.workers,
        seeds=options.seeds,
        dist=options.dist,
        reports=options.reports,
        stall_seconds=options.stall_timeout,
        engine=options.engine,
        hunts=options.hunt,
        thorough=options.thorough,
    )
    proof = prove(request, progress)
    written = write_reports(proof, request)
    lines = [*proof_lines(proof, shutil.get_terminal_size().columns), "", written.where]
    print_result(options, progress, proof_as_data(proof), lines)
    for line in written.commands:
        say(line)
    return ExitCode.OK if proof.verdict is Verdict.PROVEN else ExitCode.FAILED


def verb_run(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Run a suite once, on record."""
    from isolane.usecases.run import RunRequest, run

    request = RunRequest(
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        workers=options.workers,
        seed=options.seed,
        order=options.order,
        stall_seconds=options.stall_timeout,
        engine=options.engine,
    )
    execution = run(request, progress)
    progress.close()
    sys.stdout.write(execution.output)
    code = execution.record.exit_code
    return ExitCode.INTERNAL_ERROR if code is None else code


def verb_stress(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Run a suite, or some tests, again and again."""
    from isolane.reports.stress_text import stress_as_data, stress_lines
    from isolane.usecases.stress import StressRequest, stress

    request = StressRequest(
        project=options.project,
        runs=options.runs,
        python=options.python,
        arguments=(*options.tests, *for_pytest),
        workers=options.workers,
        seed=options.seed,
        stall_seconds=options.stall_timeout,
        engine=options.engine,
        fresh=options.fresh,
        rate=options.until_rate,
        seconds=options.seconds,
        varied=options.orders == "varied",
    )
    result = stress(request, progress)
    print_result(options, progress, stress_as_data(result), stress_lines(result, shutil.get_terminal_size().columns))
    return ExitCode.OK if result.passed else ExitCode.FAILED


def verb_bench(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Time a suite."""
    from dataclasses import asdict

    from isolane.reports.measurements import bench_as_data, bench_lines
    from isolane.usecases.bench import BenchRequest, bench

    request = BenchRequest(
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        workers=options.workers,
        pairs=options.pairs,
        reports=options.reports,
        stall_seconds=options.stall_timeout,
        engine=options.engine,
    )
    if options.against is not None:
        from isolane.reports.against_text import against_lines
        from isolane.usecases.bench_against import bench_against

        against = bench_against(request, options.against, progress)
        print_result(options, progress, asdict(against), against_lines(against))
        return ExitCode.OK
    result = bench(request, progress)
    print_result(options, progress, bench_as_data(result), bench_lines(result))
    return ExitCode.OK


def verb_replay(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Run a worker's tests again, or list the workers."""
    from isolane.reports.replay_text import replayed_lines, worker_lines
    from isolane.usecases.replay import ReplayRequest, list_workers, replay

    request = ReplayRequest(
        run=options.run,
        until=options.until,
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        stall_seconds=options.stall_timeout,
    )
    if options.worker is None:
        if options.until is not None:
            raise UsageError("no-worker", "--until says where to end, not whose tests.", "Say --worker as well.")
        run, workers = list_workers(request)
        print_lines(worker_lines(run.header, workers))
        return ExitCode.OK
    result = replay(request, options.worker, progress)
    progress.close()
    sys.stdout.write(result.output)
    sys.stdout.flush()
    for line in replayed_lines(result):
        say(one_line(line))
    return ExitCode.INTERNAL_ERROR if result.exit_code is None else result.exit_code


def verb_hunt(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Find out who is to blame."""
    from isolane.reports.hunt_text import hunt_as_data, hunt_lines
    from isolane.usecases.collisions import hunt_collisions
    from isolane.usecases.hunt import HuntRequest, hunt_suite

    request = HuntRequest(
        tests=tuple(options.tests),
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        workers=options.workers,
        seeds=options.seeds,
        stall_seconds=options.stall_timeout,
        all_pairs=options.all_pairs,
        shows=options.check,
        imports=options.imports,
    )
    found = (hunt_collisions if options.collisions else hunt_suite)(request, progress)
    print_result(options, progress, hunt_as_data(found), hunt_lines(found, shutil.get_terminal_size().columns))
    return ExitCode.FAILED if found.findings else ExitCode.OK


def verb_explain(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Name the lines that leak."""
    from isolane.reports.explain_text import explanation_lines
    from isolane.usecases.explain import ExplainRequest, explain

    request = ExplainRequest(
        test=options.test,
        project=options.project,
        python=options.python,
        arguments=for_pytest,
        stall_seconds=options.stall_timeout,
    )
    explanation = explain(request, progress)
    print_result(options, progress, explanation.as_data(), explanation_lines(explanation))
    return ExitCode.OK if explanation.explained else ExitCode.FAILED


def verb_map(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """List what tests touch outside."""
    from isolane.reports.map_text import map_lines
    from isolane.usecases.map import MapRequest, map_suite

    request = MapRequest(
        project=options.project, python=options.python, arguments=for_pytest, stall_seconds=options.stall_timeout
    )
    found = map_suite(request, progress)
    print_result(options, progress, found.as_data(), map_lines(found))
    return ExitCode.OK

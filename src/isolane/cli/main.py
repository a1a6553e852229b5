"""The command line: parse, call a use case, print, exit with its code."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from isolane.cli.arguments import new_parser, split_arguments
from isolane.cli.progress import Progress, new_progress
from isolane.cli.signals import ended_as_interrupted
from isolane.cli.streams import give_up_output, prepare_streams, say
from isolane.model.errors import ExitCode, IsolaneError, UsageError
from isolane.reports.characters import one_line

if TYPE_CHECKING:
    from isolane.policy.verdicts import PolicyDecision

_Verb = Callable[[argparse.Namespace, tuple[str, ...], Progress], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    prepare_streams()
    try:
        with ended_as_interrupted():
            code = _main(list(sys.argv[1:] if arguments is None else arguments))
            sys.stdout.flush()
    except KeyboardInterrupt:
        say("isolane: interrupted; what had been recorded is kept in .isolane/runs.")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: say nothing more.
        code = ExitCode.INTERNAL_ERROR
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"isolane: {where}{error.strerror or error}. [os-error]")
        code = ExitCode.INTERNAL_ERROR
    give_up_output()
    return code


def _main(arguments: list[str]) -> int:
    ours, for_pytest = split_arguments(arguments)
    parser = new_parser()
    try:
        options = parser.parse_args(ours)
    except SystemExit as exit_:
        return int(ExitCode.USAGE_ERROR) if exit_.code else 0
    if options.verb is None:
        parser.print_help()
        return ExitCode.USAGE_ERROR
    progress = new_progress(quiet=getattr(options, "json", False))
    try:
        return _VERBS[options.verb](options, for_pytest, progress)
    except IsolaneError as error:
        progress.close()
        say(f"isolane: {one_line(str(error))}")
        return error.exit_code
    finally:
        progress.close()


def _prove(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
    _print_result(options, progress, proof_as_data(proof), lines)
    for line in written.commands:
        say(line)
    return ExitCode.OK if proof.verdict is Verdict.PROVEN else ExitCode.FAILED


def _run(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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


def _stress(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
    _print_result(options, progress, stress_as_data(result), stress_lines(result, shutil.get_terminal_size().columns))
    return ExitCode.OK if result.passed else ExitCode.FAILED


def _bench(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
        _print_result(options, progress, asdict(against), against_lines(against))
        return ExitCode.OK
    result = bench(request, progress)
    _print_result(options, progress, bench_as_data(result), bench_lines(result))
    return ExitCode.OK


def _gate(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from dataclasses import asdict

    from isolane.reports.gate_text import gate_lines
    from isolane.usecases.gate import gate

    if options.policy is not None:
        from isolane.usecases.policy import gate_by_policy

        found = gate_by_policy(options.project, options.policy, trusted=options.trusted)
        return _print_policy(options, progress, found)
    if options.trusted:
        raise UsageError("no-policy", "--trusted is about a policy's Lua.", "Name the policy: --policy FILE")
    decision = gate(options.project)
    _print_result(options, progress, asdict(decision), gate_lines(decision))
    return ExitCode.OK if decision.keep else ExitCode.FAILED


def _replay(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
        _print_lines(worker_lines(run.header, workers))
        return ExitCode.OK
    result = replay(request, options.worker, progress)
    progress.close()
    sys.stdout.write(result.output)
    sys.stdout.flush()
    for line in replayed_lines(result):
        say(one_line(line))
    return ExitCode.INTERNAL_ERROR if result.exit_code is None else result.exit_code


def _push(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.usecases.push import PATIENCE, PushRequest, push

    patience = PATIENCE if options.patience is None else options.patience
    pushed = push(PushRequest(tuple(options.runs), options.to, options.project, patience))
    progress.close()
    for one in pushed:
        if one.failure:
            say(one_line(f"isolane: {one.run} was not sent: {one.failure}. [not-pushed]"))
        else:
            _print_lines([f"{one.run} sent, {one.size:,} bytes"])
    return ExitCode.INTERNAL_ERROR if any(one.failure for one in pushed) else ExitCode.OK


def _hunt(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
    )
    found = (hunt_collisions if options.collisions else hunt_suite)(request, progress)
    _print_result(options, progress, hunt_as_data(found), hunt_lines(found, shutil.get_terminal_size().columns))
    return ExitCode.FAILED if found.findings else ExitCode.OK


def _explain(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
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
    _print_result(options, progress, explanation.as_data(), explanation_lines(explanation))
    return ExitCode.OK if explanation.explained else ExitCode.FAILED


def _map(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.reports.map_text import map_lines
    from isolane.usecases.map import MapRequest, map_suite

    request = MapRequest(
        project=options.project, python=options.python, arguments=for_pytest, stall_seconds=options.stall_timeout
    )
    found = map_suite(request, progress)
    _print_result(options, progress, found.as_data(), map_lines(found))
    return ExitCode.OK


def _quarantine(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.reports.quarantine_text import added_line, standing_lines, standings_as_data
    from isolane.usecases.quarantine import AddRequest, add_entry, check_quarantine, today_in_utc

    today = today_in_utc()
    if options.action == "add":
        if not (options.test and options.reason and options.owner):
            raise UsageError(
                "incomplete-entry", "add wants a test, --reason and --owner.", "Say who sees to it, and why."
            )
        request = AddRequest(options.test, options.reason, options.owner, options.expiry, options.project)
        _print_lines([added_line(add_entry(request, today))])
        return ExitCode.OK
    found = check_quarantine(options.project, today)
    _print_result(options, progress, standings_as_data(found), standing_lines(found))
    return ExitCode.FAILED if any(one.is_expired or one.is_healed for one in found) else ExitCode.OK


def _report(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.usecases.report import ReportRequest, report

    sys.stdout.write(report(ReportRequest(options.format, options.run, options.project, options.output)))
    return ExitCode.OK


def _policy(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.usecases.policy import PolicyRequest, check_policy, run_policy

    if options.action == "check":
        policy = check_policy(options.file, trusted=options.trusted)
        _print_result(options, progress, policy.as_data(), [str(policy)])
        return ExitCode.OK
    request = PolicyRequest(options.file, options.run, options.project, options.trusted)
    return _print_policy(options, progress, run_policy(request))


def _print_policy(options: argparse.Namespace, progress: Progress, found: PolicyDecision) -> int:
    from isolane.reports.policy_text import decision_as_data, decision_lines

    _print_result(options, progress, decision_as_data(found), decision_lines(found))
    return ExitCode.OK if found.is_good else ExitCode.FAILED


def _sessions(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.reports.sessions_text import session_as_data, session_lines
    from isolane.usecases.sessions import list_sessions

    found, warnings = list_sessions(options.project)
    for warning in warnings:
        say(one_line(warning))
    _print_result(options, progress, [session_as_data(one) for one in found], session_lines(found, time.time()))
    return ExitCode.OK


def _top(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.cli.live import watch_along
    from isolane.usecases.top import Watch

    watch = Watch(options.project, options.session)
    going_on = watch.look()
    if options.json:
        print(json.dumps(watch.dashboard.as_data(), indent=2))
    elif going_on:
        watch_along(watch, sys.stdout)
    else:
        print("No session goes on here. Start one: pytest -n 2")
    return ExitCode.OK


def _cancel(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.reports.sessions_text import cancelled_line
    from isolane.usecases.sessions import cancel_session

    _print_lines([cancelled_line(cancel_session(options.project, options.session, options.wait))])
    return ExitCode.OK


def _combine(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.usecases.combine import combine

    result = combine(options.directory, options.data_file, keep=options.keep)
    print(result)
    return result.exit_code


def _init(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    from isolane.usecases.init import init_project

    for one in init_project(options.project, tox=options.tox):
        print(one)
    return ExitCode.OK


_VERBS: dict[str, _Verb] = {
    "prove": _prove,
    "run": _run,
    "stress": _stress,
    "bench": _bench,
    "gate": _gate,
    "replay": _replay,
    "push": _push,
    "explain": _explain,
    "hunt": _hunt,
    "map": _map,
    "quarantine": _quarantine,
    "report": _report,
    "policy": _policy,
    "sessions": _sessions,
    "top": _top,
    "cancel": _cancel,
    "combine": _combine,
    "init": _init,
}


def _print_result(options: argparse.Namespace, progress: Progress, data: object, lines: Iterable[str]) -> None:
    """Print what a verb found, as JSON if that is asked for, below what its progress has shown."""
    progress.close()
    if options.json:
        print(json.dumps(data, indent=2, default=str))
    else:
        _print_lines(lines)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(one_line(line))


if __name__ == "__main__":
    sys.exit(main())

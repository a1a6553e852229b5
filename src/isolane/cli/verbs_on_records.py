"""The verbs that read or write what is on record, and run nothing."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from isolane.cli.printing import print_lines, print_result
from isolane.cli.progress import Progress
from isolane.cli.streams import say
from isolane.model.errors import ExitCode, UsageError
from isolane.reports.characters import one_line

if TYPE_CHECKING:
    from isolane.policy.verdicts import PolicyDecision


def verb_gate(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Keep parallel runs, or roll back."""
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
    print_result(options, progress, asdict(decision), gate_lines(decision))
    return ExitCode.OK if decision.keep else ExitCode.FAILED


def verb_push(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Send records to a server."""
    from isolane.usecases.push import PATIENCE, PushRequest, push

    patience = PATIENCE if options.patience is None else options.patience
    pushed = push(PushRequest(tuple(options.runs), options.to, options.project, patience))
    progress.close()
    for one in pushed:
        if one.failure:
            say(one_line(f"isolane: {one.run} was not sent: {one.failure}. [not-pushed]"))
        else:
            print_lines([f"{one.run} sent, {one.size:,} bytes"])
    return ExitCode.INTERNAL_ERROR if any(one.failure for one in pushed) else ExitCode.OK


def verb_quarantine(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Add an entry, or check those that are there."""
    from isolane.reports.quarantine_text import added_line, standing_lines, standings_as_data
    from isolane.usecases.quarantine import AddRequest, add_entry, check_quarantine, today_in_utc

    today = today_in_utc()
    if options.action == "add":
        if not (options.test and options.reason and options.owner):
            raise UsageError(
                "incomplete-entry", "add wants a test, --reason and --owner.", "Say who sees to it, and why."
            )
        request = AddRequest(options.test, options.reason, options.owner, options.expiry, options.project)
        print_lines([added_line(add_entry(request, today))])
        return ExitCode.OK
    found = check_quarantine(options.project, today)
    print_result(options, progress, standings_as_data(found), standing_lines(found))
    return ExitCode.FAILED if any(one.is_expired or one.is_healed for one in found) else ExitCode.OK


def verb_report(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Write a run's record in another format."""
    from isolane.usecases.report import ReportRequest, report

    sys.stdout.write(report(ReportRequest(options.format, options.run, options.project, options.output)))
    return ExitCode.OK


def verb_policy(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Check a policy, or run it."""
    from isolane.usecases.policy import PolicyRequest, check_policy, run_policy

    if options.action == "check":
        policy = check_policy(options.file, trusted=options.trusted)
        print_result(options, progress, policy.as_data(), [str(policy)])
        return ExitCode.OK
    request = PolicyRequest(options.file, options.run, options.project, options.trusted)
    return _print_policy(options, progress, run_policy(request))


def _print_policy(options: argparse.Namespace, progress: Progress, found: PolicyDecision) -> int:
    from isolane.reports.policy_text import decision_as_data, decision_lines

    print_result(options, progress, decision_as_data(found), decision_lines(found))
    return ExitCode.OK if found.is_good else ExitCode.FAILED


def verb_sessions(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """List the runs of a checkout."""
    from isolane.reports.sessions_text import session_as_data, session_lines
    from isolane.usecases.sessions import list_sessions

    found, warnings = list_sessions(options.project)
    for warning in warnings:
        say(one_line(warning))
    print_result(options, progress, [session_as_data(one) for one in found], session_lines(found, time.time()))
    return ExitCode.OK


def verb_top(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Show what runs."""
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


def verb_cancel(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Stop a session."""
    from isolane.reports.sessions_text import cancelled_line
    from isolane.usecases.sessions import cancel_session

    print_lines([cancelled_line(cancel_session(options.project, options.session, options.wait))])
    return ExitCode.OK


def verb_combine(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Merge coverage data."""
    from isolane.usecases.combine import combine

    result = combine(options.directory, options.data_file, keep=options.keep)
    print(result)
    return result.exit_code


def verb_init(options: argparse.Namespace, for_pytest: tuple[str, ...], progress: Progress) -> int:
    """Write what a project lacks."""
    from isolane.usecases.init import init_project

    for one in init_project(options.project, tox=options.tox):
        print(one)
    return ExitCode.OK

"""The command line's words."""

from __future__ import annotations

import argparse
from pathlib import Path

from isolane import __version__
from isolane.cli.stress_arguments import StressParser, add_stress
from isolane.model.plan import ENGINES
from isolane.planning.units import MODES

REPORT_FORMATS = ("junit", "ctrf", "sarif", "perfetto", "html")
_DESCRIPTION = """\
isolane runs a pytest suite in parallel and proves that the result is the same
as in one process, each module alone, and in any order.

Start with:   isolane prove            in the folder of your project
Every day:    pytest -n auto           with isolane installed
"""
_EPILOG = """\
What stands behind -- goes to pytest as it is: isolane prove -- tests/unit -k fast
Exit codes are pytest's: 0 good, 1 failed or not proven, 2 interrupted, 3 internal error,
4 usage, 5 no tests. Settings are pytest's ini options isolane_NAME; see pytest --help.
"""


def new_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "isolane", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=formatter, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"isolane {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", title="commands")

    prove = _verb(verbs, "prove", "is the suite the same serially, in parallel, in any order?")
    _project(prove)
    prove.add_argument("-n", "--workers", metavar="LIST", help="worker counts to run with (default: 2,auto)")
    prove.add_argument("--seeds", metavar="LIST", help="seeds of the shuffled orders (default: three drawn anew)")
    prove.add_argument(
        "--dist", choices=MODES, metavar="MODE", help="how tests are grouped for workers (default: loadscope)"
    )
    prove.add_argument(
        "--thorough", action="store_true", help="each test alone in a fresh process as well, and all pairs of a hunt"
    )
    prove.add_argument("--no-hunt", dest="hunt", action="store_false", help="do not look for the causes of differences")
    _engine(prove)
    _reports(prove)
    _json(prove)

    run = _verb(verbs, "run", "run a suite once, with isolane in it though it is not installed there")
    _project(run)
    run.add_argument("-n", "--workers", metavar="N", default="1", help="worker processes, or auto (default: 1, serial)")
    _engine(run)
    run.add_argument("--seed", type=int, help="shuffle the tests in the order drawn by this number")
    run.add_argument("--order", type=Path, metavar="FILE", help="run exactly these node ids, one a line, in order")

    stress = _verb(verbs, "stress", "run the suite many times: which tests are flaky, how often do they fail?")
    add_stress(stress)
    _python(stress)
    _engine(stress)
    _json(stress)

    bench = _verb(verbs, "bench", "time the suite serially and in parallel, in pairs")
    _project(bench)
    bench.add_argument("-n", "--workers", metavar="LIST", help="worker counts (default: 2,auto)")
    _engine(bench)
    bench.add_argument("--pairs", type=_positive, default=3, help="how often each is run (default: 3)")
    bench.add_argument("--against", metavar="REV", help="time this checkout and another revision of it, in pairs")
    _reports(bench)
    _json(bench)

    gate = _verb(verbs, "gate", "keep parallel runs, or roll back to serial? From the last runs on record")
    gate.add_argument("project", nargs="?", type=Path, default=Path(), help="the project's folder (default: here)")
    gate.add_argument("--policy", metavar="FILE", help="decide by this policy's rules: a file, gate, strict or lenient")
    _trusted(gate)
    _json(gate)

    policy = _verb(verbs, "policy", "what does a run mean by your own rules: pass, warn, fail, or roll back?")
    policy.add_argument("action", choices=("run", "check"), help="hold a run against the rules; or only read the file")
    policy.add_argument("file", metavar="FILE", help="the policy's YAML file, or one that comes along: gate, strict, …")
    policy.add_argument(
        "--run", metavar="RUN", help="a run's id, the beginning of one, or its directory (default: newest)"
    )
    _folder_option(policy)
    _trusted(policy)
    _json(policy)

    replay = _verb(verbs, "replay", "run again, in one process, what one worker of a recorded run had run")
    replay.add_argument("run", metavar="RUN", help="a run's id, the beginning of one, its directory, or last")
    replay.add_argument("--worker", metavar="NAME", help="whose tests to run, like gw1 (default: list the workers)")
    replay.add_argument("--until", metavar="TEST", help="end with this test: its node id, or the end of that")
    replay.add_argument(
        "--project", type=Path, metavar="DIR", help="where to start pytest (default: where the run was)"
    )
    replay.add_argument("--python", help="the project's interpreter (default: the run's)")
    _stall_timeout(replay)

    push = _verb(verbs, "push", "send records of runs to a server, which may say 'not now'")
    push.add_argument("runs", nargs="+", metavar="RUN", help="a run's id, the beginning of one, its directory, or last")
    push.add_argument("--to", required=True, metavar="URL", help="where each run's events are sent by POST")
    push.add_argument(
        "--patience",
        type=_seconds,
        metavar="S",
        help="for how long a server that says 'not now' is asked again (default: 60)",
    )
    _folder_option(push)

    explain = _verb(verbs, "explain", "run one test again: which line changed the state that it leaves behind?")
    explain.add_argument("test", metavar="TEST", help="the test's node id")
    _project_option(explain)
    _json(explain)

    hunt = _verb(verbs, "hunt", "which tests end otherwise in another order, after which others, and by what state?")
    hunt.add_argument("tests", nargs="*", metavar="TEST", help="node ids, or their ends (default: all that do)")
    hunt.add_argument("-n", "--workers", metavar="N", default="auto", help="probes side by side (default: auto)")
    hunt.add_argument("--seeds", metavar="LIST", help="seeds of the shuffled orders that are tried (default: 1,2)")
    hunt.add_argument(
        "--no-check", dest="check", action="store_false", help="do not run, and print, the commands that show it"
    )
    more = hunt.add_mutually_exclusive_group()
    more.add_argument(
        "--collisions", action="store_true", help="instead: who ends otherwise while another test runs, and over what?"
    )
    more.add_argument(
        "--all-pairs", action="store_true", help="run them after each test that leaves something, too: all pairs"
    )
    hunt.add_argument(
        "--imports",
        action="store_true",
        help="import each file alone, too: who needs, or suffers from, others' imports?",
    )
    _project_option(hunt)
    _json(hunt)

    map_ = _verb(verbs, "map", "what does each test touch outside its process, and which must not run together?")
    _project_option(map_)
    _json(map_)

    quarantine = _verb(verbs, "quarantine", "tests that run and do not decide the exit code, until a day that is set")
    quarantine.add_argument("action", choices=("add", "check"), help="write an entry; or name those that are over")
    quarantine.add_argument(
        "test", nargs="?", metavar="TEST", help="its node id; that of a function stands for all its parameters"
    )
    quarantine.add_argument("--reason", help="why")
    quarantine.add_argument("--owner", help="who sees to it")
    quarantine.add_argument("--expiry", metavar="DAY", help="the last day, like 2030-12-31 (default: in 30 days)")
    _folder_option(quarantine)
    _json(quarantine)

    report = _verb(verbs, "report", "write a run on record in a form that other tools read")
    report.add_argument(
        "run", nargs="?", default="last", metavar="RUN", help="its id, the beginning of one, or its directory"
    )
    report.add_argument("--format", required=True, choices=REPORT_FORMATS, help="what to write")
    report.add_argument("--output", type=Path, metavar="FILE", help="where to (default: standard output)")
    _folder_option(report)

    sessions = _verb(verbs, "sessions", "the runs of this checkout: which go on, and how the others ended")
    _folder_option(sessions)
    _json(sessions)

    top = _verb(verbs, "top", "what the runs of this checkout do right now; ends with the last of them")
    top.add_argument("--session", metavar="SESSION", help="only this one: its name, or the beginning of it")
    _folder_option(top)
    _json(top)

    cancel = _verb(verbs, "cancel", "stop a run of this checkout, as Ctrl-C in its terminal would")
    cancel.add_argument(
        "session", metavar="SESSION", help="its name, or the beginning of it; isolane sessions lists them"
    )
    cancel.add_argument("--wait", type=_seconds, metavar="S", default=30.0, help="how long it may take (default: 30)")
    _folder_option(cancel)

    combine = _verb(verbs, "combine", "merge the coverage data of workers, sessions and subprocesses into one")
    combine.add_argument("directory", nargs="?", type=Path, help="where the data files are (default: the data file's)")
    combine.add_argument("--data-file", type=Path, help="the merged file (default: COVERAGE_FILE, else .coverage)")
    combine.add_argument("--keep", action="store_true", help="leave the files that were merged")

    init = _verb(verbs, "init", "write a noxfile, make targets, a CI workflow and docs/testing.md; overwrites nothing")
    init.add_argument("project", nargs="?", type=Path, default=Path(), help="the project's folder (default: here)")
    init.add_argument("--tox", action="store_true", help="write a tox.ini instead of a noxfile")
    return parser


def split_arguments(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return what is for isolane and what, behind the first ``--``, is for pytest."""
    if "--" not in arguments:
        return arguments, ()
    place = arguments.index("--")
    return arguments[:place], tuple(arguments[place + 1 :])


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:  # nor is "nan", which is never over
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds over 0")
    return seconds


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    verbs._parser_class = StressParser if name == "stress" else argparse.ArgumentParser
    return verbs.add_parser(name, help=text, description=text[0].upper() + text[1:], allow_abbrev=False)


def _project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", nargs="?", type=Path, default=Path(), help="the project's folder (default: here)")
    _python(parser)


def _project_option(parser: argparse.ArgumentParser) -> None:
    _folder_option(parser)
    _python(parser)


def _folder_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
    )


def _python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", help="the project's interpreter (default: its .venv, else the active one)")
    _stall_timeout(parser)


def _stall_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stall-timeout",
        type=_seconds,
        metavar="S",
        help="a run in which nothing happens for so many seconds is killed, its test named (default: 600)",
    )


def _engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        metavar="ENGINE",
        help="what runs workers: fork, xdist, or auto: fork where it is safe, else xdist (default: auto)",
    )


def _reports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reports", type=Path, metavar="DIR", help="where reports go (default: reports/ there)")


def _trusted(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trusted", action="store_true", help="the policy's Lua is your own: run it in this process, which is quicker"
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")

"""The command line: parse, call a use case, print, exit with its code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from isolane.cli import verbs_on_records, verbs_on_tests
from isolane.cli.arguments import new_parser, split_arguments
from isolane.cli.progress import Progress, new_progress
from isolane.cli.signals import ended_as_interrupted
from isolane.cli.streams import give_up_output, prepare_streams, say
from isolane.model.errors import ExitCode, IsolaneError
from isolane.reports.characters import one_line

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


_VERBS: dict[str, _Verb] = {
    "prove": verbs_on_tests.verb_prove,
    "run": verbs_on_tests.verb_run,
    "stress": verbs_on_tests.verb_stress,
    "bench": verbs_on_tests.verb_bench,
    "gate": verbs_on_records.verb_gate,
    "replay": verbs_on_tests.verb_replay,
    "push": verbs_on_records.verb_push,
    "explain": verbs_on_tests.verb_explain,
    "hunt": verbs_on_tests.verb_hunt,
    "map": verbs_on_tests.verb_map,
    "quarantine": verbs_on_records.verb_quarantine,
    "report": verbs_on_records.verb_report,
    "policy": verbs_on_records.verb_policy,
    "sessions": verbs_on_records.verb_sessions,
    "top": verbs_on_records.verb_top,
    "cancel": verbs_on_records.verb_cancel,
    "combine": verbs_on_records.verb_combine,
    "init": verbs_on_records.verb_init,
}


if __name__ == "__main__":
    sys.exit(main())

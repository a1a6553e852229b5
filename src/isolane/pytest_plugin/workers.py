"""PYTEST_WORKERS, ``-n`` and ``--dist``: what xdist is told, and the words for the header."""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import dataclass, replace

import pytest

from isolane.coordination.processors import available_processors
from isolane.model.errors import UsageError
from isolane.model.plan import Handover
from isolane.planning.workers import DEFAULT_DIST, VARIABLE, choose_workers
from isolane.pytest_plugin.engine import engine_of

IN_WORKER = "PYTEST_XDIST_WORKER"
"""The variable that xdist sets in its workers: what runs there, or is started from there, is never split again."""


FIXED_ORDER = {
    "randomly": ("--randomly-dont-reorganize", "--randomly-seed=1"),
    "random_order": ("--random-order-bucket=none",),
}
"""What keeps each plugin that orders tests from ordering a run that is compared with others, and its seed the same."""


@dataclass(frozen=True)
class Choice:
    """What was decided. reasons: for the header. added: what was put before the typed arguments."""

    workers_reason: str
    dist_reason: str = ""
    added: tuple[str, ...] = ()


def apply_worker_choice(
    config: pytest.Config, parser: pytest.Parser, args: list[str], handover: Handover | None
) -> Choice:
    """Put ``-n`` and ``--dist`` into ``args`` where the environment, or our default, asks for them.

    handover: from the engine that started this run, if one did; then its number of workers counts, and no other
    plugin may draw an order.

    Done before any other plugin has looked: pytest-cov decides by the parsed arguments whether a run is
    distributed. Raises :class:`pytest.UsageError` for a bad PYTEST_WORKERS.
    """
    if IN_WORKER in os.environ or hasattr(config, "workerinput"):
        return Choice("in a worker")
    known = config.known_args_namespace
    has_xdist = hasattr(known, "numprocesses")
    configured = _workers_in(known)
    if handover is not None:
        # The plan decides, over PYTEST_ADDOPTS too: a serial run that has workers would compare nothing.
        if _workers_in(_parsed(parser, list(config.invocation_params.args))) not in (None, handover.workers):
            raise pytest.UsageError("isolane: workers are not for pytest to choose here: give -n before the --.")
        typed_workers = None
    else:
        typed_workers = _workers_in(
            _parsed(parser, [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *config.invocation_params.args])
        )
    try:
        choice = choose_workers(
            typed=typed_workers,
            environment=os.environ.get(VARIABLE) if handover is None else str(handover.workers or 1),
            configured=configured,
            available=available_processors(),
        )
    except UsageError as error:
        raise pytest.UsageError(f"isolane: {error}") from None
    if handover is not None:
        choice = replace(choice, reason="planned by isolane")
    added: list[str] = []
    if choice.count is not None:
        if not has_xdist:
            if choice.count:
                raise pytest.UsageError(
                    f"isolane: {choice.reason} asks for workers, but pytest-xdist is not loaded. "
                    "Install it (pip install pytest-xdist), or set PYTEST_WORKERS=1."
                )
        elif getattr(known, "usepdb", False) and choice.count:
            # A debugger needs the terminal, and xdist refuses the two together.
            return Choice(f"{choice.reason}, but --pdb needs one process")
        else:
            added += ["-n", str(choice.count)]
    workers = choice.count if choice.count is not None else getattr(known, "numprocesses", None)
    dist_reason = ""
    if workers and not _dist_given(known):
        added += ["--dist", DEFAULT_DIST]
        dist_reason = "default"
    if handover is not None or _orders(known):
        for plugin, arguments in FIXED_ORDER.items():
            if config.pluginmanager.hasplugin(plugin):
                added += [argument for argument in arguments if argument not in config.invocation_params.args]
    if added:
        # Behind what the ini file says, before what was typed: the last one wins.
        place = max(0, len(args) - len(config.invocation_params.args))
        args[place:place] = added
        parsed = parser.parse_known_args(args, namespace=argparse.Namespace(**vars(config.option)))
        if parsed.confcutdir is None:
            # What pytest has worked out since it parsed them: without it, conftests above rootdir would be taken in.
            parsed.confcutdir = known.confcutdir
        config.known_args_namespace = parsed
    return Choice(choice.reason, dist_reason, tuple(added))


def _workers_in(options: argparse.Namespace) -> int | str | None:
    """Return what asks for workers in these options, or None."""
    asked: int | str | None = getattr(options, "numprocesses", None)
    if asked is None and (getattr(options, "tx", None) or getattr(options, "distload", False)):
        return "by --tx or -d"
    return asked


def _orders(known: argparse.Namespace) -> bool:
    """Return whether an order is asked of isolane itself: then pytest-randomly must not draw another."""
    names = ("isolane_seed", "isolane_order")
    return any(getattr(known, name, None) or os.environ.get(name.upper()) for name in names)


def _parsed(parser: pytest.Parser, arguments: list[str]) -> argparse.Namespace:
    return parser.parse_known_args(list(arguments), namespace=argparse.Namespace())


def _dist_given(known: argparse.Namespace) -> bool:
    return (
        getattr(known, "dist", "no") != "no"
        or bool(getattr(known, "tx", None))
        or bool(getattr(known, "distload", False))
    )


def may_have_workers(config: pytest.Config) -> bool:
    """Return whether this process may come to distribute tests, before ``-n auto`` has been worked out."""
    return not hasattr(config, "workerinput") and (
        bool(getattr(config.known_args_namespace, "numprocesses", None)) or _dist_given(config.known_args_namespace)
    )


def header_line(config: pytest.Config, choice: Choice, *, seed: int | None, ordered: bool) -> str:
    """Return the line that says what was chosen and why: engine, workers, isolation, seed."""
    from isolane.pytest_plugin.state.start import isolation_of

    chosen = engine_of(config)
    if chosen.workers:
        dist = config.getoption("dist", "no")
        why = f" ({choice.dist_reason})" if choice.dist_reason else ""
        plural = "s" if chosen.workers != 1 else ""
        not_fork = f" ({chosen.obstacle})" if chosen.obstacle else ""
        engine = (
            f"engine {chosen.name}{not_fork}, {chosen.workers} worker{plural} ({choice.workers_reason}), "
            f"--dist {dist}{why}"
        )
    else:
        engine = f"engine serial ({'asked for' if chosen.forced else choice.workers_reason})"
    order = f"seed {seed}" if seed is not None else "order from a file" if ordered else "no seed"
    return f"isolane: {engine}, isolation {isolation_of(config)}, {order}"

"""What the controller of forked workers says on the terminal besides pytest's own lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

import pytest

from isolane.planning.units import Unit
from isolane.pytest_plugin.fork.adapters import unused_descriptors
from isolane.pytest_plugin.fork.descriptors import shared_descriptors


class Talk:
    """Writes lines of its own, wherever the dots have come to."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def line(self, line: str) -> None:
        """Say something, but not with -q."""
        terminal = self._terminal()
        if terminal is not None and self._config.option.verbose >= 0:
            _write_line(terminal, line)

    def workers(self, count: int, tests: int, units: Sequence[Unit]) -> None:
        """Say how many there are and, with -v, how the tests are handed out."""
        terminal = self._terminal()
        if terminal is None:
            return
        terminal.showfspath = False  # tests of many files come mixed
        if self._config.option.verbose >= 0:
            terminal.write_line(f"{count} worker{_s(count)} [{tests} item{_s(tests)}]")
        if self._config.option.verbose > 0:
            firsts = [unit.tests[0] for unit in units]
            order = "as collected" if firsts == sorted(firsts) else "longest first"
            dist = self._config.option.dist
            terminal.write_line(f"scheduling tests via {dist}: {len(firsts)} unit{_s(len(firsts))}, {order}")

    def shared_descriptors(self) -> None:
        """Say which files and sockets the workers are going to share."""
        found = shared_descriptors(unused_descriptors(self._config))
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            self.line(
                f"isolane: open before the workers are forked, so all of them share it: {', '.join(found[:3])}{more}"
            )

    def printed(self, worker: str, stream: str, line: str) -> None:
        """Show a line that a worker wrote past every capture, with the worker's name."""
        text = f"[{worker}] {line}"
        terminal = self._terminal()
        if stream == "stderr" or terminal is None:
            target = sys.stderr if stream == "stderr" else sys.stdout
            with contextlib.suppress(OSError, ValueError):
                target.write(f"{text}\n")
                target.flush()
        else:
            _write_line(terminal, text)

    def has_terminal(self, worker: str) -> None:
        """Say that what is typed from now on goes to that worker."""
        terminal = self._terminal()
        if terminal is not None:
            _write_line(terminal, f"[{worker}] has the terminal; the other workers go on")
            terminal.flush()

    def _terminal(self) -> pytest.TerminalReporter | None:
        reporter: pytest.TerminalReporter | None = self._config.pluginmanager.getplugin("terminalreporter")
        return reporter


def _write_line(terminal: pytest.TerminalReporter, line: str) -> None:
    terminal.ensure_newline()
    if terminal._tw.width_of_current_line:
        terminal._tw.line()
    terminal.write_line(line)


def _s(number: int) -> str:
    return "s" if number != 1 else ""

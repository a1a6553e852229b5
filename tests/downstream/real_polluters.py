"""Run ``isolane hunt`` and detect-test-pollution on real order-dependent tests, and print what each has found.

    python tests/downstream/real_polluters.py [--write] [NAME…]

A project is prepared as the suites of suites.toml are, once. Per target: a hunt that is told nothing, a hunt that is
told the test, and detect-test-pollution, which must be told the test; whole processes, seconds of processor time, since
machines are shared. Exits with 1 where a hunt does not name what plain pytest shows. ``--write`` puts the rows into
docs/real-polluters.md.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream_preparation import Prepared, cache_folder, clean_environ, prepare
from downstream_suites import Suite, tomllib

import isolane

MANIFEST = Path(__file__).with_name("real_polluters.toml")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "real-polluters.md"
THEIRS = "detect-test-pollution"
HEAD = (
    "project", "test", "sort", "after (found without being told)", "state", "hunt s", "told s", f"{THEIRS}", "its s",
)  # fmt: skip
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
_LONGEST = 900.0


@dataclass(frozen=True)
class Target:
    """A test that ends otherwise after others. after: the sets of these. state: how what carries it begins."""

    suite: Suite
    test: str
    sort: str
    after: tuple[tuple[str, ...], ...]
    state: str


@dataclass(frozen=True)
class Ended:
    """A process that has ended. seconds: of the processor, its children's too."""

    code: int | None
    output: str
    seconds: float


def read_targets(path: Path = MANIFEST) -> tuple[Target, ...]:
    """Return the targets in the manifest's order."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_target(entry, raw["common-requirements"]) for entry in raw["target"])


def _target(entry: dict[str, Any], common: list[str]) -> Target:
    suite = Suite(
        name=entry["name"],
        version=entry["version"],
        sha256=entry["sha256"],
        special="",
        python=(3, 10),
        quick=False,
        seconds=int(_LONGEST),
        arguments=(),
        requirements=(*entry["requirements"], *common),
        tests=0,
        verdicts=("not proven",),
    )
    return Target(suite, entry["test"], entry["sort"], tuple(map(tuple, entry["after"])), entry["state"])


def run(command: list[str | Path], directory: Path, environment: dict[str, str]) -> Ended:
    """Run a command to its end, or until it has taken far too long."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        code, output = None, ""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Ended(code, output, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def hunted(prepared: Prepared, *tests: str) -> tuple[Ended, list[dict[str, Any]]]:
    """Return what ``isolane hunt`` prints, and its findings."""
    command = [sys.executable, "-m", "isolane", "hunt", "--json", "--python", prepared.python, *tests]
    # This checkout's isolane, whichever is installed.
    ended = run(command, prepared.source, clean_environ({"PYTHONPATH": str(Path(isolane.__file__).parents[1])}))
    return ended, json.loads(ended.output)["findings"] if ended.output else []


def is_right(target: Target, finding: dict[str, Any] | None) -> bool:
    """Return whether a finding is what plain pytest shows."""
    if finding is None or finding["sort"] != target.sort:
        return False
    return sorted(finding["needed"]) in [sorted(one) for one in target.after]


def states(finding: dict[str, Any]) -> list[str]:
    """Return the state that a finding names."""
    return list(dict.fromkeys(f"{one['kind']} {one['name']}" for one in finding["carriers"]))


def is_shown(prepared: Prepared, target: Target) -> bool:
    """Return whether plain pytest shows it: alone, and after what the manifest says."""
    plain = [prepared.python, "-m", "pytest", "-p", "no:isolane", "-p", "no:cacheprovider", "-q"]
    after = target.after[0]
    alone = run([*plain, target.test], prepared.source, clean_environ())
    # Named one by one, tests run in the order in which they are named.
    both = run([*plain, *after, target.test], prepared.source, clean_environ())
    last = [line for line in both.output.splitlines() if line.startswith(("FAILED", "ERROR")) and target.test in line]
    return alone.code == 0 and bool(last) if target.sort == "victim" else alone.code == 1 and not last


def theirs(prepared: Prepared, target: Target) -> Ended:
    """Return what detect-test-pollution says of a test that it is told."""
    program = prepared.python.with_name(THEIRS)
    ended = run([program, "--failing-test", target.test, "--tests", "."], prepared.source, clean_environ())
    lines = [line for line in ended.output.splitlines() if line.strip(" -=")]
    return Ended(ended.code, lines[-1] if lines else "nothing", ended.seconds)


def row(target: Target, prepared: Prepared) -> tuple[tuple[str, ...], bool]:
    """Return a line of the table, and whether all is right."""
    untold, findings = hunted(prepared)
    told, told_findings = hunted(prepared, target.test)
    found = next((one for one in findings if one["test"] == target.test), None)
    found_told = next((one for one in told_findings if one["test"] == target.test), None)
    names = states(found or found_told or {"carriers": []})
    is_seen = any(name.startswith(target.state) for name in names)
    right = is_right(target, found) and is_right(target, found_told) and is_seen and is_shown(prepared, target)
    if not right:
        print(f"{target.suite.name}: {found=}\n{found_told=}\nshown by pytest: {is_shown(prepared, target)}")
    other = theirs(prepared, target)
    others = _others_answer(target, other)
    return (
        f"{target.suite.name} {target.suite.version}",
        f"`{target.test}`",
        found["sort"] if found else "not found",
        " and ".join(f"`{one}`" for one in found["needed"]) if found else "",
        # Without the path of the copy in which probes ran.
        re.sub(r" /\S+/", " ", f"`{next((name for name in names if name.startswith(target.state)), '')}`"),
        f"{untold.seconds:.1f}",
        f"{told.seconds:.1f}",
        others,
        f"{other.seconds:.1f}",
    ), right


def _others_answer(target: Target, ended: Ended) -> str:
    polluter = ended.output.rpartition("polluting test is: ")[2]
    if [polluter] in [list(one) for one in target.after]:
        return "right"
    return ended.output.removeprefix("-> ") if ended.code is not None else "no end"


def table(rows: list[tuple[str, ...]]) -> str:
    """Return the rows as Markdown."""
    ends = tuple("---:" if name.endswith(" s") else "---" for name in HEAD)
    return "".join(f"| {' | '.join(one)} |\n" for one in (HEAD, ends, *rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="projects; all where none is named")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/real-polluters.md")
    options = parser.parse_args()
    rows, wrong = [], []
    for target in read_targets():
        if options.names and target.suite.name not in options.names:
            continue
        line, right = row(target, prepare(target.suite, cache_folder()))
        print(f"{'right' if right else 'WRONG'}: {' | '.join(line)}", flush=True)
        rows.append(line)
        wrong += [] if right else [target.test]
    if options.write:
        text = PAGE.read_text(encoding="utf-8")
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        PAGE.write_text(f"{text[:start]}\n\n{table(rows)}\n{text[end:]}", encoding="utf-8")
    print(table(rows))
    sys.exit(f"not as plain pytest shows: {', '.join(wrong)}" if wrong else 0)


if __name__ == "__main__":
    main()

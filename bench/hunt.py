"""One known victim, from the command to the answer: isolane hunt against detect-test-pollution.

    python bench/hunt.py [PAIRS] [--keep DIRECTORY]

Both run with one interpreter, in an environment that is made for it (detect-test-pollution, the newest; pytest, the
one that is here), so that neither starts the other's plugins. detect-test-pollution is told the victim and the node ids
in a file, as its README says; isolane the victim. Both must name the planted polluter. Whole processes, in turn.
Suites: 200 and 2,000 empty tests, 200 of a millisecond, and 200 with a module whose import takes 1.5 s.
Goal: detect-test-pollution's time / isolane hunt's at least 6 in the median over suites, at least 10 where an import
takes over a second, at least 3 on any.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "downstream"))

from downstream_preparation import find_uv
from pairs import Timing, pairs, quick_suite, report, temporary, timed

THEIRS = "detect-test-pollution"
POLLUTER = "test_quick_18_and_zones.py::test_takes_a_zone"
VICTIM = "test_suffering.py::test_has_no_zone"
_FILES = {
    "zones.py": "taken = []\n",
    # Among 20 files, sorted by their names, the tenth is test_quick_18.py.
    "test_quick_18_and_zones.py": "import zones\n\ndef test_takes_a_zone():\n    zones.taken.append('Asia/Kolkata')\n",
    "test_suffering.py": "import zones\n\ndef test_has_no_zone():\n    assert zones.taken == []\n",
}


def planted_suite(directory: Path, tests: int, rounds: int, import_seconds: float) -> Path:
    """Write a suite with one polluter in its midst and one victim behind it."""
    directory.mkdir()
    quick_suite(directory, tests, files=20, rounds=rounds)
    for name, text in _FILES.items():
        (directory / name).write_text(text, encoding="utf-8")
    if import_seconds:
        (directory / "slow_library.py").write_text(f"import time\n\ntime.sleep({import_seconds})\n", encoding="utf-8")
        (directory / "conftest.py").write_text("import slow_library\n", encoding="utf-8")
    return directory


def environment(directory: Path) -> Path:
    """Make the environment that both run in; return its interpreter."""
    uv, python = find_uv(), directory / "bin" / "python"
    subprocess.run((uv, "venv", "--quiet", "--python", sys.executable, directory), check=True)
    packages = (THEIRS, f"pytest=={version('pytest')}")
    subprocess.run((uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages), check=True)
    return python


def node_ids(python: Path, suite: Path) -> Path:
    """Write all node ids into a file, one a line."""
    collected = subprocess.run(
        (python, "-m", "pytest", "--collect-only", "-q", "-p", "no:isolane"),
        cwd=suite,
        check=True,
        capture_output=True,
        text=True,
    )
    file = suite.parent / f"{suite.name}-tests.txt"
    file.write_text("\n".join(line for line in collected.stdout.splitlines() if "::" in line), encoding="utf-8")
    return file


def named(command: tuple[str, ...], suite: Path) -> None:
    """Exit where a command does not name the polluter."""
    answer = subprocess.run(command, cwd=suite, capture_output=True, text=True, check=False)
    if POLLUTER not in answer.stdout:
        sys.exit(f"{' '.join(command)} does not name {POLLUTER}:\n{answer.stdout}{answer.stderr}")


def measured(name: str, python: Path, suite: Path, count: int) -> float:
    """Print a suite's figure, and return how often ours goes into theirs."""
    ids = node_ids(python, suite)
    ours = (sys.executable, "-m", "isolane", "hunt", "--python", str(python), VICTIM)
    theirs = (str(python.parent / THEIRS), "--failing-test", VICTIM, "--testids-file", str(ids))
    named(ours, suite)
    named(theirs, suite)

    def run(command: tuple[str, ...]) -> Timing:
        return timed(command, suite)

    found, wall, processor = pairs(lambda: run(theirs), lambda: run(ours), count)
    report(f"{name}, {THEIRS} / isolane hunt", found, wall, processor, "3")
    return wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a new directory for the environment and the suites")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = options.keep or Path(stack.enter_context(temporary()))
        root.mkdir(exist_ok=True)
        python = environment(root / "environment")
        suites = {
            "200 empty tests": (200, 1, 0.0),
            "2,000 empty tests": (2000, 1, 0.0),
            "200 tests of a millisecond": (200, 50_000, 0.0),
            "200 empty tests, an import of 1.5 s": (200, 1, 1.5),
        }
        ratios = [
            measured(name, python, planted_suite(root / f"suite-{number}", *suite), options.pairs)
            for number, (name, suite) in enumerate(suites.items())
        ]
        print(f"median over suites {median(ratios):.1f}; goal 6; least {min(ratios):.1f}; goal 3")


if __name__ == "__main__":
    main()

"""Every command that README, docs and examples show is executed, as a reader would type it.

A fenced ``console``, ``sh`` or ``bash`` block is run from top to bottom in one shell, in a fresh copy of the checkout:
at its root, or in the example's folder for an example's README. A block ``console project`` is run in a small project
that has isolane installed. If a block has lines that begin with ``$ ``, those are its commands and the rest is output;
else every line is a command.

What a command's comment says is held against what it does: ``# exits 4`` is its exit code, ``# 1 failed, 2 passed``
must be in its output (and means 1 where something failed). Without either the exit code is 0.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
DOCUMENTS = [
    name
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/*/README.md")
    for name in sorted(path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob(pattern))
]
SHELL = frozenset({"console", "sh", "bash"})
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"\b\d+ (?:passed|failed|skipped|deselected|errors?)\b")
SECONDS = 250
"""How long a document may take; the whole of them takes under a minute on two idle cores."""


@dataclass(frozen=True)
class Elsewhere:
    """A command that is not executed here. why: the reason. file, text: where it is executed, and by which words.

    A command that ends with ``*`` stands for all that begin like it. document: where only that page's are meant.
    """

    command: str
    why: str
    file: str
    text: str
    document: str = ""

    def covers(self, command: str, document: str) -> bool:
        beginning = self.command.removesuffix("*")
        same = command == self.command or (beginning != self.command and command.startswith(beginning))
        return same and self.document in ("", document)


SUITE = "it runs the whole suite"
OWN = "the path is the reader's own"
NO_GIT = "pages are followed in a copy that is no git checkout"
NOT_EXECUTED_HERE = (
    Elsewhere(
        "pytest -n 4 --isolane-worktree=HEAD*", NO_GIT, "tests/e2e/test_worktree_runs.py", "--isolane-worktree=HEAD"
    ),
    Elsewhere(
        "isolane bench --against main --pairs 10", NO_GIT, "tests/e2e/test_worktree_runs.py", '"--against", "HEAD"'
    ),
    Elsewhere("git clone <your fork> && cd isolane", OWN, "tests/meta/test_docs_commands.py", '"git", "ls-files"'),
    Elsewhere("python -m pip install path/to/isolane", OWN, "Makefile", "--no-build-isolation -e ."),
    Elsewhere("make test", SUITE, ".ci/run", 'phase "test" make test'),
    Elsewhere("make prove", "it takes a minute", ".ci/run", 'phase "prove" make prove'),
    Elsewhere(
        "make prove PROJECT=path/to/project PYTHON=path/to/project/.venv/bin/python",
        OWN,
        "tests/e2e/test_make.py",
        '"prove", f"PROJECT={project.path}", f"PYTHON={sys.executable}"',
    ),
    Elsewhere(".ci/run", "it is what runs this test", "tests/meta/test_gate_files.py", '["bash", "-n", str(gate)]'),
    Elsewhere("tests/servers/neo4j/fetch", "it takes the network", ".ci/run", "    tests/servers/neo4j/fetch"),
    Elsewhere("isolane prove", "it takes half a minute", "noxfile.py", '("prove", f"examples/{example}"'),
    Elsewhere("isolane prove .", "it takes half a minute", "noxfile.py", '("prove", f"examples/{example}"'),
    Elsewhere("isolane stress 10", "it takes half a minute", "tests/e2e/test_rows.py", '"stress", "10"'),
    Elsewhere("nox -s serial", SUITE, "tests/e2e/test_nox_sessions.py", '"-s", "serial"'),
    Elsewhere("nox -s parallel", SUITE, "tests/e2e/test_nox_sessions.py", '"-s", "parallel"'),
    Elsewhere("nox -s random-order", SUITE, "tests/e2e/test_nox_sessions.py", '"-s", "random-order"'),
    Elsewhere(
        "nox -s random-order -- 12345", SUITE, "tests/e2e/test_nox_sessions.py", '"-s", "random-order", "--", "12345"'
    ),
    Elsewhere("nox -s stress -- 10", SUITE, "tests/e2e/test_nox_sessions.py", '"-s", "stress", "--", "3"'),
    Elsewhere("nox -s downstream", "it takes long, and the network", "noxfile.py", "def downstream("),
    Elsewhere("nox -s downstream -- -k nox", "it takes the network", "noxfile.py", "def downstream("),
    Elsewhere(
        'nox -s downstream -- -m "downstream and not slow"',
        "it takes the network",
        ".ci/run",
        """make downstream ARGS='-m "downstream and not slow"'""",
    ),
    *(
        Elsewhere(command, "it takes a quarter of an hour and the network", "noxfile.py", 'name="real-polluters"')
        for command in (
            "nox -s real-polluters",
            "nox -s real-polluters -- accessify mccabe",
            "nox -s real-polluters -- --write",
        )
    ),
    Elsewhere(
        "pytest tests/*",
        "it is of a suite that is fetched from PyPI",
        "tests/downstream/test_downstream.py",
        "check_first_command(proof)",
        document="docs/downstream.md",
    ),
)

PROJECT = {
    "pyproject.toml": """
        [tool.pytest.ini_options]
        testpaths = ["tests"]
        pythonpath = ["."]

        [tool.coverage.run]
        source = ["fares"]
        branch = true
        parallel = true
        relative_files = true
        patch = ["subprocess"]
        """,
    "fares.py": """
        def fare(stops, child=False):
            return (2 + stops) / (2 if child else 1)
        """,
    "tests/test_fares.py": """
        import pytest

        from fares import fare

        @pytest.mark.parametrize(("stops", "euros"), [(0, 2), (3, 5)])
        def test_fare(stops, euros):
            assert fare(stops) == euros

        def test_child_pays_half():
            assert fare(4, child=True) == 3
        """,
    "tests/test_routes.py": """
        def test_route():
            assert sorted({"b", "a"}) == ["a", "b"]
        """,
}
"""Your project, where the docs speak of one."""


@dataclass(frozen=True)
class Block:
    """A fenced block. line: of its first line in the document. language, words: what stands behind the fence."""

    document: str
    line: int
    language: str
    words: tuple[str, ...]
    body: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a block. said: what has to be in its output."""

    text: str
    exit_code: int
    said: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Command:
        text, _, comment = re.sub(r"\s+#\s", "\0", line, count=1).partition("\0")
        code = re.search(r"\bexits (\d+)\b", comment)
        said = tuple(SAID.findall(comment))
        failed = any("failed" in one or "error" in one for one in said)
        return cls(text.strip(), int(code.group(1)) if code else int(failed), said)


def blocks(document: str) -> Iterator[Block]:
    text = (CHECKOUT / document).read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        line = text.count("\n", 0, match.start("body")) + 1
        yield Block(document, line, language, tuple(words), textwrap.dedent(match["body"]))


def commands(block: Block) -> list[Command]:
    lines = block.body.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [Command.of(line) for line in lines if line.strip() and not line.startswith("#")]


def shell_blocks(document: str) -> list[Block]:
    return [block for block in blocks(document) if block.language in SHELL]


def is_executed_elsewhere(command: Command, document: str) -> bool:
    return any(entry.covers(command.text, document) for entry in NOT_EXECUTED_HERE)


def environment(home: Path, *, shuffled: bool) -> dict[str, str]:
    """What a reader has: the environment's programs on the PATH, and nothing of the run that this test is part of.

    make is told that the environment is there: setting one up is not what is tested here. shuffled: pytest-randomly is
    what the page speaks of.
    """
    ours = ("PYTEST_", "ISOLANE_", "GITHUB_", "NOX", "COV", "MAKE", "BMTC_", "CI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": sys.prefix,
        "MAKEFLAGS": f" -- READY= VENV={sys.prefix}",
        "TMPDIR": str(home),
        # No page needs these, and they are more than half of a start.
        "PYTEST_ADDOPTS": "-p no:hypothesispytest -p no:rerunfailures" + " -p no:randomly" * (not shuffled),
    }


def copy_of_the_checkout(target: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)
    return target


def sample_project(target: Path) -> Path:
    for name, text in PROJECT.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    return target


class Reader:
    """Somebody who follows a document from the top."""

    def __init__(self, home: Path, document: str) -> None:
        self._home = home
        shown = [command.text for block in shell_blocks(document) for command in commands(block)]
        self._environment = environment(home, shuffled=any("--randomly-" in one for one in shown))

    def follow(self, block: Block) -> list[str]:
        """Run a block, and return what went otherwise than it says."""
        chosen = [one for one in commands(block) if not is_executed_elsewhere(one, block.document)]
        script = "".join(
            f"{{ {one.text}\n}} >{self._home}/out-{number} 2>&1 </dev/null; echo $? >{self._home}/code-{number}\n"
            for number, one in enumerate(chosen)
        )
        if not chosen:
            return []
        self._run(script, self._project if "project" in block.words else self._checkout / self._folder(block))
        wrong = []
        for number, one in enumerate(chosen):
            code = int((self._home / f"code-{number}").read_text())
            output = (self._home / f"out-{number}").read_text(encoding="utf-8", errors="replace")
            missing = [words for words in one.said if words not in output]
            if code != one.exit_code or missing:
                wrong.append(f"{block}: {one.text}\nexits {code}, not {one.exit_code}; {missing=}\n{output}")
        return wrong

    @functools.cached_property
    def _checkout(self) -> Path:
        return copy_of_the_checkout(self._home / "isolane")

    @functools.cached_property
    def _project(self) -> Path:
        return sample_project(self._home / "project")

    def _folder(self, block: Block) -> Path:
        return Path(block.document).parent if block.document.startswith("examples/") else Path()

    def _run(self, script: str, folder: Path) -> None:
        shell = subprocess.Popen(["bash", "-c", script], cwd=folder, env=self._environment, start_new_session=True)
        try:
            assert shell.wait(SECONDS) == 0
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 10)
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            name,
            marks=[pytest.mark.req("R6.1"), pytest.mark.req("R5.3"), pytest.mark.req("FR-7")]
            if name == "docs/testing.md"
            else [],
        )
        for name in DOCUMENTS
        if shell_blocks(name)
    ],
)
def test_every_command_does_what_its_page_says(document: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path, document)
    wrong = [one for block in shell_blocks(document) for one in reader.follow(block)]

    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("entry", NOT_EXECUTED_HERE, ids=lambda entry: entry.command)
def test_what_is_not_executed_here_is_executed_where_the_table_says(entry: Elsewhere) -> None:
    shown = [(one.text, name) for name in DOCUMENTS for block in shell_blocks(name) for one in commands(block)]

    assert any(entry.covers(*one) for one in shown), "no page shows it any more"
    assert entry.text in (CHECKOUT / entry.file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pytest", Command("pytest", 0, ())),
        ("pytest -k 'a#b'   # every core", Command("pytest -k 'a#b'", 0, ())),
        ("isolane gate  # exits 4", Command("isolane gate", 4, ())),
        ("pytest    # 14 failed, 19 passed", Command("pytest", 1, ("14 failed", "19 passed"))),
        ("pytest x  # 9 passed", Command("pytest x", 0, ("9 passed",))),
    ],
)
def test_what_a_comment_says(line: str, expected: Command) -> None:
    assert Command.of(line) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "line", "fault"),
    [
        (("project",), "true  # exits 3", "exits 0, not 3"),
        (("project",), "false", "exits 1, not 0"),
        (("project",), "echo 2 passed  # 3 passed", "missing=['3 passed']"),
        ((), "cd examples\ncat transit_eta/nowhere", "exits 1, not 0"),
    ],
)
def test_a_page_that_is_wrong_is_found(words: tuple[str, ...], line: str, fault: str, tmp_path: Path) -> None:
    (wrong,) = Reader(tmp_path, "docs/testing.md").follow(Block("docs/testing.md", 1, "console", words, line))

    assert fault in wrong


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 10)
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(name, marks=[pytest.mark.req("R6.3")] if name == "docs/testing.md" else [])
        for name in DOCUMENTS
        if any(block.language == "python" for block in blocks(name))
    ],
)
def test_every_test_that_a_page_shows_passes(document: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shown = [block for block in blocks(document) if block.language == "python"]
    modules = [block for block in shown if "def test_" in block.body]
    for block in shown:
        compile(block.body, str(block), "exec")
    for block in modules:
        (tmp_path / f"test_line_{block.line}.py").write_text(block.body, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["isolane.pytest_plugin.isolation"]\n', encoding="utf-8")
    expected = sum(len(re.findall(r"^def test_", block.body, re.MULTILINE)) for block in modules)
    given = environment(tmp_path, shuffled=False)
    if document == "docs/services.md":
        # The server of this run does, which is found by the temporary directory: to start one takes ten seconds.
        request.getfixturevalue("_isolane_neo4j_worker")  # skips where it is not installed
        del given["TMPDIR"]
        given |= {name: value for name, value in os.environ.items() if name == "TMPDIR"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )

    if document == "docs/services.md" and " skipped" in done.stdout and not os.environ.get("ISOLANE_REQUIRE_SERVICES"):
        pytest.skip("a server of the page is not installed; .ci/run shows how")
    assert f"{expected} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


PYTEST_SETTINGS = [
    block
    for name in DOCUMENTS
    for block in blocks(name)
    if block.language == "toml" and "[tool.pytest.ini_options]" in block.body
]


@pytest.mark.parametrize("block", PYTEST_SETTINGS, ids=str)
def test_every_setting_that_a_page_shows_is_one(block: Block, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(block.body, encoding="utf-8")
    (tmp_path / "transit_eta").symlink_to(CHECKOUT / "examples" / "transit_eta_isolated" / "transit_eta")
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-config"],
        cwd=tmp_path,
        env=environment(tmp_path, shuffled=False),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_other_block_parses() -> None:
    for name in DOCUMENTS:
        for block in blocks(name):
            assert block.language, f"{block}: say which language it is (text, if none)"
            if block.language in ("yaml", "yml"):
                yaml.safe_load(block.body)

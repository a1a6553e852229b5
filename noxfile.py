"""isolane's sessions: `nox -l` lists them, `nox -s NAME` runs one, what stands behind `--` reaches pytest."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nox

# A bare nox has nothing of this checkout installed; noxkit imports only nox and itself.
sys.path.insert(0, str(Path(__file__).parent / "src"))

from isolane.noxkit import Programs, Suite, set_options

nox.needs_version = ">=2026.10.20"

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
EXAMPLES = {"transit_eta": "not proven", "transit_eta_isolated": "proven"}
"""The bundled examples, with the verdict that each must get."""

set_options()
suite = Suite(
    install=[
        ("--require-hashes", "-r", "requirements/dev.txt"),
        ("--no-deps", "--no-build-isolation", "-e", "."),
    ]
)
suite.define_sessions()


@nox.session(python=PYTHONS, default=False, tags=["interpreters"], allow_parallel=True)
def tests(session: nox.Session) -> None:
    """Run the whole suite over workers, on every Python that isolane supports."""
    suite.prepare(session)
    cache = session.cache_dir / "pytest" / f"tests-{session.python}"
    session.run("python", "-m", "pytest", "-o", f"cache_dir={cache}", *session.posargs, env={"PYTEST_WORKERS": "auto"})


@suite.session(tags=["check"], allow_parallel=True)
def lint(programs: Programs) -> None:
    """Check style, format and layers."""
    programs.run("ruff", "check")
    programs.run("ruff", "format", "--check")
    programs.run("lint-imports")


@suite.session(tags=["check"], allow_parallel=True)
def types(programs: Programs) -> None:
    """Check types."""
    programs.run("mypy")


@suite.session(tags=["check"], allow_parallel=True)
def docs(programs: Programs) -> None:
    """Run every command that README and docs show."""
    programs.run("python", "-m", "pytest", "tests/meta/test_docs_commands.py", *programs.session.posargs)


@suite.session(tags=["check"])
def prove(programs: Programs) -> None:
    """Prove the bundled examples: one is not safe, the other is."""
    for example, expected in EXAMPLES.items():
        reports = Path("reports", example)
        programs.run(
            "isolane",
            *("prove", f"examples/{example}", "--reports", reports, "--python", programs.python),
            success_codes=[0 if expected == "proven" else 1],
        )
        verdict = json.loads((reports / "proof.json").read_text(encoding="utf-8"))["verdict"]
        if verdict != expected:
            programs.session.error(f"{example} is {verdict}, and should be {expected}")


@suite.session(default=False)
def downstream(programs: Programs) -> None:
    """Prove real suites, fetched from PyPI: nox -s downstream -- -k click."""
    programs.run(
        "python",
        *("-m", "pytest", "tests/downstream", "-m", "downstream", "-p", "no:randomly"),
        *programs.session.posargs,
        environment={"PYTEST_WORKERS": "1"},  # each proof takes every core itself
    )


@suite.session(name="real-polluters", default=False)
def real_polluters(programs: Programs) -> None:
    """Hunt real order-dependent tests, fetched from PyPI: nox -s real-polluters -- mccabe."""
    programs.run("python", "tests/downstream/real_polluters.py", *programs.session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write requirements/*.txt anew: the versions and hashes that make and nox install."""
    session.install("uv>=0.9")
    # hatchling asks for editables when it builds an editable install, and nothing is built in isolation here.
    build = [*nox.project.load_toml("pyproject.toml")["build-system"]["requires"], "editables"]
    for sources, wanted, result in (
        (["pyproject.toml", "--group", "dev"], build, "dev.txt"),
        (["-c", "requirements/dev.txt"], ["uv"], "uv.txt"),
    ):
        more = Path(session.create_tmp(), "more.in")
        more.write_text("\n".join(wanted), encoding="utf-8")
        session.run(
            *("uv", "pip", "compile", *sources, str(more), "-o", f"requirements/{result}"),
            *("--universal", "--python-version", "3.10", "--generate-hashes"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"),
            *session.posargs,
        )

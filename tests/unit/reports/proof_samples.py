"""Proofs to write reports of. ``python -m tests.unit.reports.proof_samples`` writes the goldens anew: read the diff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isolane.model.explanation import Blame, Explained, Frame
from isolane.model.hunt import Finding, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.proof import (
    PYTEST_ITSELF,
    Difference,
    Failure,
    Flaky,
    Nature,
    Phase,
    PhaseKind,
    PhaseResult,
    Proof,
    Verdict,
)
from isolane.model.state import Change, Leak
from isolane.reports.proof_md import proof_page
from isolane.reports.proof_text import proof_lines

GOLDENS = Path(__file__).parent / "goldens"

SERIAL, AGAIN = Phase(PhaseKind.SERIAL), Phase(PhaseKind.SERIAL, repeat=2)
ALONE_A = Phase(PhaseKind.MODULE, module="tests/test_learning.py")
ALONE_B = Phase(PhaseKind.MODULE, module="tests/test_integration.py")
TWO = Phase(PhaseKind.PARALLEL, workers=2)
FOUR = Phase(PhaseKind.PARALLEL, workers=4)
SHUFFLED = Phase(PhaseKind.SHUFFLED, seed=4294967295)

KEY_ERROR = Outcome(Category.FAILED, "KeyError")
RUN = "cd /project && .venv/bin/python -m pytest"
BASELINE = f"{RUN} tests"


def ran(phase: Phase, seconds: float, tests: int = 40, failed: int = 0, differences: int = 0) -> PhaseResult:
    run_id = f"20260102T030405.000000-{phase.kind.name.lower()}"
    engine = {0: "serial", 2: "fork", 4: "xdist"}[phase.workers]
    return PhaseResult(phase, seconds, tests, failed, int(failed > 0), run_id, differences, engine)


def proof(**changed: Any) -> Proof:
    """Return a proof without a difference, but for what is changed."""
    values: dict[str, Any] = {
        "verdict": Verdict.PROVEN,
        "reason": "every test ended the same way in every run",
        "project": "/project",
        "python": "/project/.venv/bin/python",
        "python_version": "3.11.4",
        "pytest_version": "8.4.0",
        "hash_seed": 0,
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "arguments": ("tests",),
        "started": 1_767_323_045.25,
        "seconds": 138.2564,
        "baseline_command": BASELINE,
        "tests": 40,
        "counts": {"passed": 38, "skipped": 2},
        "failures": (),
        "phases": (
            ran(SERIAL, 21.25),
            ran(AGAIN, 20.9),
            ran(ALONE_A, 12.0, 25),
            ran(ALONE_B, 10.5, 15),
            ran(TWO, 11.5),
            ran(FOUR, 8.0),
            ran(SHUFFLED, 22.0),
        ),
        "checks": (),
        "differences": (),
        "flaky": (),
        "confidence": (
            "each test ran 6 times, in 2 orders, on 2 and 4 workers; a test that ends otherwise in over 39% of runs "
            "would have been seen with 95% probability"
        ),
        **changed,
    }
    return Proof(**values)


def difference(node_id: str, phase: Phase, found: Outcome, **changed: Any) -> Difference:
    return Difference(node_id, phase, changed.pop("expected", PASSED), found, **changed)


_SETS_THE_ZONE = Frame("tests/test_integration.py", 7, "test_zone", True, 'os.environ["TZ"] = "Asia/Kolkata"')

NONE = proof()

ONE = proof(
    verdict=Verdict.NOT_PROVEN,
    reason="1 test ends otherwise than in the serial run",
    confidence="",
    counts={"passed": 39, "failed": 1},
    failures=(
        Failure("tests/test_learning.py::test_known", KEY_ERROR, "KeyError: 'stop|7'", "tests/test_learning.py:31"),
    ),
    differences=(
        difference(
            "tests/test_learning.py::test_mean[a: b]",
            SHUFFLED,
            Outcome(Category.FAILED, "AssertionError"),
            message="AssertionError: assert 3 == 2",
            location="tests/test_learning.py:12",
            nature=Nature.ORDER,
            command=f"{RUN} --isolane-seed 4294967295 tests",
            shown_again=True,
        ),
    ),
    checks=(ran(SHUFFLED, 22.5, failed=2, differences=1),),
    causes=(
        Finding(
            "tests/test_learning.py::test_mean[a: b]",
            Sort.VICTIM,
            alone=PASSED,
            after=Outcome(Category.FAILED, "AssertionError"),
            needed=("tests/test_integration.py::test_zone",),
            carriers=(
                Explained(
                    Leak("tests/test_integration.py::test_zone", Change("env", "TZ", None, "Asia/Kolkata")),
                    at_import=False,
                    blame=Blame((_SETS_THE_ZONE,), (_SETS_THE_ZONE,)),
                ),
            ),
            tried=True,
            probes=17,
            seconds=0.25,
        ),
    ),
)

_LONG = "tests/test_integration.py::TestTheWholeWayFromTheRequestToTheDatabase::test_a_prediction[line-1: stop-2]"
_REASON = "needs the driver of a database that is not there on this machine, see the documentation of the suite"

MANY = proof(
    verdict=Verdict.NOT_PROVEN,
    reason="27 tests end otherwise than in the serial run",
    confidence="",
    revision=None,
    notes=(
        "/a/very/long/way/to/the/project/nobody/may/write/to/.isolane cannot be written to (Read-only file system)",
    ),
    differences=(
        *(
            difference(
                f"tests/test_learning.py::test_{number}",
                ALONE_A,
                KEY_ERROR,
                message="KeyError: 'a'\nand more",
                nature=Nature.ALONE if number < 12 else Nature.INTERMITTENT,
                command=f"{RUN} tests/test_learning.py",
                shown_again=number < 12,
            )
            for number in range(14)
        ),
        difference("tests/test_learning.py::test_0", TWO, KEY_ERROR, nature=Nature.ORDER, command=f"{RUN} one"),
        difference(
            _LONG, TWO, Outcome(Category.SKIPPED, _REASON), nature=Nature.ORDER, command=f"{RUN} one", shown_again=True
        ),
        difference("tests/test_learning.py::test_1", FOUR, KEY_ERROR, nature=Nature.PARALLEL, command=f"{RUN} -n 4"),
        *(
            difference(
                f"tests/test_integration.py::test_{number}",
                SHUFFLED,
                PASSED,
                expected=Outcome(Category.SETUP_ERROR, "ValueError"),
                nature=(Nature.ORDER, Nature.INTERMITTENT, Nature.ALONE, Nature.PARALLEL)[number % 4],
                command=f"{RUN} --isolane-seed 4294967295 --a-long-option=of-this-project tests/test_integration.py",
            )
            for number in range(12)
        ),
    ),
)

FLAKY = proof(
    verdict=Verdict.INCONCLUSIVE,
    reason="2 tests end differently in two serial runs of the same order (flaky)",
    confidence="",
    phases=(ran(SERIAL, 21.25), ran(AGAIN, 20.9, failed=2, differences=2)),
    flaky=(
        Flaky("tests/test_learning.py::test_clock", (PASSED, KEY_ERROR)),
        Flaky(_LONG, (Outcome(Category.SKIPPED, _REASON), PASSED)),
    ),
)

_BROKEN = "conftest.py could not be loaded | <no> `workers` here"

BROKEN = proof(
    verdict=Verdict.NOT_PROVEN,
    reason=f"1 test ends otherwise than in the serial run; pytest itself failed in parallel, 2 workers: {_BROKEN}",
    confidence="",
    differences=(
        difference(
            PYTEST_ITSELF,
            TWO,
            Outcome(Category.FAILED, "exit code 4"),
            message=_BROKEN,
            nature=Nature.PARALLEL,
            command=f"{RUN} -n 2",
            shown_again=True,
            missing=39,
        ),
        difference("tests/test_learning.py::test_0", TWO, KEY_ERROR, nature=Nature.PARALLEL, command=f"{RUN} -n 2"),
        difference(
            PYTEST_ITSELF, FOUR, Outcome(Category.CRASHED), message="the process hung", command=f"{RUN} -n 4", missing=1
        ),
    ),
)

ALL = {"none": NONE, "one": ONE, "many": MANY, "flaky": FLAKY, "broken": BROKEN}


def write_goldens() -> None:
    GOLDENS.mkdir(exist_ok=True)
    for name, sample in ALL.items():
        (GOLDENS / f"proof_{name}.txt").write_text("\n".join(proof_lines(sample, 80)) + "\n", encoding="utf-8")
        (GOLDENS / f"proof_{name}.md").write_text(proof_page(sample), encoding="utf-8")


if __name__ == "__main__":
    write_goldens()

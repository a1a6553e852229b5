"""Makes the terminal pictures of README and docs anew, from what isolane really prints.

    python docs/images/draw.py

Each scene is run in a copy of an example whose folder is called as the picture shows it. The only thing changed in
the output is the temporary directory, which is written as ``~``. Needs isolane[terminal].
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from isolane.coordination.dashboard import styled
from isolane.usecases.top import Watch

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
WIDTH = 100
SLOW = """import time, pytest

@pytest.mark.parametrize("order", range(40))
def test_{name}(order):
    time.sleep({seconds})
    assert {condition}
"""
LIVE = {
    "test_delivery.py": SLOW.format(name="delivery", seconds=0.12, condition="order != 3, 'delivered twice'"),
    "test_invoice.py": SLOW.format(name="invoice", seconds=0.3, condition="True"),
    "test_returns.py": SLOW.format(name="returns", seconds=0.21, condition="True"),
}
"""A suite that is slow enough to be looked at while it runs."""
FONT_FACES = re.compile(r"^\s*@font-face \{.*?\}\s*$", re.MULTILINE | re.DOTALL)
"""rich would fetch fonts from a host; a picture on a page may not, and falls back to monospace anyway."""


@dataclass(frozen=True)
class Scene:
    """One picture. name: the file's, without ending. example: where it is run. command: what is typed there."""

    name: str
    example: str
    command: str


SCENES = (
    Scene("proven", "transit_eta_isolated", "isolane prove --seeds 1,2,3"),
    Scene(
        "not-proven",
        "transit_eta",
        "isolane prove -n 2 --seeds 2 -- tests/test_[gl]*.py",
    ),
)


def output_of(scene: Scene) -> str:
    """Return what the scene's command prints, in the order in which it is printed."""
    with tempfile.TemporaryDirectory() as home:
        project = Path(home).resolve() / scene.example
        leftovers = shutil.ignore_patterns("__pycache__", ".*", "reports")
        shutil.copytree(EXAMPLES / scene.example, project, ignore=leftovers)
        # The interpreter of this very program, as if the project had its own: that is how commands are printed short.
        (project / ".venv").symlink_to(sys.prefix)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "ISOLANE_", "GITHUB_", "BMTC_", "PYTHONHASHSEED"))
        }
        path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
        done = subprocess.run(
            ["bash", "-c", scene.command],
            cwd=project,
            env={**environment, "PATH": path, "COLUMNS": str(WIDTH)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout.replace(str(Path(home).resolve()), "~")


def drawing_of(scene: Scene, output: str) -> str:
    """Return the picture: a terminal with the command and its output."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    prompt = Text(f"~/{scene.example} $ ", style="green", end="")
    console.print(prompt, Text(scene.command, style="bold"), sep="")
    for line in output.rstrip("\n").splitlines():
        console.print(Text(line), overflow="fold")
    console.print()  # the picture's edge would cut what hangs below the last line
    drawing = console.export_svg(title=scene.example, theme=DIMMED_MONOKAI, unique_id=scene.name)
    return FONT_FACES.sub("", drawing)


def live_drawing() -> str:
    """Return the picture of a run that goes on, as `isolane top` shows it when a third of the tests are done."""
    with tempfile.TemporaryDirectory() as home:
        for name, text in LIVE.items():
            Path(home, name).write_text(text, encoding="utf-8")
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-n", "4", "--dist", "load", "-p", "no:randomly"],
            cwd=home,
            stdout=subprocess.DEVNULL,
        )
        watch = Watch(Path(home))
        while run.poll() is None and watch.dashboard.get_summary()["tasks"]["completed"] < 40:
            watch.look()
            time.sleep(0.05)
        lines = watch.dashboard.lines(WIDTH)
        run.wait()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text("~/shop $ ", style="green", end=""), Text("isolane top", style="bold"), sep="")
    console.print(styled(lines))
    console.print()
    return FONT_FACES.sub("", console.export_svg(title="shop", theme=DIMMED_MONOKAI, unique_id="live"))


def main() -> None:
    """Draw every scene."""
    (HERE / "live.svg").write_text(live_drawing(), encoding="utf-8")
    for scene in SCENES:
        (HERE / f"{scene.name}.svg").write_text(drawing_of(scene, output_of(scene)), encoding="utf-8")


if __name__ == "__main__":
    main()

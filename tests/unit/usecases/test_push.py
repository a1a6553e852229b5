"""Records of runs go to a real server on loopback, which says 'not now' before it takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.unit.model.event_samples import run_finished, run_started

from isolane.cli.main import main
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import runs_directory
from isolane.model.clock import FakeClock
from isolane.model.errors import UsageError
from isolane.usecases.push import PushedRun, PushRequest, push

FIRST, SECOND = "20260101T01-parallel-aa", "20260101T02-parallel-bb"


class Keeper(ThreadingHTTPServer):
    """Gives these answers first, then 201. kept: bodies by run."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.kept: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/runs"


class Desk(BaseHTTPRequestHandler):
    server: Keeper

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code, headers = self.server.answers.pop(0) if self.server.answers else (201, {})
        if code == 201:
            self.server.kept[self.headers["Isolane-Run"]] = body
        self.send_response(code)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    server = Keeper()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (FIRST, SECOND):
        log = EventLogWriter(runs_directory(tmp_path) / name / FILE_NAME)
        log.write(run_started(run_id=name, workers=2))
        log.write(run_finished())
        log.close()
    return tmp_path


def record_of(checkout: Path, run: str) -> bytes:
    return (runs_directory(checkout) / run / FILE_NAME).read_bytes()


def test_a_server_that_says_not_now_gets_every_record_once(keeper: Keeper, checkout: Path) -> None:
    keeper.answers = [(429, {"Retry-After": "7"}), (503, {}), (503, {"Retry-After": "3"})]
    clock = FakeClock()

    pushed = push(PushRequest((FIRST, "last", SECOND), keeper.url, checkout), clock)

    assert keeper.kept == {run: record_of(checkout, run) for run in (FIRST, SECOND)}
    assert [(one.run, one.size, one.failure) for one in pushed] == [
        (run, len(record_of(checkout, run)), "") for run in (FIRST, SECOND)
    ]
    assert sum(one.calls for one in pushed) == 5
    assert clock.monotonic() >= 7


def test_a_server_that_never_has_room(keeper: Keeper, checkout: Path) -> None:
    keeper.answers = [(503, {"Retry-After": "20"})] * 100

    (pushed,) = push(PushRequest((FIRST,), keeper.url, checkout, patience=50), FakeClock())

    assert pushed == PushedRun(FIRST, 0, 3, "the server has no room (503: Service Unavailable), 3 times in 40 s")


@pytest.mark.parametrize("url", ["", "host/runs", "ftp://host/runs", "http:///runs", "file:///etc/passwd"])
def test_an_address_that_is_none(checkout: Path, url: str) -> None:
    with pytest.raises(UsageError, match="is no address of a server"):
        push(PushRequest((FIRST,), url, checkout))


def test_the_command(keeper: Keeper, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keeper.answers = [(403, {})]
    command = ["push", FIRST, "--to", keeper.url, "--project", str(checkout)]

    assert main(command) == 3
    assert capsys.readouterr() == (
        "",
        f"isolane: {FIRST} was not sent: the server answers 403 Forbidden. [not-pushed]\n",
    )
    assert main(command) == 0
    assert capsys.readouterr() == (f"{FIRST} sent, {len(record_of(checkout, FIRST))} bytes\n", "")
    assert main(["push", "nothing", *command[2:]]) == 4
    assert "There is no run 'nothing'" in capsys.readouterr().err


def test_nobody_is_there(leased_port: int, checkout: Path) -> None:
    (pushed,) = push(PushRequest((FIRST,), f"http://127.0.0.1:{leased_port}/", checkout))

    assert pushed.failure == "the server cannot be reached: Connection refused"

"""`customer-flow up` as a person uses it: one command, everything runs, everything stops."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from app.infra.embedded.directories import prepare
from app.infra.embedded.processes import processes_of

ROOT = Path(__file__).parents[1]
READY_SECONDS = 90  # of patience with a busy machine, not of what is promised


class Copy:
    """One `customer-flow up` with its own port and data directory; its output is kept in a file."""

    def __init__(self, data: Path, port: int, **settings: str) -> None:
        self.data = data
        self.port = port
        self.output = data.with_name(f"{data.name}-{port}.out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "up"],
                cwd=ROOT,
                env=environment(data, port) | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not holds():
            assert self.process.poll() is None, f"it ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"never: {what}\n{self.said()}"
            time.sleep(0.05)

    def until_ready(self, last: str = "password demo") -> "Copy":
        """Until it has said all that it says: where it is, then who can log in."""
        self.until(lambda: last in self.said(), "ready")
        return self

    def answers(self, path: str, port: int | None = None) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def child(self, command: str) -> int:
        """Process id of the child that runs a command."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and parent_of(entry) == self.process.pid:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if arguments[1:4] == [b"-m", b"app.cli", command.encode()]:
                    return int(entry.name)
        return 0

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def servers(self) -> list[int]:
        mark = prepare(self.data).mark
        return [*processes_of("postgres", mark), *processes_of("redis-server", mark)]


class Start(Protocol):
    """Starts a copy by name, on the port of that name or a given one."""

    def __call__(self, name: str, port: int | None = None, **settings: str) -> Copy: ...


def environment(data: Path, port: int) -> dict[str, str]:
    ours = {"PORT": str(port), "CUSTOMER_FLOW_DATA_DIR": str(data), "LOG_FORMAT": "console"}
    given = {"DATABASE_URL", "DATABASE_MIGRATION_URL", "DATABASE_READ_URL", "REDIS_URL"}
    return {**{name: os.environ[name] for name in os.environ.keys() - given}, **ours}


def parent_of(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up() -> Iterator[Start]:
    """Starts copies by name; the same name again is the same port and data directory."""
    place = Path(tempfile.mkdtemp(prefix="cf-test-", dir="/tmp"))
    place.chmod(0o711)  # as root, PostgreSQL's own user passes through
    ports: dict[str, int] = {}
    started: list[Copy] = []

    def start(name: str, port: int | None = None, **settings: str) -> Copy:
        copy = Copy(place / name, port or ports.setdefault(name, free_port()), **settings)
        started.append(copy)
        return copy

    yield start
    for copy in started:
        if copy.process.poll() is None:
            copy.end(signal.SIGTERM)
    shutil.rmtree(place)


def refused(copy: Copy) -> str:
    """What a copy says that cannot go on."""
    assert copy.process.wait(60) == 1
    return copy.said()


def test_one_command_runs_everything_and_sigterm_ends_it(up: Start) -> None:
    copy = up("one").until_ready()
    said = copy.said()
    assert f"http://127.0.0.1:{copy.port}/graphql" in said
    for role in ("ADMIN", "CONTROLLER", "ACCOUNTANT", "SALES_MANAGER", "SALES_REP", "CUSTOMER"):
        assert f"{role.lower()}@demo.example" in said
    assert "password demo" in said
    assert copy.answers("/readyz") == 200
    commands = ("serve", "work", "schedule")
    copy.until(lambda: all(map(copy.child, commands)), "three children")
    children = [copy.child(command) for command in commands]

    assert copy.end(signal.SIGTERM) == 0
    said = copy.said()
    order = ["Stopping\n", "Stopping Redis", "Stopping PostgreSQL", "Stopped"]
    assert [said.index(step) for step in order] == sorted(said.index(step) for step in order)
    assert "Traceback" not in said
    assert copy.servers() == []
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert copy.answers("/healthz") is None


def test_a_child_that_is_killed_comes_back(up: Start) -> None:
    copy = up("one").until_ready()
    for command in ("serve", "work"):
        before = copy.child(command)
        os.kill(before, signal.SIGKILL)
        copy.until(lambda c=command, b=before: copy.child(c) not in {0, b}, f"{command} is back")
    copy.until(lambda: copy.answers("/readyz") == 200, "the API server answers again")
    assert "api ended (killed by SIGKILL); starting it again" in copy.said()
    assert "worker ended (killed by SIGKILL); starting it again" in copy.said()


def test_copies_run_side_by_side_and_a_killed_one_starts_again(up: Start) -> None:
    one, two = up("one"), up("two")
    one.until_ready()
    two.until_ready()
    two.end(signal.SIGKILL)
    again = up("two").until_ready()  # at once: what was killed is still going down
    assert "Loaded demo data" not in again.said(), "the data outlived the kill"
    assert "@demo.example" in again.said()
    assert one.answers("/readyz") == again.answers("/readyz") == 200

    same = up("one", free_port())
    assert f"Another copy of Customer Flow (process {one.process.pid})" in refused(same)
    assert one.answers("/readyz") == 200, "the refused copy did no harm"


@pytest.mark.parametrize("setting", ["PORT", "WORKER_METRICS_PORT", "SCHEDULER_METRICS_PORT"])
def test_a_taken_port_is_named_before_anything_starts(up: Start, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        copy = up("one", **{setting: str(port)})
        said = refused(copy)
        assert f"port {port} of 127.0.0.1 is in use by another program; set {setting} to" in said
        assert not copy.data.exists()


def test_worker_and_scheduler_serve_their_metrics_where_they_are_told(up: Start) -> None:
    ports = {"WORKER_METRICS_PORT": free_port(), "SCHEDULER_METRICS_PORT": free_port()}
    copy = up("one", **{name: str(port) for name, port in ports.items()}).until_ready()
    for port in ports.values():
        copy.until(lambda p=port: copy.answers("/metrics", p) == 200, "metrics")


def test_without_demo_data_the_first_user_is_an_administrator(up: Start) -> None:
    told = "customer-flow create-admin --email EMAIL --name NAME"
    copy = up("one", DEMO_DATA="false").until_ready(told)
    assert "demo" not in copy.said().lower()

    made = subprocess.run(  # noqa: S603 - this interpreter
        [
            *(sys.executable, "-m", "app.cli", "create-admin", "--password-stdin"),
            *("--email", "ada@b.example", "--name", "Ada"),
        ],
        cwd=ROOT,
        env=environment(copy.data, copy.port),
        input="correct horse battery staple",
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert copy.end(signal.SIGTERM) == 0
    # Nor do demo data come later, when nobody says that they are not wanted.
    again = up("one").until_ready("Customer Flow is ready")
    again.end(signal.SIGTERM)
    assert "demo" not in again.said().lower()
    assert told not in again.said()


def test_ctrl_c_while_it_is_starting_ends_it_cleanly(up: Start) -> None:
    copy = up("one")
    copy.until(lambda: "Making a PostgreSQL" in copy.said(), "begun")
    assert copy.end(signal.SIGINT) == 0
    assert "Traceback" not in copy.said()
    assert copy.servers() == []
    assert up("one").until_ready().answers("/healthz") == 200


def test_bad_settings_are_named_and_nothing_starts(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "up"],
        cwd=ROOT,
        env={**environment(tmp_path / "data", 8000), "PORT": "eighty"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("PORT: input should be a valid integer")
    assert not (tmp_path / "data").exists()

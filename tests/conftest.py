"""One PostgreSQL and one Redis a run, one migrated template, and a database of its own per module.

`TEST_DATABASE_URL` and `TEST_REDIS_URL` name servers to use (the first must allow CREATE DATABASE);
otherwise embedded ones are started. With several test processes the first process owns them.
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from app.infra.database import Database
from app.infra.embedded import Addresses, embedded_servers
from app.infra.migrate import upgrade
from app.infra.settings import Settings

ROOT = Path(__file__).parents[1]
# Where the owner of the servers tells the other test processes what it started.
SHARED = {
    "database_url": "CUSTOMER_FLOW_TEST_SERVER",
    "redis_url": "CUSTOMER_FLOW_TEST_REDIS",
    "template": "CUSTOMER_FLOW_TEST_TEMPLATE",
}


class Servers:
    """The servers of a test run, kept by a thread with a loop of its own."""

    def __init__(self) -> None:
        self.shared: dict[str, str] = {}
        self._is_ready = threading.Event()
        self._may_stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="test servers", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        self._may_stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - raised again by `start`
            self._failure = failure
            self._is_ready.set()

    async def _serve(self) -> None:
        with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
            settings = Settings(
                database_url=os.environ.get("TEST_DATABASE_URL"),
                redis_url=os.environ.get("TEST_REDIS_URL"),
                data_dir=Path(place),
            )
            async with embedded_servers(
                settings, durable=False, report=lambda _: None
            ) as addresses:
                await self._serve_template(addresses)

    async def _serve_template(self, addresses: Addresses) -> None:
        template = f"template_{uuid4().hex[:12]}"
        owner = addresses.owner_url
        await administer(owner, f"CREATE DATABASE {template}")
        try:
            await asyncio.to_thread(migrate, url_of(owner, template))
            self.shared = {
                "database_url": owner,
                "redis_url": addresses.redis_url,
                "template": template,
            }
            self._is_ready.set()
            await asyncio.to_thread(self._may_stop.wait)
        finally:
            await drop_database(owner, template)


def url_of(server_url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def migrate(url: str) -> None:
    """Every migration there is; not for a thread that runs an event loop."""
    upgrade(url)


async def administer(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def drop_database(server_url: str, name: str) -> None:
    """Drop a database, whoever is still connected to it."""
    try:
        await administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:
        # Autovacuum is at work there. FORCE may not end the superuser's processes; without it,
        # PostgreSQL sends its own workers away.
        await administer(server_url, f"DROP DATABASE {name}")


@asynccontextmanager
async def own_database(servers: dict[str, str], *, is_migrated: bool = True) -> AsyncIterator[str]:
    """The address of a database that nobody else has, and that is gone afterwards."""
    server, name = servers["database_url"], f"test_{uuid4().hex[:12]}"
    template = f" TEMPLATE {servers['template']}" if is_migrated else ""
    await administer(server, f"CREATE DATABASE {name}{template}")
    try:
        yield url_of(server, name)
    finally:
        await drop_database(server, name)


def pytest_configure(config: pytest.Config) -> None:
    """Several processes are about to start: they inherit the addresses of what runs for all."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        servers = Servers()
        servers.start()
        config.add_cleanup(servers.stop)
        for name, variable in SHARED.items():
            os.environ[variable] = servers.shared[name]


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """`database_url`, `redis_url` and `template`: started on first use, or by the first process."""
    if SHARED["template"] in os.environ:
        yield {name: os.environ[variable] for name, variable in SHARED.items()}
        return
    own = Servers()
    own.start()
    yield own.shared
    own.stop()


@pytest.fixture(scope="module")
async def database_url(servers: dict[str, str]) -> AsyncIterator[str]:
    """A migrated database for this module alone; the role that owns it may do everything there."""
    async with own_database(servers) as url:
        yield url


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    """The pools of the program on this module's database."""
    opened = Database(database_url, pool_size=20)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that no guard of privilege holds back."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def redis_url(servers: dict[str, str]) -> str:
    """The run's Redis: give keys a prefix of your own, another process may use it too."""
    return servers["redis_url"]

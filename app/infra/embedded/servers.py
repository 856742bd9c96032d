"""The embedded servers of one data directory, as long as somebody needs them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import structlog

from app.infra.embedded import directories as places
from app.infra.embedded.postgres import Postgres
from app.infra.embedded.processes import EmbeddedServerError, needing_room
from app.infra.embedded.redis import Redis
from app.infra.settings import Settings

WATCH_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0

log = structlog.get_logger(__name__)


class NoDatabaseError(EmbeddedServerError):
    """Nobody has made a database where a command looks for one."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the two servers are, embedded or not, for whom. None: as `database_url`."""

    database_url: str
    redis_url: str
    database_migration_url: str | None = None
    database_read_url: str | None = None

    @property
    def owner_url(self) -> str:
        """For who owns the tables."""
        return self.database_migration_url or self.database_url


class Server(Protocol):
    """What `Postgres` and `Redis` have in common."""

    name: str

    @property
    def url(self) -> str:
        """Its address; known before it runs."""
        ...

    def has_ended(self) -> bool:
        """Whether it is gone without having been told to stop."""
        ...

    async def start(self) -> None:
        """Run and answer."""
        ...

    async def stop(self) -> None:
        """End cleanly."""
        ...


@asynccontextmanager
async def embedded_servers(
    settings: Settings, *, durable: bool = True, report: Callable[[str], None] = log.info
) -> AsyncIterator[Addresses]:
    """Run a server for each address that the settings leave out, and stop it at the end.

    A server that dies is started again. `durable=False` gives up safety against a crash for speed:
    for data that are thrown away. Raises `EmbeddedServerError`, and `DataDirectoryInUseError` when
    another copy holds the data directory.
    """
    if settings.database_url is not None and settings.redis_url is not None:
        yield _given(settings, settings.database_url, settings.redis_url)
        return
    data = settings.data_dir
    places.make_data_directory(data)
    with places.locked(data):
        with needing_room(data):
            directories = await asyncio.to_thread(places.prepare, data)
        servers: list[Server] = []
        if settings.redis_url is None:
            servers.append(Redis(directories, durable=durable, report=report))
        redis_url = settings.redis_url or servers[0].url
        if settings.database_url is None:
            postgres = Postgres(directories, durable=durable, report=report)
            servers.insert(0, postgres)
            addresses = Addresses(
                database_url=postgres.url,
                redis_url=redis_url,
                database_migration_url=postgres.owner_url,
                database_read_url=postgres.read_url,
            )
        else:
            addresses = _given(settings, settings.database_url, redis_url)
        try:
            await _start_all(servers, data, report)
            note = data / "addresses.json"
            draft = data / "addresses.json.new"
            with needing_room(data):
                draft.touch(mode=0o600)
                draft.write_text(json.dumps(asdict(addresses)))
                draft.replace(note)
            watch = asyncio.create_task(_keep_running(servers, data))
            try:
                yield addresses
            finally:
                note.unlink(missing_ok=True)
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
        finally:
            # PostgreSQL last: what Redis hands on is written there.
            for server in reversed(servers):
                report(f"Stopping {server.name}")
                await server.stop()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Settings]:
    """Settings with the database's addresses filled in, for a command.

    Uses the servers of a copy that is running on the data directory, and otherwise starts those
    that `up` has made there, for the length of the command. Where there are none it makes none:
    whoever stands in the wrong place shall hear of it, and not work on an empty database. Raises
    `NoDatabaseError`.
    """
    if settings.database_url is not None:
        yield settings
        return
    if (running := running_addresses(settings.data_dir)) is not None:
        yield with_addresses(settings, running)
        return
    if not places.holds_cluster(settings.data_dir):
        raise NoDatabaseError(
            f"There is no database in {settings.data_dir}, and DATABASE_URL is not set. "
            "`customer-flow up` makes one there; to use one that is elsewhere, set "
            "CUSTOMER_FLOW_DATA_DIR to its directory, or DATABASE_URL."
        )
    async with embedded_servers(settings, report=log.debug) as addresses:
        yield with_addresses(settings, addresses)


def with_addresses(settings: Settings, addresses: Addresses) -> Settings:
    """The same settings with all addresses filled in; those given by hand stay."""
    known = settings.model_copy(update={"redis_url": settings.redis_url or addresses.redis_url})
    if settings.database_url is not None:
        return known
    return known.model_copy(
        update={
            "database_url": addresses.database_url,
            "database_migration_url": addresses.database_migration_url,
            "database_read_url": addresses.database_read_url,
        }
    )


def _given(settings: Settings, database_url: str, redis_url: str) -> Addresses:
    return Addresses(
        database_url=database_url,
        redis_url=redis_url,
        database_migration_url=settings.database_migration_url,
        database_read_url=settings.database_read_url,
    )


def running_addresses(data: Path) -> Addresses | None:
    """Where the servers of the copy are that runs on a data directory; None when none does."""
    note = data / "addresses.json"
    if not places.is_locked(data):
        return None
    try:
        return Addresses(**json.loads(note.read_text()))
    except FileNotFoundError:  # it is only just starting, or stopping
        return None


async def _start_all(servers: Sequence[Server], data: Path, report: Callable[[str], None]) -> None:
    report("Starting " + " and ".join(server.name for server in servers))
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(_start(server, data))
    except ExceptionGroup as group:
        refused, unexpected = group.split(EmbeddedServerError)
        if refused is None or unexpected is not None:
            raise
        raise refused.exceptions[0] from None


async def _start(server: Server, data: Path) -> None:
    with needing_room(data):
        await server.start()


async def _keep_running(servers: Sequence[Server], data: Path) -> None:
    """Each by itself: one that cannot start makes nobody else wait."""
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(_keep_one_running(server, data))


async def _keep_one_running(server: Server, data: Path) -> None:
    pause = WATCH_SECONDS
    while True:
        await asyncio.sleep(pause)
        if not server.has_ended():
            continue
        log.error("embedded server ended, starting it again", server=server.name)
        try:
            await _start(server, data)
        except EmbeddedServerError as error:
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
            log.error("embedded server did not start", server=server.name, reason=str(error))  # noqa: TRY400 - the reason is all of it
        else:
            pause = WATCH_SECONDS
            log.info("embedded server is back", server=server.name)

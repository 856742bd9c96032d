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
from app.infra.embedded.processes import EmbeddedServerError
from app.infra.embedded.redis import Redis
from app.infra.settings import Settings

WATCH_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the two servers are, embedded or not."""

    database_url: str
    redis_url: str


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
        yield Addresses(database_url=settings.database_url, redis_url=settings.redis_url)
        return
    data = settings.data_dir
    places.make_data_directory(data)
    with places.locked(data):
        directories = await asyncio.to_thread(places.prepare, data)
        servers: list[Server] = []
        if settings.database_url is None:
            servers.append(Postgres(directories, durable=durable, report=report))
        if settings.redis_url is None:
            servers.append(Redis(directories, durable=durable, report=report))
        addresses = Addresses(
            database_url=settings.database_url or servers[0].url,
            redis_url=settings.redis_url or servers[-1].url,
        )
        try:
            await _start_all(servers, report)
            note = data / "addresses.json"
            draft = data / "addresses.json.new"
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(asdict(addresses)))
            draft.replace(note)
            watch = asyncio.create_task(_keep_running(servers))
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
    """Settings with both addresses filled in, for a command.

    Uses the servers of a copy that is running on the data directory, and starts its own for the
    length of the command otherwise.
    """
    if (running := running_addresses(settings.data_dir)) is not None:
        yield with_addresses(settings, running)
        return
    async with embedded_servers(settings, report=log.debug) as addresses:
        yield with_addresses(settings, addresses)


def with_addresses(settings: Settings, addresses: Addresses) -> Settings:
    """The same settings with both addresses filled in; those given by hand stay."""
    return settings.model_copy(
        update={
            "database_url": settings.database_url or addresses.database_url,
            "redis_url": settings.redis_url or addresses.redis_url,
        }
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


async def _start_all(servers: Sequence[Server], report: Callable[[str], None]) -> None:
    report("Starting " + " and ".join(server.name for server in servers))
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.start())
    except ExceptionGroup as group:
        refused, unexpected = group.split(EmbeddedServerError)
        if refused is None or unexpected is not None:
            raise
        raise refused.exceptions[0] from None


async def _keep_running(servers: Sequence[Server]) -> None:
    pause = WATCH_SECONDS
    while True:
        await asyncio.sleep(pause)
        for server in servers:
            if not server.has_ended():
                continue
            log.error("embedded server ended, starting it again", server=server.name)
            try:
                await server.start()
            except EmbeddedServerError as error:
                pause = min(pause * 2, MAX_PAUSE_SECONDS)
                log.error("embedded server did not start", server=server.name, reason=str(error))  # noqa: TRY400 - the reason is all of it
            else:
                pause = WATCH_SECONDS
                log.info("embedded server is back", server=server.name)

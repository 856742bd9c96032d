"""`customer-flow backup` and `restore`: settings, servers and terminal around one of either.

What is restored is first brought in beside what is there, migrated, and proved against itself:
every balance and every chain. Only then does it take the place, so that a restore that fails
destroys nothing.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

import asyncpg
import typer

from app.consent import is_consented
from app.infra import migrate
from app.infra.backups import base, dump
from app.infra.backups.note import BackupError, Kind, Note, make_place, read, write
from app.infra.database import Database
from app.infra.embedded import (
    Addresses,
    EmbeddedServerError,
    connected,
    directories,
    embedded_servers,
)
from app.infra.embedded.postgres import DATABASE
from app.infra.losses import Losses, losses_of_all
from app.infra.reaching import MIGRATE_FIRST, NotReady, reaching
from app.infra.redis import open_redis
from app.infra.settings import Settings
from app.infra.steps import Steps, shown_steps
from app.services.reconciliation.proof import Proof, prove_everything

DONE, NOT_DONE = 0, 1
_NO_REDIS = "redis://127.0.0.1:1"  # none is started, and none is asked


@dataclass(frozen=True, kw_only=True)
class RestoreOrder:
    """From where; what it may destroy, and whether it may differ from its own ledger."""

    place: Path
    destroy: str | None
    despite_differences: bool


async def back_up(settings: Settings, place: Path, kind: Kind) -> int:
    """The exit code. What was acknowledged before this was called is in the backup."""
    if kind is Kind.BASE and settings.database_url is not None:
        raise BackupError(
            "A base backup is made of the embedded PostgreSQL. DATABASE_URL names one of your own: "
            "use its own tools for one of those, or make a dump."
        )
    async with connected(settings) as known:
        revision = await _revision(known.owner_url)
        taken_at = datetime.now(UTC).isoformat(timespec="seconds")
        make_place(place)
        try:
            with shown_steps() as steps:
                digest = await _take(known.owner_url, place, kind, steps)
            note = Note(
                kind=kind,
                taken_at=taken_at,
                product=version("customer-flow"),
                revision=revision,
                digest=digest,
            )
            write(place, note)
        except BaseException:
            await asyncio.to_thread(rmtree, place)
            raise
    megabytes = await asyncio.to_thread(_bytes_of, place) / 1_000_000
    typer.echo(f"Backed up to {place} ({megabytes:,.1f} MB). It holds personal data.")
    return DONE


async def restore(settings: Settings, order: RestoreOrder) -> int:
    """The exit code. Whatever goes wrong, what was there before is there still."""
    place = order.place
    note = read(place)
    if note.revision not in migrate.revisions():
        raise BackupError(
            f"{place} was made by version {note.product}, which is newer than this program "
            f"({version('customer-flow')}): restore it with that version or a newer one"
        )
    found = await asyncio.to_thread(dump.digest if note.kind is Kind.DUMP else base.digest, place)
    if found != note.digest:
        raise BackupError(f"{place} has been damaged or changed since it was made")
    if note.kind is Kind.DUMP:
        return await _restore_dump(settings, place, order)
    return await _restore_base(settings, place, order)


async def _take(url: str, place: Path, kind: Kind, steps: Steps) -> str:
    if kind is Kind.DUMP:
        return await dump.take(url, place, lambda _table, done, of: steps("tables", done, of))
    return await base.take(url, place, lambda done, of: steps("kilobytes", done, of))


async def _restore_dump(settings: Settings, place: Path, order: RestoreOrder) -> int:
    async with _servers(settings) as addresses:
        url = addresses.owner_url
        with reaching(url, "DATABASE_MIGRATION_URL or DATABASE_URL"):
            await dump.require_nobody(url)
        losses = await losses_of_all(url)
        if not is_consented(losses, what="Restoring", said=order.destroy):
            return NOT_DONE
        with shown_steps() as steps:
            beside = await dump.put_beside(
                url, place, lambda _table, done, of: steps("tables", done, of)
            )
        if not await _is_fit(beside, order):
            return NOT_DONE
        await dump.swap(url, beside)
        await _forget_messages(settings, addresses)
    return _said(place)


async def _restore_base(settings: Settings, place: Path, order: RestoreOrder) -> int:
    if settings.database_url is not None:
        raise BackupError(
            f"{place} is a base backup of an embedded PostgreSQL, and DATABASE_URL names one of "
            "your own: unset it, or restore a dump there"
        )
    await base.check(place)
    if not is_consented(await _losses_of_cluster(settings), what="Restoring", said=order.destroy):
        return NOT_DONE
    directories.make_data_directory(settings.data_dir)
    with _held(settings.data_dir) as where:
        if not await _brought_in(settings, place, order, where):
            return NOT_DONE
    return _said(place)


async def _brought_in(
    settings: Settings, place: Path, order: RestoreOrder, where: directories.Directories
) -> bool:
    beside = settings.data_dir / "restoring"
    base.discard(beside)  # what a killed attempt has left
    directories.make_data_directory(beside)
    try:
        with _held(beside) as draft:
            await asyncio.to_thread(base.bring_in, draft, place)
        tried = settings.model_copy(update={"data_dir": beside, "redis_url": _NO_REDIS})
        async with _servers(tried) as addresses:
            is_fit = await _is_fit(addresses.owner_url, order)
        if is_fit:
            with _held(beside) as draft:
                await asyncio.to_thread(base.swap, where, draft)
            rmtree(where.redis)  # what waits there is about a database that is no more
        return is_fit
    finally:
        base.discard(beside)


async def _losses_of_cluster(settings: Settings) -> Losses:
    if not directories.holds_cluster(settings.data_dir):
        return Losses(database=DATABASE, lines=())
    try:
        async with _servers(settings) as addresses:
            return await losses_of_all(addresses.owner_url)
    except directories.DataDirectoryInUseError:
        raise
    except EmbeddedServerError:
        line = (
            f"the cluster in {settings.data_dir}, which does not start: nobody knows what is lost"
        )
        return Losses(database=DATABASE, lines=(line,))


async def _is_fit(url: str, order: RestoreOrder) -> bool:
    """Whether what was brought in, at this program's version, is what its own ledger says."""
    await asyncio.to_thread(migrate.upgrade, url)
    database = Database(url, pool_size=2)
    await database.open()
    try:
        with shown_steps() as steps:
            proof: Proof = await prove_everything(
                database, lambda done, of: steps("customers proved", done, of)
            )
    finally:
        await database.close()
    if proof.discrepancies == 0:
        typer.echo(f"Proved the balances and chains of {proof.customers:,} customers.", err=True)
        return True
    typer.echo(
        f"The backup differs from its own ledger for {proof.discrepancies:,} of "
        f"{proof.customers:,} customers.",
        err=True,
    )
    if not order.despite_differences:
        typer.echo("Nothing was replaced. --despite-differences restores it as it is.", err=True)
    return order.despite_differences


async def _forget_messages(settings: Settings, addresses: Addresses) -> None:
    """What waits in the embedded Redis is about a database that is no more."""
    if settings.database_url is None and settings.redis_url is None:
        async with open_redis(addresses.redis_url) as redis:
            await redis.flushall()


async def _revision(url: str) -> str:
    with reaching(url, "DATABASE_MIGRATION_URL or DATABASE_URL"):
        connection = await asyncpg.connect(url)
    try:
        revision = await migrate.current(connection)
    finally:
        await connection.close()
    if revision is None:
        raise NotReady(MIGRATE_FIRST)
    return revision


@asynccontextmanager
async def _servers(settings: Settings) -> AsyncIterator[Addresses]:
    """Those of your own, or the embedded ones, which nobody else may be using."""
    if settings.database_url is None:
        async with embedded_servers(settings, report=lambda _step: None) as addresses:
            yield addresses
        return
    yield Addresses(
        database_url=settings.database_url,
        redis_url=settings.redis_url or "",
        database_migration_url=settings.database_migration_url,
    )


@contextmanager
def _held(data: Path) -> Iterator[directories.Directories]:
    with directories.locked(data):
        yield directories.prepare(data)


def _bytes_of(place: Path) -> int:
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def _said(place: Path) -> int:
    typer.echo(f"Restored {place}.", file=sys.stdout)
    return DONE

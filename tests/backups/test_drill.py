"""The drill: back up while postings run, lose everything, restore, and trust the books again."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.infra.database import Database
from app.infra.embedded import Addresses, embedded_servers
from app.infra.embedded.directories import set_aside
from app.infra.migrate import upgrade
from app.infra.settings import Settings
from app.services.reconciliation.proof import prove_everything
from tests.backups.command import run
from tests.factories import Books, make_customer, open_books
from tests.invariants import broken

WRITERS = 4
BEFORE, AFTER = 40, 40
"""How many postings are acknowledged before the backup begins, and how many more at least."""


@pytest.fixture
def place() -> Iterator[Path]:
    """Not pytest's own directory: as root, PostgreSQL's user could not reach into that."""
    made = Path(tempfile.mkdtemp(prefix="cf-test-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Addresses]:
    async with embedded_servers(Settings(data_dir=data), report=lambda _: None) as addresses:
        yield addresses


@asynccontextmanager
async def opened(addresses: Addresses) -> AsyncIterator[Database]:
    """As the API server does."""
    database = Database(
        addresses.database_url, read_url=addresses.database_read_url, pool_size=WRITERS
    )
    await database.open()
    yield database
    await database.close()


class Writers:
    """Several people who post without a pause, and remember what was acknowledged."""

    def __init__(self, books: Books, customers: list[UUID]) -> None:
        self.books = books
        self.acknowledged: list[UUID] = []
        self._tasks = [asyncio.create_task(self._write(each)) for each in customers]

    async def _write(self, customer_id: UUID) -> None:
        while True:
            self.acknowledged.append(await self.books.invoice(customer_id, "100.00", "19.50"))
            self.acknowledged.extend((await self.books.pay(customer_id, "110.00")).entry_ids)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.acknowledged) < count:
                assert not any(task.done() for task in self._tasks)
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


@pytest.mark.parametrize("kind", ["dump", "base"])
async def test_the_drill(place: Path, kind: str) -> None:
    data, backup = place / "data", place / "backup"
    async with running(data) as addresses:
        await asyncio.to_thread(upgrade, addresses.owner_url)
        async with opened(addresses) as database:
            books = await open_books(database)
            writers = Writers(books, [await make_customer(database) for _ in range(WRITERS)])
            await writers.until(BEFORE)
            before = list(writers.acknowledged)
            backing_up = asyncio.create_task(run(data, "backup", str(backup), "--kind", kind))
            await writers.until(len(before) + AFTER)
            ended = await backing_up
            assert ended.code == 0, ended.err
            await writers.stop()
            assert len(writers.acknowledged) >= len(before) + AFTER, "nobody had to wait for it"

    shutil.rmtree((data / "postgresql").resolve())
    shutil.rmtree(data)

    elsewhere = place / "elsewhere"
    ended = await run(elsewhere, "restore", str(backup))
    assert ended.code == 0, ended.err
    assert f"Proved the balances and chains of {WRITERS} customers" in ended.err
    async with running(elsewhere) as addresses:
        owner = await asyncpg.connect(addresses.owner_url)
        assert await broken(owner) == {}
        kept = await owner.fetch("SELECT id FROM ledger_entries WHERE id = ANY ($1)", before)
        assert {row["id"] for row in kept} == set(before), "something acknowledged is gone"
        await owner.close()
        async with opened(addresses) as database:
            proof = await prove_everything(database, lambda _done, _of: None)
            assert (proof.customers, proof.discrepancies) == (WRITERS, 0)
            await Books(database, books.actor).invoice(await make_customer(database), "1.00")
        assert not set_aside((elsewhere / "postgresql").resolve()).exists()


async def made(data: Path, name: str) -> None:
    async with running(data) as addresses:
        connection = await asyncpg.connect(addresses.owner_url)
        await connection.execute(f"CREATE TABLE {name} AS SELECT 1 AS n")
        await connection.close()


async def tables(data: Path) -> set[str]:
    async with running(data) as addresses:
        connection = await asyncpg.connect(addresses.owner_url)
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
    return {row["tablename"] for row in rows}


async def migrated(data: Path) -> None:
    async with running(data) as addresses:
        await asyncio.to_thread(upgrade, addresses.owner_url)


async def test_a_base_backup_replaces_nothing_without_consent_and_nothing_when_damaged(
    place: Path,
) -> None:
    data, backup = place / "data", place / "backup"
    await migrated(data)
    assert (await run(data, "backup", str(backup), "--kind", "base")).code == 0
    await made(data, "precious")
    ended = await run(data, "restore", str(backup))
    assert ended.code == 1
    assert "precious: 1 rows" in ended.err
    assert "precious" in await tables(data)

    victim = next((backup / "cluster" / "base").rglob("*_vm"))
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ended = await run(data, "restore", str(backup), "--destroy", "customer_flow")
    assert ended.code == 1
    assert "checksum mismatch" in ended.err
    assert "precious" in await tables(data)
    victim.write_bytes(content)

    ended = await run(data, "restore", str(backup), "--destroy", "customer_flow")
    assert ended.code == 0, ended.err
    assert "precious" not in await tables(data)


async def test_a_cluster_that_was_set_aside_is_taken_up_when_a_restore_was_killed(
    place: Path,
) -> None:
    data = place / "data"
    await made(data, "precious")
    cluster = (data / "postgresql").resolve()
    cluster.rename(set_aside(cluster))
    assert "precious" in await tables(data)


async def test_while_it_runs_nothing_is_restored_over_it(place: Path) -> None:
    data = place / "data"
    await migrated(data)
    for kind in ("dump", "base"):
        assert (await run(data, "backup", str(place / kind), "--kind", kind)).code == 0
    async with running(data):
        for kind in ("dump", "base"):
            said = ("--destroy", "customer_flow")
            ended = await run(data, "restore", str(place / kind), *said)
            assert ended.code == 1
            assert "Stop it first" in ended.err

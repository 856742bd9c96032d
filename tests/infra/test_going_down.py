"""Going down and up again: what is lost is named first, and what stays goes on as it was."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from app.infra.database import Database
from app.infra.embedded.programs import client_program
from app.infra.losses import losses_of_downgrade
from app.infra.migrate import downgrade, upgrade
from app.services import demo
from tests.conftest import ROOT, administer, drop_database, own_database, url_of
from tests.infra.test_migrations import REVISIONS

ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@pytest.fixture(scope="module")
async def books(servers: dict[str, str]) -> AsyncIterator[str]:
    """A database with the demo company's books, to be copied."""
    async with own_database(servers) as url:
        database = Database(url, pool_size=2)
        await database.open()
        await demo.seed(database)
        await database.close()
        yield url


@pytest.fixture
async def copy(servers: dict[str, str], books: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    server = servers["database_url"]
    await administer(server, f"CREATE DATABASE {name} TEMPLATE {name_of(books)}")
    yield url_of(server, name)
    await drop_database(server, name)


def name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def schema_of(url: str) -> str:
    """Everything but the rows, as PostgreSQL writes it down."""
    dumped = subprocess.run(  # noqa: S603 - the program of our own wheel
        [str(client_program("pg_dump")), "--schema-only", "--dbname", url],
        capture_output=True,
        text=True,
        check=True,
    )
    kept = (line for line in dumped.stdout.splitlines() if "restrict " not in line)
    return "\n".join(kept)


async def rows(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def count(url: str, table: str = "ledger_entries") -> int:
    """How many rows there are; none, too, where there is no such table."""
    if (await rows(url, f"SELECT to_regclass('{table}')"))[0][0] is None:
        return 0
    return int((await rows(url, f"SELECT count(*) FROM {table}"))[0][0])


AHEAD = """
SELECT type, max(substring(number FROM '[0-9]+$')::bigint) AS highest,
    nextval(('entry_number_' || lower(type))::regclass) AS next
FROM ledger_entries GROUP BY type
"""


@pytest.mark.parametrize("revision", [*REVISIONS[1:], "base"])
async def test_what_comes_up_again_is_as_new_and_numbers_go_on(copy: str, revision: str) -> None:
    fresh = schema_of(copy)
    entries = await rows(copy, "SELECT count(*), min(number), max(number) FROM ledger_entries")
    await asyncio.to_thread(downgrade, copy, revision)
    await asyncio.to_thread(upgrade, copy)
    assert schema_of(copy) == fresh
    if revision not in {"base", "0001"}:  # the ledger came with 0002
        assert entries == await rows(
            copy, "SELECT count(*), min(number), max(number) FROM ledger_entries"
        )
        ahead = await rows(copy, AHEAD)
        assert len(ahead) > 2
        assert all(row["next"] == row["highest"] + 1 for row in ahead), ahead


async def test_no_number_is_there_twice(copy: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_ledger_entries_number"):
        await administer(
            copy,
            """INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, jsonb_build_object(
                'id', uuidv7(), 'sequence', sequence + 1000))).* FROM ledger_entries e LIMIT 1""",
        )


LATER, EARLIER = "0017", "0016"  # a step that destroys nothing
LOST = {
    "base": {"ledger_entries: ", "customers: ", "users: ", "entry_number_invoice: the series"},
    "0002": {"reconciliation_runs: ", "outbox: ", "entry_number_payment: the series"},
    "0005": {"accounts.verified_sequence: in "},
}


@pytest.mark.parametrize("revision", LOST)
async def test_what_would_be_lost_is_named(copy: str, revision: str) -> None:
    await administer(copy, "INSERT INTO reconciliation_runs (incremental) VALUES (false)")
    losses = await losses_of_downgrade(copy, revision)
    assert losses.database == name_of(copy)
    for lost in LOST[revision]:
        assert any(line.startswith(lost) for line in losses.lines), losses.lines


async def test_every_step_names_each_table_and_column_that_is_gone_after_it(copy: str) -> None:
    there = """
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        AND NOT a.attisdropped AND c.relname <> 'alembic_version'
    """
    for older in [*REVISIONS[1:], "base"]:
        before = {tuple(row) for row in await rows(copy, there)}
        not_empty = {table for table in {table for table, _ in before} if await count(copy, table)}
        named = " ".join((await losses_of_downgrade(copy, older)).lines)
        await asyncio.to_thread(downgrade, copy, older)
        after = {tuple(row) for row in await rows(copy, there)}
        for table, column in before - after:
            if table in not_empty:
                assert f"{table}: " in named or f"{table}.{column}: " in named, (older, named)


def migrate(
    url: str, place: Path, *arguments: str, typed: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """The command; with `typed` on a terminal, where somebody types that."""
    program = [sys.executable, "-c", ON_A_TERMINAL] if typed is not None else []
    return subprocess.run(  # noqa: S603 - this interpreter
        [*program, sys.executable, "-m", "app.cli", "migrate", *arguments],
        env={**os.environ, "DATABASE_URL": url, "CUSTOMER_FLOW_DATA_DIR": str(place / "data")},
        cwd=ROOT,
        input=typed or "",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def test_without_consent_nothing_is_destroyed(copy: str, tmp_path: Path) -> None:
    before = await count(copy)
    for said in ((), ("--destroy", "another"), ("--destroy", "")):
        ended = await asyncio.to_thread(migrate, copy, tmp_path, "--down", "base", *said)
        assert ended.returncode == 1
        assert f"ledger_entries: {before:,} rows" in ended.stderr
        assert f"--destroy {name_of(copy)}" in ended.stderr
    for typed in ("\n", "yes\n"):
        ended = await asyncio.to_thread(migrate, copy, tmp_path, "--down", "base", typed=typed)
        assert ended.returncode == 1
        assert "type the name of the database" in ended.stdout
    assert await count(copy) == before


@pytest.mark.parametrize("is_typed", [True, False])
async def test_with_consent_it_goes_down(copy: str, tmp_path: Path, is_typed: bool) -> None:
    name = name_of(copy)
    ended = (
        await asyncio.to_thread(migrate, copy, tmp_path, "--down", "base", typed=f"{name}\n")
        if is_typed
        else await asyncio.to_thread(migrate, copy, tmp_path, "--down", "base", "--destroy", name)
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert await count(copy) == 0


async def test_what_destroys_nothing_asks_nothing(copy: str, tmp_path: Path) -> None:
    await asyncio.to_thread(downgrade, copy, LATER)
    ended = await asyncio.to_thread(migrate, copy, tmp_path, "--down", EARLIER)
    assert ended.returncode == 0, ended.stderr
    assert "destroys" not in ended.stderr
    assert await count(copy) > 0

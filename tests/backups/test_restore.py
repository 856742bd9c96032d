"""What a restore refuses, and that whatever it refuses leaves everything as it was."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.infra.backups.note import digest_of
from app.infra.backups.running import without_password
from app.infra.database import Database
from tests.backups.command import run
from tests.conftest import own_database
from tests.factories import make_customer, open_books
from tests.invariants import broken, snapshot

Owner = asyncpg.Connection


@pytest.fixture
async def url(servers: dict[str, str]) -> AsyncIterator[str]:
    """A database of somebody's own server, with something in it."""
    async with own_database(servers) as made:
        database = Database(made, pool_size=2)
        await database.open()
        books = await open_books(database)
        customer_id = await make_customer(database, business_name="Étoile")
        await books.invoice(customer_id, "100.00")
        await books.pay(customer_id, "150.00")
        await database.close()
        yield made


@pytest.fixture
async def backup(url: str, tmp_path: Path) -> Path:
    place = tmp_path / "backup"
    ended = await run(tmp_path / "data", "backup", str(place), url=url)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"Backed up to {place}")
    return place


async def state(url: str) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        assert await broken(connection) == {}
        return await snapshot(connection)
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def databases(url: str) -> set[str]:
    """This one and what was made beside it: other tests have theirs on the same server."""
    connection = await asyncpg.connect(url)
    own = urlsplit(url).path.removeprefix("/")
    rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname ^@ $1", own)
    await connection.close()
    return {row["datname"] for row in rows}


def consent(url: str) -> tuple[str, str]:
    return "--destroy", urlsplit(url).path.removeprefix("/")


async def restored(url: str, backup: Path, *said: str) -> tuple[int | None, str]:
    ended = await run(backup.parent / "data", "restore", str(backup), *said, url=url)
    return ended.code, ended.err


async def test_what_comes_back_is_what_was_there(url: str, backup: Path) -> None:
    before = await state(url)
    await execute(url, "UPDATE customers SET business_name = 'Ruined'")
    await execute(url, "DROP TABLE policy_state CASCADE")
    there = await databases(url)
    code, said = await restored(url, backup, *consent(url))
    assert code == 0, said
    after = await state(url)
    # The proof is a run of its own.
    changed = {table for table in before if after[table] != before[table]}
    assert changed <= {"reconciliation_runs", "accounts"}, changed
    assert await databases(url) == there, "nothing is left beside it"


async def test_a_database_with_something_in_it_wants_consent_by_name(
    url: str, backup: Path
) -> None:
    before = await state(url)
    for said in ((), ("--destroy", "another")):
        code, told = await restored(url, backup, *said)
        assert code == 1
        assert "ledger_entries: 2 rows" in told
        assert "entry_number_invoice: the series of numbers" in told
        assert " ".join(consent(url)) in told
    assert await state(url) == before


async def test_nobody_loses_what_they_are_writing(url: str, backup: Path) -> None:
    busy = await asyncpg.connect(url)
    code, said = await restored(url, backup, *consent(url))
    assert (code, "1 others are connected" in said) == (1, True)
    await busy.close()


async def test_a_damaged_backup_is_noticed(url: str, backup: Path) -> None:
    before = await state(url)
    dump = backup / "database.dump"
    whole = dump.read_bytes()
    for damaged in (whole[:-100], whole[:5000] + b"\0" + whole[5001:], b""):
        dump.write_bytes(damaged)
        code, said = await restored(url, backup, *consent(url))
        assert code == 1
        assert "damaged" in said
    dump.unlink()
    code, said = await restored(url, backup, *consent(url))
    assert (code, "cannot be read" in said) == (1, True)
    assert await state(url) == before


async def test_a_restore_that_fails_half_way_leaves_the_old_database(
    url: str, backup: Path
) -> None:
    before = await state(url)
    dump = backup / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-2000])
    note(backup, digest=digest_of(dump))
    code, said = await restored(url, backup, *consent(url))
    assert code == 1
    assert "pg_restore failed" in said
    assert await state(url) == before


def note(backup: Path, **changes: str) -> None:
    path = backup / "backup.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


async def test_half_a_backup_and_one_of_a_newer_version_are_none(url: str, backup: Path) -> None:
    note(backup, revision="9999")
    code, said = await restored(url, backup, *consent(url))
    assert (code, "which is newer than this program" in said) == (1, True)
    note(backup, kind="tape")
    code, said = await restored(url, backup, *consent(url))
    assert (code, "cannot be read" in said) == (1, True)
    (backup / "backup.json").unlink()
    code, said = await restored(url, backup, *consent(url))
    assert (code, "is no backup" in said) == (1, True)


async def test_books_that_differ_from_themselves_come_back_only_when_that_is_wanted(
    url: str, tmp_path: Path
) -> None:
    await execute(url, "UPDATE accounts SET advance = advance + 1, pending = pending + 1")
    place = tmp_path / "backup"
    assert (await run(tmp_path / "data", "backup", str(place), url=url)).code == 0
    await execute(url, "UPDATE accounts SET advance = advance - 1, pending = pending - 1")
    before = await state(url)
    code, said = await restored(url, place, *consent(url))
    assert code == 1
    assert "differs from its own ledger for 1 of 1 customers" in said
    assert await state(url) == before
    code, said = await restored(url, place, *consent(url), "--despite-differences")
    assert code == 0, said
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM drift_findings") == 1
    await connection.close()


async def test_a_backup_overwrites_nothing(url: str, backup: Path) -> None:
    before = digest_of(backup / "database.dump")
    ended = await run(backup.parent / "data", "backup", str(backup), url=url)
    assert (ended.code, "is there already" in ended.err) == (1, True)
    assert digest_of(backup / "database.dump") == before


async def test_a_backup_that_fails_leaves_no_half_of_one(url: str, tmp_path: Path) -> None:
    # pg_dump may not read what the application's log-in may not.
    guest = url.replace("customer_flow@", "customer_flow_read@")
    place = tmp_path / "backup"
    ended = await run(tmp_path / "data", "backup", str(place), url=guest)
    assert ended.code == 1
    assert "pg_dump failed" in ended.err
    assert not place.exists()


async def test_others_cannot_read_it(backup: Path) -> None:
    modes = {path.stat().st_mode & 0o077 for path in (backup, backup / "database.dump")}
    assert modes == {0}


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        ("postgresql://a:b%40c@h:5/d", "postgresql://a@h:5/d", "b@c"),
        ("postgresql://a@/d?host=/run/x&password=p", "postgresql://a@/d?host=/run/x", "p"),
        ("postgresql://h/d", "postgresql://h/d", None),
    ],
)
def test_no_password_is_on_a_command_line(url: str, place: str, password: str | None) -> None:
    assert without_password(url) == (place, password)


async def test_two_backups_at_once_are_two(url: str, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    ended = await asyncio.gather(
        *(run(tmp_path / "data", "backup", str(place), url=url) for place in places)
    )
    assert [each.code for each in ended] == [0, 0]

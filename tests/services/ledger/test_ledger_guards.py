"""What PostgreSQL refuses by itself, whoever asks: the last line behind the services."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.factories import Books, make_customer

Owner = asyncpg.Connection
APPEND_ONLY = ("ledger_entries", "entry_lines", "allocations", "journal_lines", "audit_events")


@pytest.fixture(scope="module")
async def customer(books: Books) -> UUID:
    """With an invoice, of which a payment settled a part."""
    customer = await make_customer(books.database)
    await books.invoice(customer, "100")
    await books.pay(customer, "40")
    return customer


@pytest.fixture
async def forger(owner: Owner) -> AsyncIterator[Owner]:
    """The owner of the tables, in a transaction whose deferred checks run at `check`."""
    transaction = owner.transaction()
    await transaction.start()
    yield owner
    await transaction.rollback()


async def check(forger: Owner) -> None:
    """What a commit would check."""
    await forger.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def copy_of(forger: Owner, table: str, where: str, **changes: Any) -> None:
    """Insert a copy of one row of the table, with some columns changed (given as SQL)."""
    columns = await forger.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = ''",
        table,
    )
    names = [name for (name,) in columns]
    if table == "ledger_entries":
        changes = {"number": "'FORGED'"} | changes
    values = ", ".join(str(changes.get(name, name)) for name in names)
    await forger.execute(
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"SELECT {values} FROM {table} WHERE {where} LIMIT 1"
    )


async def forge(forger: Owner, table: str, where: str, **changes: Any) -> None:
    """Insert the copy and have it checked as a commit would."""
    await copy_of(forger, table, where, **changes)
    await check(forger)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET customer_id = customer_id", "DELETE FROM {}"])
async def test_history_is_not_changed_by_the_owner_or_the_application(
    books: Books, customer: UUID, forger: Owner, table: str, change: str
) -> None:
    rows = f"SELECT count(*) FROM {table} WHERE customer_id = $1"
    assert await forger.fetchval(rows, customer) > 0
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        async with forger.transaction():
            await forger.execute(change.format(table))
    async with books.database.write_pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change.format(table))


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_history_is_not_emptied(forger: Owner, table: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError):
        await forger.execute(f"TRUNCATE {table} CASCADE")


async def test_readers_read(books: Books) -> None:
    async with books.database.read_pool.acquire() as connection:
        for sql in ("DELETE FROM open_items", "SELECT password_hash FROM users"):
            with pytest.raises(
                (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError)
            ):
                await connection.execute(sql)


FORGERIES: dict[str, tuple[str, str, dict[str, str], str]] = {
    "an entry that is not booked": (
        "ledger_entries",
        "sequence = 2",
        {
            "id": "uuidv7()",
            "sequence": "3",
            "previous_hash": "hash",
        },
        "entry_is_booked",
    ),
    "a journal out of balance": (
        "journal_lines",
        "debit > 0",
        {"line_number": "9"},
        "journal_balances",
    ),
    "an allocation of more than there is": (
        "allocations",
        "true",
        {"id": "uuidv7()", "amount": "100.00"},
        "allocation_within_open",
    ),
    "an allocation that is not booked": (
        "allocations",
        "true",
        {"id": "uuidv7()", "amount": "-40.00", "undoes_id": "id"},
        "allocation_is_booked",
    ),
    "an undoing of more than was done": (
        "allocations",
        "true",
        {"id": "uuidv7()", "amount": "-39.00", "undoes_id": "id"},
        "allocation_mirrors",
    ),
    "a second entry in one place": (
        "ledger_entries",
        "sequence = 2",
        {"id": "uuidv7()"},
        "uq_ledger_entries_customer_id_sequence",
    ),
    "a number that another entry has": (
        "ledger_entries",
        "sequence = 2",
        {"id": "uuidv7()", "number": "number", "sequence": "3", "external_reference": "NULL"},
        "uq_ledger_entries_number",
    ),
    "money of another scale": (
        "ledger_entries",
        "sequence = 2",
        {"id": "uuidv7()", "sequence": "3", "amount": "1.001"},
        "ck_ledger_entries_exact_money",
    ),
    "an entry in another currency": (
        "ledger_entries",
        "sequence = 2",
        {"id": "uuidv7()", "sequence": "3", "currency": "'EUR'"},
        "fk_ledger_entries_customer_id_currency",
    ),
    "an allocation across customers": (
        "allocations",
        "true",
        {"id": "uuidv7()", "customer_id": "uuidv7()"},
        "fk_allocations_customer_id_credit_id",
    ),
    "an open item of nothing": (
        "open_items",
        "true",
        {"entry_id": "uuidv7()", "open_amount": "0.00"},
        "ck_open_items_something_open",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused(customer: UUID, forger: Owner, name: str) -> None:
    table, where, changes, constraint = FORGERIES[name]
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refusal:
        await forge(forger, table, f"customer_id = '{customer}' AND {where}", **changes)
    assert refusal.value.constraint_name == constraint


@pytest.mark.parametrize("source", ["ENTRY", "ALLOCATION"])
@pytest.mark.parametrize(
    ("debited", "credited", "currency"),
    [
        ("ACCOUNTS_RECEIVABLE", "REVENUE", "USD"),
        ("ACCOUNTS_RECEIVABLE", "CUSTOMER_ADVANCES", "USD"),
        ("CASH", "REVENUE", "EUR"),
    ],
)
async def test_balanced_lines_that_their_source_does_not_explain_are_refused(
    customer: UUID, forger: Owner, source: str, debited: str, credited: str, currency: str
) -> None:
    """Added to what was posted long ago, they would part the control accounts from the rest."""
    where = f"customer_id = '{customer}' AND source = '{source}' AND line_number = 1"
    for number, (account, debit) in enumerate(((debited, "5.00"), (credited, "0.00")), start=8):
        await copy_of(
            forger,
            "journal_lines",
            f"{where} ORDER BY source_id",
            line_number=number,
            account=f"'{account}'",
            debit=debit,
            credit=f"5.00 - {debit}",
            currency=f"'{currency}'",
        )
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await check(forger)
    assert refusal.value.constraint_name == "journal_follows_source"


async def test_an_entry_that_does_not_continue_its_chain_is_refused(
    customer: UUID, forger: Owner
) -> None:
    where = f"customer_id = '{customer}' AND sequence = 2"
    made = "0198c0de-0000-7000-8000-000000000001"
    await copy_of(forger, "ledger_entries", where, id=f"'{made}'::uuid", sequence="3")
    source = (
        f"customer_id = '{customer}' AND source = 'ENTRY' AND account = '{{}}' AND source_id = "
        f"(SELECT id FROM ledger_entries WHERE {where})"
    )
    for account in ("CUSTOMER_ADVANCES", "CASH"):
        await copy_of(forger, "journal_lines", source.format(account), source_id=f"'{made}'::uuid")
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await check(forger)
    assert refusal.value.constraint_name == "entry_continues_chain"


async def test_the_hash_of_an_entry_is_the_one_on_the_account(customer: UUID, owner: Owner) -> None:
    head = await owner.fetchrow(
        "SELECT head_hash, hash FROM accounts JOIN ledger_entries USING (customer_id, sequence) "
        "WHERE customer_id = $1",
        customer,
    )
    assert head["head_hash"] == head["hash"]
    assert re.fullmatch(r"[0-9a-f]{64}", head["hash"].hex())

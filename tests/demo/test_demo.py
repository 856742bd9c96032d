"""The demo data: loaded once, sound to the last row, with something to see for every log-in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from app.services.auth.passwords import Passwords
from app.services.auth.viewers import Viewers
from app.services.demo import seed
from app.services.demo.company import PASSWORD, passwords_of_their_own
from tests.conftest import own_database
from tests.invariants import broken, snapshot

LOG_INS = {
    "admin": {Role.ADMIN},
    "controller": {Role.CONTROLLER},
    "accountant": {Role.ACCOUNTANT},
    "credit_manager": {Role.CREDIT_MANAGER},
    "sales_manager": {Role.SALES_MANAGER},
    "sales_rep": {Role.SALES_REP},
    "sales_rep2": {Role.SALES_REP},
    "sales_rep3": {Role.SALES_REP},
    "support": {Role.SUPPORT},
    "auditor": {Role.AUDITOR},
    "integrator": {Role.INTEGRATOR},
    "customer": {Role.CUSTOMER},
}


@pytest.fixture(scope="module")
async def seeded(database: Database) -> bool:
    """The module's database with the demo data, loaded by one of two that started at once."""
    loaded = await asyncio.gather(seed(database), seed(database))
    assert sorted(loaded) == [False, True]
    return True


@pytest.mark.usefixtures("seeded")
async def test_the_books_are_sound(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await broken(owner) == {}


@pytest.mark.usefixtures("seeded")
async def test_a_second_time_loads_nothing(
    database: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before = await snapshot(owner)
    assert await seed(database) is False
    assert await snapshot(owner) == before


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("name", LOG_INS)
async def test_every_role_can_log_in(
    database: Database, owner: "asyncpg.Connection[asyncpg.Record]", name: str
) -> None:
    user = await owner.fetchrow(
        "SELECT * FROM users WHERE email = $1 AND is_active", f"{name}@demo.example"
    )
    assert user is not None
    passwords = Passwords()
    assert (await passwords.verify(user["password_hash"], PASSWORD)).is_right
    passwords.close()
    actor = await Viewers(database).refresh(user["id"])
    assert actor is not None
    assert set(actor.roles) == LOG_INS[name]
    assert (user["customer_id"] is not None) == (name == "customer")


@pytest.mark.usefixtures("seeded")
async def test_everybody_has_something_to_see(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    teams = await owner.fetch("""
        SELECT users.email, managers.email AS manager, count(DISTINCT customers.id) AS customers,
            count(open_items.entry_id) AS items
        FROM users JOIN teams ON teams.id = users.team_id
            JOIN users AS managers ON managers.id = teams.manager_id
            JOIN customers ON customers.assigned_to = users.id
            JOIN open_items ON open_items.customer_id = customers.id
        GROUP BY users.email, managers.email ORDER BY users.email
    """)
    assert [(row["email"], row["manager"]) for row in teams] == [
        ("sales_rep2@demo.example", "sales_manager@demo.example"),
        ("sales_rep3@demo.example", "sales_manager2@demo.example"),
        ("sales_rep@demo.example", "sales_manager@demo.example"),
    ]
    assert all(row["customers"] > 10 and row["items"] > 10 for row in teams)
    assert await owner.fetchval("""
        SELECT count(*) > 1 FROM open_items JOIN users USING (customer_id)
        WHERE users.email = 'customer@demo.example' AND is_debit
    """)


@pytest.mark.usefixtures("seeded")
async def test_there_is_a_year_with_all_that_happens_in_one(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    facts = await owner.fetchrow("""
        SELECT (SELECT count(*) FROM customers) AS customers,
            (SELECT count(DISTINCT currency) FROM customers) AS currencies,
            (SELECT count(*) FROM products) AS products,
            (SELECT count(DISTINCT date_trunc('month', transaction_date))
                FROM ledger_entries) AS months,
            (SELECT count(DISTINCT type) FROM ledger_entries) AS kinds,
            (SELECT count(*) FROM allocations WHERE undoes_id IS NOT NULL) AS undone,
            (SELECT count(*) FROM open_items WHERE NOT is_debit) AS advances,
            (SELECT count(DISTINCT least(current_date - due_date, 120) / 30)
                FROM open_items WHERE is_debit AND due_date < current_date) AS ages,
            (SELECT count(*) FROM open_items JOIN ledger_entries
                ON ledger_entries.id = open_items.entry_id
                WHERE is_debit AND open_amount < amount) AS part_paid,
            (SELECT max(transaction_date) <= current_date FROM ledger_entries) AS is_past
    """)
    assert facts is not None
    assert facts["customers"] == 300
    assert facts["currencies"] == 2
    assert facts["products"] == 21
    assert facts["months"] in (12, 13)
    assert facts["kinds"] == 3
    assert facts["undone"] >= 4
    assert facts["ages"] == 5
    assert min(facts["advances"], facts["part_paid"]) > 20
    assert facts["is_past"]


@pytest.mark.usefixtures("seeded")
async def test_older_periods_are_closed_and_the_latest_are_open(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    statuses = await owner.fetch("""
        SELECT status, closed_by IS NOT NULL AND closed_at IS NOT NULL AS is_signed,
            upper(during) <= date_trunc('month', current_date) - interval '2 months' AS is_old
        FROM accounting_periods
    """)
    assert len(statuses) == 3 * (12 + 4 + 1)
    for row in statuses:
        assert row["status"] == ("CLOSED" if row["is_old"] else "OPEN")
        assert row["is_signed"] == row["is_old"]


@pytest.fixture
async def fresh(servers: dict[str, str]) -> AsyncIterator[str]:
    """The address of a migrated database that this one test may fill."""
    async with own_database(servers) as url:
        yield url


@pytest.mark.parametrize("day", [date(2025, 1, 1), date(2024, 2, 29)], ids=str)
async def test_it_loads_on_any_day(fresh: str, day: date) -> None:
    database = Database(fresh, pool_size=2)
    await database.open()
    assert await seed(database, day)
    await database.close()
    connection = await asyncpg.connect(fresh)
    assert await broken(connection) == {}
    assert await connection.fetchval("SELECT max(transaction_date) FROM ledger_entries") <= day
    await connection.close()


@pytest.mark.usefixtures("seeded")
async def test_it_is_the_same_on_the_same_day(fresh: str, database: Database) -> None:
    content = """
        SELECT md5(string_agg(concat_ws('|', code, business_name, number, type, amount,
            transaction_date, sequence), E'\\n' ORDER BY code, sequence))
        FROM ledger_entries JOIN customers ON customers.id = customer_id
    """
    other = Database(fresh, pool_size=2)
    await other.open()
    assert await seed(other)
    async with other.transaction() as tx, database.transaction() as first:
        assert await tx.connection.fetchval(content) == await first.connection.fetchval(content)
    await other.close()


async def test_elsewhere_each_log_in_has_a_password_of_its_own(fresh: str) -> None:
    database = Database(fresh, pool_size=2)
    await database.open()
    given = passwords_of_their_own()
    assert await seed(database, passwords=given)
    await database.close()
    connection = await asyncpg.connect(fresh)
    users = await connection.fetch("SELECT email, password_hash FROM users")
    await connection.close()
    passwords = Passwords()
    assert {user["email"] for user in users} == {f"{login}@demo.example" for login in given}
    for user in users:
        own = given[user["email"].partition("@")[0]]
        assert (await passwords.verify(user["password_hash"], own)).is_right
        assert not (await passwords.verify(user["password_hash"], PASSWORD)).is_right
    passwords.close()
    assert len(set(given.values())) == len(given)

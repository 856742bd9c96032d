"""Books of any size, made by SQL: what the engine of the product would have posted.

Two calendar years of invoices and payments until today, spread as books are: one customer has a
twentieth of all entries, one never pays, one representative has few customers, one only new ones.
Sequences, hash chains, journal, allocations, open items, accounts, trail and messages agree, so
that reconciliation finds nothing. Foreign keys and indexes are made anew at the end, and triggers
do not run meanwhile: only the owner of the tables can make books.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from bench import books_sql

ENTRIES_OF_A_CUSTOMER = 100
FEWEST_CUSTOMERS = 100


@dataclass(frozen=True, kw_only=True)
class Books:
    """Who may ask, and whom they ask about. Customers in the order of their codes."""

    users: dict[str, UUID]
    customers: list[UUID]
    rep_customers: list[UUID]
    entries: int

    @property
    def largest(self) -> UUID:
        """The customer with a twentieth of all entries."""
        return self.customers[0]

    @property
    def debtor(self) -> UUID:
        """The customer with a two-hundredth of all entries, all of them open invoices."""
        return self.customers[1]


async def make(
    connection: "asyncpg.Connection[asyncpg.Record]", entries: int, customers: int | None = None
) -> Books:
    """Fill a migrated, empty database: so many entries, a hundred of each customer on average.

    Users are called `accountant`, `controller`, `manager`, `portal` (a log-in of the largest
    customer), `rep1` and so on, `few` and `new`. Ends with statistics.
    """
    count = customers or max(FEWEST_CUSTOMERS, entries // ENTRIES_OF_A_CUSTOMER)
    async with connection.transaction():
        for setting in books_sql.SETTINGS:
            await connection.execute(setting)
        guards = await connection.fetch(books_sql.GUARDS)
        for guard in guards:
            await connection.execute(guard["away"])
        for statement in books_sql.steps(customers=count, entries=entries):
            await connection.execute(statement)
        for guard in reversed(guards):
            await connection.execute(guard["back"])
    await connection.execute("VACUUM ANALYZE")
    users = {row["name"]: row["id"] for row in await connection.fetch("SELECT id, name FROM users")}
    rows = await connection.fetch("SELECT id, assigned_to FROM customers ORDER BY code")
    return Books(
        users=users,
        customers=[row["id"] for row in rows],
        rep_customers=[row["id"] for row in rows if row["assigned_to"] == users["rep1"]],
        entries=entries,
    )

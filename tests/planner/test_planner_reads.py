"""No question reads a table that grows whole, whoever asks it: PostgreSQL's own count says so."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from app.domain import global_id
from app.planner.plans import Stale
from bench import books
from bench.books import Books
from tests.conftest import administer, drop_database, url_of
from tests.planner.harness import Planned
from tests.planner.loading import stand_still
from tests.planner.questions import TODAY, Question, questions

ENTRIES, CUSTOMERS = 100_000, 20_000
SHARE = 15
"""A page of ten reads at most one row in so many of a table that grows."""

# Lists, what is asked of them, and the tables that are then read whole: only who sees everything
# reads that much.
WHOLE: dict[tuple[str, str], set[str]] = {
    # A row for each customer tells how many entries they have: the number of rows counted is that
    # of customers, not of entries. Customers are counted one by one, in an index.
    ("Query.ledgerEntries", "totalCount"): {"accounts"},
    ("Query.customers", "totalCount"): {"customers"},
    # What is overdue changes with the day, so no index has it. One pass over what is open, which
    # grows with the customers and not with their past, and one over them.
    ("Query.customers", "by OVERDUE_AMOUNT"): {"customers", "open_items"},
    ("Query.customers", "overdueAmount"): {"customers", "open_items"},
    # How far an entry is settled stands with its open item: an old book has few among many.
    ("Query.ledgerEntries", "settlement"): {"ledger_entries"},
    # The best of what is similar to every name is known when every name was looked at.
    ("Query.customers", "search"): {"customers"},
}
EVERYBODY, LARGEST = "everybody", "largest"
ONE_CUSTOMER = ("Customer.", "LedgerEntry.")
"""Lists of one customer are bounded by that customer's own rows, those of a representative, team or
portal customer by what is theirs: the book around them may grow."""

BOOKS_OF = {
    "rep1": "assigned_to = (SELECT id FROM users WHERE name = 'rep1')",
    "few": "assigned_to = (SELECT id FROM users WHERE name = 'few')",
    "new": "assigned_to = (SELECT id FROM users WHERE name = 'new')",
    "manager": "assigned_to IN (SELECT users.id FROM users JOIN teams ON teams.id = team_id "
    "WHERE manager_id = (SELECT id FROM users WHERE name = 'manager'))",
    "portal": "code = 'C000001'",
    LARGEST: "code = 'C000001'",
    EVERYBODY: "true",
}
TABLES = {
    "customers": "id",
    "accounts": "customer_id",
    "ledger_entries": "customer_id",
    "open_items": "customer_id",
    "allocations": "customer_id",
    "audit_events": "customer_id",
}
"""The tables that grow with the book, and the column that says whose their rows are."""

SEES_EVERYTHING = "accountant"
VIEWERS = (SEES_EVERYTHING, "manager", "rep1", "few", "new", "portal")


class Explained:
    """A connection that has statements explained instead of answered, and keeps what was read."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self.read: Counter[str] = Counter()

    async def fetchrow(self, query: str, *arguments: Any) -> None:
        plan = await self.connection.fetchval(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", *arguments
        )
        self._count(orjson.loads(plan)[0]["Plan"])

    def _count(self, node: dict[str, Any]) -> None:
        if "Relation Name" in node:
            looked_at = (
                node["Actual Rows"]
                + node.get("Rows Removed by Filter", 0)
                + node.get("Rows Removed by Index Recheck", 0)
            )
            self.read[node["Relation Name"]] += round(looked_at * node["Actual Loops"])
        for inner in node.get("Plans", ()):
            self._count(inner)


class Ledger:
    """Made books, and the planner on them."""

    def __init__(self, planned: Planned, made: Books) -> None:
        self.planned = planned
        self.made = made

    def questions(self) -> list[Question]:
        return list(questions(self.ids()))

    def ids(self) -> dict[str, str]:
        async def read(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
            largest = self.made.largest
            entry = await connection.fetchval(
                "SELECT id FROM ledger_entries WHERE customer_id = $1 ORDER BY id LIMIT 1", largest
            )
            period = await connection.fetchval(
                "SELECT id FROM accounting_periods WHERE type = 'MONTHLY' ORDER BY during DESC"
            )
            team = await connection.fetchval("SELECT id FROM teams ORDER BY name")
            return {
                "Customer": global_id.encode("Customer", largest),
                "LedgerEntry": global_id.encode("LedgerEntry", entry, largest),
                "Team": global_id.encode("Team", team),
                "ReconciliationRun": global_id.encode("ReconciliationRun", uuid4()),
                "assignedTo": global_id.encode("User", self.made.users["few"]),
                "period": global_id.encode("AccountingPeriod", period),
            }

        found: dict[str, str] = self.planned.as_owner(read)
        return found

    def bound(self, viewer: str, question: Question, table: str) -> int:
        """How many rows of a table may be read: a small share, or all that are theirs, twice."""
        whose = LARGEST if question.list_of.startswith(ONE_CUSTOMER) else viewer
        if viewer == SEES_EVERYTHING and table in _argued(question):
            return self.theirs[EVERYBODY, table]
        share = self.theirs[EVERYBODY, table] // SHARE
        return max(share, 2 * self.theirs.get((whose, table), 0))

    @cached_property
    def theirs(self) -> dict[tuple[str, str], int]:
        """How many rows of which table belong to whose customers."""

        async def count(
            connection: "asyncpg.Connection[asyncpg.Record]",
        ) -> dict[tuple[str, str], int]:
            return {
                (whose, table): await connection.fetchval(
                    f"SELECT count(*) FROM {table} WHERE {key} IN "
                    f"(SELECT id FROM customers WHERE {condition})"
                )
                for whose, condition in BOOKS_OF.items()
                for table, key in TABLES.items()
            }

        found: dict[tuple[str, str], int] = self.planned.as_owner(count)
        return found

    def read_by(self, viewer: str, asked: Sequence[Question]) -> dict[Question, Counter[str]]:
        """How many rows of which tables each question reads, of those the viewer may ask."""

        async def explain(
            connection: "asyncpg.Connection[asyncpg.Record]",
        ) -> dict[Question, Counter[str]]:
            await connection.execute("SET jit = off")
            row = await connection.fetchrow(
                "SELECT * FROM users WHERE id = $1", self.made.users[viewer]
            )
            found = {}
            for question in asked:
                explained = Explained(connection)
                try:
                    await self.planned.run(explained, dict(row), question.text)
                except Stale:
                    found[question] = explained.read
                except Exception as error:
                    if getattr(error, "code", None) != "FORBIDDEN":
                        raise
            return found

        result: dict[Question, Counter[str]] = self.planned.as_owner(explain)
        return result


async def _keep_statistics(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Plans are judged by one look at the books, not by whatever autovacuum samples meanwhile."""
    for table in TABLES:
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


@pytest.fixture(scope="module")
def ledger(servers: dict[str, str], runner: asyncio.Runner) -> Iterator[Ledger]:
    server, name = servers["database_url"], f"books_{uuid4().hex[:12]}"
    runner.run(administer(server, f"CREATE DATABASE {name} TEMPLATE {servers['template']}"))
    planned = Planned(url_of(server, name), runner)
    try:
        made = planned.as_owner(lambda connection: books.make(connection, ENTRIES, CUSTOMERS))
        planned.as_owner(lambda connection: stand_still(connection, TODAY))
        planned.as_owner(_keep_statistics)
        yield Ledger(planned, made)
    finally:
        planned.close()
        runner.run(drop_database(server, name))


@pytest.mark.parametrize("viewer", VIEWERS)
def test_no_question_reads_a_table_that_grows_whole(ledger: Ledger, viewer: str) -> None:
    asked = ledger.questions()
    read = ledger.read_by(viewer, asked)
    assert len(read) > len(asked) / 2
    too_much = [
        f"{question.list_of} {question.asked}: {dict(rows)}"
        for question, rows in read.items()
        if any(rows[table] > ledger.bound(viewer, question, table) for table in TABLES)
    ]
    assert not too_much, "\n".join(too_much)


def test_every_exception_is_needed(ledger: Ledger) -> None:
    read = ledger.read_by(SEES_EVERYTHING, ledger.questions())
    needless = [
        (list_of, asked, table)
        for (list_of, asked), tables in WHOLE.items()
        for table in tables
        if not any(
            rows[table] > ledger.theirs[EVERYBODY, table] // SHARE
            for question, rows in read.items()
            if question.list_of == list_of and question.asked.startswith(asked)
        )
    ]
    assert needless == []


def _argued(question: Question) -> set[str]:
    return {
        table
        for (list_of, asked), tables in WHOLE.items()
        if question.list_of == list_of and question.asked.startswith(asked)
        for table in tables
    }

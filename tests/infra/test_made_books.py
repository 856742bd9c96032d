"""Books made by SQL are what the engine would have posted: what is measured on them counts."""

import asyncpg

from bench import books
from tests.invariants import broken

ENTRIES = 10_000


async def test_made_books_break_no_invariant(
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    made = await books.make(owner, ENTRIES)
    assert await owner.fetchval("SELECT count(*) FROM ledger_entries") == ENTRIES == made.entries
    assert await broken(owner) == {}
    assert await owner.fetchval("SELECT bool_and(hash = entry_hash(e)) FROM ledger_entries e")

"""Stored and computed figures of a chunk of accounts, read by one statement.

One statement is one snapshot: a posting that commits meanwhile is seen whole or not at all, so it
can never look like drift, and nothing is locked.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from app.domain.reconciliation import Facts
from app.infra.database import Statement, Transaction

FIRST = UUID(int=0)
"""Before every customer."""

# An account that changed since it was last proved, or whose stored figures contradict one another:
# the second is cheap, needs no ledger, and finds what was changed behind the application's back.
_DOUBTFUL = """(
    a.change_number <> a.verified_change_number
    OR EXISTS (
        SELECT FROM open_items i WHERE i.customer_id = a.customer_id
        HAVING coalesce(sum(i.open_amount) FILTER (WHERE i.is_debit), 0) <> a.pending
            OR coalesce(sum(i.open_amount) FILTER (WHERE NOT i.is_debit), 0) <> a.advance
    )
    OR EXISTS (
        SELECT FROM ledger_entries e
        WHERE e.customer_id = a.customer_id AND e.sequence > a.sequence
    )
    OR a.sequence > 0 AND NOT EXISTS (
        SELECT FROM ledger_entries e
        WHERE e.customer_id = a.customer_id AND e.sequence = a.sequence AND e.hash = a.head_hash
    )
)"""

_IN_SCOPE = f"""
    a.customer_id > CAST(:after AS uuid)
    AND (CAST(:customers AS uuid[]) IS NULL OR a.customer_id = ANY(CAST(:customers AS uuid[])))
    AND (NOT CAST(:incremental AS boolean) OR {_DOUBTFUL})
"""

_COUNT = Statement(text(f"SELECT count(*) FROM accounts a WHERE {_IN_SCOPE}"))  # noqa: S608 - constants

_GENESIS = "decode(repeat('00', 32), 'hex')"

_CHECK = Statement(
    text(f"""
    WITH chunk AS MATERIALIZED (
        SELECT a.*, currency_digits(a.currency) AS digits
        FROM accounts a
        WHERE {_IN_SCOPE}
        ORDER BY a.customer_id
        LIMIT :size
    ),
    -- What active allocations use of each entry: a counter-allocation is negative.
    used AS (
        SELECT customer_id, entry_id, sum(amount) AS amount
        FROM (
            SELECT l.customer_id, l.credit_id AS entry_id, l.amount
            FROM chunk c JOIN allocations l ON l.customer_id = c.customer_id
            UNION ALL
            SELECT l.customer_id, l.debit_id, l.amount
            FROM chunk c JOIN allocations l ON l.customer_id = c.customer_id
        ) AS use
        GROUP BY customer_id, entry_id
    ),
    booked AS (
        SELECT j.customer_id, j.source_id,
            coalesce(sum(j.debit - j.credit) FILTER (WHERE j.account = 'ACCOUNTS_RECEIVABLE'), 0)
                AS receivable,
            coalesce(sum(j.credit - j.debit) FILTER (WHERE j.account = 'CUSTOMER_ADVANCES'), 0)
                AS advances
        FROM chunk c JOIN journal_lines j ON j.customer_id = c.customer_id
        GROUP BY j.customer_id, j.source_id
    ),
    controlled AS (
        SELECT customer_id, sum(receivable) AS receivable, sum(advances) AS advances
        FROM booked GROUP BY customer_id
    ),
    entries AS (
        SELECT e.customer_id, e.id, e.sequence, e.amount, e.hash,
            abs(e.amount) - coalesce(u.amount, 0) AS computed_open,
            coalesce(i.open_amount, 0) AS stored_open,
            coalesce(i.is_debit <> (e.amount > 0), false) AS on_wrong_side,
            coalesce(b.receivable - b.advances, 0) <> e.amount AS is_misbooked,
            e.previous_hash <> coalesce(lag(e.hash) OVER chain, {_GENESIS})
                OR e.sequence <> row_number() OVER chain
                -- What was proved before is hashed again by full runs only: it takes a while.
                OR (NOT CAST(:incremental AS boolean) OR e.sequence > c.verified_sequence)
                    AND e.hash <> entry_hash(e) AS breaks_chain
        FROM chunk c
        JOIN ledger_entries e ON e.customer_id = c.customer_id
        LEFT JOIN used u ON u.customer_id = e.customer_id AND u.entry_id = e.id
        LEFT JOIN open_items i ON i.customer_id = e.customer_id AND i.entry_id = e.id
        LEFT JOIN booked b ON b.customer_id = e.customer_id AND b.source_id = e.id
        WINDOW chain AS (PARTITION BY e.customer_id ORDER BY e.sequence)
    ),
    judged AS (
        SELECT *, stored_open <> computed_open OR on_wrong_side AS item_differs,
            computed_open NOT BETWEEN 0 AND abs(amount) AS is_overused
        FROM entries
    ),
    summed AS (
        SELECT c.customer_id,
            sum(e.computed_open) FILTER (WHERE e.amount > 0) AS pending,
            sum(e.computed_open) FILTER (WHERE e.amount < 0) AS advance,
            sum(e.amount) AS current,
            max(e.sequence) AS sequence,
            (array_agg(e.hash ORDER BY e.sequence DESC) FILTER (WHERE e.hash IS NOT NULL))[1]
                AS head,
            max(e.sequence) FILTER (WHERE e.hash = c.head_hash) AS head_at,
            count(*) FILTER (WHERE e.item_differs) AS items_differ,
            sum(e.stored_open) FILTER (WHERE e.item_differs) AS items_stored,
            sum(e.computed_open) FILTER (WHERE e.item_differs) AS items_computed,
            count(*) FILTER (WHERE e.is_overused) AS overused,
            count(*) FILTER (WHERE e.breaks_chain) AS chain_breaks,
            (array_agg(e.id ORDER BY e.sequence) FILTER (
                WHERE e.item_differs OR e.is_overused OR e.is_misbooked OR e.breaks_chain
            ))[1] AS divergent_entry_id
        FROM chunk c LEFT JOIN judged e ON e.customer_id = c.customer_id
        GROUP BY c.customer_id
    )
    SELECT c.customer_id, c.currency, c.change_number,
        c.pending AS stored_pending,
        round(coalesce(s.pending, 0), c.digits) AS computed_pending,
        c.advance AS stored_advance,
        round(coalesce(s.advance, 0), c.digits) AS computed_advance,
        c.current AS stored_current,
        round(coalesce(s.current, 0), c.digits) AS computed_current,
        round(coalesce(j.receivable, 0), c.digits) AS receivable,
        round(coalesce(j.advances, 0), c.digits) AS advances,
        c.sequence AS stored_sequence,
        coalesce(s.sequence, 0) AS computed_sequence,
        c.head_hash AS stored_head,
        coalesce(s.head, {_GENESIS}) AS computed_head,
        s.items_differ,
        round(coalesce(s.items_stored, 0), c.digits) AS items_stored,
        round(coalesce(s.items_computed, 0), c.digits) AS items_computed,
        s.overused, s.chain_breaks, s.divergent_entry_id,
        (
            SELECT e.id FROM ledger_entries e
            WHERE e.customer_id = c.customer_id AND e.sequence = 1 + coalesce(
                s.head_at, CASE WHEN c.head_hash = {_GENESIS} THEN 0 END
            )
        ) AS entry_after_head_id,
        (
            SELECT e.id FROM ledger_entries e
            WHERE e.customer_id = c.customer_id AND c.verified_at IS NOT NULL
                AND e.sequence > c.verified_sequence
            ORDER BY e.sequence LIMIT 1
        ) AS entry_since_verified_id
    FROM chunk c
    JOIN summed s ON s.customer_id = c.customer_id
    LEFT JOIN controlled j ON j.customer_id = c.customer_id
    ORDER BY c.customer_id
    """)  # noqa: S608 - put together from constants
)

# Accounts that a posting holds right now are passed by: they are about to change and will need a
# new proof. So nothing here ever waits for a posting, and no deadlock with one is possible.
_VERIFY = Statement(
    text("""
    WITH proved AS (
        SELECT * FROM unnest(CAST(:customers AS uuid[]), CAST(:change_numbers AS bigint[]),
            CAST(:sequences AS bigint[])) AS p (customer_id, change_number, sequence)
    ),
    locked AS (
        SELECT a.customer_id
        FROM accounts a JOIN proved p ON p.customer_id = a.customer_id
        ORDER BY a.customer_id
        FOR NO KEY UPDATE OF a SKIP LOCKED
    )
    UPDATE accounts a
    SET verified_change_number = p.change_number, verified_sequence = p.sequence,
        verified_at = now()
    FROM locked l JOIN proved p ON p.customer_id = l.customer_id
    WHERE a.customer_id = l.customer_id AND a.verified_change_number <= p.change_number
    """)
)


async def count_in_scope(
    tx: Transaction, *, customers: Sequence[UUID] | None, incremental: bool
) -> int:
    """How many accounts a run would check if it checked them all now."""
    count: int = await tx.fetchval(
        _COUNT, after=FIRST, customers=customers, incremental=incremental
    )
    return count


async def read_chunk(
    tx: Transaction,
    *,
    after: UUID,
    customers: Sequence[UUID] | None,
    incremental: bool,
    size: int,
) -> list[Facts]:
    """The next `size` accounts in scope, in the order of their customers' ids."""
    rows = await tx.fetch(
        _CHECK, after=after, customers=customers, incremental=incremental, size=size
    )
    return [Facts(**row) for row in rows]


async def mark_verified(tx: Transaction, proved: Sequence[Facts]) -> None:
    """Remember, for accounts without drift, up to which change and entry they were proved."""
    await tx.execute(
        _VERIFY,
        customers=[facts.customer_id for facts in proved],
        change_numbers=[facts.change_number for facts in proved],
        sequences=[facts.computed_sequence for facts in proved],
    )

"""Which accounts an incremental run looks at: found out once, from what is cheap to know of all.

An account is looked at when it changed since it was last proved, or when what is stored of it
contradicts itself: its figures and the sum of its open items, its head and its last entry, its last
proof and the entry which that ended with, or the trail of late and the entries that it tells of.
None of this reads an entry that is neither the last of its customer nor the last that was proved.
"""

from uuid import UUID

from sqlalchemy import text

from app.infra.database import Statement, Transaction

# The ids of the trail begin with the time. What was open when the last run began may be of before.
_FIND = Statement(
    text("""
    WITH since AS (
        SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM max(created_at)) * 1000 AS bigint)
            - 86400000), 12, '0') || repeat('0', 20) AS uuid) AS id
        FROM reconciliation_runs WHERE status = 'SUCCEEDED' AND customer_ids IS NULL
    ),
    items AS MATERIALIZED (
        SELECT customer_id,
            coalesce(sum(open_amount) FILTER (WHERE is_debit), 0) AS pending,
            coalesce(sum(open_amount) FILTER (WHERE NOT is_debit), 0) AS advance
        FROM open_items GROUP BY customer_id
    ),
    untold AS MATERIALIZED (
        SELECT DISTINCT told.customer_id FROM audit_events told
        WHERE told.id >= coalesce((SELECT id FROM since), '00000000-0000-0000-0000-000000000000')
            AND told.subject_type = 'LedgerEntry' AND told.outcome = 'DONE' AND NOT EXISTS (
                SELECT FROM ledger_entries e
                WHERE e.customer_id = told.customer_id AND e.id = told.subject_id
            )
    )
    SELECT array_agg(a.customer_id ORDER BY a.customer_id) AS scope
    FROM accounts a
        LEFT JOIN items ON items.customer_id = a.customer_id
        LEFT JOIN untold ON untold.customer_id = a.customer_id
    WHERE (CAST(:customers AS uuid[]) IS NULL OR a.customer_id = ANY(CAST(:customers AS uuid[])))
        AND (
            a.change_number <> a.verified_change_number
            OR a.verified_sequence > a.sequence
            OR untold.customer_id IS NOT NULL
            OR (coalesce(items.pending, 0), coalesce(items.advance, 0)) <> (a.pending, a.advance)
            OR a.head_hash IS DISTINCT FROM coalesce((
                SELECT e.hash FROM ledger_entries e WHERE e.customer_id = a.customer_id
                ORDER BY e.sequence DESC LIMIT 1
            ), decode(repeat('00', 32), 'hex'))
            OR NOT EXISTS (
                SELECT FROM ledger_entries e
                WHERE e.customer_id = a.customer_id AND e.sequence = a.sequence
            ) AND a.sequence > 0
            OR a.verified_sequence > 0 AND a.verified_hash IS DISTINCT FROM (
                SELECT e.hash FROM ledger_entries e
                WHERE e.customer_id = a.customer_id AND e.sequence = a.verified_sequence
            )
        )
    """)
)


async def find(tx: Transaction, customers: list[UUID] | None) -> list[UUID]:
    """Their ids in order, among these customers or all."""
    return await tx.fetchval(_FIND, customers=customers) or []

"""Stored and computed figures of the next entries in scope, read by one statement.

One statement is one snapshot: a posting that commits meanwhile is seen whole or not at all, so it
can never look like drift, and nothing is locked. Each entry is looked up by its key in each table,
whatever PostgreSQL believes to know of their sizes: the work of a step is that of its entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.domain.reconciliation import Account, Tally
from app.infra.database import Row, Statement, Transaction

FIRST = UUID(int=0)
"""Before every customer."""

_GENESIS = "decode(repeat('00', 32), 'hex')"

_CHECK = Statement(
    text(f"""
    WITH chunk AS MATERIALIZED (
        SELECT a.*,
            CASE WHEN a.customer_id = CAST(:after AS uuid)
                THEN coalesce(CAST(:after_sequence AS bigint), 0) ELSE 0 END AS from_sequence
        FROM accounts a
        WHERE a.customer_id >= CAST(:after AS uuid)
            AND (a.customer_id > CAST(:after AS uuid)
                OR CAST(:after_sequence AS bigint) IS NOT NULL)
            AND (NOT CAST(:is_restricted AS boolean) OR a.customer_id = ANY(CAST((
                SELECT coalesce(scope, customer_ids) FROM reconciliation_runs WHERE id = :run_id
            ) AS uuid[])))
        ORDER BY a.customer_id
        LIMIT CAST(:size AS integer)
    ),
    step AS MATERIALIZED (
        SELECT c.from_sequence, c.verified_sequence, c.head_hash AS stored_head,
            e.entry, e.customer_id, e.id, e.sequence, e.amount, e.currency, e.due_date,
            e.transaction_date, e.hash, e.previous_hash
        FROM chunk c CROSS JOIN LATERAL (
            SELECT x AS entry, x.* FROM ledger_entries x
            WHERE x.customer_id = c.customer_id AND x.sequence > c.from_sequence
            ORDER BY x.sequence
            LIMIT CAST(:size AS integer)
        ) AS e
        ORDER BY c.customer_id, e.sequence
        LIMIT CAST(:size AS integer)
    ),
    reach AS (
        SELECT count(*) = CAST(:size AS integer) AS is_full,
            (array_agg(customer_id ORDER BY customer_id DESC))[1] AS last_customer
        FROM step
    ),
    entries AS (
        SELECT e.*,
            abs(e.amount) - used.amount AS computed_open,
            coalesce(item.open_amount, e.amount * 0) AS stored_open,
            CASE WHEN item.is_debit THEN item.open_amount ELSE 0 END AS stored_pending,
            CASE WHEN NOT item.is_debit THEN item.open_amount ELSE 0 END AS stored_advance,
            item.entry_id IS NOT NULL AND (item.is_debit, item.currency, item.accounting_date,
                    coalesce(item.due_date, '-infinity'))
                <> (e.amount > 0, e.currency, e.transaction_date,
                    coalesce(e.due_date, '-infinity')) AS misdescribes,
            booked.receivable + spent.receivable - greatest(e.amount, 0) AS receivable_difference,
            booked.advances + spent.advances + least(e.amount, 0) AS advances_difference,
            spent.unsound,
            e.previous_hash <> coalesce(lag(e.hash) OVER chain, (
                    SELECT p.hash FROM ledger_entries p
                    WHERE p.customer_id = e.customer_id AND p.sequence = e.from_sequence
                ), {_GENESIS})
                OR e.sequence <> coalesce(lag(e.sequence) OVER chain, e.from_sequence) + 1
                -- What was proved before is hashed again by full runs only: it takes a while.
                OR (NOT CAST(:incremental AS boolean) OR e.sequence > e.verified_sequence)
                    AND e.hash <> entry_hash(e.entry) AS breaks_chain
        FROM step e
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount), 0) AS amount
            FROM (
                SELECT l.amount FROM allocations l
                WHERE l.customer_id = e.customer_id AND l.credit_id = e.id
                UNION ALL
                SELECT l.amount FROM allocations l
                WHERE l.customer_id = e.customer_id AND l.debit_id = e.id
            ) AS use
        ) AS used
        LEFT JOIN LATERAL (
            SELECT * FROM open_items i
            WHERE i.customer_id = e.customer_id AND i.entry_id = e.id LIMIT 1
        ) AS item ON true
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(j.debit - j.credit)
                    FILTER (WHERE j.account = 'ACCOUNTS_RECEIVABLE'), 0) AS receivable,
                coalesce(sum(j.credit - j.debit)
                    FILTER (WHERE j.account = 'CUSTOMER_ADVANCES'), 0) AS advances
            FROM journal_lines j WHERE j.customer_id = e.customer_id AND j.source_id = e.id
        ) AS booked
        -- Each allocation once: with the entry that it uses.
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(l.amount + line.receivable), 0) AS receivable,
                coalesce(sum(l.amount + line.advances), 0) AS advances,
                count(*) FILTER (WHERE NOT coalesce(e.amount < 0 AND debit.amount > 0
                    AND l.currency = e.currency AND debit.currency = e.currency
                    AND l.accounting_date >= e.transaction_date
                    AND l.accounting_date >= debit.transaction_date
                    AND (l.undoes_id IS NULL OR (undone.credit_id, undone.debit_id, undone.amount)
                        = (l.credit_id, l.debit_id, -l.amount)), false)) AS unsound
            FROM allocations l
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(j.debit - j.credit)
                        FILTER (WHERE j.account = 'ACCOUNTS_RECEIVABLE'), 0) AS receivable,
                    coalesce(sum(j.credit - j.debit)
                        FILTER (WHERE j.account = 'CUSTOMER_ADVANCES'), 0) AS advances
                FROM journal_lines j WHERE j.customer_id = l.customer_id AND j.source_id = l.id
            ) AS line
            LEFT JOIN LATERAL (
                SELECT * FROM ledger_entries d
                WHERE d.customer_id = l.customer_id AND d.id = l.debit_id LIMIT 1
            ) AS debit ON true
            LEFT JOIN LATERAL (
                SELECT * FROM allocations o
                WHERE o.customer_id = l.customer_id AND o.id = l.undoes_id LIMIT 1
            ) AS undone ON true
            WHERE l.customer_id = e.customer_id AND l.credit_id = e.id
        ) AS spent
        WINDOW chain AS (PARTITION BY e.customer_id ORDER BY e.sequence)
    ),
    judged AS (
        SELECT *, stored_open <> computed_open OR misdescribes AS item_differs,
            unsound + CAST(computed_open NOT BETWEEN 0 AND abs(amount) AS integer) AS faults
        FROM entries
    ),
    tallied AS (
        SELECT customer_id,
            max(sequence) AS last_sequence,
            (array_agg(hash ORDER BY sequence DESC))[1] AS last_hash,
            sum(computed_open * CAST(amount > 0 AS integer) - stored_pending)
                AS pending_difference,
            sum(computed_open * CAST(amount < 0 AS integer) - stored_advance)
                AS advance_difference,
            sum(receivable_difference) AS receivable_difference,
            sum(advances_difference) AS advances_difference,
            count(*) FILTER (WHERE item_differs) AS items_differ,
            coalesce(sum(stored_open) FILTER (WHERE item_differs), 0) AS items_stored,
            coalesce(sum(computed_open) FILTER (WHERE item_differs), 0) AS items_computed,
            CAST(sum(faults) AS bigint) AS unsound,
            count(*) FILTER (WHERE breaks_chain) AS chain_breaks,
            min(sequence) FILTER (WHERE item_differs OR faults > 0 OR breaks_chain)
                AS divergent_sequence,
            (array_agg(id ORDER BY sequence) FILTER (
                WHERE item_differs OR faults > 0 OR breaks_chain
            ))[1] AS divergent_entry_id,
            max(sequence) FILTER (WHERE hash = stored_head) AS head_at
        FROM judged GROUP BY customer_id
    )
    SELECT c.customer_id, c.currency, c.change_number, c.from_sequence,
        NOT r.is_full OR c.customer_id < r.last_customer AS is_whole,
        c.pending, c.advance, c.current, c.sequence, c.head_hash,
        item.pending AS items_pending, item.advance AS items_advance,
        c.verified_sequence AS proved_sequence, c.verified_hash AS proved_hash,
        (
            SELECT e.hash FROM ledger_entries e
            WHERE e.customer_id = c.customer_id AND e.sequence = c.verified_sequence
        ) AS hash_at_proof,
        untold.entries AS untold,
        (
            SELECT e.id FROM ledger_entries e
            WHERE e.customer_id = c.customer_id AND c.verified_at IS NOT NULL
                AND e.sequence > c.verified_sequence
            ORDER BY e.sequence LIMIT 1
        ) AS entry_since_proof_id,
        t.last_sequence, t.last_hash, t.pending_difference, t.advance_difference,
        t.receivable_difference, t.advances_difference, t.items_differ, t.items_stored,
        t.items_computed, t.unsound, t.chain_breaks, t.divergent_sequence, t.divergent_entry_id,
        t.head_at
    FROM chunk c CROSS JOIN reach r
    LEFT JOIN tallied t ON t.customer_id = c.customer_id
    -- Of the account as a whole: with the last of its entries.
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(i.open_amount) FILTER (WHERE i.is_debit), c.pending * 0) AS pending,
            coalesce(sum(i.open_amount) FILTER (WHERE NOT i.is_debit), c.pending * 0)
                AS advance
        FROM open_items i WHERE i.customer_id = c.customer_id
    ) AS item ON NOT r.is_full OR c.customer_id < r.last_customer
    LEFT JOIN LATERAL (
        SELECT count(*) AS entries FROM audit_events told
        WHERE told.customer_id = c.customer_id AND told.subject_type = 'LedgerEntry'
            AND told.outcome = 'DONE' AND NOT EXISTS (
                SELECT FROM ledger_entries e
                WHERE e.customer_id = c.customer_id AND e.id = told.subject_id
            )
    ) AS untold ON NOT r.is_full OR c.customer_id < r.last_customer
    WHERE NOT r.is_full OR c.customer_id <= r.last_customer
    ORDER BY c.customer_id
    """)  # noqa: S608 - put together from constants
)

_ENTRY_AT = Statement(
    text("SELECT id FROM ledger_entries WHERE customer_id = :customer_id AND sequence = :sequence")
)

# Accounts that a posting holds right now are passed by: they are about to change and will need a
# new proof. So nothing here ever waits for a posting, and no deadlock with one is possible.
_VERIFY = Statement(
    text("""
    WITH proved AS (
        SELECT * FROM unnest(CAST(:customers AS uuid[]), CAST(:change_numbers AS bigint[]),
                CAST(:sequences AS bigint[]), CAST(:hashes AS bytea[]))
            AS p (customer_id, change_number, sequence, hash)
    ),
    locked AS (
        SELECT a.customer_id
        FROM accounts a JOIN proved p ON p.customer_id = a.customer_id
        ORDER BY a.customer_id
        FOR NO KEY UPDATE OF a SKIP LOCKED
    )
    UPDATE accounts a
    SET verified_change_number = p.change_number, verified_sequence = p.sequence,
        verified_hash = p.hash, verified_at = now()
    FROM locked l JOIN proved p ON p.customer_id = l.customer_id
    WHERE a.customer_id = l.customer_id AND a.verified_change_number <= p.change_number
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What a step found of one account, after the entry `from_sequence`; with the last: `whole`."""

    customer_id: UUID
    from_sequence: int
    tally: Tally
    whole: Account | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proved:
    """An account without drift: when its first entry was looked at, and the last one then."""

    customer_id: UUID
    change_number: int
    sequence: int
    hash: bytes


async def check(
    tx: Transaction,
    run_id: UUID,
    *,
    after: UUID,
    after_sequence: int | None,
    is_restricted: bool,
    incremental: bool,
    size: int,
) -> list[Checked]:
    """What the next `size` entries in scope, and the accounts that end with them, come to.

    After a customer or, with `after_sequence`, after that entry of it. In the order of customers'
    ids; all but the last are whole.
    """
    rows = await tx.fetch(
        _CHECK,
        run_id=run_id,
        after=after,
        after_sequence=after_sequence,
        is_restricted=is_restricted,
        incremental=incremental,
        size=size,
    )
    return [_checked(row) for row in rows]


async def entry_at(tx: Transaction, customer_id: UUID, sequence: int) -> UUID | None:
    """The customer's entry with this sequence."""
    found: UUID | None = await tx.fetchval(_ENTRY_AT, customer_id=customer_id, sequence=sequence)
    return found


async def mark_verified(tx: Transaction, proved: Sequence[Proved]) -> None:
    """Remember, for accounts without drift, up to which change and entry they were proved."""
    await tx.execute(
        _VERIFY,
        customers=[each.customer_id for each in proved],
        change_numbers=[each.change_number for each in proved],
        sequences=[each.sequence for each in proved],
        hashes=[each.hash for each in proved],
    )


_ACCOUNT = tuple(each.name for each in fields(Account))
_TALLY = tuple(
    each.name for each in fields(Tally) if each.name not in {"change_number", "misbooked"}
)


def _checked(row: Row) -> Checked:
    tally = Tally(change_number=row["change_number"])
    if row["last_sequence"] is not None:
        found: dict[str, Any] = {name: row[name] for name in _TALLY}
        tally = Tally(change_number=row["change_number"], **found)
    return Checked(
        customer_id=row["customer_id"],
        from_sequence=row["from_sequence"],
        tally=tally,
        whole=Account(**{name: row[name] for name in _ACCOUNT}) if row["is_whole"] else None,
    )

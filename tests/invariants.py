"""What must always be true of the books, each as SQL that returns the rows that break it.

Run by `broken`, after anything that writes. The hashes are recomputed in Python, from the rows.
"""

from itertools import groupby
from typing import Any

import asyncpg

from app.domain.hashing import GENESIS, FinancialFields, LineFigures, entry_hash

INVARIANTS: dict[str, str] = {
    "every customer has one account in its currency": """
        SELECT customers.id FROM customers LEFT JOIN accounts
            ON accounts.customer_id = customers.id AND accounts.currency = customers.currency
        WHERE accounts.customer_id IS NULL
    """,
    "open is the amount less active allocations, within bounds": """
        SELECT e.id, e.amount, sum(a.amount)
        FROM ledger_entries e JOIN allocations a
            ON a.customer_id = e.customer_id AND e.id IN (a.credit_id, a.debit_id)
        GROUP BY e.customer_id, e.id, e.amount
        HAVING abs(e.amount) - sum(a.amount) NOT BETWEEN 0 AND abs(e.amount)
    """,
    "open items are what is open": """
        WITH computed AS (
            SELECT e.customer_id, e.id AS entry_id, e.amount > 0 AS is_debit,
                abs(e.amount) - coalesce((
                    SELECT sum(a.amount) FROM allocations a
                    WHERE a.customer_id = e.customer_id AND e.id IN (a.credit_id, a.debit_id)
                ), 0) AS open_amount, e.currency, e.due_date,
                e.transaction_date AS accounting_date
            FROM ledger_entries e
        )
        (SELECT * FROM computed WHERE open_amount <> 0 EXCEPT SELECT * FROM open_items)
        UNION ALL (SELECT * FROM open_items EXCEPT SELECT * FROM computed)
    """,
    "stored figures are those of the open items": """
        SELECT accounts.customer_id, pending, advance, figures.*
        FROM accounts LEFT JOIN LATERAL (
            SELECT coalesce(sum(open_amount) FILTER (WHERE is_debit), 0) AS owed,
                coalesce(sum(open_amount) FILTER (WHERE NOT is_debit), 0) AS advanced
            FROM open_items WHERE open_items.customer_id = accounts.customer_id
        ) figures ON true
        WHERE (pending, advance) IS DISTINCT FROM (owed, advanced)
    """,
    "current is the sum of the entries": """
        SELECT accounts.customer_id, current FROM accounts
        WHERE current <> coalesce((
            SELECT sum(amount) FROM ledger_entries e WHERE e.customer_id = accounts.customer_id
        ), 0)
    """,
    "the journal of every source balances": """
        SELECT customer_id, source_id FROM journal_lines
        GROUP BY customer_id, source_id HAVING sum(debit) <> sum(credit)
    """,
    "every entry and allocation is booked, on its date": """
        SELECT s.id FROM (
            SELECT customer_id, id, 'ENTRY' AS source, transaction_date AS dated
            FROM ledger_entries
            UNION ALL
            SELECT customer_id, id, 'ALLOCATION', accounting_date FROM allocations
        ) s
        WHERE NOT EXISTS (
            SELECT FROM journal_lines j WHERE j.customer_id = s.customer_id
                AND j.source_id = s.id AND j.source = s.source AND j.accounting_date = s.dated
        )
    """,
    "control accounts equal the sub-ledger, by currency": """
        WITH control AS (
            SELECT currency,
                coalesce(sum(debit - credit) FILTER (WHERE account = 'ACCOUNTS_RECEIVABLE'), 0)
                    AS receivable,
                coalesce(sum(credit - debit) FILTER (WHERE account = 'CUSTOMER_ADVANCES'), 0)
                    AS advances
            FROM journal_lines GROUP BY currency
        ), stored AS (
            SELECT currency, sum(pending) AS pending, sum(advance) AS advance,
                sum(current) AS current
            FROM accounts GROUP BY currency
        )
        SELECT * FROM stored LEFT JOIN control USING (currency)
        WHERE (pending, advance, current) IS DISTINCT FROM (coalesce(receivable, 0),
            coalesce(advances, 0), coalesce(receivable, 0) - coalesce(advances, 0))
    """,
    "sequences run from 1 without gaps": """
        SELECT customer_id FROM ledger_entries
        GROUP BY customer_id HAVING min(sequence) <> 1 OR max(sequence) <> count(*)
    """,
    "the head on the account is the last entry": """
        SELECT accounts.customer_id FROM accounts LEFT JOIN ledger_entries e
            ON e.customer_id = accounts.customer_id AND e.sequence = accounts.sequence
        WHERE accounts.head_hash IS DISTINCT FROM
                coalesce(e.hash, decode(repeat('00', 32), 'hex'))
            OR accounts.sequence <> (
                SELECT count(*) FROM ledger_entries all_of_them
                WHERE all_of_them.customer_id = accounts.customer_id
            )
    """,
    "money is at its currency's scale": """
        SELECT id FROM ledger_entries WHERE scale(amount) <> currency_digits(currency)
        UNION ALL SELECT id FROM allocations WHERE scale(amount) <> currency_digits(currency)
        UNION ALL SELECT source_id FROM journal_lines
            WHERE scale(debit) <> currency_digits(currency)
                OR scale(credit) <> currency_digits(currency)
        UNION ALL SELECT entry_id FROM open_items
            WHERE scale(open_amount) <> currency_digits(currency)
        UNION ALL SELECT customer_id FROM accounts
            WHERE scale(pending) <> currency_digits(currency)
                OR scale(advance) <> currency_digits(currency)
    """,
    "lines add up to their entry": """
        SELECT e.id FROM ledger_entries e JOIN entry_lines l
            ON l.customer_id = e.customer_id AND l.entry_id = e.id
        GROUP BY e.customer_id, e.id, e.amount HAVING sum(l.total) <> e.amount
    """,
    "entries lie in the month of their date": """
        SELECT e.id FROM ledger_entries e JOIN accounting_periods p ON p.id = e.period_id
        WHERE NOT p.during @> e.transaction_date OR p.type <> 'MONTHLY'
    """,
    "nothing was posted after its period closed": """
        SELECT j.source_id FROM journal_lines j
            JOIN ledger_entries e ON e.customer_id = j.customer_id AND e.id = j.source_id
            JOIN accounting_periods p ON p.during @> j.accounting_date
        WHERE p.closed_at < e.posted_at
        UNION ALL
        SELECT a.id FROM allocations a
            JOIN accounting_periods p ON p.during @> a.accounting_date
        WHERE p.closed_at < a.allocated_at
    """,
    "as of no date is less than nothing open, or more than all": """
        SELECT customer_id, entry_id, accounting_date, used FROM (
            SELECT a.customer_id, side.entry_id, a.accounting_date, sum(sum(a.amount))
                OVER (PARTITION BY a.customer_id, side.entry_id ORDER BY a.accounting_date) AS used
            FROM allocations a, LATERAL (VALUES (a.credit_id), (a.debit_id)) AS side (entry_id)
            GROUP BY a.customer_id, side.entry_id, a.accounting_date
        ) known JOIN ledger_entries e USING (customer_id)
        WHERE e.id = known.entry_id AND used NOT BETWEEN 0 AND abs(e.amount)
    """,
    "no credit is dated after the day it was posted on": """
        SELECT id FROM ledger_entries
        WHERE amount < 0 AND transaction_date > (posted_at + interval '14 hours')::date
    """,
    "credit notes take back no more than was booked": """
        SELECT debit.id, line.account, line.tax_rate,
            sum(line.credit - line.debit) FILTER (WHERE source.is_debit) AS booked,
            sum(line.debit - line.credit) FILTER (WHERE NOT source.is_debit) AS returned
        FROM ledger_entries debit CROSS JOIN LATERAL (
                SELECT debit.id, true AS is_debit
                UNION ALL SELECT note.id, false FROM ledger_entries note
                WHERE note.customer_id = debit.customer_id AND note.related_entry_id = debit.id
                    AND note.type = 'CREDIT_NOTE'
            ) source
            CROSS JOIN LATERAL (
                SELECT CASE account WHEN 'SALES_RETURNS' THEN 'REVENUE' ELSE account END AS account,
                    tax_rate, debit, credit
                FROM journal_lines
                WHERE customer_id = debit.customer_id AND source_id = source.id
                    AND account NOT IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES')
            ) line
        WHERE debit.type = 'INVOICE'
        GROUP BY debit.customer_id, debit.id, line.account, line.tax_rate
        HAVING sum(line.debit - line.credit) FILTER (WHERE NOT source.is_debit)
            > coalesce(sum(line.credit - line.debit) FILTER (WHERE source.is_debit), 0)
    """,
    "an allocation is not older than what it joins": """
        SELECT a.id FROM allocations a JOIN ledger_entries e
            ON e.customer_id = a.customer_id AND e.id IN (a.credit_id, a.debit_id)
        WHERE a.accounting_date < e.transaction_date
    """,
    "every key has the result of one request": """
        SELECT actor_id, key FROM idempotency_keys WHERE result IS NULL
    """,
    "no entry is the result of two requests": """
        SELECT entry ->> 1 FROM idempotency_keys, jsonb_array_elements(result -> 'entries') entry
        GROUP BY entry ->> 1 HAVING count(*) > 1
    """,
    "what is audited of a customer has the names of its columns": """
        SELECT event.id, recorded.key FROM audit_events event,
            jsonb_object_keys(coalesce(event.before, '{}') || coalesce(event.after, '{}'))
                AS recorded (key)
        WHERE event.subject_type = 'Customer' AND event.outcome = 'DONE'
            AND recorded.key NOT IN (
                SELECT column_name FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name IN ('customers', 'accounts')
            )
    """,
    "every entry is audited once and announced once": """
        WITH audited AS (
            SELECT subject_id, count(*) AS events FROM audit_events
            WHERE outcome = 'DONE' AND subject_type = 'LedgerEntry' GROUP BY subject_id
        ), announced AS (
            SELECT CAST(payload ->> 'entryId' AS uuid) AS entry_id, count(*) AS messages
            FROM outbox WHERE topic = 'event.entry_posted' GROUP BY 1
        )
        SELECT e.id FROM ledger_entries e LEFT JOIN audited ON audited.subject_id = e.id
            LEFT JOIN announced ON announced.entry_id = e.id
        WHERE events IS DISTINCT FROM 1 OR messages IS DISTINCT FROM 1
    """,
}

_ENTRIES = """
    SELECT * FROM ledger_entries ORDER BY customer_id, sequence
"""
_LINES = """
    SELECT * FROM entry_lines ORDER BY customer_id, entry_id, line_number
"""


async def broken(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, list[Any]]:
    """Every invariant that does not hold, with the first rows that break it. Empty: all is well."""
    found: dict[str, list[Any]] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for name, sql in INVARIANTS.items():
            if rows := await connection.fetch(sql):
                found[name] = [tuple(row) for row in rows[:5]]
        if forged := await _forged(connection):
            found["hashes are those of their entries"] = forged[:5]
    return found


async def _forged(connection: "asyncpg.Connection[asyncpg.Record]") -> list[Any]:
    """The entries whose hash is not that of their fields and their predecessor's hash."""
    lines: dict[Any, list[LineFigures]] = {}
    for row in await connection.fetch(_LINES):
        figures = LineFigures(**{name: row[name] for name in LineFigures.__slots__})
        lines.setdefault((row["customer_id"], row["entry_id"]), []).append(figures)
    forged: list[Any] = []
    entries = await connection.fetch(_ENTRIES)
    plain = [name for name in FinancialFields.__slots__ if name != "lines"]
    for _, chain in groupby(entries, key=lambda row: row["customer_id"]):
        previous = GENESIS
        for row in chain:
            fields = FinancialFields(
                **{name: row[name] for name in plain},
                lines=tuple(lines.get((row["customer_id"], row["id"]), ())),
            )
            if row["previous_hash"] != previous or row["hash"] != entry_hash(previous, fields):
                forged.append(row["id"])
            previous = row["hash"]
    return forged


async def snapshot(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """A digest of every table's content: equal before and after whatever changed nothing."""
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    return {
        name: await connection.fetchval(
            f"SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {name} t"
        )
        for (name,) in tables
    }

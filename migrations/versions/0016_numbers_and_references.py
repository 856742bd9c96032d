"""A number names one entry, and a customer's payment is recorded once under its reference."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TWICE = """
    SELECT customers.code || ' has ' || string_agg(entry.number, ', ' ORDER BY entry.sequence)
        || ' under ' || entry.external_reference
    FROM ledger_entries AS entry JOIN customers ON customers.id = entry.customer_id
    WHERE entry.type IN ('PAYMENT', 'REFUND', 'CHARGEBACK')
        AND entry.external_reference IS NOT NULL
    GROUP BY customers.code, entry.customer_id, entry.type, entry.external_reference
    HAVING count(*) > 1 ORDER BY 1
"""
SHOWN = 20
ADVICE = (
    "Money that moved is recorded once under its reference. Where it was recorded twice, settle "
    "with the customer which of them stands; then, as the owner of the tables and with the trigger "
    "append_only of ledger_entries disabled, change external_reference of the others, which no hash "
    "contains, and migrate again"
)


def upgrade() -> None:
    found = op.get_bind().scalars(sa.text(TWICE)).all()
    if found:
        told = "; ".join(found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise CommandError(f"{told}{more}. {ADVICE}")
    op.drop_index("ix_ledger_entries_number", "ledger_entries")
    op.create_index("uq_ledger_entries_number", "ledger_entries", ["number"], unique=True)
    op.create_index(
        "uq_ledger_entries_reference",
        "ledger_entries",
        ["customer_id", "type", "external_reference"],
        unique=True,
        postgresql_where=sa.text(
            "type IN ('PAYMENT', 'REFUND', 'CHARGEBACK') AND external_reference IS NOT NULL"
        ),
    )


def downgrade() -> None:
    op.drop_index("uq_ledger_entries_reference", "ledger_entries")
    op.drop_index("uq_ledger_entries_number", "ledger_entries")
    op.create_index("ix_ledger_entries_number", "ledger_entries", ["number"], unique=False)

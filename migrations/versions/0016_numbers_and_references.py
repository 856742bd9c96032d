"""A number names one entry, and a customer's payment is recorded once under its reference."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
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

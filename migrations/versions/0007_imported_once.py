"""What an import brings in, it brings in once: by customer, type and the reference in the file."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("uq_ledger_entries_imported"),
        "ledger_entries",
        ["customer_id", "type", "external_reference"],
        unique=True,
        postgresql_where=sa.text("reference_type = 'IMPORT'"),
    )


def downgrade() -> None:
    op.drop_index(op.f("uq_ledger_entries_imported"), table_name="ledger_entries")

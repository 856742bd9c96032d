"""An import finds what somebody has posted otherwise by the reference that it was given."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_ledger_entries_external_reference"),
        "ledger_entries",
        ["customer_id", "external_reference"],
        postgresql_where=sa.text(
            "external_reference IS NOT NULL AND reference_type IS DISTINCT FROM 'IMPORT'"
        ),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_ledger_entries_external_reference"), table_name="ledger_entries")

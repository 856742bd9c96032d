"""Each order of a list, and each condition that few rows meet, has an index that answers it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INDEXES: dict[str, dict[str, list[Any]]] = {
    "ledger_entries": {
        "ix_ledger_entries_due": [sa.text("COALESCE(due_date, 'infinity'::date)"), "id"],
        "ix_ledger_entries_amount_id": ["amount", "id"],
        "ix_ledger_entries_type_id": ["type", "id"],
        "ix_ledger_entries_period_id_id": ["period_id", "id"],
    },
    "accounts": {
        "ix_accounts_pending_customer_id": ["pending", "customer_id"],
        "ix_accounts_credit_limit_customer_id": ["credit_limit", "customer_id"],
    },
    "customers": {
        "ix_customers_created_at_id": ["created_at", "id"],
        "ix_customers_updated_at_id": ["updated_at", "id"],
        "ix_customers_customer_type_id": ["customer_type", "id"],
        "ix_customers_status_id": ["status", "id"],
        "ix_customers_email": ["email"],
        "ix_customers_phone": ["phone"],
    },
}


def upgrade() -> None:
    for table, indexes in INDEXES.items():
        for name, columns in indexes.items():
            op.create_index(name, table, columns)
    op.drop_index("ix_allocations_dated", table_name="allocations")
    op.create_index("ix_allocations_dated", "allocations", ["accounting_date", "customer_id"])
    op.create_index("ix_customers_tags", "customers", ["tags"], postgresql_using="gin")
    op.create_index(
        "ix_ledger_entries_number_trgm",
        "ledger_entries",
        [sa.text("casefold(number COLLATE pg_unicode_fast) gin_trgm_ops")],
        postgresql_using="gin",
    )


def downgrade() -> None:
    op.drop_index("ix_ledger_entries_number_trgm", table_name="ledger_entries")
    op.drop_index("ix_customers_tags", table_name="customers")
    op.drop_index("ix_allocations_dated", table_name="allocations")
    op.create_index("ix_allocations_dated", "allocations", ["customer_id", "accounting_date"])
    for table, indexes in INDEXES.items():
        for name in indexes:
            op.drop_index(name, table_name=table)

"""Read what is owed in the order in which it falls due, only as far as a credit reaches."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# A window over all that is open reads all of it; this stops where the credit is used up.
DUE_FIRST = """
CREATE FUNCTION due_first(customer uuid, credit numeric) RETURNS SETOF open_items
LANGUAGE plpgsql STABLE AS $$
DECLARE
    item open_items;
BEGIN
    FOR item IN
        SELECT * FROM open_items WHERE customer_id = customer AND is_debit
        ORDER BY coalesce(due_date, accounting_date), accounting_date, entry_id
    LOOP
        EXIT WHEN credit <= 0;
        credit := credit - item.open_amount;
        RETURN NEXT item;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.create_index(
        "ix_open_items_due_first",
        "open_items",
        [
            "customer_id",
            sa.text("coalesce(due_date, accounting_date)"),
            "accounting_date",
            "entry_id",
        ],
        postgresql_where=sa.text("is_debit"),
    )
    op.execute(DUE_FIRST)


def downgrade() -> None:
    op.execute("DROP FUNCTION due_first")
    op.drop_index("ix_open_items_due_first", "open_items")

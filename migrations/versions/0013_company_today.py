"""The company's day by PostgreSQL's clock, and a credit used only once it is free again."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Every connection of the program says the company's time zone when it is made.
COMPANY_TODAY = """
CREATE FUNCTION company_today() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CAST(
    statement_timestamp() AT TIME ZONE
        coalesce(nullif(current_setting('customer_flow.time_zone', true), ''), 'UTC')
    AS date
)
"""


def upgrade() -> None:
    op.execute(COMPANY_TODAY)
    # What an allocation dated after a day still leaves open as of that day.
    op.create_index(
        "ix_allocations_dated", "allocations", ["customer_id", "accounting_date"], unique=False
    )
    # Few allocations are undone: only those need an entry.
    op.create_index(
        "uq_allocations_undone",
        "allocations",
        ["customer_id", "undoes_id"],
        unique=True,
        postgresql_where=sa.text("undoes_id IS NOT NULL"),
    )
    op.drop_constraint("uq_allocations_customer_id_undoes_id", "allocations")


def downgrade() -> None:
    op.create_unique_constraint(
        "uq_allocations_customer_id_undoes_id", "allocations", ["customer_id", "undoes_id"]
    )
    op.drop_index("uq_allocations_undone", "allocations")
    op.drop_index("ix_allocations_dated", "allocations")
    op.execute("DROP FUNCTION company_today")

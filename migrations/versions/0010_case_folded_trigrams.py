"""Trigrams of case-folded text: the columns' own collations know no case beyond ASCII."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = ("code", "business_name", "email", "phone")


def upgrade() -> None:
    for column in COLUMNS:
        replace(column, sa.text(f"casefold({column} COLLATE pg_unicode_fast) gin_trgm_ops"))


def downgrade() -> None:
    for column in COLUMNS:
        replace(column, sa.text(f"{column} gin_trgm_ops"))


def replace(column: str, indexed: sa.TextClause) -> None:
    name = f"ix_customers_{column}_trgm"
    op.drop_index(name, table_name="customers")
    op.create_index(name, "customers", [indexed], postgresql_using="gin")

"""Bring what names customers and products into the one form of Unicode that it is kept in now."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Where two that look the same exist, both stay as they are: a person has to say which is which.
COMPOSE = """
    UPDATE {table} SET {column} = normalize({column}, NFC)
    WHERE {column} IS NOT NFC NORMALIZED AND NOT EXISTS (
        SELECT FROM {table} other
        WHERE other.id <> {table}.id
            AND normalize(other.{column}, NFC) = normalize({table}.{column}, NFC)
    )
"""


def upgrade() -> None:
    for table, column in (("customers", "code"), ("products", "sku")):
        op.execute(COMPOSE.format(table=table, column=column))


def downgrade() -> None:
    """What was composed looks the same, and is found as before."""

"""Bring tags into the one form of Unicode that they are kept in now, each once."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COMPOSE = """
    UPDATE customers SET tags = ARRAY(
        SELECT normalize(tag, NFC) FROM unnest(tags) WITH ORDINALITY AS each (tag, place)
        GROUP BY 1 ORDER BY min(place)
    )
    WHERE EXISTS (SELECT FROM unnest(tags) AS tag WHERE tag IS NOT NFC NORMALIZED)
"""


def upgrade() -> None:
    op.execute(COMPOSE)


def downgrade() -> None:
    """What was composed looks the same, and is found as before."""

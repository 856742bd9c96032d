"""Every series of numbers goes on after the numbers there are.

One that was made anew under entries that had stayed began again at one.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

GO_ON = """
DO $$
DECLARE series record;
BEGIN
    FOR series IN
        SELECT 'entry_number_' || lower(type) AS name,
            max(CAST(substring(number FROM '-([0-9]+)$') AS bigint)) AS highest
        FROM ledger_entries GROUP BY type
    LOOP
        IF series.highest > coalesce(pg_sequence_last_value(CAST(series.name AS regclass)), 0) THEN
            PERFORM setval(CAST(series.name AS regclass), series.highest);
        END IF;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(GO_ON)


def downgrade() -> None:
    """A series that goes on is right at every revision."""

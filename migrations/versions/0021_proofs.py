"""Keep with an account what its proof rests on, and take the proof back when history is changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("ledger_entries", "entry_lines", "allocations", "journal_lines")

# Nobody gets here but who has taken the refusal of `append_only` away. Then at least the next
# incremental run looks at the account as if it had never been proved.
WITHDRAW_PROOF = """
CREATE FUNCTION withdraw_proof() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE accounts SET change_number = change_number + 1, verified_at = NULL,
            verified_sequence = 0, verified_hash = NULL
        WHERE sequence > 0;
    ELSE
        UPDATE accounts SET change_number = change_number + 1, verified_at = NULL,
            verified_sequence = 0, verified_hash = NULL
        WHERE customer_id IN (SELECT customer_id FROM changed);
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("accounts", sa.Column("verified_hash", sa.LargeBinary(), nullable=True))
    op.execute("""
        UPDATE accounts SET verified_hash = entry.hash FROM ledger_entries entry
        WHERE accounts.verified_sequence > 0 AND entry.customer_id = accounts.customer_id
            AND entry.sequence = accounts.verified_sequence
    """)
    for column in (
        sa.Column("scope", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("cursor_sequence", sa.BigInteger(), nullable=True),
        sa.Column("carried", postgresql.JSONB(), nullable=True),
    ):
        op.add_column("reconciliation_runs", column)
    # What is asked at every scrape of the metrics.
    op.create_index(
        "ix_drift_findings_open",
        "drift_findings",
        ["detected_at"],
        unique=False,
        postgresql_where=sa.text("status = 'OPEN'"),
    )
    op.create_index(
        "ix_reconciliation_runs_ended",
        "reconciliation_runs",
        ["incremental", "status", "finished_at"],
        unique=False,
        postgresql_where=sa.text("customer_ids IS NULL"),
    )
    op.execute(WITHDRAW_PROOF)
    for table in TABLES:
        for event in ("UPDATE", "DELETE", "TRUNCATE"):
            name = f"withdraw_proof_on_{event.lower()}"
            rows = "" if event == "TRUNCATE" else "REFERENCING OLD TABLE AS changed "
            op.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {table} {rows}"
                "FOR EACH STATEMENT EXECUTE FUNCTION withdraw_proof()"
            )
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def downgrade() -> None:
    for table in TABLES:
        for event in ("update", "delete", "truncate"):
            op.execute(f"DROP TRIGGER withdraw_proof_on_{event} ON {table}")
    op.execute("DROP FUNCTION withdraw_proof")
    op.drop_index("ix_reconciliation_runs_ended", "reconciliation_runs")
    op.drop_index("ix_drift_findings_open", "drift_findings")
    for column in ("carried", "cursor_sequence", "scope"):
        op.drop_column("reconciliation_runs", column)
    op.drop_column("accounts", "verified_hash")

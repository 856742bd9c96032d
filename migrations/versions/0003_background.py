"""Outbox, inbox, scheduled runs, reconciliation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="PENDING", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "send_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("sends", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('PENDING', 'DONE', 'DEAD')", name=op.f("ck_outbox_state_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["send_at"],
        unique=False,
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    op.create_table(
        "inbox",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column(
            "processed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("message_id", "consumer", name=op.f("pk_inbox")),
    )
    op.create_table(
        "scheduled_runs",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["outbox.id"], name=op.f("fk_scheduled_runs_message_id")
        ),
        sa.PrimaryKeyConstraint("job", "scheduled_for", name=op.f("pk_scheduled_runs")),
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("status", sa.Text(), server_default="QUEUED", nullable=False),
        sa.Column("incremental", sa.Boolean(), nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("customers_total", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("customers_checked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("discrepancies", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "failures",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED')",
            name=op.f("ck_reconciliation_runs_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["started_by"], ["users.id"], name=op.f("fk_reconciliation_runs_started_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_runs")),
    )
    op.create_table(
        "drift_findings",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stored_pending", sa.Numeric(), nullable=False),
        sa.Column("computed_pending", sa.Numeric(), nullable=False),
        sa.Column("stored_advance", sa.Numeric(), nullable=False),
        sa.Column("computed_advance", sa.Numeric(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_divergent_entry_id", sa.Uuid(), nullable=True),
        sa.Column(
            "detected_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('OPEN', 'ACKNOWLEDGED', 'CORRECTED')",
            name=op.f("ck_drift_findings_status_known"),
        ),
        sa.CheckConstraint(
            "scale(computed_pending) = currency_digits(currency) AND scale(computed_advance) = currency_digits(currency)",
            name=op.f("ck_drift_findings_exact_money"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "currency"],
            ["customers.id", "customers.currency"],
            name=op.f("fk_drift_findings_customer_id_currency"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "first_divergent_entry_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_drift_findings_customer_id_first_divergent_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["users.id"], name=op.f("fk_drift_findings_resolved_by")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["reconciliation_runs.id"], name=op.f("fk_drift_findings_run_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_drift_findings")),
    )
    op.create_index("ix_drift_findings_run_id", "drift_findings", ["run_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("drift_findings")
    op.drop_table("reconciliation_runs")
    op.drop_table("scheduled_runs")
    op.drop_table("inbox")
    op.drop_table("outbox")

"""Reconciliation runs and the drift they found."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.models.metadata import (
    exact_money,
    id_column,
    instant_column,
    metadata,
    money_column,
    one_of,
    text_column,
)

reconciliation_runs = Table(
    "reconciliation_runs",
    metadata,
    id_column(),
    text_column("status", default="QUEUED"),
    Column("incremental", Boolean, nullable=False),
    # Null: every customer. The ids are those that the asker may see.
    Column("customer_ids", ARRAY(Uuid), nullable=True),
    # Incremental: the customers to check, in order, found out once when the run begins.
    Column("scope", ARRAY(Uuid), nullable=True),
    # Where a killed run goes on: after this customer or, with a sequence, after that entry of it;
    # `carried` is what was found of it until there.
    Column("cursor", Uuid, nullable=True),
    Column("cursor_sequence", BigInteger, nullable=True),
    Column("carried", JSONB, nullable=True),
    Column("started_by", Uuid, ForeignKey("users.id"), nullable=True),
    instant_column("created_at", now=True),
    instant_column("started_at", nullable=True),
    instant_column("finished_at", nullable=True),
    Column("customers_total", Integer, nullable=False, server_default=text("0")),
    Column("customers_checked", Integer, nullable=False, server_default=text("0")),
    Column("discrepancies", Integer, nullable=False, server_default=text("0")),
    Column("failures", JSONB, nullable=False, server_default=text("'[]'")),
    one_of("status", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED"),
    Index(
        "ix_reconciliation_runs_ended",
        "incremental",
        "status",
        "finished_at",
        postgresql_where=text("customer_ids IS NULL"),
    ),
)

drift_findings = Table(
    "drift_findings",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    id_column(primary_key=False),
    Column("run_id", Uuid, ForeignKey("reconciliation_runs.id"), nullable=False),
    text_column("status", default="OPEN"),
    text_column("currency"),
    money_column("stored_pending"),
    money_column("computed_pending"),
    money_column("stored_advance"),
    money_column("computed_advance"),
    # Which stored figures are wrong: accounts.pending, open_items, chain head, ...
    Column("figures", JSONB, nullable=False),
    Column("first_divergent_entry_id", Uuid, nullable=True),
    instant_column("detected_at", now=True),
    Column("resolved_by", Uuid, ForeignKey("users.id"), nullable=True),
    instant_column("resolved_at", nullable=True),
    text_column("note", nullable=True),
    PrimaryKeyConstraint("customer_id", "id"),
    ForeignKeyConstraint(["customer_id", "currency"], ["customers.id", "customers.currency"]),
    ForeignKeyConstraint(
        ["customer_id", "first_divergent_entry_id"],
        ["ledger_entries.customer_id", "ledger_entries.id"],
    ),
    exact_money("computed_pending", "computed_advance"),
    one_of("status", "OPEN", "ACKNOWLEDGED", "CORRECTED"),
    Index("ix_drift_findings_run_id", "run_id", "id"),
    Index("ix_drift_findings_open", "detected_at", postgresql_where=text("status = 'OPEN'")),
)

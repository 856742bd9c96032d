"""What was asked and what came of it: idempotency keys and the audit trail."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.models.metadata import id_column, instant_column, metadata, one_of, text_column

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor_id", Uuid, ForeignKey("users.id"), nullable=False),
    text_column("key"),
    text_column("operation"),
    Column("input_hash", LargeBinary, nullable=False),
    # The keys of the rows that the first execution wrote: a replay selects them anew.
    Column("result", JSONB, nullable=True),
    instant_column("created_at", now=True),
    PrimaryKeyConstraint("actor_id", "key"),
)

audit_events = Table(
    "audit_events",
    metadata,
    id_column(),
    instant_column("at", now=True),
    Column("actor_id", Uuid, nullable=True),
    text_column("action"),
    text_column("subject_type", nullable=True),
    Column("subject_id", Uuid, nullable=True),
    Column("customer_id", Uuid, nullable=True),
    text_column("outcome"),
    text_column("reason", nullable=True),
    text_column("request_id"),
    Column("before", JSONB, nullable=True),
    Column("after", JSONB, nullable=True),
    text_column("policy_version", nullable=True),
    one_of("outcome", "DONE", "REPLAYED", "REFUSED"),
    Index("ix_audit_events_customer_id_id", "customer_id", "id"),
    # Who made a user and set how they log in: those give them no role that moves money.
    Index(
        "ix_audit_events_saved_user",
        "subject_id",
        postgresql_where=text("action = 'saveUser' AND subject_type = 'User'"),
    ),
)

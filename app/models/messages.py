"""PostgreSQL's own record of background work: outbox, inbox, scheduled runs."""

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.models.metadata import id_column, instant_column, metadata, one_of, text_column

# A row is sent again and again, further and further apart, until its effect is DONE or it is DEAD.
outbox = Table(
    "outbox",
    metadata,
    id_column(),
    text_column("topic"),
    Column("payload", JSONB, nullable=False),
    text_column("state", default="PENDING"),
    instant_column("created_at", now=True),
    instant_column("send_at", now=True),
    Column("sends", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    text_column("last_error", nullable=True),
    instant_column("finished_at", nullable=True),
    one_of("state", "PENDING", "DONE", "DEAD"),
    Index("ix_outbox_due", "send_at", postgresql_where=text("state = 'PENDING'")),
    Index("ix_outbox_dead", "id", postgresql_where=text("state = 'DEAD'")),
)

inbox = Table(
    "inbox",
    metadata,
    Column("message_id", Uuid, nullable=False),
    text_column("consumer"),
    instant_column("processed_at", now=True),
    PrimaryKeyConstraint("message_id", "consumer"),
)

scheduled_runs = Table(
    "scheduled_runs",
    metadata,
    Column("job", Text, nullable=False),
    Column("scheduled_for", DateTime(timezone=True), nullable=False),
    Column("message_id", Uuid, ForeignKey("outbox.id"), nullable=True, index=True),
    instant_column("created_at", now=True),
    PrimaryKeyConstraint("job", "scheduled_for"),
)

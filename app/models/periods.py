"""Accounting periods: half-open date ranges that never overlap within a type."""

from sqlalchemy import Column, ForeignKey, Integer, Table, Uuid, text
from sqlalchemy.dialects.postgresql import DATERANGE

from app.models.metadata import id_column, instant_column, metadata, one_of, text_column

# UNIQUE (type, during WITHOUT OVERLAPS) is added by the migration: Core has no word for it.
accounting_periods = Table(
    "accounting_periods",
    metadata,
    id_column(),
    text_column("name"),
    text_column("type"),
    Column("during", DATERANGE, nullable=False),
    text_column("status", default="OPEN"),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("closed_by", Uuid, ForeignKey("users.id"), nullable=True),
    instant_column("closed_at", nullable=True),
    Column("locked_by", Uuid, ForeignKey("users.id"), nullable=True),
    instant_column("locked_at", nullable=True),
    instant_column("created_at", now=True),
    one_of("type", "MONTHLY", "QUARTERLY", "YEARLY"),
    one_of("status", "OPEN", "CLOSING", "CLOSED", "LOCKED"),
)

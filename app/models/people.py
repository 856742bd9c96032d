"""Who works with the product: teams and users."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.models.metadata import id_column, instant_column, metadata, text_column

teams = Table(
    "teams",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("manager_id", Uuid, ForeignKey("users.id", use_alter=True), nullable=True, index=True),
    Column("version", Integer, nullable=False, server_default=text("1")),
)

users = Table(
    "users",
    metadata,
    id_column(),
    text_column("email"),
    text_column("name"),
    Column("roles", ARRAY(Text), nullable=False),
    Column("team_id", Uuid, ForeignKey("teams.id"), nullable=True, index=True),
    # The customer that a portal log-in belongs to: what scope SELF means.
    Column("customer_id", Uuid, ForeignKey("customers.id", use_alter=True), nullable=True),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    text_column("password_hash", nullable=True),
    # Raised by a trigger whenever what this user may do changes; a token or grant made from an
    # older one is refused.
    Column("access_version", Integer, nullable=False, server_default=text("1")),
    # What two who save at once must not overwrite: raised by every change that a person makes.
    Column("version", Integer, nullable=False, server_default=text("1")),
    instant_column("created_at", now=True),
    CheckConstraint("cardinality(roles) > 0", name="has_a_role"),
    Index("uq_users_email", text("lower(email)"), unique=True),
)

"""Sessions and the policy rules that were changed at run time."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    LargeBinary,
    Table,
    Uuid,
    text,
)

from app.models.metadata import id_column, instant_column, metadata, one_of, text_column

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    id_column(),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    # Every token got by rotating from one log-in shares its family: reuse revokes the family.
    Column("family_id", Uuid, nullable=False, index=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    instant_column("issued_at", now=True),
    instant_column("expires_at"),
    instant_column("used_at", nullable=True),
    instant_column("revoked_at", nullable=True),
)

policy_rules = Table(
    "policy_rules",
    metadata,
    id_column(),
    text_column("subject"),
    text_column("object"),
    text_column("action"),
    text_column("scope"),
    text_column("effect"),
    text_column("description", nullable=True),
    instant_column("created_at", now=True),
    one_of("action", "read", "write", "execute"),
    one_of("scope", "ALL", "TEAM", "OWN", "SELF", "NONE"),
    one_of("effect", "ALLOW", "MASK", "DENY"),
)

# One row: its version is raised by a trigger on policy_rules and read by every statement.
policy_state = Table(
    "policy_state",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    CheckConstraint("singleton", name="only_one"),
)

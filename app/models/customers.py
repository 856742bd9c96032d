"""Customers, and the account row that each posting locks."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.models.folding import case_folded
from app.models.metadata import (
    exact_money,
    id_column,
    instant_column,
    metadata,
    money_column,
    one_of,
    text_column,
)

customers = Table(
    "customers",
    metadata,
    id_column(),
    text_column("code", ordered=True),
    text_column("business_name", ordered=True),
    text_column("contact_name", nullable=True),
    text_column("email", nullable=True),
    text_column("phone", nullable=True),
    text_column("address_line1", nullable=True),
    text_column("address_line2", nullable=True),
    text_column("address_city", nullable=True),
    text_column("address_region", nullable=True),
    text_column("address_postal_code", nullable=True),
    text_column("address_country", nullable=True),
    text_column("tax_id", nullable=True),
    text_column("customer_type"),
    text_column("currency"),
    Column("payment_terms_days", Integer, nullable=False),
    text_column("status", default="ACTIVE"),
    Column("assigned_to", Uuid, ForeignKey("users.id"), nullable=True),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("receive_emails", Boolean, nullable=False, server_default=text("true")),
    Column("receive_sms", Boolean, nullable=False, server_default=text("false")),
    text_column("locale", default="en"),
    text_column("time_zone", default="UTC"),
    text_column("quiet_from", nullable=True),
    text_column("quiet_until", nullable=True),
    text_column("notes", nullable=True),
    Column("legal_hold", Boolean, nullable=False, server_default=text("false")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    instant_column("created_at", now=True),
    instant_column("updated_at", now=True),
    instant_column("deleted_at", nullable=True),
    UniqueConstraint("code"),
    UniqueConstraint("id", "currency"),
    one_of("customer_type", "INDIVIDUAL", "RETAIL", "WHOLESALE", "DISTRIBUTOR", "BUSINESS"),
    one_of("status", "ACTIVE", "SUSPENDED", "MERGED", "DELETED", "ARCHIVED"),
    CheckConstraint("payment_terms_days BETWEEN 0 AND 365", name="payment_terms_in_range"),
    CheckConstraint("(status = 'DELETED') = (deleted_at IS NOT NULL)", name="deleted_when"),
    CheckConstraint(
        "num_nonnulls(address_line1, address_city, address_country) IN (0, 3)",
        name="address_whole",
    ),
    Index("ix_customers_assigned_to", "assigned_to", "id"),
    Index("ix_customers_business_name_id", "business_name", "id"),
    Index("ix_customers_created_at_id", "created_at", "id"),
    Index("ix_customers_updated_at_id", "updated_at", "id"),
    Index("ix_customers_customer_type_id", "customer_type", "id"),
    Index("ix_customers_status_id", "status", "id"),
    Index("ix_customers_email", "email"),
    Index("ix_customers_phone", "phone"),
    Index("ix_customers_tags", "tags", postgresql_using="gin"),
)
for _name in ("code", "business_name", "email", "phone"):
    Index(
        f"ix_customers_{_name}_trgm",
        case_folded(customers.c[_name]).label(_name),
        postgresql_using="gin",
        postgresql_ops={_name: "gin_trgm_ops"},
    )

# One row: the last number given in the series of codes. In a row and not a sequence, so that what
# is only tried, or undone, takes none.
customer_codes = Table(
    "customer_codes",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    Column("last", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("singleton", name="only_one"),
)

# The three stored figures are projections of the sub-ledger, equal to it at every commit.
accounts = Table(
    "accounts",
    metadata,
    Column("customer_id", Uuid, primary_key=True),
    text_column("currency"),
    money_column("pending"),
    money_column("advance"),
    Column("current", Numeric, Computed("pending - advance", persisted=True), nullable=False),
    money_column("credit_limit"),
    # The hash chain's head: the sequence and hash of the customer's last entry.
    Column("sequence", BigInteger, nullable=False, server_default=text("0")),
    Column(
        "head_hash",
        LargeBinary,
        nullable=False,
        server_default=text(r"'\x" + "00" * 32 + "'::bytea"),
    ),
    # Raised by every change of the sub-ledger; reconciliation remembers the last one it proved, and
    # the last entry then, with its hash: a chain made anew as a whole does not lead through it.
    Column("change_number", BigInteger, nullable=False, server_default=text("0")),
    Column("verified_change_number", BigInteger, nullable=False, server_default=text("0")),
    Column("verified_sequence", BigInteger, nullable=False, server_default=text("0")),
    Column("verified_hash", LargeBinary, nullable=True),
    instant_column("verified_at", nullable=True),
    UniqueConstraint("customer_id", "currency"),
    ForeignKeyConstraint(["customer_id", "currency"], ["customers.id", "customers.currency"]),
    exact_money("pending", "advance", "credit_limit"),
    CheckConstraint(
        "pending >= 0 AND advance >= 0 AND credit_limit >= 0", name="figures_not_negative"
    ),
    CheckConstraint("octet_length(head_hash) = 32", name="head_is_sha256"),
    Index("ix_accounts_pending_customer_id", "pending", "customer_id"),
    Index("ix_accounts_credit_limit_customer_id", "credit_limit", "customer_id"),
)

"""The sub-ledger: entries, their lines, allocations, journal lines, and the open-item projection.

Everything but `open_items` is append-only: by privilege for the application's role, by trigger for
everybody else. Every key begins with `customer_id`, so nothing can point across customers.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)

from app.domain.ledger import EntryType, GeneralLedgerAccount, PaymentMethod, ReferenceType
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

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    id_column(primary_key=False),
    Column("sequence", BigInteger, nullable=False),
    text_column("number"),
    text_column("type"),
    money_column("amount"),
    text_column("currency"),
    Column("transaction_date", Date, nullable=False),
    Column("due_date", Date, nullable=True),
    Column("period_id", Uuid, ForeignKey("accounting_periods.id"), nullable=False),
    text_column("description", nullable=True),
    text_column("reason", nullable=True),
    text_column("payment_method", nullable=True),
    text_column("reference_type", nullable=True),
    # The entry that this one is about: the invoice that a credit note was issued against.
    Column("related_entry_id", Uuid, nullable=True),
    text_column("external_reference", nullable=True),
    Column("posted_by", Uuid, ForeignKey("users.id"), nullable=False),
    instant_column("posted_at", now=True),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("customer_id", "id"),
    UniqueConstraint("customer_id", "sequence"),
    ForeignKeyConstraint(
        ["customer_id", "currency"], ["accounts.customer_id", "accounts.currency"]
    ),
    ForeignKeyConstraint(
        ["customer_id", "related_entry_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    one_of("type", *EntryType),
    one_of("payment_method", *PaymentMethod),
    one_of("reference_type", *ReferenceType),
    exact_money("amount"),
    CheckConstraint("amount <> 0", name="amount_not_zero"),
    CheckConstraint("sequence >= 1", name="sequence_from_one"),
    CheckConstraint(
        "octet_length(hash) = 32 AND octet_length(previous_hash) = 32", name="hashes_are_sha256"
    ),
    Index("ix_ledger_entries_id", "id"),
    Index("uq_ledger_entries_number", "number", unique=True),
    # The orders of lists, and what few entries are: a page is read, and not what it is a page of.
    Index("ix_ledger_entries_transaction_date_id", "transaction_date", "id"),
    Index("ix_ledger_entries_due", text("COALESCE(due_date, 'infinity'::date)"), "id"),
    Index("ix_ledger_entries_amount_id", "amount", "id"),
    Index("ix_ledger_entries_type_id", "type", "id"),
    Index("ix_ledger_entries_period_id_id", "period_id", "id"),
    # What was credited of an invoice.
    Index(
        "ix_ledger_entries_related",
        "customer_id",
        "related_entry_id",
        postgresql_where=text("related_entry_id IS NOT NULL"),
    ),
    # Money that moved is recorded once; `unique_reference` of the kinds of entry says of which.
    Index(
        "uq_ledger_entries_reference",
        "customer_id",
        "type",
        "external_reference",
        unique=True,
        postgresql_where=text(
            "type IN ('PAYMENT', 'REFUND', 'CHARGEBACK') AND external_reference IS NOT NULL"
        ),
    ),
    # However often a file is imported, and by whomever at once: each of its entries is there once.
    Index(
        "uq_ledger_entries_imported",
        "customer_id",
        "type",
        "external_reference",
        unique=True,
        postgresql_where=text("reference_type = 'IMPORT'"),
    ),
    Index(
        "ix_ledger_entries_external_reference",
        "customer_id",
        "external_reference",
        postgresql_where=text(
            "external_reference IS NOT NULL AND reference_type IS DISTINCT FROM 'IMPORT'"
        ),
    ),
)

Index(
    "ix_ledger_entries_number_trgm",
    case_folded(ledger_entries.c.number).label("number"),
    postgresql_using="gin",
    postgresql_ops={"number": "gin_trgm_ops"},
)

entry_lines = Table(
    "entry_lines",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("product_id", Uuid, ForeignKey("products.id"), nullable=True),
    text_column("description"),
    Column("quantity", Numeric(19, 4), nullable=False),
    Column("unit_price", Numeric(19, 4), nullable=False),
    money_column("discount"),
    Column("tax_rate", Numeric(5, 4), nullable=False),
    money_column("total"),
    text_column("currency"),
    PrimaryKeyConstraint("customer_id", "entry_id", "line_number"),
    ForeignKeyConstraint(
        ["customer_id", "entry_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    exact_money("discount", "total"),
)

# A row with `undoes_id` is a counter-allocation: the mirror of the one it undoes.
allocations = Table(
    "allocations",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    id_column(primary_key=False),
    Column("credit_id", Uuid, nullable=False),
    Column("debit_id", Uuid, nullable=False),
    money_column("amount"),
    text_column("currency"),
    Column("undoes_id", Uuid, nullable=True),
    Column("accounting_date", Date, nullable=False),
    text_column("reason", nullable=True),
    Column("allocated_by", Uuid, ForeignKey("users.id"), nullable=False),
    instant_column("allocated_at", now=True),
    PrimaryKeyConstraint("customer_id", "id"),
    ForeignKeyConstraint(
        ["customer_id", "credit_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    ForeignKeyConstraint(
        ["customer_id", "debit_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    ForeignKeyConstraint(
        ["customer_id", "undoes_id"], ["allocations.customer_id", "allocations.id"]
    ),
    exact_money("amount"),
    CheckConstraint("amount <> 0 AND (amount < 0) = (undoes_id IS NOT NULL)", name="sign"),
    Index("ix_allocations_credit", "customer_id", "credit_id"),
    Index("ix_allocations_debit", "customer_id", "debit_id"),
    # What an allocation dated after a day still leaves open as of that day: of one customer, by
    # skipping from date to date, or of all.
    Index("ix_allocations_dated", "accounting_date", "customer_id"),
    # Few are undone: only those need an entry.
    Index(
        "uq_allocations_undone",
        "customer_id",
        "undoes_id",
        unique=True,
        postgresql_where=text("undoes_id IS NOT NULL"),
    ),
)

# `source_id` is an entry or an allocation; the generated columns carry the foreign keys, so that
# one index serves both. They are spelt as PostgreSQL spells them back, for the drift check.
journal_lines = Table(
    "journal_lines",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    Column("source_id", Uuid, nullable=False),
    Column("line_number", Integer, nullable=False),
    text_column("source"),
    Column(
        "entry_id",
        Uuid,
        Computed(
            "CASE WHEN source = 'ENTRY'::text THEN source_id ELSE NULL::uuid END", persisted=True
        ),
        nullable=True,
    ),
    Column(
        "allocation_id",
        Uuid,
        Computed(
            "CASE WHEN source = 'ALLOCATION'::text THEN source_id ELSE NULL::uuid END",
            persisted=True,
        ),
        nullable=True,
    ),
    text_column("account"),
    money_column("debit"),
    money_column("credit"),
    text_column("currency"),
    Column("accounting_date", Date, nullable=False),
    Column("tax_rate", Numeric(5, 4), nullable=True),
    PrimaryKeyConstraint("customer_id", "source_id", "line_number"),
    ForeignKeyConstraint(
        ["customer_id", "entry_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    ForeignKeyConstraint(
        ["customer_id", "allocation_id"], ["allocations.customer_id", "allocations.id"]
    ),
    one_of("source", "ENTRY", "ALLOCATION"),
    one_of("account", *GeneralLedgerAccount),
    exact_money("debit", "credit"),
    CheckConstraint("debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)", name="one_side"),
    CheckConstraint(
        "tax_rate IS NULL OR (account = 'TAX_PAYABLE' AND tax_rate > 0)", name="rate_of_tax"
    ),
)

# One row per entry that still has something open: a projection, rebuildable from the rest.
open_items = Table(
    "open_items",
    metadata,
    Column("customer_id", Uuid, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("is_debit", Boolean, nullable=False),
    money_column("open_amount"),
    text_column("currency"),
    Column("due_date", Date, nullable=True),
    Column("accounting_date", Date, nullable=False),
    PrimaryKeyConstraint("customer_id", "entry_id"),
    ForeignKeyConstraint(
        ["customer_id", "entry_id"], ["ledger_entries.customer_id", "ledger_entries.id"]
    ),
    exact_money("open_amount"),
    CheckConstraint("open_amount > 0", name="something_open"),
    Index("ix_open_items_due", "due_date", postgresql_where=text("is_debit")),
    # In this order a credit is spent: `due_first` reads as far as it reaches.
    Index(
        "ix_open_items_due_first",
        "customer_id",
        text("coalesce(due_date, accounting_date)"),
        "accounting_date",
        "entry_id",
        postgresql_where=text("is_debit"),
    ),
)

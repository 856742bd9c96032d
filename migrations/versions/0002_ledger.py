"""The sub-ledger, its accounts, and the trail of what was asked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("pending", sa.Numeric(), nullable=False),
        sa.Column("advance", sa.Numeric(), nullable=False),
        sa.Column(
            "current",
            sa.Numeric(),
            sa.Computed("pending - advance", persisted=True),
            nullable=False,
        ),
        sa.Column("credit_limit", sa.Numeric(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "head_hash",
            sa.LargeBinary(),
            server_default=sa.text(
                "'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea"
            ),
            nullable=False,
        ),
        sa.Column("change_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "verified_change_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(head_hash) = 32", name=op.f("ck_accounts_head_is_sha256")),
        sa.CheckConstraint(
            "pending >= 0 AND advance >= 0 AND credit_limit >= 0",
            name=op.f("ck_accounts_figures_not_negative"),
        ),
        sa.CheckConstraint(
            "scale(pending) = currency_digits(currency) AND scale(advance) = currency_digits(currency) AND scale(credit_limit) = currency_digits(currency)",
            name=op.f("ck_accounts_exact_money"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "currency"],
            ["customers.id", "customers.currency"],
            name=op.f("fk_accounts_customer_id_currency"),
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "customer_id", "currency", name=op.f("uq_accounts_customer_id_currency")
        ),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("transaction_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("payment_method", sa.Text(), nullable=True),
        sa.Column("reference_type", sa.Text(), nullable=True),
        sa.Column("related_entry_id", sa.Uuid(), nullable=True),
        sa.Column("external_reference", sa.Text(), nullable=True),
        sa.Column("posted_by", sa.Uuid(), nullable=False),
        sa.Column(
            "posted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "payment_method IN ('ACCOUNT', 'CASH', 'CARD', 'BANK_TRANSFER', 'CHEQUE')",
            name=op.f("ck_ledger_entries_payment_method_known"),
        ),
        sa.CheckConstraint(
            "reference_type IN ('SALES_ORDER', 'PAYMENT', 'REFUND_REQUEST', 'DISPUTE', 'MERGE', 'REVERSAL', 'RECONCILIATION', 'IMPORT', 'EXTERNAL')",
            name=op.f("ck_ledger_entries_reference_type_known"),
        ),
        sa.CheckConstraint(
            "type IN ('OPENING_BALANCE', 'INVOICE', 'DEBIT_NOTE', 'FINANCE_CHARGE', 'PAYMENT', 'CREDIT_NOTE', 'REFUND', 'ADJUSTMENT', 'WRITE_OFF', 'REVERSAL', 'CHARGEBACK', 'TRANSFER')",
            name=op.f("ck_ledger_entries_type_known"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entries_amount_not_zero")),
        sa.CheckConstraint(
            "octet_length(hash) = 32 AND octet_length(previous_hash) = 32",
            name=op.f("ck_ledger_entries_hashes_are_sha256"),
        ),
        sa.CheckConstraint(
            "scale(amount) = currency_digits(currency)", name=op.f("ck_ledger_entries_exact_money")
        ),
        sa.CheckConstraint("sequence >= 1", name=op.f("ck_ledger_entries_sequence_from_one")),
        sa.ForeignKeyConstraint(
            ["customer_id", "currency"],
            ["accounts.customer_id", "accounts.currency"],
            name=op.f("fk_ledger_entries_customer_id_currency"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "related_entry_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_ledger_entries_customer_id_related_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["period_id"], ["accounting_periods.id"], name=op.f("fk_ledger_entries_period_id")
        ),
        sa.ForeignKeyConstraint(
            ["posted_by"], ["users.id"], name=op.f("fk_ledger_entries_posted_by")
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint(
            "customer_id", "sequence", name=op.f("uq_ledger_entries_customer_id_sequence")
        ),
    )
    op.create_index("ix_ledger_entries_id", "ledger_entries", ["id"], unique=False)
    op.create_index("ix_ledger_entries_number", "ledger_entries", ["number"], unique=False)
    op.create_index(
        "ix_ledger_entries_transaction_date_id",
        "ledger_entries",
        ["transaction_date", "id"],
        unique=False,
    )
    op.create_table(
        "entry_lines",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("discount", sa.Numeric(), nullable=False),
        sa.Column("tax_rate", sa.Numeric(precision=5, scale=4), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "scale(discount) = currency_digits(currency) AND scale(total) = currency_digits(currency)",
            name=op.f("ck_entry_lines_exact_money"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "entry_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_entry_lines_customer_id_entry_id"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_entry_lines_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "entry_id", "line_number", name=op.f("pk_entry_lines")
        ),
    )
    op.create_table(
        "allocations",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("credit_id", sa.Uuid(), nullable=False),
        sa.Column("debit_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("undoes_id", sa.Uuid(), nullable=True),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("allocated_by", sa.Uuid(), nullable=False),
        sa.Column(
            "allocated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "amount <> 0 AND (amount < 0) = (undoes_id IS NOT NULL)",
            name=op.f("ck_allocations_sign"),
        ),
        sa.CheckConstraint(
            "scale(amount) = currency_digits(currency)", name=op.f("ck_allocations_exact_money")
        ),
        sa.ForeignKeyConstraint(
            ["allocated_by"], ["users.id"], name=op.f("fk_allocations_allocated_by")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "credit_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_allocations_customer_id_credit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "debit_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_allocations_customer_id_debit_id"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "undoes_id"],
            ["allocations.customer_id", "allocations.id"],
            name=op.f("fk_allocations_customer_id_undoes_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "id", name=op.f("pk_allocations")),
        sa.UniqueConstraint(
            "customer_id", "undoes_id", name=op.f("uq_allocations_customer_id_undoes_id")
        ),
    )
    op.create_index(
        "ix_allocations_credit", "allocations", ["customer_id", "credit_id"], unique=False
    )
    op.create_index(
        "ix_allocations_debit", "allocations", ["customer_id", "debit_id"], unique=False
    )
    op.create_table(
        "journal_lines",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "entry_id",
            sa.Uuid(),
            sa.Computed(
                "CASE WHEN source = 'ENTRY'::text THEN source_id ELSE NULL::uuid END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column(
            "allocation_id",
            sa.Uuid(),
            sa.Computed(
                "CASE WHEN source = 'ALLOCATION'::text THEN source_id ELSE NULL::uuid END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("debit", sa.Numeric(), nullable=False),
        sa.Column("credit", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "account IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES', 'CASH', 'REVENUE', 'SALES_RETURNS', 'TAX_PAYABLE', 'BAD_DEBT', 'ADJUSTMENTS', 'REFUNDS_PAYABLE', 'CHARGEBACK_LOSSES', 'FINANCE_INCOME', 'OPENING_EQUITY', 'TRANSFERS', 'INVENTORY', 'COST_OF_GOODS_SOLD')",
            name=op.f("ck_journal_lines_account_known"),
        ),
        sa.CheckConstraint(
            "source IN ('ENTRY', 'ALLOCATION')", name=op.f("ck_journal_lines_source_known")
        ),
        sa.CheckConstraint(
            "debit >= 0 AND credit >= 0 AND (debit = 0) <> (credit = 0)",
            name=op.f("ck_journal_lines_one_side"),
        ),
        sa.CheckConstraint(
            "scale(debit) = currency_digits(currency) AND scale(credit) = currency_digits(currency)",
            name=op.f("ck_journal_lines_exact_money"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "allocation_id"],
            ["allocations.customer_id", "allocations.id"],
            name=op.f("fk_journal_lines_customer_id_allocation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "entry_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_journal_lines_customer_id_entry_id"),
        ),
        sa.PrimaryKeyConstraint(
            "customer_id", "source_id", "line_number", name=op.f("pk_journal_lines")
        ),
    )
    op.create_table(
        "open_items",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("is_debit", sa.Boolean(), nullable=False),
        sa.Column("open_amount", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.CheckConstraint("open_amount > 0", name=op.f("ck_open_items_something_open")),
        sa.CheckConstraint(
            "scale(open_amount) = currency_digits(currency)", name=op.f("ck_open_items_exact_money")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id", "entry_id"],
            ["ledger_entries.customer_id", "ledger_entries.id"],
            name=op.f("fk_open_items_customer_id_entry_id"),
        ),
        sa.PrimaryKeyConstraint("customer_id", "entry_id", name=op.f("pk_open_items")),
    )
    op.create_index(
        "ix_open_items_due",
        "open_items",
        ["due_date"],
        unique=False,
        postgresql_where=sa.text("is_debit"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(), nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_idempotency_keys_actor_id")
        ),
        sa.PrimaryKeyConstraint("actor_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("policy_version", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('DONE', 'REPLAYED', 'REFUSED')", name=op.f("ck_audit_events_outcome_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(
        "ix_audit_events_customer_id_id", "audit_events", ["customer_id", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("audit_events")
    op.drop_table("idempotency_keys")
    op.drop_table("open_items")
    op.drop_table("journal_lines")
    op.drop_table("allocations")
    op.drop_table("entry_lines")
    op.drop_table("ledger_entries")
    op.drop_table("accounts")

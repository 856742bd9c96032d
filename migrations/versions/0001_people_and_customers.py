"""People, customers, products, periods, policy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# The smallest unit of each ISO 4217 currency that is not a hundredth: frozen here as it was when the
# amounts were written; a new currency is a new migration that replaces the function.
# Not STRICT: PostgreSQL can then put the CASE itself into checks and queries, which saves a call of
# the function for every amount (a posting checks thirteen of them). No currency is null.
CURRENCY_DIGITS = """
CREATE FUNCTION currency_digits(code text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN code IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND',
                  'VUV', 'XAF', 'XOF', 'XPF') THEN 0
    WHEN code IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3
    ELSE 2
END
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(CURRENCY_DIGITS)
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_index(op.f("ix_teams_manager_id"), "teams", ["manager_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("access_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("cardinality(roles) > 0", name=op.f("ck_users_has_a_role")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_users_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index(op.f("ix_users_team_id"), "users", ["team_id"], unique=False)
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("business_name", sa.Text(collation="C"), nullable=False),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("address_city", sa.Text(), nullable=True),
        sa.Column("address_region", sa.Text(), nullable=True),
        sa.Column("address_postal_code", sa.Text(), nullable=True),
        sa.Column("address_country", sa.Text(), nullable=True),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("customer_type", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payment_terms_days", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), server_default="ACTIVE", nullable=False),
        sa.Column("assigned_to", sa.Uuid(), nullable=True),
        sa.Column(
            "tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("receive_emails", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("receive_sms", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=True),
        sa.Column("quiet_until", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'DELETED') = (deleted_at IS NOT NULL)",
            name=op.f("ck_customers_deleted_when"),
        ),
        sa.CheckConstraint(
            "customer_type IN ('INDIVIDUAL', 'RETAIL', 'WHOLESALE', 'DISTRIBUTOR', 'BUSINESS')",
            name=op.f("ck_customers_customer_type_known"),
        ),
        sa.CheckConstraint(
            "status IN ('ACTIVE', 'SUSPENDED', 'MERGED', 'DELETED', 'ARCHIVED')",
            name=op.f("ck_customers_status_known"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(address_line1, address_city, address_country) IN (0, 3)",
            name=op.f("ck_customers_address_whole"),
        ),
        sa.CheckConstraint(
            "payment_terms_days BETWEEN 0 AND 365", name=op.f("ck_customers_payment_terms_in_range")
        ),
        sa.ForeignKeyConstraint(
            ["assigned_to"], ["users.id"], name=op.f("fk_customers_assigned_to")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("code", name=op.f("uq_customers_code")),
        sa.UniqueConstraint("id", "currency", name=op.f("uq_customers_id_currency")),
    )
    op.create_index("ix_customers_assigned_to", "customers", ["assigned_to", "id"], unique=False)
    op.create_index(
        "ix_customers_business_name_id", "customers", ["business_name", "id"], unique=False
    )
    op.create_index(
        "ix_customers_business_name_trgm",
        "customers",
        ["business_name"],
        unique=False,
        postgresql_ops={"business_name": "gin_trgm_ops"},
        postgresql_using="gin",
    )
    op.create_index(
        "ix_customers_code_trgm",
        "customers",
        ["code"],
        unique=False,
        postgresql_ops={"code": "gin_trgm_ops"},
        postgresql_using="gin",
    )
    op.create_index(
        "ix_customers_email_trgm",
        "customers",
        ["email"],
        unique=False,
        postgresql_ops={"email": "gin_trgm_ops"},
        postgresql_using="gin",
    )
    op.create_index(
        "ix_customers_phone_trgm",
        "customers",
        ["phone"],
        unique=False,
        postgresql_ops={"phone": "gin_trgm_ops"},
        postgresql_using="gin",
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=19, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "tax_rate",
            sa.Numeric(precision=5, scale=4),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("cost", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column(
            "stock_on_hand",
            sa.Numeric(precision=19, scale=4),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "tax_rate BETWEEN 0 AND 1", name=op.f("ck_products_tax_rate_is_a_fraction")
        ),
        sa.CheckConstraint(
            "unit_price >= 0 AND cost >= 0", name=op.f("ck_products_prices_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("sku", name=op.f("uq_products_sku")),
    )
    op.create_table(
        "accounting_periods",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("during", postgresql.DATERANGE(), nullable=False),
        sa.Column("status", sa.Text(), server_default="OPEN", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_by", sa.Uuid(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('OPEN', 'CLOSING', 'CLOSED', 'LOCKED')",
            name=op.f("ck_accounting_periods_status_known"),
        ),
        sa.CheckConstraint(
            "type IN ('MONTHLY', 'QUARTERLY', 'YEARLY')",
            name=op.f("ck_accounting_periods_type_known"),
        ),
        sa.ForeignKeyConstraint(
            ["closed_by"], ["users.id"], name=op.f("fk_accounting_periods_closed_by")
        ),
        sa.ForeignKeyConstraint(
            ["locked_by"], ["users.id"], name=op.f("fk_accounting_periods_locked_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_periods")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refresh_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(
        op.f("ix_refresh_tokens_family_id"), "refresh_tokens", ["family_id"], unique=False
    )
    op.create_index(op.f("ix_refresh_tokens_user_id"), "refresh_tokens", ["user_id"], unique=False)
    op.create_table(
        "policy_rules",
        sa.Column("id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "action IN ('read', 'write', 'execute')", name=op.f("ck_policy_rules_action_known")
        ),
        sa.CheckConstraint(
            "effect IN ('ALLOW', 'MASK', 'DENY')", name=op.f("ck_policy_rules_effect_known")
        ),
        sa.CheckConstraint(
            "scope IN ('ALL', 'TEAM', 'OWN', 'SELF', 'NONE')",
            name=op.f("ck_policy_rules_scope_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_rules")),
    )
    op.create_table(
        "policy_state",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_policy_state_only_one")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_policy_state")),
    )
    op.create_foreign_key("fk_teams_manager_id", "teams", "users", ["manager_id"], ["id"])
    op.create_foreign_key("fk_users_customer_id", "users", "customers", ["customer_id"], ["id"])
    op.execute(
        "ALTER TABLE accounting_periods "
        "ADD CONSTRAINT uq_accounting_periods_type_during UNIQUE (type, during WITHOUT OVERLAPS), "
        "ADD CONSTRAINT ck_accounting_periods_during_bounded CHECK "
        "(NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during))"
    )
    op.execute("INSERT INTO policy_state DEFAULT VALUES")


def downgrade() -> None:
    op.drop_constraint("fk_users_customer_id", "users")
    op.drop_constraint("fk_teams_manager_id", "teams")
    op.drop_table("policy_state")
    op.drop_table("policy_rules")
    op.drop_table("refresh_tokens")
    op.drop_table("accounting_periods")
    op.drop_table("products")
    op.drop_table("customers")
    op.drop_table("users")
    op.drop_table("teams")
    op.execute("DROP FUNCTION currency_digits")

"""Versions of what is saved whole, a series of customers' codes, and who set how users log in."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

APP = "customer_flow_app"
READ = "customer_flow_read"


def upgrade() -> None:
    for table in ("users", "teams", "products"):
        op.add_column(
            table, sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False)
        )
    op.execute(f"GRANT SELECT (version) ON users TO {READ}")
    op.create_table(
        "customer_codes",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_customer_codes_only_one")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_customer_codes")),
    )
    op.execute("INSERT INTO customer_codes DEFAULT VALUES")
    op.execute(f"GRANT SELECT, UPDATE ON customer_codes TO {APP}")
    op.create_index(
        "ix_audit_events_saved_user",
        "audit_events",
        ["subject_id"],
        unique=False,
        postgresql_where=sa.text("action = 'saveUser' AND subject_type = 'User'"),
    )


def downgrade() -> None:
    op.drop_index("ix_audit_events_saved_user", "audit_events")
    op.drop_table("customer_codes")
    for table in ("users", "teams", "products"):
        op.drop_column(table, "version")

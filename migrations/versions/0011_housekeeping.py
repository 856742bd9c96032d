"""Let the application delete finished work: messages, scheduled runs, expired refresh tokens.

Inbox rows it may delete already. The index is for the foreign key, which is looked up for every
message that goes.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

APP = "customer_flow_app"
DELETABLE = ("outbox", "refresh_tokens", "scheduled_runs")


def upgrade() -> None:
    op.create_index(
        op.f("ix_scheduled_runs_message_id"), "scheduled_runs", ["message_id"], unique=False
    )
    for table in DELETABLE:
        op.execute(f"GRANT DELETE ON {table} TO {APP}")


def downgrade() -> None:
    for table in DELETABLE:
        op.execute(f"REVOKE DELETE ON {table} FROM {APP}")
    op.drop_index(op.f("ix_scheduled_runs_message_id"), table_name="scheduled_runs")

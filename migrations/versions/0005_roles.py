"""Three roles: the one that migrates owns everything, one may append and project, one may only read.

Roles belong to the whole cluster and may serve other databases: downgrade takes their rights here
away and leaves the roles.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APP = "customer_flow_app"
READ = "customer_flow_read"

APPEND_ONLY = ("ledger_entries", "entry_lines", "allocations", "journal_lines", "audit_events")
CHANGEABLE = (
    "accounts",
    "accounting_periods",
    "customers",
    "drift_findings",
    "idempotency_keys",
    "outbox",
    "policy_rules",
    "policy_state",
    "products",
    "reconciliation_runs",
    "refresh_tokens",
    "scheduled_runs",
    "teams",
    "users",
)
DELETABLE = ("inbox", "open_items", "policy_rules")
READABLE = (
    *APPEND_ONLY,
    "accounts",
    "accounting_periods",
    "customers",
    "drift_findings",
    "open_items",
    "policy_rules",
    "policy_state",
    "products",
    "reconciliation_runs",
    "teams",
)
# Everything about a user but the hash of the password.
READABLE_USER_COLUMNS = (
    "id, email, name, roles, team_id, customer_id, is_active, access_version, created_at"
)


def create_role(name: str) -> str:
    """Another database of the cluster may have made it, or be making it right now."""
    return f"""
    DO $$ BEGIN
        CREATE ROLE {name} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$
    """


def upgrade() -> None:
    for role in (APP, READ):
        op.execute(create_role(role))
        op.execute(f"GRANT {role} TO CURRENT_USER")
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        op.execute(f"GRANT SELECT ON alembic_version TO {role}")
    op.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {APP}")
    for table in APPEND_ONLY:
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {APP}")
    for table in (*CHANGEABLE, "inbox", "open_items"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {APP}")
    for table in DELETABLE:
        op.execute(f"GRANT DELETE ON {table} TO {APP}")
    for table in READABLE:
        op.execute(f"GRANT SELECT ON {table} TO {READ}")
    op.execute(f"GRANT SELECT ({READABLE_USER_COLUMNS}) ON users TO {READ}")


def downgrade() -> None:
    for role in (APP, READ):
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        op.execute(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}")
        op.execute(f"REVOKE ALL ON SCHEMA public FROM {role}")
        op.execute(f"REVOKE ALL (password_hash) ON users FROM {role}")
        op.execute(f"REVOKE ALL ({READABLE_USER_COLUMNS}) ON users FROM {role}")

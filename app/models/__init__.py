"""The tables, as SQLAlchemy Core sees them; what Core cannot express is in the migrations."""

from app.models.access import policy_rules, policy_state, refresh_tokens
from app.models.customers import accounts, customer_codes, customers
from app.models.folding import case_folded
from app.models.ledger import allocations, entry_lines, journal_lines, ledger_entries, open_items
from app.models.messages import inbox, outbox, scheduled_runs
from app.models.metadata import metadata
from app.models.people import teams, users
from app.models.periods import accounting_periods
from app.models.products import products
from app.models.reconciliation import drift_findings, reconciliation_runs
from app.models.trail import audit_events, idempotency_keys

__all__ = [
    "accounting_periods",
    "accounts",
    "allocations",
    "audit_events",
    "case_folded",
    "customer_codes",
    "customers",
    "drift_findings",
    "entry_lines",
    "idempotency_keys",
    "inbox",
    "journal_lines",
    "ledger_entries",
    "metadata",
    "open_items",
    "outbox",
    "policy_rules",
    "policy_state",
    "products",
    "reconciliation_runs",
    "refresh_tokens",
    "scheduled_runs",
    "teams",
    "users",
]

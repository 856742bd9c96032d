"""Every lock that a write takes, in the one order that all writes keep.

1. The idempotency key: the row itself, inserted; a second holder of the key waits for the first.
2. The period gate: an advisory lock. Posting takes it shared, closing a period exclusively, so no
   entry slips in while the check-list runs. One gate for all periods, not one per month: an
   allocation is dated by the entries it joins, which are read under the account lock, so a posting
   cannot know its months when it has to take the gate. Shared holders never wait for each other.
3. Customer accounts, by customer id. Whatever changes a customer takes its account row first, even
   where no figure changes: a customer's status and assignment stand still while it is posted to.
4. Products, by id.

Retried as a whole on deadlock; with this order our own statements cannot cause one.
"""

from sqlalchemy import text

from app.infra.database import Statement

ADVISORY_CLASS = 7_220
"""First key of every two-key advisory lock of this program (migrations use a one-key lock)."""

PERIOD_GATE = 1
"""Second key: the gate of all accounting periods."""

GATE_SHARED = f"pg_advisory_xact_lock_shared({ADVISORY_CLASS}, {PERIOD_GATE})"
"""SQL that waits until no period is being closed and keeps it so to the end of the transaction."""

ACCOUNTS_BY_ID = "ORDER BY accounts.customer_id FOR NO KEY UPDATE OF accounts"
"""SQL tail that locks account rows: as strong as the update that follows, and no stronger."""

LOCK_ACCOUNT = Statement(
    text(
        "SELECT customer_id, currency, pending, advance FROM accounts "
        "WHERE accounts.customer_id = CAST(:customer_id AS uuid) FOR NO KEY UPDATE"
    )
)
"""Locks one account and returns its figures as they are now."""

LOCK_GATE = Statement(
    text(f"SELECT CAST(pg_advisory_xact_lock({ADVISORY_CLASS}, {PERIOD_GATE}) AS text)")
)
"""Waits for every posting that runs and keeps new ones out: for whatever changes the periods."""

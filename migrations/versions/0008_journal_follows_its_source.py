"""Refuse journal lines that balance, and yet are not what their entry or allocation says."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Asked of every line: those that are added to an entry of years ago are judged like those of today.
FOLLOWS_ITS_SOURCE = """
CREATE OR REPLACE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    difference numeric;
    receivable numeric;
    advances numeric;
    is_mixed boolean;
    amount numeric;
BEGIN
    SELECT sum(debit - credit),
        coalesce(sum(debit - credit) FILTER (WHERE account = 'ACCOUNTS_RECEIVABLE'), 0),
        coalesce(sum(credit - debit) FILTER (WHERE account = 'CUSTOMER_ADVANCES'), 0),
        bool_or(currency <> NEW.currency)
    INTO difference, receivable, advances, is_mixed
    FROM journal_lines
    WHERE customer_id = NEW.customer_id AND source_id = NEW.source_id;
    IF difference <> 0 THEN
        RAISE EXCEPTION 'journal of % is out of balance by %', NEW.source_id, difference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balances';
    END IF;
    -- What is owed moves receivable, what is advance moves advances; an allocation takes from both.
    IF NEW.source = 'ENTRY' THEN
        SELECT entry.amount INTO amount FROM ledger_entries entry
        WHERE entry.customer_id = NEW.customer_id AND entry.id = NEW.source_id
            AND entry.currency = NEW.currency;
        receivable := receivable - greatest(amount, 0);
        advances := advances + least(amount, 0);
    ELSE
        SELECT allocation.amount INTO amount FROM allocations allocation
        WHERE allocation.customer_id = NEW.customer_id AND allocation.id = NEW.source_id
            AND allocation.currency = NEW.currency;
        receivable := receivable + amount;
        advances := advances + amount;
    END IF;
    IF is_mixed OR amount IS NULL OR receivable <> 0 OR advances <> 0 THEN
        RAISE EXCEPTION 'journal of % does not follow its source', NEW.source_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_follows_source';
    END IF;
    RETURN NULL;
END $$
"""

BALANCES = """
CREATE OR REPLACE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE difference numeric;
BEGIN
    SELECT sum(debit) - sum(credit) INTO difference
    FROM journal_lines
    WHERE customer_id = NEW.customer_id AND source_id = NEW.source_id;
    IF difference <> 0 THEN
        RAISE EXCEPTION 'journal of % is out of balance by %', NEW.source_id, difference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balances';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(FOLLOWS_ITS_SOURCE)


def downgrade() -> None:
    op.execute(BALANCES)

"""Say of tax in the journal at which rate, and bound the credit notes against one debit."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# All credit notes against a debit are at most its amount, whoever writes them.
NOTES_WITHIN_DEBIT = """
CREATE FUNCTION credit_notes_within_debit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed numeric;
    credited numeric;
BEGIN
    SELECT debit.amount INTO owed FROM ledger_entries debit
    WHERE debit.customer_id = NEW.customer_id AND debit.id = NEW.related_entry_id;
    SELECT -sum(note.amount) INTO credited FROM ledger_entries note
    WHERE note.customer_id = NEW.customer_id AND note.related_entry_id = NEW.related_entry_id
        AND note.type = 'CREDIT_NOTE';
    IF credited > owed THEN
        RAISE EXCEPTION 'credit notes of % against % of %', credited, NEW.related_entry_id, owed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_notes_within_debit';
    END IF;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER credit_notes_within_debit AFTER INSERT ON ledger_entries
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.type = 'CREDIT_NOTE' AND NEW.related_entry_id IS NOT NULL)
EXECUTE FUNCTION credit_notes_within_debit()
"""

# What was booked before has one line of tax; where all taxed lines of its entry have one rate, that
# is its rate. A line of several rates stays as it is, and is taken back as one.
RATES = """
UPDATE journal_lines SET tax_rate = known.tax_rate
FROM (
    SELECT customer_id, entry_id, min(tax_rate) AS tax_rate
    FROM entry_lines WHERE tax_rate > 0
    GROUP BY customer_id, entry_id HAVING count(DISTINCT tax_rate) = 1
) AS known
WHERE journal_lines.account = 'TAX_PAYABLE'
    AND journal_lines.customer_id = known.customer_id
    AND journal_lines.source_id = known.entry_id
"""


def upgrade() -> None:
    op.add_column("journal_lines", sa.Column("tax_rate", sa.Numeric(5, 4), nullable=True))
    op.create_check_constraint(
        op.f("ck_journal_lines_rate_of_tax"),
        "journal_lines",
        "tax_rate IS NULL OR (account = 'TAX_PAYABLE' AND tax_rate > 0)",
    )
    op.execute("ALTER TABLE journal_lines DISABLE TRIGGER append_only")
    op.execute(RATES)
    op.execute("ALTER TABLE journal_lines ENABLE TRIGGER append_only")
    op.create_index(
        "ix_ledger_entries_related",
        "ledger_entries",
        ["customer_id", "related_entry_id"],
        unique=False,
        postgresql_where=sa.text("related_entry_id IS NOT NULL"),
    )
    op.execute(NOTES_WITHIN_DEBIT)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER credit_notes_within_debit ON ledger_entries")
    op.execute("DROP FUNCTION credit_notes_within_debit")
    op.drop_index("ix_ledger_entries_related", "ledger_entries")
    op.drop_constraint(op.f("ck_journal_lines_rate_of_tax"), "journal_lines")
    op.drop_column("journal_lines", "tax_rate")

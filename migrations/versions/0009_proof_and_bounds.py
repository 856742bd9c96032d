"""Let SQL recompute an entry's hash, and refuse a list that is longer than an answer may be."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The encoding of app/domain/hashing.py, version 1: a value's UTF-8 bytes after their number.
HASHED_TEXT = r"""
CREATE FUNCTION hashed_text(value text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN value IS NULL THEN '\xffffffff'::bytea
    ELSE int4send(octet_length(convert_to(value, 'UTF8'))) || convert_to(value, 'UTF8')
END
"""

# What the application cannot write it can be made to read. Only a date of our calendar may look
# like one, and a verification must not fail over what it is there to find.
HASHED_DATE = """
CREATE FUNCTION hashed_date(day date) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN isfinite(day) AND day >= '0001-01-01' THEN to_char(day, 'YYYY-MM-DD') ELSE day::text
END
"""
HASHED_INSTANT = """
CREATE FUNCTION hashed_instant(instant timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN isfinite(instant) THEN (extract(epoch FROM instant) * 1000000)::numeric(30, 0)::text
    ELSE instant::text
END
"""

# Reconciliation plans its statements by their values, and would plan the body anew for each entry,
# which takes six times as long as hashing it.
ENTRY_HASH = r"""
CREATE FUNCTION entry_hash(entry ledger_entries) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
SET plan_cache_mode = force_generic_plan
RETURN sha256(
    '\x01'::bytea || entry.previous_hash
    || hashed_text(entry.customer_id::text)
    || hashed_text(entry.sequence::text)
    || hashed_text(entry.number)
    || hashed_text(entry.type)
    || hashed_text(entry.amount::text)
    || hashed_text(entry.currency)
    || hashed_text(hashed_date(entry.transaction_date))
    || hashed_text(hashed_date(entry.due_date))
    || hashed_text(hashed_instant(entry.posted_at))
    || hashed_text(entry.payment_method)
    || hashed_text(entry.reference_type)
    || hashed_text(entry.related_entry_id::text)
    || (
        SELECT hashed_text(count(*)::text) || coalesce(
            string_agg(
                hashed_text(line.product_id::text)
                || hashed_text(line.quantity::text)
                || hashed_text(line.unit_price::text)
                || hashed_text(line.discount::text)
                || hashed_text(line.tax_rate::text)
                || hashed_text(line.total::text),
                ''::bytea ORDER BY line.line_number
            ),
            ''::bytea
        )
        FROM entry_lines line
        WHERE line.customer_id = entry.customer_id AND line.entry_id = entry.id
    )
)
"""

# CF001 is ours: the planner answers it as a refusal at `place`.
AT_MOST = """
CREATE FUNCTION at_most(counted bigint, allowed bigint, advice text, place text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF counted > allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'CF001', MESSAGE = advice, DETAIL = place;
    END IF;
    RETURN true;
END $$
"""


def upgrade() -> None:
    op.execute(HASHED_TEXT)
    op.execute(HASHED_DATE)
    op.execute(HASHED_INSTANT)
    op.execute(ENTRY_HASH)
    op.execute(AT_MOST)


def downgrade() -> None:
    op.execute("DROP FUNCTION at_most")
    op.execute("DROP FUNCTION entry_hash")
    op.execute("DROP FUNCTION hashed_instant")
    op.execute("DROP FUNCTION hashed_date")
    op.execute("DROP FUNCTION hashed_text")

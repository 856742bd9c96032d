"""What the database itself refuses: changed history, an unbalanced journal, a broken chain."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = ("ledger_entries", "entry_lines", "allocations", "journal_lines", "audit_events")

ENTRY_TYPES = (
    "opening_balance",
    "invoice",
    "debit_note",
    "finance_charge",
    "payment",
    "credit_note",
    "refund",
    "adjustment",
    "write_off",
    "reversal",
    "chargeback",
    "transfer",
)

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

# Deferred to commit: the lines of one source may be written in any order, by any statement.
JOURNAL_BALANCES = """
CREATE FUNCTION journal_balances() RETURNS trigger LANGUAGE plpgsql AS $$
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

# Receivable less advances moves by exactly the entry's amount, and the entry continues its chain.
ENTRY_IS_BOOKED = """
CREATE FUNCTION entry_is_booked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved numeric;
BEGIN
    SELECT coalesce(sum(debit - credit), 0) INTO moved
    FROM journal_lines
    WHERE customer_id = NEW.customer_id AND source_id = NEW.id
        AND account IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES');
    IF moved <> NEW.amount THEN
        RAISE EXCEPTION 'entry % is % but its journal moves %', NEW.id, NEW.amount, moved
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_is_booked';
    END IF;
    IF NEW.sequence = 1 THEN
        IF NEW.previous_hash <> decode(repeat('00', 32), 'hex') THEN
            RAISE EXCEPTION 'entry % begins its chain from something', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_continues_chain';
        END IF;
    ELSIF NOT EXISTS (
        SELECT FROM ledger_entries previous
        WHERE previous.customer_id = NEW.customer_id
            AND previous.sequence = NEW.sequence - 1
            AND previous.hash = NEW.previous_hash
    ) THEN
        RAISE EXCEPTION 'entry % does not continue its chain', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_continues_chain';
    END IF;
    RETURN NULL;
END $$
"""

# A credit against a debit, never more than either has; a counter-allocation mirrors its original.
ALLOCATION_IS_SOUND = """
CREATE FUNCTION allocation_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    credit_amount numeric;
    debit_amount numeric;
    used_credit numeric;
    used_debit numeric;
    receivable numeric;
    advances numeric;
BEGIN
    SELECT amount INTO credit_amount FROM ledger_entries
    WHERE customer_id = NEW.customer_id AND id = NEW.credit_id AND currency = NEW.currency;
    SELECT amount INTO debit_amount FROM ledger_entries
    WHERE customer_id = NEW.customer_id AND id = NEW.debit_id AND currency = NEW.currency;
    SELECT sum(amount) INTO used_credit FROM allocations
    WHERE customer_id = NEW.customer_id AND credit_id = NEW.credit_id;
    SELECT sum(amount) INTO used_debit FROM allocations
    WHERE customer_id = NEW.customer_id AND debit_id = NEW.debit_id;
    IF credit_amount IS NULL OR debit_amount IS NULL OR credit_amount > 0 OR debit_amount < 0
        OR used_credit NOT BETWEEN 0 AND -credit_amount
        OR used_debit NOT BETWEEN 0 AND debit_amount
    THEN
        RAISE EXCEPTION 'allocation % uses more than there is', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_within_open';
    END IF;
    IF NEW.undoes_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM allocations original
        WHERE original.customer_id = NEW.customer_id AND original.id = NEW.undoes_id
            AND original.credit_id = NEW.credit_id AND original.debit_id = NEW.debit_id
            AND original.amount = -NEW.amount AND original.undoes_id IS NULL
    ) THEN
        RAISE EXCEPTION 'allocation % does not mirror what it undoes', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_mirrors';
    END IF;
    SELECT coalesce(sum(credit - debit) FILTER (WHERE account = 'ACCOUNTS_RECEIVABLE'), 0),
        coalesce(sum(debit - credit) FILTER (WHERE account = 'CUSTOMER_ADVANCES'), 0)
    INTO receivable, advances
    FROM journal_lines
    WHERE customer_id = NEW.customer_id AND source_id = NEW.id;
    IF receivable <> NEW.amount OR advances <> NEW.amount THEN
        RAISE EXCEPTION 'allocation % is not booked', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_is_booked';
    END IF;
    RETURN NULL;
END $$
"""

RAISE_ACCESS_VERSION = """
CREATE FUNCTION raise_access_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.access_version := OLD.access_version + 1;
    RETURN NEW;
END $$
"""

RAISE_POLICY_VERSION = """
CREATE FUNCTION raise_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE policy_state SET version = version + 1;
    RETURN NULL;
END $$
"""

# NOTIFY serialises commits, so only work that somebody waits for wakes the relay; the rest is polled.
WAKE_RELAY = """
CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END $$
"""

TRIGGERS = (
    *(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in APPEND_ONLY
    ),
    "CREATE CONSTRAINT TRIGGER journal_balances AFTER INSERT ON journal_lines "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION journal_balances()",
    "CREATE CONSTRAINT TRIGGER entry_is_booked AFTER INSERT ON ledger_entries "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION entry_is_booked()",
    "CREATE CONSTRAINT TRIGGER allocation_is_sound AFTER INSERT ON allocations "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION allocation_is_sound()",
    "CREATE TRIGGER raise_access_version BEFORE UPDATE ON users FOR EACH ROW "
    "WHEN ((OLD.roles, OLD.team_id, OLD.customer_id, OLD.is_active, OLD.password_hash) "
    "IS DISTINCT FROM (NEW.roles, NEW.team_id, NEW.customer_id, NEW.is_active, NEW.password_hash)) "
    "EXECUTE FUNCTION raise_access_version()",
    "CREATE TRIGGER raise_policy_version AFTER INSERT OR UPDATE OR DELETE ON policy_rules "
    "FOR EACH STATEMENT EXECUTE FUNCTION raise_policy_version()",
    "CREATE TRIGGER wake_relay AFTER INSERT ON outbox FOR EACH ROW "
    "WHEN (NEW.topic LIKE 'job.%') EXECUTE FUNCTION wake_relay()",
)

FUNCTIONS = (
    REFUSE_CHANGE,
    JOURNAL_BALANCES,
    ENTRY_IS_BOOKED,
    ALLOCATION_IS_SOUND,
    RAISE_ACCESS_VERSION,
    RAISE_POLICY_VERSION,
    WAKE_RELAY,
)


def upgrade() -> None:
    for entry_type in ENTRY_TYPES:
        op.execute(f"CREATE SEQUENCE entry_number_{entry_type}")
    for statement in (*FUNCTIONS, *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for trigger, table in (
        *(("append_only", table) for table in APPEND_ONLY),
        ("journal_balances", "journal_lines"),
        ("entry_is_booked", "ledger_entries"),
        ("allocation_is_sound", "allocations"),
        ("raise_access_version", "users"),
        ("raise_policy_version", "policy_rules"),
        ("wake_relay", "outbox"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in (
        "refuse_change",
        "journal_balances",
        "entry_is_booked",
        "allocation_is_sound",
        "raise_access_version",
        "raise_policy_version",
        "wake_relay",
    ):
        op.execute(f"DROP FUNCTION {function}")
    for entry_type in ENTRY_TYPES:
        op.execute(f"DROP SEQUENCE entry_number_{entry_type}")

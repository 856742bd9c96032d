"""The first statement of a posting: every lock, in order, in one round trip."""

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import text

from app.domain.subledger import AccountState
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.policies.conditions import ScopeCondition
from app.services.ledger.viewing import customer_predicate
from app.services.locks import ACCOUNTS_BY_ID, GATE_SHARED


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """What the locks gave: whether the key is new, and the accounts that exist for the actor."""

    key_is_new: bool
    accounts: dict[UUID, AccountState]


async def lock(
    tx: Transaction,
    actor: Actor,
    rows: ScopeCondition,
    *,
    key: str,
    operation: str,
    input_hash: bytes,
    customer_ids: list[UUID],
) -> Locked:
    """Take key, period gate and accounts. One the actor may not see is neither locked nor told.

    The account rows are as of the end of the waiting, since a row lock reads its row again. Nothing
    else of this statement is: its snapshot is older than its waits.
    """
    records = await tx.fetch(
        _statement(rows),
        actor_id=actor.user_id,
        key=key,
        operation=operation,
        input_hash=input_hash,
        customer_ids=customer_ids,
        viewer_id=actor.user_id,
        viewer_customer_id=actor.customer_id,
    )
    return Locked(
        key_is_new=bool(records[0]["key_is_new"]),
        accounts={
            record["customer_id"]: AccountState(
                customer_id=record["customer_id"],
                currency=record["currency"],
                pending=record["pending"],
                advance=record["advance"],
                sequence=record["sequence"],
                head_hash=record["head_hash"],
            )
            for record in records
            if record["customer_id"] is not None
        },
    )


# PostgreSQL promises no order of evaluation between the parts of a statement, so each lock is made
# to need a value that only the lock before it can give: `gate` reads the count of claimed keys,
# `locked` filters by what taking the gate returned. The outer join keeps a row without accounts.
_LOCK = """
WITH claimed AS (
    INSERT INTO idempotency_keys (actor_id, key, operation, input_hash)
    VALUES (CAST(:actor_id AS uuid), :key, :operation, :input_hash)
    ON CONFLICT (actor_id, key) DO NOTHING
    RETURNING key
),
keyed AS MATERIALIZED (
    SELECT count(*) = 1 AS key_is_new FROM claimed
),
gate AS MATERIALIZED (
    SELECT keyed.key_is_new, CAST({gate} AS text) AS passed FROM keyed
)
SELECT gate.key_is_new, locked.*
FROM gate LEFT JOIN LATERAL (
    SELECT accounts.customer_id, accounts.currency, accounts.pending, accounts.advance,
        accounts.sequence, accounts.head_hash
    FROM accounts JOIN customers ON customers.id = accounts.customer_id
    WHERE accounts.customer_id = ANY(CAST(:customer_ids AS uuid[]))
        AND gate.passed IS NOT NULL
        AND ({visible})
    {tail}
) AS locked ON true
"""


@lru_cache(maxsize=256)
def _statement(rows: ScopeCondition) -> Statement:
    return Statement(
        text(_LOCK.format(gate=GATE_SHARED, visible=customer_predicate(rows), tail=ACCOUNTS_BY_ID))
    )

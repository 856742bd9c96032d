"""A run, chunk by chunk. Every chunk is one transaction: findings, proofs, progress and cursor.

A chunk whose check fails is rolled back and tried again as the message's next attempt: a set-based
statement cannot tell which customer it was. When the attempts are used up the run is FAILED, says
why in `failures`, and keeps what it found until then.
"""

from uuid import UUID

import orjson
import structlog
from sqlalchemy import text

from app.domain.reconciliation import Drift, drift
from app.infra.database import Row, Statement, Transaction
from app.services import outbox
from app.services.reconciliation.check import FIRST, count_in_scope, mark_verified, read_chunk

CHUNK = 500

log = structlog.get_logger(__name__)

_LOCK = Statement(
    text(
        "SELECT status, incremental, customer_ids, cursor, customers_checked, discrepancies "
        "FROM reconciliation_runs WHERE id = :id AND status IN ('QUEUED', 'RUNNING') FOR UPDATE"
    )
)
_BEGIN = Statement(
    text(
        "UPDATE reconciliation_runs SET status = 'RUNNING', started_at = clock_timestamp(), "
        "customers_total = CAST(:total AS integer) WHERE id = :id"
    )
)
_ADVANCE = Statement(
    text("""
    UPDATE reconciliation_runs
    SET cursor = coalesce(CAST(:cursor AS uuid), cursor),
        customers_checked = customers_checked + CAST(:checked AS integer),
        customers_total = greatest(customers_total, customers_checked + CAST(:checked AS integer)),
        discrepancies = discrepancies + CAST(:found AS integer)
    WHERE id = :id
    """)
)
# Accounts come into scope and leave it while the run goes on; in the end, what it checked was all.
_SUCCEED = Statement(
    text(
        "UPDATE reconciliation_runs SET status = 'SUCCEEDED', finished_at = clock_timestamp(), "
        "customers_total = customers_checked WHERE id = :id "
        "RETURNING customers_checked, discrepancies"
    )
)
_FAIL = Statement(
    text("""
    UPDATE reconciliation_runs
    SET status = 'FAILED', finished_at = clock_timestamp(),
        failures = failures || jsonb_build_array(jsonb_build_object(
            'subject', NULL, 'message', CAST(:message AS text), 'at', clock_timestamp()))
    WHERE id = :id AND status IN ('QUEUED', 'RUNNING')
    RETURNING customers_checked, discrepancies
    """)
)
_INSERT_FINDING = Statement(
    text("""
    INSERT INTO drift_findings (customer_id, run_id, currency, stored_pending, computed_pending,
        stored_advance, computed_advance, figures, first_divergent_entry_id)
    VALUES (:customer_id, :run_id, :currency, :stored_pending, :computed_pending,
        :stored_advance, :computed_advance, CAST(:figures AS jsonb), :entry_id)
    """)
)


async def advance_run(tx: Transaction, run_id: UUID) -> bool:
    """Check the next chunk; true when the run is over. A run that is over is left alone."""
    run = await tx.fetchrow(_LOCK, id=run_id)
    if run is None:
        return True
    await tx.plan_by_values()
    scope = {"customers": run["customer_ids"], "incremental": run["incremental"]}
    if run["status"] == "QUEUED":
        await tx.execute(_BEGIN, id=run_id, total=await count_in_scope(tx, **scope))
    checked = await read_chunk(tx, after=run["cursor"] or FIRST, size=CHUNK, **scope)
    found = [each for each in map(drift, checked) if each is not None]
    drifted = {each.facts.customer_id for each in found}
    await _record(tx, run_id, found)
    await tx.execute(
        _ADVANCE,
        id=run_id,
        cursor=checked[-1].customer_id if checked else None,
        checked=len(checked),
        found=len(found),
    )
    is_last = len(checked) < CHUNK
    if is_last:
        await _close(tx, run_id, await tx.fetchrow(_SUCCEED, id=run_id))
    # Last, because it locks accounts that postings wait for.
    await mark_verified(tx, [facts for facts in checked if facts.customer_id not in drifted])
    return is_last


async def fail_run(tx: Transaction, run_id: UUID, message: str) -> None:
    """End a run that cannot go on. `message` holds no personal data."""
    await _close(tx, run_id, await tx.fetchrow(_FAIL, id=run_id, message=message))


async def _record(tx: Transaction, run_id: UUID, found: list[Drift]) -> None:
    if not found:
        return
    await tx.execute_many(
        _INSERT_FINDING,
        [
            {
                "customer_id": each.facts.customer_id,
                "run_id": run_id,
                "currency": each.facts.currency,
                "stored_pending": each.facts.stored_pending,
                "computed_pending": each.facts.computed_pending,
                "stored_advance": each.facts.stored_advance,
                "computed_advance": each.facts.computed_advance,
                "figures": orjson.dumps(each.differences).decode(),
                "entry_id": each.first_divergent_entry_id,
            }
            for each in found
        ],
    )


async def _close(tx: Transaction, run_id: UUID, run: Row | None) -> None:
    """Raise the alert, once per run: in the log, and as an event that goes out with the commit."""
    if run is None or not run["discrepancies"]:
        return
    log.error(
        "balances differ from the sub-ledger",
        run_id=str(run_id),
        discrepancies=run["discrepancies"],
        customers_checked=run["customers_checked"],
    )
    await outbox.enqueue(tx, "event.drift_found", {"run_id": str(run_id)})

"""A run, step by step. Every step is one transaction: findings, proofs, progress and cursor.

A step looks at so many entries, of many customers or of a part of one: however much a customer has,
no step takes longer for it. What was found of a customer who goes on in the next step is carried
over in the run's row. A step that fails is rolled back and tried again, with fewer entries, as the
message's next attempt: a set-based statement cannot tell which customer it was. When the attempts
are used up the run is FAILED, says why in `failures`, and keeps what it found until then.
"""

from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import text

from app.domain.reconciliation import Drift, Tally, drift
from app.infra.database import Row, Statement, Transaction
from app.services import outbox
from app.services.reconciliation import scope
from app.services.reconciliation.check import (
    FIRST,
    Checked,
    Proved,
    check,
    entry_at,
    mark_verified,
)
from app.services.reconciliation.journals import Range, misbooked

STEP_ENTRIES = 4000
"""Most entries, and most accounts, of a step: about a second's work."""
FEWEST_ENTRIES = 50
"""Of a step that failed before, however often."""

log = structlog.get_logger(__name__)

_LOCK = Statement(
    text(
        "SELECT status, incremental, customer_ids, scope IS NOT NULL AS is_scoped, cursor, "
        "cursor_sequence, CAST(carried AS text) AS carried "
        "FROM reconciliation_runs WHERE id = :id AND status IN ('QUEUED', 'RUNNING') FOR UPDATE"
    )
)
_BEGIN = Statement(
    text(
        "UPDATE reconciliation_runs SET status = 'RUNNING', started_at = clock_timestamp(), "
        "customers_total = CASE WHEN incremental THEN 0 "
        "ELSE coalesce(cardinality(customer_ids), (SELECT count(*) FROM accounts)) END "
        "WHERE id = :id"
    )
)
_SET_SCOPE = Statement(
    text(
        "UPDATE reconciliation_runs SET scope = CAST(:scope AS uuid[]), "
        "customers_total = CAST(:total AS integer) WHERE id = :id"
    )
)
_ADVANCE = Statement(
    text("""
    UPDATE reconciliation_runs
    SET cursor = coalesce(CAST(:cursor AS uuid), cursor),
        cursor_sequence = CAST(:cursor_sequence AS bigint),
        carried = CAST(:carried AS jsonb),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """What came of the accounts that a step has finished, and of the one that goes on."""

    drifted: list[Drift]
    proved: list[Proved]
    going_on: Checked | None


async def advance_run(tx: Transaction, run_id: UUID, *, attempt: int = 1) -> bool:
    """Take the next step; true when the run is over. A run that is over is left alone.

    The first step only says that the run is RUNNING. `attempt`: how often this step has been begun.
    """
    run = await tx.fetchrow(_LOCK, id=run_id)
    if run is None:
        return True
    await tx.plan_by_values()
    if run["status"] == "QUEUED":
        await tx.execute(_BEGIN, id=run_id)
        return False
    if run["incremental"] and not run["is_scoped"]:
        found = await scope.find(tx, run["customer_ids"])
        await tx.execute(_SET_SCOPE, id=run_id, scope=found, total=len(found))
        return False
    size = max(FEWEST_ENTRIES, STEP_ENTRIES >> 2 * (attempt - 1))
    checked = await check(
        tx,
        run_id,
        after=run["cursor"] or FIRST,
        after_sequence=run["cursor_sequence"],
        is_restricted=run["incremental"] or run["customer_ids"] is not None,
        incremental=run["incremental"],
        size=size,
    )
    outcome = _judged(await _with_journals(tx, checked), _carried(run["carried"]))
    await _record(tx, run_id, outcome.drifted)
    last = outcome.going_on
    is_last = not checked
    await tx.execute(
        _ADVANCE,
        id=run_id,
        cursor=checked[-1].customer_id if checked else None,
        cursor_sequence=last.tally.last_sequence if last else None,
        carried=orjson.dumps(asdict(last.tally), default=_plain).decode() if last else None,
        checked=len(checked) - (1 if last else 0),
        found=len(outcome.drifted),
    )
    if is_last:
        await _close(tx, run_id, await tx.fetchrow(_SUCCEED, id=run_id))
    # Last, because it locks accounts that postings wait for.
    await mark_verified(tx, outcome.proved)
    return is_last


async def _with_journals(tx: Transaction, checked: list[Checked]) -> list[Checked]:
    """The same, with what is booked wrong of the entries that were looked at."""
    ranges = [
        Range(
            customer_id=each.customer_id,
            after=each.from_sequence,
            until=each.tally.last_sequence,
        )
        for each in checked
    ]
    tallies = {each.customer_id: each.tally for each in checked}
    for wrong in await misbooked(tx, ranges):
        found = tallies[wrong.customer_id]
        tallies[wrong.customer_id] = found.with_fault(wrong.sequence, wrong.entry_id)
    return [replace(each, tally=tallies[each.customer_id]) for each in checked]


def _judged(checked: list[Checked], carried: Tally | None) -> _Outcome:
    outcome = _Outcome(drifted=[], proved=[], going_on=None)
    for each in checked:
        tally = each.tally
        if carried is not None and each is checked[0]:
            tally = carried.then(tally)
        if each.whole is None:
            return replace(outcome, going_on=replace(each, tally=tally))
        found = drift(each.whole, tally)
        if found is not None:
            outcome.drifted.append(found)
        else:
            outcome.proved.append(
                Proved(
                    customer_id=each.customer_id,
                    change_number=tally.change_number,
                    sequence=tally.last_sequence,
                    hash=tally.last_hash,
                )
            )
    return outcome


def _carried(text_: str | None) -> Tally | None:
    """A tally as the step before has left it."""
    if text_ is None:
        return None
    stored: dict[str, Any] = orjson.loads(text_)
    entry_id = stored["divergent_entry_id"]
    return Tally(
        **stored
        | {name: Decimal(stored[name]) for name in stored if name in _MONEY}
        | {
            "last_hash": bytes.fromhex(stored["last_hash"]),
            "divergent_entry_id": entry_id and UUID(entry_id),
        }
    )


_MONEY = frozenset(
    {
        "pending_difference",
        "advance_difference",
        "receivable_difference",
        "advances_difference",
        "items_stored",
        "items_computed",
    }
)


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


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
                "customer_id": each.account.customer_id,
                "run_id": run_id,
                "currency": each.account.currency,
                "stored_pending": each.account.pending,
                "computed_pending": each.computed_pending,
                "stored_advance": each.account.advance,
                "computed_advance": each.computed_advance,
                "figures": orjson.dumps(each.differences).decode(),
                "entry_id": await _first_divergent(tx, each),
            }
            for each in found
        ],
    )


async def _first_divergent(tx: Transaction, found: Drift) -> UUID | None:
    entry_id = found.divergent_entry_id
    if entry_id is None and found.goes_on_at is not None:
        entry_id = await entry_at(tx, found.account.customer_id, found.goes_on_at)
    return entry_id or found.account.entry_since_proof_id


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

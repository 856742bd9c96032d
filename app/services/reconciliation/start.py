"""Opening a run: by somebody who may (`start_run`), or at its scheduled time (`open_run`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, text

from app.domain.errors import Invalid, NotFound
from app.infra.database import Statement, Transaction
from app.models import customers as customers_table
from app.policies.actor import Actor
from app.policies.conditions import ScopeCondition
from app.policies.predicates import customer_visible
from app.services import audit, outbox
from app.services.audit import Subject

MUTATION = "Mutation.runReconciliation"
MAX_CUSTOMERS = 1000
"""Most customers that a run can be restricted to by name."""

_OPEN = Statement(
    text(
        "INSERT INTO reconciliation_runs (incremental, customer_ids, started_by) VALUES "
        "(:incremental, CAST(:customers AS uuid[]), CAST(:started_by AS uuid)) RETURNING id"
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReconciliation:
    """Check `customers`, or all that the actor may see; `incremental` leaves out what is proved."""

    customers: tuple[UUID, ...] | None = None
    incremental: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedRun:
    """The run, QUEUED, and the message that will carry it out."""

    run_id: UUID
    message_id: UUID


async def start_run(tx: Transaction, actor: Actor, command: RunReconciliation) -> QueuedRun:
    """Queue a run for the worker.

    Errors: FORBIDDEN; VALIDATION for an empty or too long list; NOT_FOUND for a named customer that
    does not exist or that the actor may not see or check.
    """
    actor.require(MUTATION)
    restricted = await _restriction(tx, actor, command.customers)
    run_id = await open_run(
        tx, incremental=command.incremental, customers=restricted, started_by=actor.user_id
    )
    message_id = await outbox.enqueue(tx, "job.reconciliation", {"run_id": str(run_id)})
    await audit.record(
        tx, actor, "runReconciliation", subject=Subject(type="ReconciliationRun", id=run_id)
    )
    return QueuedRun(run_id=run_id, message_id=message_id)


async def open_run(
    tx: Transaction,
    *,
    incremental: bool,
    customers: Sequence[UUID] | None = None,
    started_by: UUID | None = None,
) -> UUID:
    """A run row, QUEUED, over the given customers or all; the caller sends the message."""
    run_id: UUID = await tx.fetchval(
        _OPEN, incremental=incremental, customers=customers, started_by=started_by
    )
    return run_id


async def _restriction(
    tx: Transaction, actor: Actor, named: tuple[UUID, ...] | None
) -> list[UUID] | None:
    """The ids that the run is restricted to: None only for an actor who may check everybody."""
    if named is not None and not 1 <= len(named) <= MAX_CUSTOMERS:
        raise Invalid(f"Name between 1 and {MAX_CUSTOMERS} customers, or none at all.", "customers")
    condition = actor.grant.execute(MUTATION) & actor.grant.rows("Customer")
    if named is None and condition.is_always:
        return None
    viewer = {"viewer_id": actor.user_id, "viewer_customer_id": actor.customer_id}
    rows = await tx.fetch(
        _visible(condition), named=list(named) if named is not None else None, **viewer
    )
    visible = {row["id"] for row in rows}
    for index, customer_id in enumerate(named or ()):
        if customer_id not in visible:
            raise NotFound("customer", "customers", str(index))
    return sorted(visible)


@lru_cache(maxsize=64)
def _visible(condition: ScopeCondition) -> Statement:
    named = bindparam("named", type_=ARRAY(Uuid()))
    return Statement(
        select(customers_table.c.id).where(
            named.is_(None) | (customers_table.c.id == any_(named)),
            customer_visible(condition, lambda column: column),
        )
    )

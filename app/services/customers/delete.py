"""Taking a customer out of use, and back. Nothing is removed: the ledger keeps its customer."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text as sql

from app.domain import text
from app.domain.customer import CustomerStatus, require_in_use
from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services import audit, outbox
from app.services.customers.access import reach


@dataclass(frozen=True, kw_only=True)
class DeleteCustomer:
    """`reason` is for the audit trail."""

    customer_id: UUID
    expected_version: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class RestoreCustomer:
    """Undoes a deletion."""

    customer_id: UUID
    expected_version: int


async def delete_customer(tx: Transaction, actor: Actor, command: DeleteCustomer) -> UUID:
    """Refused unless nothing is owed either way: CUSTOMER_NOT_EMPTY.

    Decided under the account lock, so that no posting slips in. A suspended customer is reactivated
    first (INVALID_STATE): restoring would otherwise lift the suspension.
    """
    actor.require("Mutation.deleteCustomer")
    reason = text.required(command.reason, "reason")
    reached = await reach(
        tx, actor, "deleteCustomer", command.customer_id, command.expected_version, "id"
    )
    status = CustomerStatus(reached.row["status"])
    require_in_use(status, "id")
    if status is not CustomerStatus.ACTIVE:
        raise _wrong_state(status)
    pending, advance = reached.account["pending"], reached.account["advance"]
    if pending or advance:
        raise DomainError(
            ErrorCode.CUSTOMER_NOT_EMPTY,
            "Only a customer with nothing owed and nothing advanced can be deleted.",
            path=("id",),
            details={"pending": str(pending), "advance": str(advance)},
        )
    await _change_status(tx, actor, "deleteCustomer", command.customer_id, reason=reason)
    return command.customer_id


async def restore_customer(tx: Transaction, actor: Actor, command: RestoreCustomer) -> UUID:
    """A deleted customer is active again; any other is INVALID_STATE."""
    actor.require("Mutation.restoreCustomer")
    reached = await reach(
        tx, actor, "restoreCustomer", command.customer_id, command.expected_version, "id"
    )
    status = CustomerStatus(reached.row["status"])
    if status is not CustomerStatus.DELETED:
        raise _wrong_state(status)
    await _change_status(tx, actor, "restoreCustomer", command.customer_id)
    return command.customer_id


def _wrong_state(status: CustomerStatus) -> DomainError:
    return DomainError(
        ErrorCode.INVALID_STATE,
        f"This customer is {status.lower()}.",
        path=("id",),
        details={"status": str(status)},
    )


async def _change_status(
    tx: Transaction, actor: Actor, action: str, customer_id: UUID, *, reason: str | None = None
) -> None:
    before, after = CustomerStatus.ACTIVE, CustomerStatus.DELETED
    if action == "restoreCustomer":
        before, after = after, before
    await tx.execute(_SET_STATUS, customer_id=customer_id, status=after)
    await audit.record(
        tx,
        actor,
        action,
        subject=audit.Subject(type="Customer", id=customer_id, customer_id=customer_id),
        reason=reason,
        before={"status": before},
        after={"status": after},
    )
    await outbox.enqueue(tx, "event.customer_changed", {"customerId": str(customer_id)})


_SET_STATUS = Statement(
    sql("""
    UPDATE customers SET status = CAST(:status AS text), version = version + 1,
        updated_at = now(),
        deleted_at = CASE WHEN CAST(:status AS text) = 'DELETED' THEN now() END
    WHERE id = CAST(:customer_id AS uuid)
    """)
)

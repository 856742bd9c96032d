"""Giving a customer to a representative, or to nobody."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.domain.customer import CustomerStatus, require_in_use
from app.domain.errors import Forbidden
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services import audit, outbox
from app.services.customers.access import facts_if_assigned, reach

COORDINATE = "Mutation.assignCustomer"


@dataclass(frozen=True, kw_only=True)
class AssignCustomer:
    """`assigned_to` is None for nobody."""

    customer_id: UUID
    expected_version: int
    assigned_to: UUID | None


async def assign_customer(tx: Transaction, actor: Actor, command: AssignCustomer) -> UUID:
    """The actor must be allowed the customer before and after: a manager gives it to the team.

    Raises Forbidden, NotFound (id, assignedTo), StaleVersion, CUSTOMER_DELETED ...
    """
    actor.require(COORDINATE)
    reached = await reach(
        tx, actor, "assignCustomer", command.customer_id, command.expected_version, "id"
    )
    require_in_use(CustomerStatus(reached.row["status"]), "id")
    facts = await facts_if_assigned(tx, actor, command.assigned_to, "assignedTo")
    if not actor.grant.execute(COORDINATE).holds(facts):
        raise Forbidden(COORDINATE, "assignedTo")
    before = reached.row["assigned_to"]
    if before != command.assigned_to:
        await tx.execute(_ASSIGN, customer_id=command.customer_id, assigned_to=command.assigned_to)
        await audit.record(
            tx,
            actor,
            "assignCustomer",
            subject=audit.Subject(
                type="Customer", id=command.customer_id, customer_id=command.customer_id
            ),
            before={"assigned_to": before},
            after={"assigned_to": command.assigned_to},
        )
        event = {"customerId": str(command.customer_id)}
        await outbox.enqueue(tx, "event.customer_changed", event)
    return command.customer_id


_ASSIGN = Statement(
    text("""
    UPDATE customers SET assigned_to = CAST(:assigned_to AS uuid), version = version + 1,
        updated_at = now()
    WHERE id = CAST(:customer_id AS uuid)
    """)
)

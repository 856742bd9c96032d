"""What mutations answer with: read on the mutation's own transaction, before it commits.

A payload is planned like any read, from the keys that the service returns (`given`). When a
mutation is refused nothing is read: the payload is then this Python object, with its `userErrors`.
"""

from typing import Any

import strawberry
from sqlalchemy import Uuid, and_, any_, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.errors import ErrorCode
from app.models import (
    accounting_periods,
    allocations,
    customers,
    ledger_entries,
    products,
    reconciliation_runs,
    users,
)
from app.schema.types.customer import Customer
from app.schema.types.declaration import Bound, Kind, Many, One, declare, planned_type
from app.schema.types.ledger import Allocation, LedgerEntry
from app.schema.types.people import User
from app.schema.types.period import AccountingPeriod
from app.schema.types.product import Product
from app.schema.types.reconciliation import ReconciliationRun
from app.schema.types.scalars import Json
from app.schema.types.sql import given


@strawberry.type(description="Why a mutation was refused. Nothing was changed.")
class UserError:
    """A refusal with a stable code and the input at fault."""

    code: ErrorCode
    message: str
    path: list[str] | None
    details: Json | None


def _errors() -> Any:
    return declare(Bound(name="user_errors", kind=Kind.JSON))


def _mutation_id() -> Any:
    return declare(Bound(name="client_mutation_id", kind=Kind.TEXT))


def _replayed() -> Any:
    return declare(
        Bound(name="replayed", kind=Kind.BOOLEAN),
        description="Whether this key was used before, and this is what it did then.",
    )


def _by_id(column: Any, name: str) -> Any:
    return declare(One(link=lambda _, row: row[column] == given(name, Uuid())))


def _credit_used() -> Any:
    """The credit of the first allocation given: what `allocate` and `undoAllocation` are about."""
    used = allocations.alias()
    return (
        select(used.c.credit_id)
        .where(
            used.c.customer_id == given("customer_id", Uuid()),
            used.c.id == any_(given("allocation_ids", ARRAY(Uuid()))),
        )
        .limit(1)
        .scalar_subquery()
    )


@strawberry.type
@planned_type()
class CustomerPayload:
    """A customer as the mutation left it."""

    customer: Customer | None = _by_id(customers.c.id, "customer_id")
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()


@strawberry.type
@planned_type()
class LedgerPayload:
    """What was posted, and the customer as the posting left it."""

    entry: LedgerEntry | None = declare(
        One(
            link=lambda _, entry: and_(
                entry[ledger_entries.c.customer_id] == given("customer_id", Uuid()),
                entry[ledger_entries.c.id]
                == func.coalesce(given("entry_id", Uuid()), _credit_used()),
            )
        ),
        description="The entry posted; for allocations, the credit that they use.",
    )
    customer: Customer | None = _by_id(customers.c.id, "customer_id")
    allocations: list[Allocation] = declare(
        Many(
            link=lambda _, allocation: and_(
                allocation[allocations.c.customer_id] == given("customer_id", Uuid()),
                allocation[allocations.c.id] == any_(given("allocation_ids", ARRAY(Uuid()))),
            ),
            order=(allocations.c.id,),
        )
    )
    replayed: bool = _replayed()
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()


@strawberry.type
@planned_type()
class ProductPayload:
    """A product as the mutation left it."""

    product: Product | None = _by_id(products.c.id, "product_id")
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()


@strawberry.type
@planned_type()
class PeriodPayload:
    """The period acted on, or the periods made."""

    period: AccountingPeriod | None = _by_id(accounting_periods.c.id, "period_id")
    periods: list[AccountingPeriod] = declare(
        Many(
            link=lambda _, period: (
                period[accounting_periods.c.id] == any_(given("period_ids", ARRAY(Uuid())))
            ),
            order=(accounting_periods.c.during, accounting_periods.c.type),
        )
    )
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()


@strawberry.type
@planned_type()
class UserPayload:
    """A user as the mutation left it."""

    user: User | None = _by_id(users.c.id, "user_id")
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()


@strawberry.type
@planned_type()
class ReconciliationPayload:
    """The run that was queued."""

    run: ReconciliationRun | None = _by_id(reconciliation_runs.c.id, "run_id")
    user_errors: list[UserError] = _errors()
    client_mutation_id: str | None = _mutation_id()

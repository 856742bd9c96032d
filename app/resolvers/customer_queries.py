"""Root fields about customers."""

import strawberry
from strawberry import UNSET

from app.models import customers
from app.resolvers.planned import planned_root
from app.schema.types.customer import Customer
from app.schema.types.declaration import Connected, Lookup
from app.schema.types.filters import CustomerFilter, CustomerOrder
from app.schema.types.node import Connection
from app.schema.types.scalars import Cursor


@strawberry.type
class CustomerQueries:
    """Customers."""

    @planned_root(Lookup(by={"id": None, "code": customers.c.code}))
    def customer(
        self,
        id: strawberry.ID | None = UNSET,  # noqa: A002 - the contract's name
        code: str | None = UNSET,
    ) -> Customer | None:
        """One customer, by id or by code."""

    @planned_root(Connected())
    def customers(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        last: int | None = UNSET,
        before: Cursor | None = UNSET,
        filter: CustomerFilter | None = UNSET,  # noqa: A002 - the contract's name
        order_by: list[CustomerOrder] | None = UNSET,
    ) -> Connection[Customer]:
        """Customers that you may see; deleted and archived ones only when `status` asks."""

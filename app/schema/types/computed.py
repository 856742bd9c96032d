"""What types share whose rows no table holds: a field's subselect computes them."""

from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import Column, MetaData, Table

if TYPE_CHECKING:
    from app.schema.types.customer import Customer
    from app.schema.types.ledger import LedgerEntry

# The types that lead to these types, and to which they lead back.
LazyCustomer = Annotated["Customer", strawberry.lazy("app.schema.types.customer")]
LazyLedgerEntry = Annotated["LedgerEntry", strawberry.lazy("app.schema.types.ledger")]

_COMPUTED = MetaData()


def computed_rows(name: str, *columns: Column[Any]) -> Table:
    """The columns of computed rows. No such table exists: the subselect stands in for it."""
    return Table(name, _COMPUTED, *columns)

"""Query and Mutation put together: the one schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.resolvers.customer_queries import CustomerQueries
from app.resolvers.directory_queries import DirectoryQueries
from app.resolvers.ledger_queries import LedgerQueries
from app.resolvers.nodes import NodeQueries
from app.resolvers.reconciliation_queries import ReconciliationQueries
from app.schema.types.scalars import SCALARS


@strawberry.type
class Query(
    NodeQueries,
    CustomerQueries,
    LedgerQueries,
    DirectoryQueries,
    ReconciliationQueries,
):
    """Everything that can be read."""


schema = strawberry.Schema(
    query=Query,
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
)

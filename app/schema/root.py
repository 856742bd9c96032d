"""Query and Mutation put together: the one schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.resolvers.customer_mutations import CustomerMutations
from app.resolvers.customer_queries import CustomerQueries
from app.resolvers.directory_mutations import DirectoryMutations
from app.resolvers.directory_queries import DirectoryQueries
from app.resolvers.ledger_mutations import LedgerMutations
from app.resolvers.ledger_queries import LedgerQueries
from app.resolvers.nodes import NodeQueries
from app.resolvers.reconciliation_queries import ReconciliationQueries
from app.resolvers.session_mutations import SessionMutations
from app.resolvers.viewer import ViewerQueries
from app.schema.types.scalars import SCALARS


@strawberry.type
class Query(
    ViewerQueries,
    NodeQueries,
    CustomerQueries,
    LedgerQueries,
    DirectoryQueries,
    ReconciliationQueries,
):
    """Everything that can be read."""


@strawberry.type
class Mutation(
    SessionMutations,
    CustomerMutations,
    LedgerMutations,
    DirectoryMutations,
):
    """Everything that can be changed."""


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
)

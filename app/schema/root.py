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


DESCRIPTION = """\
What each customer of a company owes, why, and who may see it.

Ids are opaque. Money is text with exactly the digits of its currency; dates of accounting are local
dates of the company, instants are UTC. Lists come in pages, 50 at a time unless `first` says
otherwise, 1000 at most.

What you may not read is null, and its coordinate stands in `extensions.withheld` (in `masked`: only
its form is shown). A row that you may not see does not exist. `viewer` says what you may do, and
why.

A mutation reports what you can correct in `userErrors`, with the path of what is wrong, and has
then changed nothing. With `meta: { dryRun: true }` everything runs and is checked, and nothing
stays. The same `idempotencyKey` with the same input is done once and answered as often as it is
sent.\
"""


class _Schema(strawberry.Schema):
    """Says what it is for, to whoever asks it and in its printed form."""

    def as_str(self) -> str:
        """The schema definition language; Strawberry prints no description of a schema."""
        root = "schema {\n  query: Query\n  mutation: Mutation\n}"
        return f'"""\n{DESCRIPTION}\n"""\n{root}\n\n{super().as_str()}'


schema = _Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
)
# Strawberry takes none either.
schema._schema.description = DESCRIPTION  # noqa: SLF001

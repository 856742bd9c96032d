"""Root fields about reconciliation."""

import strawberry
from strawberry import UNSET

from app.resolvers.planned import planned_root
from app.schema.types.declaration import Connected
from app.schema.types.filters import DriftFilter
from app.schema.types.node import Connection
from app.schema.types.reconciliation import DriftFinding, ReconciliationRun
from app.schema.types.scalars import Cursor


@strawberry.type
class ReconciliationQueries:
    """Runs and findings."""

    @planned_root(Connected())
    def reconciliation_runs(
        self, first: int | None = UNSET, after: Cursor | None = UNSET
    ) -> Connection[ReconciliationRun]:
        """Runs, in the order they were asked for."""

    @planned_root(Connected())
    def drift_findings(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        filter: DriftFilter | None = UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[DriftFinding]:
        """Findings on customers that you may see."""

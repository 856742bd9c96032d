"""Reconciliation runs and what they found."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    Select,
    Text,
    Uuid,
    and_,
    column,
    func,
    select,
)
from strawberry import UNSET

from app.domain.text import PARAGRAPH
from app.models import customers, drift_findings, ledger_entries, reconciliation_runs, users
from app.schema.types.computed import computed_rows
from app.schema.types.customer import Customer
from app.schema.types.declaration import (
    Connected,
    Derived,
    Kind,
    One,
    Owner,
    Row,
    Source,
    declare,
    leaf,
    planned,
    planned_type,
)
from app.schema.types.enums import DriftStatus, RunStatus
from app.schema.types.filters import DriftFilter
from app.schema.types.ledger import LedgerEntry
from app.schema.types.node import Connection, Node
from app.schema.types.people import User
from app.schema.types.scalars import Currency, Cursor, Json

_RUNS = reconciliation_runs.c
_FINDINGS = drift_findings.c


# The elements of a run's `failures`.
_FAILURES = computed_rows(
    "failures",
    Column("subject", Uuid),
    Column("message", Text),
    Column("at", DateTime(timezone=True)),
)


def _failures(run: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    listed = func.jsonb_to_recordset(run[_RUNS.failures]).table_valued(
        column("subject", Uuid), column("message", Text), column("at", DateTime(timezone=True))
    )
    rows = listed.render_derived(name="failure", with_types=True)
    return select(rows.c.subject, rows.c.message, rows.c.at)


@strawberry.type(description="Why a part of a run failed.")
@planned_type(Source(table=_FAILURES, owner=Owner.NOBODY))
class JobFailure:
    """An element of a run's `failures`."""

    subject: Node | None = declare(
        One(
            link=lambda failure, customer: customer[customers.c.id] == failure[_FAILURES.c.subject],
            concrete="Customer",
        ),
        description="The customer it was about, if it was about one.",
    )
    message: str = leaf(_FAILURES.c.message, characters=PARAGRAPH)
    at: datetime = leaf(_FAILURES.c.at, Kind.INSTANT)


@strawberry.type(description="Stored figures compared with the sub-ledger, once.")
@planned_type(Source(table=reconciliation_runs, owner=Owner.NOBODY, key=(_RUNS.id,)))
class ReconciliationRun(Node):
    """A row of `reconciliation_runs`."""

    status: RunStatus = leaf(_RUNS.status, Kind.CHOICE)
    incremental: bool = leaf(
        _RUNS.incremental,
        Kind.BOOLEAN,
        description="Only accounts that changed since they were last verified.",
    )
    started_at: datetime | None = leaf(_RUNS.started_at, Kind.INSTANT)
    finished_at: datetime | None = leaf(_RUNS.finished_at, Kind.INSTANT)
    started_by: User | None = declare(
        One(link=lambda run, user: user[users.c.id] == run[_RUNS.started_by])
    )
    customers_total: int = leaf(_RUNS.customers_total, Kind.NUMBER)
    customers_checked: int = leaf(_RUNS.customers_checked, Kind.NUMBER)
    discrepancies: int = leaf(_RUNS.discrepancies, Kind.NUMBER)
    failures: list[JobFailure] = declare(Derived(rows=_failures, plural=True))

    @planned(Connected(link=lambda run, finding: finding[_FINDINGS.run_id] == run[_RUNS.id]))
    def findings(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        filter: DriftFilter | None = UNSET,  # noqa: A002 - the contract's name
    ) -> Connection["DriftFinding"]:
        """The drift this run found."""


@strawberry.type(description="A stored figure that the sub-ledger does not bear out.")
@planned_type(
    Source(
        table=drift_findings,
        owner=Owner.CUSTOMER,
        customer_id=_FINDINGS.customer_id,
        key=(_FINDINGS.customer_id, _FINDINGS.id),
    )
)
class DriftFinding(Node):
    """A row of `drift_findings`."""

    run: ReconciliationRun = declare(
        One(link=lambda finding, run: run[_RUNS.id] == finding[_FINDINGS.run_id])
    )
    customer: Customer | None = declare(
        One(
            link=lambda finding, customer: (
                customer[customers.c.id] == finding[_FINDINGS.customer_id]
            )
        )
    )
    status: DriftStatus = leaf(_FINDINGS.status, Kind.CHOICE, filterable=True)
    currency: Currency = leaf(_FINDINGS.currency)
    stored_pending: Decimal = leaf(_FINDINGS.stored_pending, Kind.MONEY)
    computed_pending: Decimal = leaf(_FINDINGS.computed_pending, Kind.MONEY)
    stored_advance: Decimal = leaf(_FINDINGS.stored_advance, Kind.MONEY)
    computed_advance: Decimal = leaf(_FINDINGS.computed_advance, Kind.MONEY)
    figures: Json = leaf(
        _FINDINGS.figures,
        Kind.JSON,
        description="Which stored figures are wrong: name, stored and computed, all text.",
    )
    first_divergent_entry: LedgerEntry | None = declare(
        One(
            link=lambda finding, entry: and_(
                entry[ledger_entries.c.customer_id] == finding[_FINDINGS.customer_id],
                entry[ledger_entries.c.id] == finding[_FINDINGS.first_divergent_entry_id],
            )
        ),
        description="The first entry after which the stored figure and the ledger part.",
    )
    detected_at: datetime = leaf(_FINDINGS.detected_at, Kind.INSTANT)
    resolved_by: User | None = declare(
        One(link=lambda finding, user: user[users.c.id] == finding[_FINDINGS.resolved_by])
    )
    resolved_at: datetime | None = leaf(_FINDINGS.resolved_at, Kind.INSTANT)
    note: str | None = leaf(_FINDINGS.note, characters=PARAGRAPH)

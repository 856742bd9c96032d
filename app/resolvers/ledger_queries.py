"""Root fields about the sub-ledger and its periods."""

from datetime import date

import strawberry
from strawberry import UNSET

from app.models import accounts, ledger_entries
from app.resolvers.planned import planned_root
from app.schema.types.declaration import Connected, Lookup
from app.schema.types.filters import LedgerEntryFilter, LedgerEntryOrder, PeriodFilter
from app.schema.types.ledger import LedgerEntry
from app.schema.types.node import Connection
from app.schema.types.period import AccountingPeriod, months_first
from app.schema.types.scalars import Cursor


@strawberry.type
class LedgerQueries:
    """Entries and periods."""

    @planned_root(Lookup(by={"id": None, "number": ledger_entries.c.number}))
    def ledger_entry(
        self,
        id: strawberry.ID | None = UNSET,  # noqa: A002 - the contract's name
        number: str | None = UNSET,
    ) -> LedgerEntry | None:
        """One entry, by id or by number."""

    @planned_root(Connected(total=accounts.c.sequence))
    def ledger_entries(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        last: int | None = UNSET,
        before: Cursor | None = UNSET,
        filter: LedgerEntryFilter | None = UNSET,  # noqa: A002 - the contract's name
        order_by: list[LedgerEntryOrder] | None = UNSET,
    ) -> Connection[LedgerEntry]:
        """The entries of every customer that you may see."""

    @planned_root(Lookup(by={"id": None, "covers": months_first}))
    def accounting_period(
        self,
        id: strawberry.ID | None = UNSET,  # noqa: A002 - the contract's name
        covers: date | None = UNSET,
    ) -> AccountingPeriod | None:
        """One period, by id, or the month that covers a date."""

    @planned_root(Connected(order="STARTS_ON"))
    def accounting_periods(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        filter: PeriodFilter | None = UNSET,  # noqa: A002 - the contract's name
    ) -> Connection[AccountingPeriod]:
        """Periods, oldest first."""

"""Filters and orders. What each may touch follows from the declaration of the field it names."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain.ledger import EntryType
from app.schema.types.enums import (
    CustomerStatus,
    CustomerType,
    Direction,
    DriftStatus,
    LedgerEntryStatus,
    PeriodStatus,
    PeriodType,
    SettlementStatus,
)


@strawberry.input(
    description="`contains` and `startsWith` ignore case in every script: `STRASSE` finds `Straße`."
)
class StringFilter:
    """Conditions on text, all of which must hold."""

    eq: str | None = UNSET
    in_: list[str] | None = strawberry.field(name="in", default=UNSET)
    contains: str | None = UNSET
    starts_with: str | None = UNSET


@strawberry.input
class DecimalFilter:
    """Conditions on an amount, all of which must hold."""

    eq: Decimal | None = UNSET
    gt: Decimal | None = UNSET
    gte: Decimal | None = UNSET
    lt: Decimal | None = UNSET
    lte: Decimal | None = UNSET


@strawberry.input
class DateFilter:
    """Conditions on a date, all of which must hold."""

    eq: date | None = UNSET
    gte: date | None = UNSET
    lte: date | None = UNSET


LazyCustomerFilter = Annotated["CustomerFilter", strawberry.lazy("app.schema.types.filters")]


@strawberry.input(description="All conditions must hold. Only over what the viewer may read whole.")
class CustomerFilter:
    """Conditions on customers."""

    code: StringFilter | None = UNSET
    business_name: StringFilter | None = UNSET
    email: StringFilter | None = UNSET
    phone: StringFilter | None = UNSET
    customer_type: list[CustomerType] | None = UNSET
    status: list[CustomerStatus] | None = UNSET
    assigned_to: list[strawberry.ID] | None = UNSET
    unassigned: bool | None = UNSET
    tags: list[str] | None = strawberry.field(
        default=UNSET, description="Customers that carry every one of these tags."
    )
    pending_balance: DecimalFilter | None = UNSET
    overdue_amount: DecimalFilter | None = UNSET
    credit_limit: DecimalFilter | None = UNSET
    search: str | None = strawberry.field(
        default=UNSET,
        description="Fuzzy over code, name, e-mail and phone, best first; "
        "over guarded fields only where readable.",
    )
    and_: list[LazyCustomerFilter] | None = strawberry.field(name="and", default=UNSET)
    or_: list[LazyCustomerFilter] | None = strawberry.field(name="or", default=UNSET)
    not_: LazyCustomerFilter | None = strawberry.field(name="not", default=UNSET)


@strawberry.enum
class CustomerOrderField(Enum):
    """What customers can be ordered by."""

    CODE = "CODE"
    BUSINESS_NAME = "BUSINESS_NAME"
    CREATED_AT = "CREATED_AT"
    UPDATED_AT = "UPDATED_AT"
    PENDING_BALANCE = "PENDING_BALANCE"
    OVERDUE_AMOUNT = "OVERDUE_AMOUNT"
    CREDIT_LIMIT = "CREDIT_LIMIT"


@strawberry.input
class CustomerOrder:
    """One key of an order of customers."""

    field: CustomerOrderField
    direction: Direction = Direction.ASC


@strawberry.input(description="All conditions must hold. Only over what the viewer may read whole.")
class LedgerEntryFilter:
    """Conditions on ledger entries."""

    type: list[EntryType] | None = UNSET
    status: list[LedgerEntryStatus] | None = UNSET
    settlement: list[SettlementStatus] | None = UNSET
    transaction_date: DateFilter | None = UNSET
    due_date: DateFilter | None = UNSET
    amount: DecimalFilter | None = UNSET
    number: StringFilter | None = UNSET
    period: strawberry.ID | None = UNSET


@strawberry.enum
class LedgerEntryOrderField(Enum):
    """What ledger entries can be ordered by. POSTED is the order of posting."""

    POSTED = "POSTED"
    TRANSACTION_DATE = "TRANSACTION_DATE"
    DUE_DATE = "DUE_DATE"
    AMOUNT = "AMOUNT"


@strawberry.input
class LedgerEntryOrder:
    """One key of an order of ledger entries."""

    field: LedgerEntryOrderField
    direction: Direction = Direction.ASC


@strawberry.input
class PeriodFilter:
    """Conditions on accounting periods."""

    type: list[PeriodType] | None = UNSET
    status: list[PeriodStatus] | None = UNSET
    covers: date | None = UNSET


@strawberry.input
class DriftFilter:
    """Conditions on drift findings."""

    status: list[DriftStatus] | None = UNSET

"""The sub-ledger: entries, their lines, allocations and journal lines."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import (
    ColumnElement,
    Numeric,
    and_,
    any_,
    case,
    func,
    null,
    select,
    union_all,
)
from strawberry import UNSET

from app.domain.ledger import EntryType, GeneralLedgerAccount, ReferenceType
from app.domain.text import PARAGRAPH
from app.models import (
    accounting_periods,
    allocations,
    customers,
    entry_lines,
    journal_lines,
    ledger_entries,
    open_items,
    products,
    users,
)
from app.schema.types.computed import LazyLedgerEntry
from app.schema.types.customer import Customer
from app.schema.types.declaration import (
    Connected,
    GlobalIdLeaf,
    Kind,
    Many,
    One,
    Owner,
    Row,
    Source,
    declare,
    leaf,
    planned,
    planned_type,
)
from app.schema.types.enums import LedgerEntryStatus, SettlementStatus
from app.schema.types.node import Connection, Node
from app.schema.types.people import User
from app.schema.types.period import AccountingPeriod
from app.schema.types.product import Product
from app.schema.types.scalars import Currency, Cursor
from app.schema.types.sql import constant, zero_of

_ENTRIES = ledger_entries.c
_LINES = entry_lines.c
_JOURNAL = journal_lines.c
_ALLOCATIONS = allocations.c
_OPEN = open_items.c
_AMOUNT = "ledger.amount"
_PROOF = "ledger.proof"


def _open_amount(row: Row) -> ColumnElement[Any]:
    return func.coalesce(row[_OPEN.open_amount], zero_of(row[_ENTRIES.currency]), type_=Numeric())


def _settlement(row: Row) -> ColumnElement[Any]:
    open_amount = row[_OPEN.open_amount]
    return case(
        (open_amount.is_(None), constant("SETTLED")),
        (open_amount < func.abs(row[_ENTRIES.amount]), constant("PARTIALLY_SETTLED")),
        else_=constant("OPEN"),
    )


def _undone_at(row: Row) -> ColumnElement[Any]:
    counter = allocations.alias()
    return (
        select(counter.c.allocated_at)
        .where(
            counter.c.customer_id == row[_ALLOCATIONS.customer_id],
            counter.c.undoes_id == row[_ALLOCATIONS.id],
        )
        .correlate_except(counter)
        .scalar_subquery()
    )


def _uses_of(entry: Row) -> ColumnElement[Any]:
    """The allocations of an entry at either side, each side by its own index."""
    made = allocations.alias()
    of_either = (
        select(made.c.id).where(
            made.c.customer_id == entry[_ENTRIES.customer_id],
            side == entry[_ENTRIES.id],
            made.c.undoes_id.is_(null()),
        )
        for side in (made.c.credit_id, made.c.debit_id)
    )
    return union_all(*of_either).scalar_subquery()


def _one_entry(column: Any) -> Any:
    """The entry of the same customer that `column` names."""
    return lambda row, entry: and_(
        entry[_ENTRIES.customer_id] == row[column.table.c.customer_id],
        entry[_ENTRIES.id] == row[column],
    )


@strawberry.type(description="One line of an invoice.")
@planned_type(
    Source(
        table=entry_lines,
        owner=Owner.CUSTOMER,
        customer_id=_LINES.customer_id,
        part_of="LedgerEntry",
    )
)
class LineItem:
    """A row of `entry_lines`."""

    product: Product | None = declare(
        One(link=lambda line, product: product[products.c.id] == line[_LINES.product_id])
    )
    description: str = leaf(_LINES.description)
    quantity: Decimal = leaf(_LINES.quantity, Kind.MONEY)
    unit_price: Decimal | None = leaf(_LINES.unit_price, Kind.MONEY, guard=_AMOUNT)
    discount: Decimal | None = leaf(_LINES.discount, Kind.MONEY, guard=_AMOUNT)
    tax_rate: Decimal = leaf(_LINES.tax_rate, Kind.MONEY)
    total: Decimal | None = leaf(
        _LINES.total, Kind.MONEY, guard=_AMOUNT, description="With tax, after discount."
    )


@strawberry.type(description="One side of a double entry.")
@planned_type(
    Source(
        table=journal_lines,
        owner=Owner.CUSTOMER,
        customer_id=_JOURNAL.customer_id,
        part_of="LedgerEntry",
    )
)
class JournalLine:
    """A row of `journal_lines`."""

    account: GeneralLedgerAccount = leaf(_JOURNAL.account, Kind.CHOICE)
    debit: Decimal = leaf(_JOURNAL.debit, Kind.MONEY)
    credit: Decimal = leaf(_JOURNAL.credit, Kind.MONEY)


@strawberry.type(
    description="A credit used against a debit. Undone by a counter-allocation, never edited."
)
@planned_type(
    Source(
        table=allocations,
        owner=Owner.CUSTOMER,
        customer_id=_ALLOCATIONS.customer_id,
        key=(_ALLOCATIONS.customer_id, _ALLOCATIONS.id),
    )
)
class Allocation(Node):
    """A row of `allocations` that is no counter-allocation."""

    credit: LazyLedgerEntry = declare(One(link=_one_entry(_ALLOCATIONS.credit_id)))
    debit: LazyLedgerEntry = declare(One(link=_one_entry(_ALLOCATIONS.debit_id)))
    amount: Decimal | None = leaf(_ALLOCATIONS.amount, Kind.MONEY, guard=_AMOUNT)
    allocated_at: datetime = leaf(_ALLOCATIONS.allocated_at, Kind.INSTANT)
    undone_at: datetime | None = leaf(_undone_at, Kind.INSTANT)


@strawberry.type(description="Something owed by a customer, or to them. Never changes once posted.")
@planned_type(
    Source(
        table=ledger_entries,
        owner=Owner.CUSTOMER,
        customer_id=_ENTRIES.customer_id,
        key=(_ENTRIES.customer_id, _ENTRIES.id),
        joins={
            open_items: lambda entry, item: and_(
                item[_OPEN.customer_id] == entry[_ENTRIES.customer_id],
                item[_OPEN.entry_id] == entry[_ENTRIES.id],
            )
        },
    )
)
class LedgerEntry(Node):
    """A row of `ledger_entries`, with its open item if it has one."""

    id: strawberry.ID = declare(GlobalIdLeaf(order="POSTED"))
    number: str = leaf(_ENTRIES.number, filterable=True)
    customer: Customer | None = declare(
        One(link=lambda entry, customer: customer[customers.c.id] == entry[_ENTRIES.customer_id])
    )
    type: EntryType = leaf(_ENTRIES.type, Kind.CHOICE, filterable=True)
    status: LedgerEntryStatus = leaf(lambda _: constant("POSTED"), Kind.CHOICE, filterable=True)
    settlement: SettlementStatus = leaf(_settlement, Kind.CHOICE, filterable=True)
    amount: Decimal | None = leaf(
        _ENTRIES.amount,
        Kind.MONEY,
        guard=_AMOUNT,
        filterable=True,
        order="AMOUNT",
        description="Signed: positive is owed by the customer, negative is owed to them.",
    )
    open_amount: Decimal | None = leaf(
        _open_amount,
        Kind.MONEY,
        guard=_AMOUNT,
        description="What of |amount| no allocation or reversal has used.",
    )
    currency: Currency = leaf(_ENTRIES.currency)
    transaction_date: date = leaf(
        _ENTRIES.transaction_date, Kind.DATE, filterable=True, order="TRANSACTION_DATE"
    )
    due_date: date | None = leaf(_ENTRIES.due_date, Kind.DATE, filterable=True, order="DUE_DATE")
    period: AccountingPeriod | None = declare(
        One(
            link=lambda entry, period: period[accounting_periods.c.id] == entry[_ENTRIES.period_id],
            filterable=True,
        )
    )
    description: str | None = leaf(_ENTRIES.description, characters=PARAGRAPH)
    reason: str | None = leaf(_ENTRIES.reason)
    reference_type: ReferenceType | None = leaf(_ENTRIES.reference_type, Kind.CHOICE)
    reference: Node | None = declare(
        One(link=_one_entry(_ENTRIES.related_entry_id), concrete="LedgerEntry"),
        description="What this entry is about: the invoice a credit note was issued against.",
    )
    external_reference: str | None = leaf(_ENTRIES.external_reference)
    line_items: list[LineItem] = declare(
        Many(
            link=lambda entry, line: and_(
                line[_LINES.customer_id] == entry[_ENTRIES.customer_id],
                line[_LINES.entry_id] == entry[_ENTRIES.id],
            ),
            order=(_LINES.line_number,),
        )
    )

    @planned(
        Connected(
            link=lambda entry, allocation: and_(
                allocation[_ALLOCATIONS.customer_id] == entry[_ENTRIES.customer_id],
                allocation[_ALLOCATIONS.id] == any_(func.array(_uses_of(entry))),
            )
        )
    )
    def allocations(
        self, first: int | None = UNSET, after: Cursor | None = UNSET
    ) -> Connection[Allocation] | None:
        """Where this entry was used, undone allocations included."""

    journal_lines: list[JournalLine] | None = declare(
        Many(
            link=lambda entry, line: and_(
                line[_JOURNAL.customer_id] == entry[_ENTRIES.customer_id],
                line[_JOURNAL.source_id] == entry[_ENTRIES.id],
            ),
            order=(_JOURNAL.line_number,),
            guard="ledger.journal",
        )
    )
    posted_by: User | None = declare(
        One(
            link=lambda entry, user: user[users.c.id] == entry[_ENTRIES.posted_by],
            guard="ledger.actor",
        )
    )
    posted_at: datetime | None = leaf(_ENTRIES.posted_at, Kind.INSTANT)
    sequence: int | None = leaf(
        _ENTRIES.sequence,
        Kind.NUMBER,
        description="Position in the customer's chain, from 1, without gaps.",
    )
    hash: str | None = leaf(
        lambda row: func.encode(row[_ENTRIES.hash], constant("hex")), guard=_PROOF
    )
    previous_hash: str | None = leaf(
        lambda row: func.encode(row[_ENTRIES.previous_hash], constant("hex")), guard=_PROOF
    )

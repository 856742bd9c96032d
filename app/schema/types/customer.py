"""Customers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, cast

import strawberry
from sqlalchemy import Column, ColumnElement, Date, DateTime, Numeric, and_, func, select
from strawberry import UNSET

from app.domain.text import PARAGRAPH
from app.models import accounts, audit_events, customers, ledger_entries, open_items, users
from app.schema.types.audit import AuditEvent
from app.schema.types.balances import Ageing, Balance, ageing_at, balance_at, now
from app.schema.types.computed import LazyLedgerEntry
from app.schema.types.declaration import (
    Connected,
    Derived,
    Embedded,
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
from app.schema.types.enums import CustomerStatus, CustomerType
from app.schema.types.explanation import BalanceExplanation, explain_balance
from app.schema.types.filters import LedgerEntryFilter, LedgerEntryOrder
from app.schema.types.masks import email as masked_email
from app.schema.types.masks import everything, initial, last_two
from app.schema.types.node import Connection, Node
from app.schema.types.open_as_of import open_entries, overdue_of_all
from app.schema.types.people import User
from app.schema.types.scalars import Currency, Cursor
from app.schema.types.sql import constant, today, zero_of
from app.schema.types.statement import Statement, statement
from app.schema.types.verification import CHAIN_ROWS, LedgerVerification, verify_ledger

_CUSTOMERS = customers.c
_ACCOUNTS = accounts.c
_CONTACT = "customer.contact"
_BALANCE = "customer.balance"
_CREDIT = "customer.credit"


def _overdue_amount(row: Row) -> ColumnElement[Any]:
    item = open_entries(row[_CUSTOMERS.id], today())
    overdue = (
        select(func.sum(item.c.open)).where(item.c.is_debit, item.c.due < today()).scalar_subquery()
    )
    return func.coalesce(overdue, zero_of(row[_CUSTOMERS.currency]), type_=Numeric())


_OVERDUE = overdue_of_all(today(), "overdue")
_OVERDUE_OF, _OVERDUE_SUM = cast("list[Column[Any]]", list(_OVERDUE.c))


def _overdue_in_lists(row: Row) -> ColumnElement[Any]:
    return func.coalesce(row[_OVERDUE_SUM], zero_of(row[_CUSTOMERS.currency]), type_=Numeric())


def _oldest_due_date(row: Row) -> ColumnElement[Any]:
    item = open_entries(row[_CUSTOMERS.id], today())
    return select(func.min(item.c.due)).where(item.c.is_debit).scalar_subquery()


@strawberry.type(description="A postal address.")
@planned_type()
class Address:
    """The address columns of a customer."""

    line1: str = leaf(_CUSTOMERS.address_line1, mask=everything)
    line2: str | None = leaf(_CUSTOMERS.address_line2, mask=everything)
    city: str = leaf(_CUSTOMERS.address_city, mask=everything)
    region: str | None = leaf(_CUSTOMERS.address_region, mask=everything)
    postal_code: str | None = leaf(_CUSTOMERS.address_postal_code, mask=everything)
    country: str = leaf(_CUSTOMERS.address_country, mask=lambda value: value)


@strawberry.type(description="How and when a customer wants to be written to.")
@planned_type()
class CustomerPreferences:
    """The preference columns of a customer. They have no masked form: masked, they are withheld."""

    receive_emails: bool = leaf(_CUSTOMERS.receive_emails, Kind.BOOLEAN)
    receive_sms: bool = leaf(_CUSTOMERS.receive_sms, Kind.BOOLEAN)
    locale: str = leaf(_CUSTOMERS.locale)
    time_zone: str = leaf(_CUSTOMERS.time_zone)
    quiet_from: str | None = leaf(_CUSTOMERS.quiet_from)
    quiet_until: str | None = leaf(_CUSTOMERS.quiet_until)


@strawberry.type(description="Somebody who owes the company, or may.")
@planned_type(
    Source(
        table=customers,
        owner=Owner.CUSTOMER,
        customer_id=_CUSTOMERS.id,
        key=(_CUSTOMERS.id,),
        searched=("code", "businessName", "email", "phone"),
        unless_filtered=(
            "status",
            lambda customer: customer[_CUSTOMERS.status].not_in(
                (constant("DELETED"), constant("ARCHIVED"))
            ),
        ),
        joins={
            accounts: lambda customer, account: (
                account[_ACCOUNTS.customer_id] == customer[_CUSTOMERS.id]
            ),
            _OVERDUE: lambda customer, overdue: overdue[_OVERDUE_OF] == customer[_CUSTOMERS.id],
        },
        always_there=(accounts,),
    )
)
class Customer(Node):
    """A row of `customers`, with its account."""

    code: str = leaf(_CUSTOMERS.code, filterable=True, is_name=True, order="CODE")
    business_name: str = leaf(_CUSTOMERS.business_name, filterable=True, order="BUSINESS_NAME")
    contact_name: str | None = leaf(_CUSTOMERS.contact_name, guard=_CONTACT, mask=initial)
    email: str | None = leaf(_CUSTOMERS.email, guard=_CONTACT, mask=masked_email, filterable=True)
    phone: str | None = leaf(_CUSTOMERS.phone, guard=_CONTACT, mask=last_two, filterable=True)
    billing_address: Address | None = declare(
        Embedded(present=lambda row: row[_CUSTOMERS.address_line1].is_not(None), guard=_CONTACT)
    )
    tax_id: str | None = leaf(_CUSTOMERS.tax_id, guard="customer.tax", mask=last_two)
    customer_type: CustomerType = leaf(_CUSTOMERS.customer_type, Kind.CHOICE, filterable=True)
    currency: Currency = leaf(_CUSTOMERS.currency)
    payment_terms_days: int = leaf(_CUSTOMERS.payment_terms_days, Kind.NUMBER)
    status: CustomerStatus = leaf(_CUSTOMERS.status, Kind.CHOICE, filterable=True)
    assigned_to: User | None = declare(
        One(
            link=lambda customer, user: user[users.c.id] == customer[_CUSTOMERS.assigned_to],
            column=_CUSTOMERS.assigned_to,
            filterable=True,
            absence="unassigned",
        )
    )
    tags: list[str] = leaf(_CUSTOMERS.tags, Kind.LIST, filterable=True, is_name=True)
    preferences: CustomerPreferences | None = declare(Embedded(guard=_CONTACT))
    notes: str | None = leaf(_CUSTOMERS.notes, guard="customer.notes", characters=PARAGRAPH)
    pending_balance: Decimal | None = leaf(
        _ACCOUNTS.pending,
        Kind.MONEY,
        guard=_BALANCE,
        filterable=True,
        order="PENDING_BALANCE",
        description="Owed and not yet covered by credits.",
    )
    advance_balance: Decimal | None = leaf(
        _ACCOUNTS.advance,
        Kind.MONEY,
        guard=_BALANCE,
        description="Credit not yet used against anything owed.",
    )
    current_balance: Decimal | None = leaf(
        _ACCOUNTS.current,
        Kind.MONEY,
        guard=_BALANCE,
        description="pendingBalance less advanceBalance: the sum of all ledger entries.",
    )
    overdue_amount: Decimal | None = leaf(
        _overdue_amount,
        Kind.MONEY,
        guard=_BALANCE,
        filterable=True,
        order="OVERDUE_AMOUNT",
        in_lists=_overdue_in_lists,
        description="What is open today and was due before: as `ageing` has it.",
    )
    oldest_due_date: date | None = leaf(
        _oldest_due_date,
        Kind.DATE,
        guard=_BALANCE,
        description="Of what is open today; a debit without a due date is due on its own date.",
    )
    credit_limit: Decimal | None = leaf(
        _ACCOUNTS.credit_limit, Kind.MONEY, guard=_CREDIT, filterable=True, order="CREDIT_LIMIT"
    )
    effective_credit_limit: Decimal | None = leaf(
        _ACCOUNTS.credit_limit, Kind.MONEY, guard=_CREDIT, description="The limit in force now."
    )
    available_credit: Decimal | None = leaf(
        lambda row: row[_ACCOUNTS.credit_limit] - row[_ACCOUNTS.current],
        Kind.MONEY,
        guard=_CREDIT,
        description="The limit in force less what is owed; below zero when it is exceeded.",
    )

    @planned(
        Derived(
            rows=balance_at,
            arguments={"asOf": (Date(), today), "knownAt": (DateTime(timezone=True), now)},
            guard=_BALANCE,
        )
    )
    def balance_at(
        self, as_of: date | None = UNSET, known_at: datetime | None = UNSET
    ) -> Balance | None:
        """Balances as of an accounting date, as they were known at an instant; both now."""

    @planned(
        Derived(
            rows=explain_balance,
            arguments={"asOf": (Date(), today), "knownAt": (DateTime(timezone=True), now)},
            guard=_BALANCE,
        )
    )
    def explain_balance(
        self, as_of: date | None = UNSET, known_at: datetime | None = UNSET
    ) -> BalanceExplanation | None:
        """A tree whose leaves add up exactly to the balance."""

    @planned(Derived(rows=ageing_at, arguments={"asOf": (Date(), today)}, guard=_BALANCE))
    def ageing(self, as_of: date | None = UNSET) -> Ageing | None:
        """Open debits by how long they are overdue, as of an accounting date; today."""

    @planned(
        Derived(
            rows=statement,
            arguments={"from": (Date(), None), "to": (Date(), None)},
            span=("from", "to"),
            guard=_BALANCE,
        )
    )
    def statement(
        self, first: Annotated[date, strawberry.argument(name="from")], to: date
    ) -> Statement | None:
        """What was posted between two accounting dates, both included."""

    verify_ledger: LedgerVerification | None = declare(
        Derived(rows=verify_ledger, weight=CHAIN_ROWS, guard="ledger.proof"),
        description="Whether each link of this customer's hash chain holds, and the first one "
        "that does not.",
    )

    @planned(
        Connected(
            link=lambda customer, event: (
                event[audit_events.c.customer_id] == customer[_CUSTOMERS.id]
            )
        )
    )
    def audit_trail(
        self, first: int | None = UNSET, after: Cursor | None = UNSET
    ) -> Connection[AuditEvent] | None:
        """What was done to this customer, in the order it was done."""

    @planned(
        Connected(
            link=lambda customer, entry: (
                entry[ledger_entries.c.customer_id] == customer[_CUSTOMERS.id]
            ),
            # Their sequences have no gaps.
            total=_ACCOUNTS.sequence,
        )
    )
    def ledger_entries(
        self,
        first: int | None = UNSET,
        after: Cursor | None = UNSET,
        last: int | None = UNSET,
        before: Cursor | None = UNSET,
        filter: LedgerEntryFilter | None = UNSET,  # noqa: A002 - the contract's name
        order_by: list[LedgerEntryOrder] | None = UNSET,
    ) -> Connection[LazyLedgerEntry] | None:
        """What was posted, in the order of posting unless asked otherwise."""

    @planned(
        Connected(
            link=lambda customer, entry: and_(
                entry[ledger_entries.c.customer_id] == customer[_CUSTOMERS.id],
                entry[open_items.c.open_amount].is_not(None),
            ),
            order="DUE_DATE",
        )
    )
    def open_items(
        self, first: int | None = UNSET, after: Cursor | None = UNSET
    ) -> Connection[LazyLedgerEntry] | None:
        """Entries of which something is still open, oldest due first."""

    legal_hold: bool = leaf(_CUSTOMERS.legal_hold, Kind.BOOLEAN)
    version: int = leaf(_CUSTOMERS.version, Kind.NUMBER)
    created_at: datetime = leaf(_CUSTOMERS.created_at, Kind.INSTANT, order="CREATED_AT")
    updated_at: datetime = leaf(_CUSTOMERS.updated_at, Kind.INSTANT, order="UPDATED_AT")
    deleted_at: datetime | None = leaf(_CUSTOMERS.deleted_at, Kind.INSTANT)

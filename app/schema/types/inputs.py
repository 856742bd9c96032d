"""Mutation inputs. Every one has a `meta`; those that move money have an `idempotencyKey`."""

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import UNSET

from app.domain.ledger import PaymentMethod
from app.policies.roles import Role
from app.schema.types.enums import CustomerType, PeriodType
from app.schema.types.scalars import Currency


@strawberry.input
class Meta:
    """How to carry a mutation out."""

    dry_run: bool | None = strawberry.field(
        default=False, description="Run and check everything, show what would be, change nothing."
    )
    client_mutation_id: str | None = UNSET


@strawberry.input
class AddressInput:
    """A postal address. `country` is ISO 3166-1 alpha-2."""

    line1: str
    line2: str | None = UNSET
    city: str
    region: str | None = UNSET
    postal_code: str | None = UNSET
    country: str


@strawberry.input
class CustomerPreferencesInput:
    """Only what is given changes."""

    receive_emails: bool | None = UNSET
    receive_sms: bool | None = UNSET
    locale: str | None = UNSET
    time_zone: str | None = UNSET
    quiet_from: str | None = UNSET
    quiet_until: str | None = UNSET


@strawberry.input
class CreateCustomerInput:
    """A new customer and its account.

    Without `code` the server gives one; who sees only a part of the customers must leave it out.
    `creditLimit` only by who may set it; left out it is 0.
    """

    code: str | None = UNSET
    business_name: str
    contact_name: str | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    billing_address: AddressInput | None = UNSET
    tax_id: str | None = UNSET
    customer_type: CustomerType | None = CustomerType.BUSINESS
    currency: Currency
    payment_terms_days: int | None = 30
    credit_limit: Decimal | None = UNSET
    assigned_to: strawberry.ID | None = UNSET
    tags: list[str] | None = UNSET
    meta: Meta | None = UNSET


@strawberry.input
class UpdateCustomerInput:
    """Only what is given changes; null empties a field that can be empty."""

    id: strawberry.ID
    expected_version: int
    business_name: str | None = UNSET
    contact_name: str | None = UNSET
    email: str | None = UNSET
    phone: str | None = UNSET
    billing_address: AddressInput | None = UNSET
    tax_id: str | None = UNSET
    customer_type: CustomerType | None = UNSET
    payment_terms_days: int | None = UNSET
    tags: list[str] | None = UNSET
    notes: str | None = UNSET
    preferences: CustomerPreferencesInput | None = UNSET
    meta: Meta | None = UNSET


@strawberry.input
class AssignCustomerInput:
    """Null or absent: nobody."""

    id: strawberry.ID
    expected_version: int
    assigned_to: strawberry.ID | None = UNSET
    meta: Meta | None = UNSET


@strawberry.input
class DeleteCustomerInput:
    """Only a customer who owes nothing and is owed nothing."""

    id: strawberry.ID
    expected_version: int
    reason: str
    meta: Meta | None = UNSET


@strawberry.input
class RestoreCustomerInput:
    """A deleted customer, back as it was."""

    id: strawberry.ID
    expected_version: int
    meta: Meta | None = UNSET


@strawberry.input
class LineItemInput:
    """`discount` is an amount off the line; `taxRate` a fraction: "0.19" is 19 %."""

    sku: str | None = UNSET
    description: str | None = UNSET
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal | None = UNSET
    tax_rate: Decimal | None = UNSET


@strawberry.input
class AllocationInput:
    """So much for this debit."""

    debit: strawberry.ID
    amount: Decimal


@strawberry.input
class PostInvoiceInput:
    """An invoice; due after the customer's payment terms unless said otherwise."""

    customer: strawberry.ID
    idempotency_key: str
    transaction_date: date
    due_date: date | None = UNSET
    description: str | None = UNSET
    external_reference: str | None = UNSET
    line_items: list[LineItemInput]
    meta: Meta | None = UNSET


@strawberry.input
class RecordPaymentInput:
    """Money that came in. What settles nothing becomes the customer's advance."""

    customer: strawberry.ID
    idempotency_key: str
    transaction_date: date
    amount: Decimal
    method: PaymentMethod
    external_reference: str | None = UNSET
    allocations: list[AllocationInput] | None = strawberry.field(
        default=UNSET,
        description=("Explicit, and none if empty; without it oldest due first when autoAllocate."),
    )
    auto_allocate: bool | None = True
    meta: Meta | None = UNSET


@strawberry.input
class IssueCreditNoteInput:
    """Money the customer need not pay. `amount` is gross.

    `against` is used first: its tax is taken back in proportion, and all credit notes against it
    never add up to more than it. Without `against`, `taxRate` says what tax the amount contains.
    """

    customer: strawberry.ID
    idempotency_key: str
    transaction_date: date
    amount: Decimal
    tax_rate: Decimal | None = UNSET
    reason: str
    against: strawberry.ID | None = UNSET
    external_reference: str | None = UNSET
    meta: Meta | None = UNSET


@strawberry.input
class AllocateInput:
    """Use what a credit has open against debits of the same customer."""

    credit: strawberry.ID
    idempotency_key: str
    allocations: list[AllocationInput] | None = strawberry.field(
        default=UNSET, description="Without: oldest due first, as far as the credit goes."
    )
    meta: Meta | None = UNSET


@strawberry.input
class UndoAllocationInput:
    """Both sides are open again, by a counter-allocation."""

    allocation: strawberry.ID
    idempotency_key: str
    reason: str
    meta: Meta | None = UNSET


@strawberry.input
class SaveProductInput:
    """A new product, or what is given of the product of this sku; what is left out stays.

    A new product has no tax, no cost and no stock, and is active. A null `cost` empties it.
    """

    sku: str
    expected_version: int | None = UNSET
    name: str
    unit_price: Decimal
    currency: Currency
    tax_rate: Decimal | None = UNSET
    cost: Decimal | None = UNSET
    stock_on_hand: Decimal | None = UNSET
    is_active: bool | None = UNSET
    meta: Meta | None = UNSET


@strawberry.input
class CreateFiscalYearInput:
    """Twelve months from the first of a month, with the quarters and the year over them."""

    starts_on: date
    types: list[PeriodType] = strawberry.field(
        default_factory=lambda: [PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.YEARLY]
    )
    meta: Meta | None = UNSET


@strawberry.input
class RunReconciliationInput:
    """Every customer you may see, or these."""

    customers: list[strawberry.ID] | None = UNSET
    incremental: bool | None = True
    meta: Meta | None = UNSET


@strawberry.input
class LoginInput:
    """E-mail and password."""

    email: str
    password: str


@strawberry.input
class RefreshInput:
    """A refresh token: good once."""

    refresh_token: str


@strawberry.input
class LogoutInput:
    """The log-in that this refresh token is of; or all of the user's, `everywhere`."""

    refresh_token: str | None = UNSET
    session: strawberry.ID | None = strawberry.field(
        default=UNSET, description="Log-ins have no ids yet: refused."
    )
    everywhere: bool | None = False


@strawberry.input
class SaveUserInput:
    """A new user without `id`, else what is given of this user; what is left out stays.

    A new user is in no team, active and without a password. A null `team` takes them out of it.
    """

    id: strawberry.ID | None = UNSET
    expected_version: int | None = UNSET
    email: str
    name: str
    roles: list[Role]
    team: strawberry.ID | None = UNSET
    is_active: bool | None = UNSET
    password: str | None = UNSET
    meta: Meta | None = UNSET

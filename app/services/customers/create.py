"""Creating a customer, with its account."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from app.domain import customer_fields, money, text
from app.domain.customer import CustomerType
from app.domain.customer_fields import Address
from app.domain.errors import DomainError, ErrorCode, Forbidden, Invalid
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.policies.scopes import Scope
from app.services import audit, outbox
from app.services.customers.access import facts_if_assigned

COORDINATE = "Mutation.createCustomer"


@dataclass(frozen=True, kw_only=True)
class CreateCustomer:
    """Without a code the server gives one.

    `assigned_to` defaults to the actor where the actor may only leave own customers behind.
    """

    code: str | None = None
    business_name: str
    currency: str
    contact_name: str | None = None
    email: str | None = None
    phone: str | None = None
    billing_address: Address | None = None
    tax_id: str | None = None
    customer_type: CustomerType = CustomerType.BUSINESS
    payment_terms_days: int = 30
    credit_limit: Decimal = Decimal(0)
    assigned_to: UUID | None = None
    tags: tuple[str, ...] = ()


async def create_customer(tx: Transaction, actor: Actor, command: CreateCustomer) -> UUID:
    """The new customer's id. Raises Forbidden, Invalid, NotFound (assignedTo), DUPLICATE_CODE."""
    actor.require(COORDINATE)
    values = checked(command)
    values["assigned_to"] = await _assignee(tx, actor, command)
    customer_id = await _insert(tx, values)
    await audit.record(
        tx,
        actor,
        "createCustomer",
        subject=audit.Subject(type="Customer", id=customer_id, customer_id=customer_id),
        after={name: _audited(value) for name, value in values.items() if value not in (None, [])},
    )
    await outbox.enqueue(tx, "event.customer_changed", {"customerId": str(customer_id)})
    return customer_id


async def _insert(tx: Transaction, values: dict[str, Any]) -> UUID:
    """Insert it under its code, or under the next of the series that nobody has."""
    given = values["code"]
    while True:
        code = given or f"C-{await tx.fetchval(_NEXT_CODE):06}"
        values["code"] = code
        customer_id: UUID | None = await tx.fetchval(
            _INSERT, **values, zero=money.zero(values["currency"])
        )
        if customer_id is not None:
            return customer_id
        if given:
            raise DomainError(
                ErrorCode.DUPLICATE_CODE,
                "Another customer has this code.",
                path=("code",),
                details={"code": given},
            )


def checked(command: CreateCustomer) -> dict[str, Any]:
    """The columns of the new rows, or Invalid: all that can be told without the database."""
    currency = money.currency(command.currency, "currency")
    credit_limit = money.exact(command.credit_limit, currency, "creditLimit")
    if credit_limit < 0:
        raise Invalid("A credit limit is zero or more.", "creditLimit")
    address = customer_fields.address(command.billing_address, "billingAddress")
    return {
        "code": None if command.code is None else customer_fields.code(command.code, "code"),
        "business_name": text.required(command.business_name, "businessName"),
        "contact_name": text.optional(command.contact_name, "contactName"),
        "email": customer_fields.email(command.email, "email"),
        "phone": customer_fields.phone(command.phone, "phone"),
        "address_line1": address and address.line1,
        "address_line2": address and address.line2,
        "address_city": address and address.city,
        "address_region": address and address.region,
        "address_postal_code": address and address.postal_code,
        "address_country": address and address.country,
        "tax_id": text.optional(command.tax_id, "taxId", maximum=text.SHORT),
        "customer_type": command.customer_type,
        "currency": currency,
        "payment_terms_days": customer_fields.payment_terms_days(
            command.payment_terms_days, "paymentTermsDays"
        ),
        "tags": customer_fields.tags(command.tags, "tags"),
        "credit_limit": credit_limit,
    }


async def _assignee(tx: Transaction, actor: Actor, command: CreateCustomer) -> UUID | None:
    """Whose the customer will be; Forbidden unless the actor may leave such a one behind."""
    allowed = actor.grant.execute(COORDINATE)
    assigned_to = command.assigned_to
    if assigned_to is None and not allowed.holds(frozenset()):
        assigned_to = actor.user_id
    facts = await facts_if_assigned(tx, actor, assigned_to, "assignedTo")
    if not allowed.holds(facts):
        raise Forbidden(COORDINATE, "assignedTo")
    _require_writable(actor, command, facts)
    return assigned_to


def _require_writable(actor: Actor, command: CreateCustomer, facts: frozenset[Scope]) -> None:
    """Forbidden for the first field that is supplied and may not be. A default is not supplied."""
    for name, field in _SUPPLIABLE.items():
        supplied = getattr(command, name) != getattr(CreateCustomer, name, None)
        coordinate = f"CreateCustomerInput.{field}"
        if supplied and not actor.grant.writable(coordinate).holds(facts):
            raise Forbidden(coordinate, field)


_SUPPLIABLE = {
    "code": "code",
    "business_name": "businessName",
    "currency": "currency",
    "contact_name": "contactName",
    "email": "email",
    "phone": "phone",
    "billing_address": "billingAddress",
    "tax_id": "taxId",
    "customer_type": "customerType",
    "payment_terms_days": "paymentTermsDays",
    "credit_limit": "creditLimit",
    "assigned_to": "assignedTo",
    "tags": "tags",
}


def _audited(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


_NEXT_CODE = Statement(sql("UPDATE customer_codes SET last = last + 1 RETURNING last"))
_INSERT = Statement(
    sql("""
    WITH customer AS (
        INSERT INTO customers (code, business_name, contact_name, email, phone, address_line1,
            address_line2, address_city, address_region, address_postal_code, address_country,
            tax_id, customer_type, currency, payment_terms_days, assigned_to, tags)
        VALUES (:code, :business_name, :contact_name, :email, :phone, :address_line1,
            :address_line2, :address_city, :address_region, :address_postal_code,
            :address_country, :tax_id, :customer_type, :currency, :payment_terms_days,
            :assigned_to, :tags)
        ON CONFLICT (code) DO NOTHING
        RETURNING id, currency
    )
    INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit)
    SELECT id, currency, CAST(:zero AS numeric), CAST(:zero AS numeric),
        CAST(:credit_limit AS numeric)
    FROM customer
    RETURNING customer_id
    """)
)

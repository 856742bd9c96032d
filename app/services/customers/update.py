"""Changing a customer's own fields: only what is supplied changes, and only where it differs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, update

from app.domain import customer_fields, text
from app.domain.customer import CustomerStatus, CustomerType, require_in_use
from app.domain.customer_fields import Address
from app.domain.errors import Forbidden, Invalid
from app.domain.unset import UNSET, Unset
from app.infra.database import Statement, Transaction
from app.models import customers
from app.policies.actor import Actor
from app.policies.scopes import Scope
from app.services import audit, outbox
from app.services.customers.access import reach


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """The preferences to change."""

    receive_emails: bool | Unset | None = UNSET
    receive_sms: bool | Unset | None = UNSET
    locale: str | Unset | None = UNSET
    time_zone: str | Unset | None = UNSET
    quiet_from: str | Unset | None = UNSET
    quiet_until: str | Unset | None = UNSET


@dataclass(frozen=True, kw_only=True)
class UpdateCustomer:
    """The fields to change. Null clears what may be absent and is refused for what may not."""

    customer_id: UUID
    expected_version: int
    business_name: str | Unset | None = UNSET
    contact_name: str | Unset | None = UNSET
    email: str | Unset | None = UNSET
    phone: str | Unset | None = UNSET
    billing_address: Address | Unset | None = UNSET
    tax_id: str | Unset | None = UNSET
    customer_type: CustomerType | Unset | None = UNSET
    payment_terms_days: int | Unset | None = UNSET
    tags: tuple[str, ...] | Unset | None = UNSET
    notes: str | Unset | None = UNSET
    preferences: Preferences | Unset | None = UNSET


async def update_customer(tx: Transaction, actor: Actor, command: UpdateCustomer) -> UUID:
    """Raises Forbidden (with the field), Invalid, NotFound, StaleVersion, CUSTOMER_DELETED ..."""
    actor.require("Mutation.updateCustomer")
    values = dict(_checked(command))
    reached = await reach(
        tx, actor, "updateCustomer", command.customer_id, command.expected_version, "id"
    )
    _require_writable(actor, command, reached.facts)
    require_in_use(CustomerStatus(reached.row["status"]), "id")
    changed = {name: value for name, value in values.items() if reached.row[name] != value}
    if changed:
        await tx.execute(
            _update(tuple(sorted(changed))), customer_id=command.customer_id, **changed
        )
        await audit.record(
            tx,
            actor,
            "updateCustomer",
            subject=audit.Subject(
                type="Customer", id=command.customer_id, customer_id=command.customer_id
            ),
            before={name: reached.row[name] for name in changed},
            after=changed,
        )
        event = {"customerId": str(command.customer_id)}
        await outbox.enqueue(tx, "event.customer_changed", event)
    return command.customer_id


def _require_writable(actor: Actor, command: UpdateCustomer, facts: frozenset[Scope]) -> None:
    for name, field in _FIELDS.items():
        coordinate = f"UpdateCustomerInput.{field.name}"
        supplied = getattr(command, name) is not UNSET
        if supplied and not actor.grant.writable(coordinate).holds(facts):
            raise Forbidden(coordinate, field.name)


def _checked(command: UpdateCustomer) -> Iterator[tuple[str, Any]]:
    """Column and value of everything supplied, in the order of the contract."""
    for name, field in _FIELDS.items():
        value = getattr(command, name)
        if value is UNSET:
            continue
        if value is None and not field.may_be_null:
            raise Invalid("This field cannot be cleared.", field.name)
        yield from field.columns(value, field.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """One field of the input: its name there, and the columns that a value of it is stored in."""

    name: str
    columns: Callable[[Any, str], Iterator[tuple[str, Any]]]
    may_be_null: bool = True


def _column(
    name: str, check: Callable[..., Any]
) -> Callable[[Any, str], Iterator[tuple[str, Any]]]:
    def columns(value: Any, *path: str) -> Iterator[tuple[str, Any]]:
        yield name, check(value, *path)

    return columns


def _address_columns(value: Address | None, *path: str) -> Iterator[tuple[str, Any]]:
    address = customer_fields.address(value, *path)
    for name in ("line1", "line2", "city", "region", "postal_code", "country"):
        yield f"address_{name}", getattr(address, name, None)


def _preference_columns(value: Preferences, *path: str) -> Iterator[tuple[str, Any]]:
    for name, (field, check) in _PREFERENCES.items():
        preference = getattr(value, name)
        if preference is UNSET:
            continue
        if preference is None and not name.startswith("quiet_"):
            raise Invalid("This field cannot be cleared.", *path, field)
        yield name, check(preference, *path, field)


def _as_given(value: Any, *_path: str) -> Any:
    return value


def _tax_id(value: str | None, *path: str) -> str | None:
    return text.optional(value, *path, maximum=text.SHORT)


_PREFERENCES: dict[str, tuple[str, Callable[..., Any]]] = {
    "receive_emails": ("receiveEmails", _as_given),
    "receive_sms": ("receiveSms", _as_given),
    "locale": ("locale", customer_fields.locale),
    "time_zone": ("timeZone", customer_fields.time_zone),
    "quiet_from": ("quietFrom", customer_fields.time_of_day),
    "quiet_until": ("quietUntil", customer_fields.time_of_day),
}

_FIELDS: dict[str, _Field] = {
    "business_name": _Field(
        name="businessName", columns=_column("business_name", text.required), may_be_null=False
    ),
    "contact_name": _Field(name="contactName", columns=_column("contact_name", text.optional)),
    "email": _Field(name="email", columns=_column("email", customer_fields.email)),
    "phone": _Field(name="phone", columns=_column("phone", customer_fields.phone)),
    "billing_address": _Field(name="billingAddress", columns=_address_columns),
    "tax_id": _Field(name="taxId", columns=_column("tax_id", _tax_id)),
    "customer_type": _Field(
        name="customerType", columns=_column("customer_type", _as_given), may_be_null=False
    ),
    "payment_terms_days": _Field(
        name="paymentTermsDays",
        columns=_column("payment_terms_days", customer_fields.payment_terms_days),
        may_be_null=False,
    ),
    "tags": _Field(name="tags", columns=_column("tags", customer_fields.tags), may_be_null=False),
    "notes": _Field(name="notes", columns=_column("notes", text.paragraph)),
    "preferences": _Field(name="preferences", columns=_preference_columns, may_be_null=False),
}


@lru_cache(maxsize=256)
def _update(columns: tuple[str, ...]) -> Statement:
    return Statement(
        update(customers)
        .where(customers.c.id == bindparam("customer_id"))
        .values(
            {name: bindparam(name, type_=customers.c[name].type) for name in columns}
            | {"version": customers.c.version + 1, "updated_at": func.now()}
        )
    )

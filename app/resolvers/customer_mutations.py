"""Mutations of customers: parse, call the service, convert."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from app.domain import global_id, unset
from app.domain.customer import CustomerType
from app.domain.customer_fields import Address
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.resolvers.context import Context
from app.resolvers.edge import Keys, carry_out, text_or_none
from app.schema.types import inputs
from app.schema.types.payloads import CustomerPayload
from app.services.customers.assign import AssignCustomer, assign_customer
from app.services.customers.create import CreateCustomer, create_customer
from app.services.customers.delete import (
    DeleteCustomer,
    RestoreCustomer,
    delete_customer,
    restore_customer,
)
from app.services.customers.update import Preferences, UpdateCustomer, update_customer

Service = Callable[[Transaction, Actor], Awaitable[UUID]]


async def _change(
    info: Info[Context, None],
    meta: inputs.Meta | None,
    service: Service,
    about: str | None = None,
) -> CustomerPayload:
    async def work(tx: Transaction, actor: Actor) -> Keys:
        return {"customer_id": await service(tx, actor)}

    return await carry_out(info, CustomerPayload, meta, work, about=about)


@strawberry.type
class CustomerMutations:
    """Everything about customers but their money."""

    @strawberry.mutation
    async def create_customer(
        self,
        info: Info[Context, None],
        input: inputs.CreateCustomerInput,  # noqa: A002 - the contract's name
    ) -> CustomerPayload:
        """Create a customer and its account."""

        async def service(tx: Transaction, actor: Actor) -> UUID:
            command = CreateCustomer(
                code=text_or_none(input.code),
                business_name=input.business_name,
                currency=input.currency,
                contact_name=text_or_none(input.contact_name),
                email=text_or_none(input.email),
                phone=text_or_none(input.phone),
                billing_address=_address(text_or_none(input.billing_address)),
                tax_id=text_or_none(input.tax_id),
                customer_type=input.customer_type or CustomerType.BUSINESS,
                payment_terms_days=_or_default(input.payment_terms_days, 30),
                credit_limit=_or_default(input.credit_limit, CreateCustomer.credit_limit),
                assigned_to=_user(input.assigned_to),
                tags=tuple(text_or_none(input.tags) or ()),
            )
            return await create_customer(tx, actor, command)

        return await _change(info, input.meta, service)

    @strawberry.mutation
    async def update_customer(
        self,
        info: Info[Context, None],
        input: inputs.UpdateCustomerInput,  # noqa: A002 - the contract's name
    ) -> CustomerPayload:
        """Change what is given of a customer."""

        async def service(tx: Transaction, actor: Actor) -> UUID:
            command = UpdateCustomer(
                customer_id=_customer(input.id),
                expected_version=input.expected_version,
                billing_address=_given(input.billing_address, _address),
                tags=_given(input.tags, lambda tags: None if tags is None else tuple(tags)),
                preferences=_given(input.preferences, _preferences),
                **{name: _given(getattr(input, name)) for name in _PLAIN},
            )
            return await update_customer(tx, actor, command)

        return await _change(info, input.meta, service, about=input.id)

    @strawberry.mutation
    async def assign_customer(
        self,
        info: Info[Context, None],
        input: inputs.AssignCustomerInput,  # noqa: A002 - the contract's name
    ) -> CustomerPayload:
        """Give a customer to a sales rep, or to nobody."""

        async def service(tx: Transaction, actor: Actor) -> UUID:
            command = AssignCustomer(
                customer_id=_customer(input.id),
                expected_version=input.expected_version,
                assigned_to=_user(input.assigned_to),
            )
            return await assign_customer(tx, actor, command)

        return await _change(info, input.meta, service, about=input.id)

    @strawberry.mutation
    async def delete_customer(
        self,
        info: Info[Context, None],
        input: inputs.DeleteCustomerInput,  # noqa: A002 - the contract's name
    ) -> CustomerPayload:
        """Delete a customer who owes nothing and is owed nothing. It can be restored."""

        async def service(tx: Transaction, actor: Actor) -> UUID:
            command = DeleteCustomer(
                customer_id=_customer(input.id),
                expected_version=input.expected_version,
                reason=input.reason,
            )
            return await delete_customer(tx, actor, command)

        return await _change(info, input.meta, service, about=input.id)

    @strawberry.mutation
    async def restore_customer(
        self,
        info: Info[Context, None],
        input: inputs.RestoreCustomerInput,  # noqa: A002 - the contract's name
    ) -> CustomerPayload:
        """Undo a deletion."""

        async def service(tx: Transaction, actor: Actor) -> UUID:
            command = RestoreCustomer(
                customer_id=_customer(input.id), expected_version=input.expected_version
            )
            return await restore_customer(tx, actor, command)

        return await _change(info, input.meta, service, about=input.id)


_PLAIN = (
    "business_name",
    "contact_name",
    "email",
    "phone",
    "tax_id",
    "customer_type",
    "payment_terms_days",
    "notes",
)
_PREFERENCES = (
    "receive_emails",
    "receive_sms",
    "locale",
    "time_zone",
    "quiet_from",
    "quiet_until",
)


def _customer(text: str) -> UUID:
    return global_id.decode_as("Customer", text, "id").id


def _user(given: Any) -> UUID | None:
    text = text_or_none(given)
    return None if text is None else global_id.decode_as("User", text, "assignedTo").id


def _or_default(given: Any, default: Any) -> Any:
    return default if given is None or given is UNSET else given


def _given(value: Any, convert: Callable[[Any], Any] = lambda value: value) -> Any:
    """What was supplied, null included; the service's own mark for what was not."""
    return unset.UNSET if value is UNSET else convert(value)


def _address(given: inputs.AddressInput | None) -> Address | None:
    if given is None:
        return None
    return Address(
        line1=given.line1,
        line2=text_or_none(given.line2),
        city=given.city,
        region=text_or_none(given.region),
        postal_code=text_or_none(given.postal_code),
        country=given.country,
    )


def _preferences(given: inputs.CustomerPreferencesInput | None) -> Preferences | None:
    if given is None:
        return None
    return Preferences(**{name: _given(getattr(given, name)) for name in _PREFERENCES})

"""Mutations of products, periods, users and reconciliation: parse, call the service, convert."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from app.domain import global_id, unset
from app.domain.periods import PeriodType
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.resolvers.context import Context
from app.resolvers.edge import Keys, carry_out, text_or_none
from app.schema.types import inputs
from app.schema.types.payloads import (
    PeriodPayload,
    ProductPayload,
    ReconciliationPayload,
    UserPayload,
)
from app.services.periods import CreateFiscalYear, create_fiscal_year
from app.services.products import SaveProduct, save_product
from app.services.reconciliation.start import RunReconciliation, start_run
from app.services.users import SaveUser, save_user


@strawberry.type
class DirectoryMutations:
    """Master data, users and checks."""

    @strawberry.mutation
    async def save_product(
        self,
        info: Info[Context, None],
        input: inputs.SaveProductInput,  # noqa: A002 - the contract's name
    ) -> ProductPayload:
        """Create a product, or change the one with this sku."""

        async def work(tx: Transaction, actor: Actor) -> Keys:
            command = SaveProduct(
                sku=input.sku,
                expected_version=text_or_none(input.expected_version),
                name=input.name,
                unit_price=input.unit_price,
                currency=input.currency,
                tax_rate=text_or_none(input.tax_rate),
                cost=unset.UNSET if input.cost is UNSET else input.cost,
                stock_on_hand=text_or_none(input.stock_on_hand),
                is_active=text_or_none(input.is_active),
            )
            return {"product_id": await save_product(tx, actor, command)}

        return await carry_out(info, ProductPayload, input.meta, work)

    @strawberry.mutation
    async def create_fiscal_year(
        self,
        info: Info[Context, None],
        input: inputs.CreateFiscalYearInput,  # noqa: A002 - the contract's name
    ) -> PeriodPayload:
        """Open the periods of a fiscal year: all of them or none."""

        async def work(tx: Transaction, actor: Actor) -> Keys:
            command = CreateFiscalYear(
                starts_on=input.starts_on, types=tuple(PeriodType(each) for each in input.types)
            )
            return {
                "period_id": None,
                "period_ids": list(await create_fiscal_year(tx, actor, command)),
            }

        return await carry_out(info, PeriodPayload, input.meta, work)

    @strawberry.mutation
    async def save_user(
        self,
        info: Info[Context, None],
        input: inputs.SaveUserInput,  # noqa: A002 - the contract's name
    ) -> UserPayload:
        """Create a user, or change one."""

        async def work(tx: Transaction, actor: Actor) -> Keys:
            command = SaveUser(
                id=_id("User", input.id, "id"),
                expected_version=text_or_none(input.expected_version),
                email=input.email,
                name=input.name,
                roles=tuple(input.roles),
                team_id=unset.UNSET if input.team is UNSET else _id("Team", input.team, "team"),
                is_active=text_or_none(input.is_active),
                password=text_or_none(input.password),
            )
            passwords = info.context.program.passwords
            return {"user_id": (await save_user(tx, actor, command, passwords=passwords)).id}

        return await carry_out(info, UserPayload, input.meta, work, may_change_actor=True)

    @strawberry.mutation
    async def run_reconciliation(
        self,
        info: Info[Context, None],
        input: inputs.RunReconciliationInput,  # noqa: A002 - the contract's name
    ) -> ReconciliationPayload:
        """Compare stored balances with the sub-ledger, in the background."""

        async def work(tx: Transaction, actor: Actor) -> Keys:
            named = text_or_none(input.customers)
            command = RunReconciliation(
                customers=None if named is None else tuple(_customers(named)),
                incremental=input.incremental is not False,
            )
            return {"run_id": (await start_run(tx, actor, command)).run_id}

        return await carry_out(info, ReconciliationPayload, input.meta, work)


def _id(type_name: str, given: Any, *path: str) -> UUID | None:
    text = text_or_none(given)
    return None if text is None else global_id.decode_as(type_name, text, *path).id


def _customers(named: list[strawberry.ID]) -> list[UUID]:
    return [
        global_id.decode_as("Customer", text, "customers", str(index)).id
        for index, text in enumerate(named)
    ]

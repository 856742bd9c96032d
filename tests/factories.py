"""Rows to test with: the smallest that are valid; what matters to a test, the test says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from app.domain import money
from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod
from app.domain.periods import PeriodType, fiscal_year
from app.infra.database import Database, Statement
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.services.ledger.commands import Command, post_command
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.ledger.posting import Posted

DAY = date(2026, 3, 10)
"""An ordinary day in the year that `make_year` opens."""

_POLICY = shipped_policy(version=1)
_numbers = count(1)


def new_key() -> str:
    """An idempotency key that nobody used."""
    return str(uuid4())


async def insert(database: Database, table: str, **values: Any) -> UUID:
    """A row of any table with an `id`, as the application's role."""
    columns = ", ".join(values)
    binds = ", ".join(f":{name}" for name in values)
    statement = Statement(text(f"INSERT INTO {table} ({columns}) VALUES ({binds}) RETURNING id"))
    async with database.transaction() as tx:
        row_id: UUID = await tx.fetchval(statement, **values)
    return row_id


async def make_team(
    database: Database, *, manager: UUID | None = None, name: str | None = None
) -> UUID:
    return await insert(
        database,
        "teams",
        name=name or f"Team {next(_numbers)} {uuid4().hex[:6]}",
        manager_id=manager,
    )


async def make_user(
    database: Database,
    *roles: Role,
    team: UUID | None = None,
    customer: UUID | None = None,
    is_active: bool = True,
) -> UUID:
    number = next(_numbers)
    return await insert(
        database,
        "users",
        email=f"user{number}.{uuid4().hex[:6]}@example.com",
        name=f"User {number}",
        roles=[str(role) for role in roles or (Role.CONTROLLER,)],
        team_id=team,
        customer_id=customer,
        is_active=is_active,
    )


def actor_of(
    user_id: UUID, *roles: Role, customer: UUID | None = None, team: UUID | None = None
) -> Actor:
    """The actor of a user that exists, under the shipped policy."""
    held = roles or (Role.CONTROLLER,)
    return Actor(
        user_id=user_id,
        roles=held,
        grant=compile_grant(_POLICY, user_id=user_id, roles=held),
        customer_id=customer,
        team_id=team,
        access_version=1,
        request_id=f"test-{next(_numbers)}",
    )


async def actor_for(
    database: Database, *roles: Role, team: UUID | None = None, customer: UUID | None = None
) -> Actor:
    """A new user with these roles (CONTROLLER by default), as an actor."""
    held = roles or (Role.CONTROLLER,)
    user_id = await make_user(database, *held, team=team, customer=customer)
    return actor_of(user_id, *held, customer=customer, team=team)


async def make_customer(
    database: Database,
    *,
    currency: str = "USD",
    assigned_to: UUID | None = None,
    payment_terms_days: int = 30,
    status: str = "ACTIVE",
    code: str | None = None,
    credit_limit: Decimal = Decimal(0),
    **columns: Any,
) -> UUID:
    """A customer and its account."""
    number = next(_numbers)
    customer_id = await insert(
        database,
        "customers",
        code=code or f"C{number}-{uuid4().hex[:8]}",
        business_name=columns.pop("business_name", f"Customer {number}"),
        customer_type=columns.pop("customer_type", "BUSINESS"),
        currency=currency,
        payment_terms_days=payment_terms_days,
        assigned_to=assigned_to,
        status=status,
        **columns,
    )
    zero = money.zero(currency)
    async with database.transaction() as tx:
        await tx.execute(
            _ACCOUNT,
            customer_id=customer_id,
            currency=currency,
            zero=zero,
            credit_limit=money.exact(credit_limit, currency),
        )
    return customer_id


async def make_product(
    database: Database,
    sku: str,
    *,
    unit_price: Decimal = Decimal("10.0000"),
    currency: str = "USD",
    tax_rate: Decimal = Decimal("0.1900"),
    is_active: bool = True,
) -> UUID:
    return await insert(
        database,
        "products",
        sku=sku,
        name=f"Product {sku}",
        unit_price=unit_price,
        currency=currency,
        tax_rate=tax_rate,
        is_active=is_active,
    )


async def make_year(database: Database, year: int = 2026) -> None:
    """Open months, quarters and the calendar year, wherever other years may be."""
    for period in fiscal_year(date(year, 1, 1), PeriodType):
        await insert(
            database,
            "accounting_periods",
            name=period.name,
            type=str(period.type),
            during=asyncpg.Range(period.starts_on, period.ends_before),
        )


def lines_of(*totals: str | Decimal) -> tuple[LineItem, ...]:
    """Untaxed line items that come to these totals."""
    return tuple(
        LineItem(description=f"Item {index}", quantity=Decimal(1), unit_price=Decimal(total))
        for index, total in enumerate(totals, start=1)
    )


@dataclass(frozen=True)
class Books:
    """An actor who posts, in a database with an open year."""

    database: Database
    actor: Actor

    async def post(self, command: Command, *, key: str | None = None) -> Posted:
        return await self.database.run(
            lambda tx: post_command(tx, self.actor, command, idempotency_key=key or new_key())
        )

    async def invoice(
        self, customer_id: UUID, *totals: str, on: date = DAY, due: date | None = None
    ) -> UUID:
        command = PostInvoice(
            customer_id=customer_id,
            transaction_date=on,
            due_date=due,
            line_items=lines_of(*totals),
        )
        return (await self.post(command)).entry_ids[0]

    async def pay(
        self, customer_id: UUID, amount: str, *, on: date = DAY, auto_allocate: bool = True
    ) -> Posted:
        return await self.post(
            RecordPayment(
                customer_id=customer_id,
                transaction_date=on,
                amount=Decimal(amount),
                method=PaymentMethod.BANK_TRANSFER,
                auto_allocate=auto_allocate,
            )
        )


async def open_books(database: Database, *roles: Role, years: Iterable[int] = (2026,)) -> Books:
    """Books of an actor with these roles; the years are opened if they are not there yet."""
    for year in years:
        async with database.transaction() as tx:
            is_there = await tx.fetchval(_HAS_YEAR, name=f"FY{year}")
        if not is_there:
            await make_year(database, year)
    return Books(database, await actor_for(database, *roles))


_ACCOUNT = Statement(
    text(
        "INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit) "
        "VALUES (:customer_id, :currency, :zero, :zero, :credit_limit)"
    )
)
_HAS_YEAR = Statement(text("SELECT count(*) FROM accounting_periods WHERE name = :name"))

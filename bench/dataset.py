"""The books to measure on, posted by the product's own engine: so they are what it would write.

One fiscal year, customers spread over sales representatives, and for each customer a mix of
invoices and payments in the order of time: a customer's entries lie scattered over the table.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod
from app.infra.database import Database, Statement
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.services.ledger.commands import EntryCommand, post_entries
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.periods import CreateFiscalYear, create_fiscal_year

YEAR = 2026
CUSTOMERS_OF_A_REP = 100
BATCH = 1000
WRITERS = 2

_USER = Statement(
    text("""
    INSERT INTO users (email, name, roles) VALUES (:email, :name, ARRAY[:role]) RETURNING id
    """)
)
_CUSTOMERS = Statement(
    text("""
    WITH made AS (
        INSERT INTO customers (code, business_name, contact_name, email, phone, address_line1,
            address_city, address_country, customer_type, currency, payment_terms_days,
            assigned_to, tags)
        SELECT 'C' || lpad(CAST(n AS text), 6, '0'), 'Business ' || n || ' Trading',
            'Contact ' || n, 'accounts' || n || '@business.example', '+49 30 ' || 1000000 + n,
            n || ' High Street', 'Berlin', 'DE', 'BUSINESS', 'EUR', 30,
            (CAST(:reps AS uuid[]))[1 + n % cardinality(CAST(:reps AS uuid[]))], ARRAY['bench']
        FROM generate_series(1, CAST(:count AS integer)) AS n
        ORDER BY n
        RETURNING id, currency, code
    ), opened AS (
        INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit)
        SELECT id, currency, 0.00, 0.00, 10000.00 FROM made
    )
    SELECT id FROM made ORDER BY code
    """)
)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Who asks and what about: the first representative, and who may post."""

    rep: UUID
    rep_customers: list[UUID]
    accountant: UUID
    customers: list[UUID]
    entries: int


async def load(
    database: Database, *, customers: int, entries: int, report: Callable[[str], None]
) -> Dataset:
    """Fill a migrated, empty database."""
    accountant = await _user(database, "accountant@bench.example", Role.ACCOUNTANT)
    controller = await _user(database, "controller@bench.example", Role.CONTROLLER)
    reps = [
        await _user(database, f"rep{number}@bench.example", Role.SALES_REP)
        for number in range(max(1, customers // CUSTOMERS_OF_A_REP))
    ]
    year = CreateFiscalYear(starts_on=date(YEAR, 1, 1))
    await database.run(lambda tx: create_fiscal_year(tx, controller, year))
    async with database.transaction() as tx:
        rows = await tx.fetch(_CUSTOMERS, reps=[each.user_id for each in reps], count=customers)
    ids = [row["id"] for row in rows]
    report(f"posting {entries} entries for {customers} customers")
    shares = [ids[number::WRITERS] for number in range(WRITERS)]
    wanted = [entries * len(share) // len(ids) for share in shares]
    wanted[0] += entries - sum(wanted)
    await asyncio.gather(
        *(
            _post_all(database, accountant, share, count)
            for share, count in zip(shares, wanted, strict=True)
        )
    )
    return Dataset(
        rep=reps[0].user_id,
        rep_customers=[each for n, each in enumerate(ids, start=1) if n % len(reps) == 0],
        accountant=accountant.user_id,
        customers=ids,
        entries=entries,
    )


async def settle(url: str) -> None:
    """Leave the tables as a database in use has them: with statistics, and vacuumed."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _user(database: Database, email: str, role: Role) -> Actor:
    async with database.transaction() as tx:
        user_id = await tx.fetchval(_USER, email=email, name=email.partition("@")[0], role=role)
    return Actor(
        user_id=user_id,
        roles=(role,),
        grant=compile_grant(shipped_policy(version=1), user_id=user_id, roles=(role,)),
        customer_id=None,
        team_id=None,
        access_version=1,
        request_id="bench",
    )


async def _post_all(
    database: Database, actor: Actor, customers: Sequence[UUID], wanted: int
) -> None:
    for batch in _batches(customers, wanted):
        await database.run(
            lambda tx, batch=batch: post_entries(  # type: ignore[misc] # a lambda's default has no annotation
                tx, actor, batch, idempotency_key=str(uuid4())
            )
        )


def _batches(customers: Sequence[UUID], wanted: int) -> Iterator[list[EntryCommand]]:
    batch: list[EntryCommand] = []
    for number in range(wanted):
        turn, place = divmod(number, len(customers))
        batch.append(_command(customers[place], turn, number))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _command(customer_id: UUID, turn: int, number: int) -> EntryCommand:
    day = date(YEAR, 1 + turn // 2 % 12, 1 + turn % 2 * 14)
    if turn % 4 == 3:
        return RecordPayment(
            customer_id=customer_id,
            transaction_date=day,
            amount=Decimal(200 + number % 90),
            method=PaymentMethod.BANK_TRANSFER,
        )
    return PostInvoice(
        customer_id=customer_id,
        transaction_date=day,
        description=f"Delivery {number}",
        line_items=(
            LineItem(
                description="Goods as delivered",
                quantity=Decimal(1 + number % 5),
                unit_price=Decimal("19.90"),
                tax_rate=Decimal("0.19"),
            ),
        ),
    )

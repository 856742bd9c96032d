"""The demo data: a small company that sells coffee, with a year of its books.

Made for an empty database only, through the services that everybody else uses, in one transaction:
it is there as a whole or not at all. The same for the same day: nothing in it is left to chance.
"""

from collections.abc import Mapping
from datetime import date
from random import Random

from sqlalchemy import text

from app.infra.database import Database, Statement, Transaction
from app.services.demo.books import close_months, keep, open_years, undo_some
from app.services.demo.catalogue import products
from app.services.demo.company import Company, hire, open_portal
from app.services.demo.customers import customers, win
from app.services.demo.story import Story
from app.services.products import save_product
from app.services.seeding import one_at_a_time

_SEED = 20_240_607


async def seed(
    database: Database,
    today: date | None = None,
    *,
    passwords: Mapping[str, str] | None = None,
) -> bool:
    """Load the demo data, dated back from the company's today; False, and nothing, unless empty.

    Without passwords by log-in, everybody has the one that everybody knows: at home only.

    Two that start at once: the second waits for the first and finds that it is not.
    """

    async def work(tx: Transaction) -> bool:
        await one_at_a_time(tx)
        if not await tx.fetchval(_IS_EMPTY):
            return False
        await _load(tx, today or await tx.fetchval(_TODAY), passwords)
        return True

    return await database.run(work)


async def _load(tx: Transaction, today: date, passwords: Mapping[str, str] | None) -> None:
    # Random numbers that anybody can repeat are the point.
    random = Random(_SEED)  # noqa: S311
    company = await hire(tx, passwords)
    await open_years(tx, company, today)
    for product in products():
        await save_product(tx, company.actor("accountant"), product)
    wanted = customers(random)
    customer_ids = await win(tx, company, wanted)
    begins = today.replace(year=today.year - 1, day=1)
    events = Story(random, begins, today).events(wanted)
    await keep(tx, company, customer_ids, events)
    await undo_some(tx, company, today)
    await _open_portal(tx, company)
    await close_months(tx, company, today)


async def _open_portal(tx: Transaction, company: Company) -> None:
    customer_id = await tx.fetchval(_OWES_MOST_OFTEN, assigned_to=company.users["sales_rep"])
    await open_portal(tx, company, customer_id)


_TODAY = Statement(text("SELECT company_today()"))
_IS_EMPTY = Statement(
    text("""
    SELECT NOT EXISTS (SELECT FROM users) AND NOT EXISTS (SELECT FROM teams)
        AND NOT EXISTS (SELECT FROM customers) AND NOT EXISTS (SELECT FROM products)
        AND NOT EXISTS (SELECT FROM accounting_periods)
    """)
)
_OWES_MOST_OFTEN = Statement(
    text("""
    SELECT customers.id
    FROM customers JOIN open_items ON open_items.customer_id = customers.id
    WHERE customers.assigned_to = CAST(:assigned_to AS uuid) AND open_items.is_debit
    GROUP BY customers.id
    ORDER BY count(*) DESC, customers.code LIMIT 1
    """)
)

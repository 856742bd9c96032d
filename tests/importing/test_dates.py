"""What a file dates where nothing may be posted stays out; no figure of what is closed changes."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from app.domain.errors import ErrorCode
from tests.importing.conftest import MAPPING, PAYMENTS, PAYMENTS_HEADER, Importing
from tests.invariants import broken

Owner = "asyncpg.Connection[asyncpg.Record]"

LAST_CLOSED = date(2020, 9, 30)
FIRST, LAST = date(2019, 10, 1), date(2021, 12, 31)
# As of a day: what each customer owes, what of each entry is open, what each account has.
FIGURES = """
SELECT 'balance', customer_id::text, sum(amount) FROM ledger_entries
WHERE transaction_date <= $1 GROUP BY customer_id
UNION ALL
SELECT 'open', e.id::text, abs(e.amount) - coalesce((
    SELECT sum(a.amount) FROM allocations a WHERE a.customer_id = e.customer_id
        AND e.id IN (a.credit_id, a.debit_id) AND a.accounting_date <= $1), 0)
FROM ledger_entries e WHERE transaction_date <= $1
UNION ALL
SELECT 'journal', account, sum(debit - credit) FROM journal_lines
WHERE accounting_date <= $1 GROUP BY account
ORDER BY 1, 2
"""


async def figures(owner: Owner) -> list[list[Any]]:
    """As of the end of every closed month, and of the day before the first."""
    ends = [
        date(2019, 12, 31),
        *(date(2020, month + 1, 1) - timedelta(1) for month in range(1, 10)),
    ]
    return [[tuple(row) for row in await owner.fetch(FIGURES, end)] for end in ends]


def a_day(random: Random) -> date:
    return FIRST + timedelta(random.randrange((LAST - FIRST).days))


@pytest.mark.parametrize("seed", range(6))
async def test_no_figure_of_a_closed_period_changes(
    importing: Importing, owner: Owner, seed: int
) -> None:
    """Whatever a file says: new customers, invoices, settlements, payments of what is closed."""
    random = Random(seed)  # noqa: S311 - any will do
    code = f"closed{seed}"
    await owner.execute("UPDATE accounting_periods SET status = 'OPEN', closed_at = NULL")
    await importing("".join(f"{code},{n},2020-0{n + 1}-10,100,\n" for n in range(8)))
    await owner.execute(
        "UPDATE accounting_periods SET status = 'CLOSED', closed_at = now() + interval '1 hour' "
        "WHERE upper(during) <= $1",
        LAST_CLOSED + timedelta(1),
    )
    before = await figures(owner)
    dated: dict[int, tuple[date, ...]] = {}
    rows = []
    for line in range(2, 42):
        paid = [a_day(random)] if random.random() < 0.5 else []
        dated[line] = (a_day(random), *paid)
        who = random.choice([code, f"{code}-new"])
        rows.append(f"{who},x{line},{dated[line][0]},7,{''.join(map(str, paid))}\n")
    mapping = MAPPING.replace("first = 2020", "first = 2018")
    done = await importing("".join(rows), mapping=mapping)
    refused = {line for line, days in dated.items() if min(days) <= LAST_CLOSED}
    assert set(done.reasons) == refused
    assert 0 < len(refused) < len(dated)
    payments = {line: a_day(random) for line in range(2, 22)}
    done = await importing(
        "".join(f"{code},{line % 8},{day},1,C,{line}\n" for line, day in payments.items()),
        mapping=PAYMENTS,
        header=PAYMENTS_HEADER,
    )
    assert set(done.reasons) == {line for line, day in payments.items() if day <= LAST_CLOSED}
    assert {each.code for each in done.refusals} == {ErrorCode.PERIOD_CLOSED}
    assert await figures(owner) == before
    assert await broken(owner) == {}


async def test_a_year_before_what_is_closed_is_not_opened(
    importing: Importing, owner: Owner
) -> None:
    await importing("early,1,2020-11-01,5,\n")
    await owner.execute("UPDATE accounting_periods SET status = 'OPEN', closed_at = NULL")
    await owner.execute(
        "UPDATE accounting_periods SET status = 'CLOSED', closed_at = now() WHERE name = '2020-01'"
    )
    mapping = MAPPING.replace("first = 2020", "first = 2015")
    done = await importing("early,2,2019-11-01,5,\n", mapping=mapping)
    assert [each.code for each in done.refusals] == [ErrorCode.PERIOD_CLOSED]
    assert done.refusals[0].reason == (
        "No accounting period covers 2019-11-01. "
        "None can be opened before 2020-01, which is closed."
    )
    assert done.summary.fiscal_years == 0


async def test_years_between_are_opened_too(importing: Importing, owner: Owner) -> None:
    await importing("between,1,2021-11-01,5,\n")
    mapping = MAPPING.replace("last = 2021", "last = 2024")
    done = await importing("between,2,2024-03-01,5,\n", mapping=mapping)
    assert (done.refusals, done.summary.fiscal_years) == ([], 3)
    months = await owner.fetch(
        "SELECT during FROM accounting_periods WHERE type = 'MONTHLY' ORDER BY during"
    )
    ends = [(row["during"].lower, row["during"].upper) for row in months]
    assert all(one[1] == next_[0] for one, next_ in pairwise(ends))


async def test_money_that_is_yet_to_come(importing: Importing, owner: Owner) -> None:
    """An invoice may be dated ahead, what pays it not; today is the company's."""
    today: date = await owner.fetchval("SELECT company_today()")
    tomorrow = today + timedelta(1)
    mapping = MAPPING.replace("last = 2021", f"last = {tomorrow.year}")
    rows = f"ahead,1,{tomorrow},5,\nahead,2,{today},5,{tomorrow}\nahead,3,{today},5,{today}\n"
    for is_dry_run in (True, False):
        done = await importing(rows, mapping=mapping, is_dry_run=is_dry_run)
        assert done.reasons == {
            3: ("settlement.date", f"A payment is not dated after today, {today}.")
        }
        assert done.counts == {"customers": 1, "invoices": 2, "settlements": 1}
    paid = await importing(
        f"ahead,1,{tomorrow},2,C,a\nahead,1,{today},2,C,b\n",
        mapping=PAYMENTS,
        header=PAYMENTS_HEADER,
    )
    assert paid.reasons == {2: ("payment.date", f"A payment is not dated after today, {today}.")}
    far = await importing("ahead,1,2099-01-01,2,C,c\n", mapping=PAYMENTS, header=PAYMENTS_HEADER)
    assert far.reasons == paid.reasons  # also where no period is
    open_amount = await owner.fetchval(
        "SELECT sum(open_amount) FROM open_items JOIN customers ON customers.id = customer_id "
        "WHERE code = 'ahead' AND is_debit"
    )
    assert open_amount == Decimal("3.00")

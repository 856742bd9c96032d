"""Fiscal years: all of their periods or none, without a gap, and none that reopens the past."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.periods import PeriodType
from app.infra.database import Database, Transaction
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.periods import CreateFiscalYear, create_fiscal_year
from tests.conftest import own_database
from tests.factories import Books, actor_for, make_customer
from tests.invariants import snapshot
from tests.waiting import until_waiting

Owner = asyncpg.Connection
YEARS = (PeriodType.YEARLY,)
MONTHS = (PeriodType.MONTHLY,)


@pytest.fixture
async def database(servers: dict[str, str]) -> AsyncIterator[Database]:
    """A calendar of each test's own."""
    async with own_database(servers) as url:
        opened = Database(url, pool_size=5)
        await opened.open()
        yield opened
        await opened.close()


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(database._url)
    yield connection
    await connection.close()


async def opened(database: Database, actor: Actor, starts_on: date, *types: PeriodType) -> int:
    command = CreateFiscalYear(starts_on=starts_on, types=types or tuple(PeriodType))
    return len(await database.run(lambda tx: create_fiscal_year(tx, actor, command)))


async def refusal_of(
    database: Database, owner: Owner, starts_on: date, *types: PeriodType
) -> DomainError:
    """What is raised, having changed nothing."""
    actor = await actor_for(database)
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await opened(database, actor, starts_on, *types)
    assert await snapshot(owner) == before
    return refusal.value


async def statuses(owner: Owner) -> dict[str, str]:
    return dict(await owner.fetch("SELECT name, status FROM accounting_periods"))


async def test_a_year_has_seventeen_periods(database: Database, owner: Owner) -> None:
    actor = await actor_for(database)
    assert await opened(database, actor, date(2020, 1, 1)) == 17
    rows = await owner.fetch(
        "SELECT type, min(lower(during)), max(upper(during)) FROM accounting_periods GROUP BY type"
    )
    assert {tuple(row)[1:] for row in rows} == {(date(2020, 1, 1), date(2021, 1, 1))}
    assert {row["type"] for row in rows} == set(PeriodType)
    assert set((await statuses(owner)).values()) == {"OPEN"}


@pytest.mark.parametrize("starts_on", [date(2025, 1, 1), date(2027, 1, 1)])
async def test_a_new_year_adjoins_either_end(database: Database, starts_on: date) -> None:
    actor = await actor_for(database)
    await opened(database, actor, date(2026, 1, 1))
    assert await opened(database, actor, starts_on) == 17


@pytest.mark.parametrize(
    "starts_on", [date(2028, 1, 1), date(2027, 2, 1), date(2024, 12, 1), date(1990, 1, 1)]
)
async def test_one_that_leaves_a_gap_is_told_where_to_start(
    database: Database, owner: Owner, starts_on: date
) -> None:
    await opened(database, await actor_for(database), date(2026, 1, 1))

    error = await refusal_of(database, owner, starts_on)

    assert (error.code, error.path) == (ErrorCode.VALIDATION, ("startsOn",))
    assert error.details == {"startsOn": ["2027-01-01", "2025-01-01"]}
    assert "2027-01-01" in error.message


async def test_a_gap_that_is_there_can_be_filled(database: Database, owner: Owner) -> None:
    actor = await actor_for(database)
    await opened(database, actor, date(2024, 1, 1))
    await owner.execute("""
        UPDATE accounting_periods
        SET during = daterange((lower(during) + interval '2 years')::date,
            (upper(during) + interval '2 years')::date), name = 'later ' || name
    """)
    await opened(database, actor, date(2025, 1, 1))
    assert await opened(database, actor, date(2024, 1, 1)) == 17


@pytest.mark.parametrize("types", [YEARS, (PeriodType.QUARTERLY,), (*YEARS, PeriodType.QUARTERLY)])
async def test_a_year_that_could_never_be_posted_to_is_refused(
    database: Database, owner: Owner, types: tuple[PeriodType, ...]
) -> None:
    error = await refusal_of(database, owner, date(2026, 1, 1), *types)
    assert (error.code, error.path) == (ErrorCode.VALIDATION, ("types",))

    actor = await actor_for(database)
    await opened(database, actor, date(2026, 1, 1), *MONTHS)
    error = await refusal_of(database, owner, date(2026, 7, 1), *types)
    assert (error.code, error.path) == (ErrorCode.VALIDATION, ("types",))
    await opened(database, actor, date(2026, 1, 1), *types)


@pytest.mark.parametrize(
    ("starts_on", "types"),
    [
        (date(2026, 1, 1), YEARS),
        (date(2026, 1, 1), tuple(PeriodType)),
        (date(2026, 7, 1), (PeriodType.MONTHLY, PeriodType.YEARLY)),
        (date(2025, 2, 1), (PeriodType.QUARTERLY,)),
    ],
)
async def test_a_period_in_the_way_refuses_the_whole_year(
    database: Database, owner: Owner, starts_on: date, types: tuple[PeriodType, ...]
) -> None:
    await opened(database, await actor_for(database), date(2026, 1, 1))
    error = await refusal_of(database, owner, starts_on, *types)
    assert (error.code, error.path) == (ErrorCode.PERIOD_OVERLAP, ("startsOn",))


async def test_a_quarter_does_not_lie_across_the_border_of_a_year(
    database: Database, owner: Owner
) -> None:
    actor = await actor_for(database)
    for year in (2031, 2032):
        await opened(database, actor, date(year, 1, 1), PeriodType.MONTHLY, PeriodType.QUARTERLY)
    error = await refusal_of(database, owner, date(2031, 2, 1), *YEARS)
    assert error.code is ErrorCode.PERIOD_OVERLAP


async def test_years_that_would_lie_across_each_other_wait_for_one_another(
    database: Database, owner: Owner
) -> None:
    actor = await actor_for(database)
    second: list[asyncio.Task[int]] = []

    async def first(tx: Transaction) -> None:
        year = CreateFiscalYear(starts_on=date(2071, 1, 1))
        await create_fiscal_year(tx, actor, year)
        second.append(asyncio.create_task(opened(database, actor, date(2071, 2, 1))))
        await until_waiting(owner, *second)

    await database.run(first)
    with pytest.raises(DomainError) as refusal:
        await second[0]
    assert refusal.value.code is ErrorCode.PERIOD_OVERLAP


async def test_of_several_at_once_one_opens_the_year(database: Database) -> None:
    actor = await actor_for(database)
    outcomes = await asyncio.gather(
        *(opened(database, actor, date(2040, 1, 1)) for _ in range(3)), return_exceptions=True
    )
    assert outcomes.count(17) == 1
    errors = [each for each in outcomes if isinstance(each, DomainError)]
    assert [error.code for error in errors] == [ErrorCode.PERIOD_OVERLAP] * 2


@pytest.mark.parametrize("status", ["CLOSING", "CLOSED", "LOCKED"])
@pytest.mark.parametrize("name", ["2026-01", "2026-03", "2026-Q1", "FY2026"])
async def test_what_lies_before_a_closed_period_is_born_closed(
    database: Database, owner: Owner, status: str, name: str
) -> None:
    """Otherwise an invoice of 2025 would change what was owed at the end of the closed month."""
    actor = await actor_for(database)
    await opened(database, actor, date(2026, 1, 1))
    await owner.execute("UPDATE accounting_periods SET status = $2 WHERE name = $1", name, status)

    await opened(database, actor, date(2025, 1, 1))
    await opened(database, actor, date(2027, 1, 1))

    found = await statuses(owner)
    assert {found[each] for each in found if "2025" in each} == {"CLOSED"}
    assert {found[each] for each in found if "2027" in each} == {"OPEN"}
    signed = await owner.fetchval(
        "SELECT count(*) FROM accounting_periods WHERE closed_by = $1 AND closed_at IS NOT NULL",
        actor.user_id,
    )
    assert signed == 17
    customer = await make_customer(database)
    with pytest.raises(DomainError) as refusal:
        await Books(database, actor).invoice(customer, "100", on=date(2025, 12, 31))
    assert refusal.value.code is ErrorCode.PERIOD_CLOSED


async def test_quarters_that_come_later_are_closed_where_they_lie_before_what_is(
    database: Database, owner: Owner
) -> None:
    actor = await actor_for(database)
    await opened(database, actor, date(2026, 1, 1), *MONTHS)
    await owner.execute(
        "UPDATE accounting_periods SET status = 'CLOSED' WHERE lower(during) < '2026-06-01'"
    )

    await opened(database, actor, date(2026, 1, 1), PeriodType.QUARTERLY, PeriodType.YEARLY)

    found = await statuses(owner)
    assert found["2026-Q1"] == "CLOSED"
    assert found["2026-Q2"] == found["2026-Q3"] == found["FY2026"] == "OPEN"


async def test_every_day_of_a_calendar_can_be_posted_to(database: Database, owner: Owner) -> None:
    """However the years come: after any that were accepted, no day between them is missing."""
    actor = await actor_for(database)
    accepted: list[Any] = []
    for year, month in ((2026, 4), (2025, 4), (2028, 4), (2027, 4), (2024, 1), (2024, 4)):
        try:
            await opened(database, actor, date(year, month, 1))
        except DomainError as error:
            assert error.code in {ErrorCode.VALIDATION, ErrorCode.PERIOD_OVERLAP}  # noqa: PT017
        else:
            accepted.append(year)
    assert accepted == [2026, 2025, 2027, 2024]
    customer = await make_customer(database)
    first, after = await owner.fetchrow(
        "SELECT min(lower(during)), max(upper(during)) FROM accounting_periods"
    )
    for days in range(0, (after - first).days, 27):
        await Books(database, actor).invoice(
            customer, str(Decimal(1)), on=first + timedelta(days=days)
        )


@pytest.mark.parametrize(
    ("starts_on", "types", "path"),
    [
        (date(2026, 1, 2), tuple(PeriodType), "startsOn"),
        (date(9999, 12, 1), tuple(PeriodType), "startsOn"),
        (date(2050, 1, 1), (), "types"),
    ],
)
async def test_bad_input_is_named(
    database: Database, starts_on: date, types: tuple[PeriodType, ...], path: str
) -> None:
    actor = await actor_for(database)
    command = CreateFiscalYear(starts_on=starts_on, types=types)
    with pytest.raises(DomainError) as refusal:
        await database.run(lambda tx: create_fiscal_year(tx, actor, command))
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.VALIDATION, (path,))


async def test_only_a_controller_opens_a_year(database: Database) -> None:
    for role in set(Role) - {Role.CONTROLLER}:
        actor = await actor_for(database, role)
        with pytest.raises(DomainError) as refusal:
            await opened(database, actor, date(2060, 1, 1))
        assert refusal.value.code is ErrorCode.FORBIDDEN

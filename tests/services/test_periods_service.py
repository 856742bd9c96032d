"""Fiscal years: all of their periods or none, and never two for one day."""

import asyncio
from datetime import date

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.periods import PeriodType
from app.infra.database import Database, Transaction
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.periods import CreateFiscalYear, create_fiscal_year
from tests.factories import actor_for
from tests.invariants import snapshot
from tests.waiting import until_waiting

Owner = asyncpg.Connection


async def opened(database: Database, actor: Actor, starts_on: date, *types: PeriodType) -> int:
    command = CreateFiscalYear(starts_on=starts_on, types=types or tuple(PeriodType))
    return len(await database.run(lambda tx: create_fiscal_year(tx, actor, command)))


@pytest.fixture(scope="module")
async def year_2026(database: Database) -> None:
    await opened(database, await actor_for(database), date(2026, 1, 1))


async def test_a_year_has_seventeen_periods(database: Database, owner: Owner) -> None:
    actor = await actor_for(database)
    assert await opened(database, actor, date(2020, 1, 1)) == 17
    rows = await owner.fetch(
        "SELECT type, min(lower(during)), max(upper(during)) FROM accounting_periods "
        "WHERE during <@ '[2020-01-01,2021-01-01)' GROUP BY type"
    )
    assert {tuple(row)[1:] for row in rows} == {(date(2020, 1, 1), date(2021, 1, 1))}
    assert {row["type"] for row in rows} == set(PeriodType)


@pytest.mark.usefixtures("year_2026")
@pytest.mark.parametrize(
    ("starts_on", "types"),
    [
        (date(2026, 1, 1), (PeriodType.YEARLY,)),
        (date(2026, 7, 1), (PeriodType.MONTHLY, PeriodType.YEARLY)),
        (date(2025, 2, 1), (PeriodType.QUARTERLY,)),
    ],
)
async def test_a_period_in_the_way_refuses_the_whole_year(
    database: Database, owner: Owner, starts_on: date, types: tuple[PeriodType, ...]
) -> None:
    actor = await actor_for(database)
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await opened(database, actor, starts_on, *types)
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.PERIOD_OVERLAP, ("startsOn",))
    assert await snapshot(owner) == before


async def test_a_quarter_does_not_lie_across_the_border_of_a_year(
    database: Database, owner: Owner
) -> None:
    actor = await actor_for(database)
    await opened(database, actor, date(2031, 1, 1), PeriodType.QUARTERLY)
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await opened(database, actor, date(2031, 2, 1), PeriodType.YEARLY)
    assert refusal.value.code is ErrorCode.PERIOD_OVERLAP
    assert await snapshot(owner) == before


async def test_two_years_that_would_lie_across_each_other_wait_for_one_another(
    database: Database, owner: Owner
) -> None:
    actor = await actor_for(database)
    second: list[asyncio.Task[int]] = []

    async def first(tx: Transaction) -> None:
        quarters = CreateFiscalYear(starts_on=date(2071, 1, 1), types=(PeriodType.QUARTERLY,))
        await create_fiscal_year(tx, actor, quarters)
        year = opened(database, actor, date(2071, 2, 1), PeriodType.YEARLY)
        second.append(asyncio.create_task(year))
        await until_waiting(owner, *second)

    await database.run(first)
    with pytest.raises(DomainError) as refusal:
        await second[0]
    assert refusal.value.code is ErrorCode.PERIOD_OVERLAP


async def test_of_two_at_once_one_opens_the_year(database: Database) -> None:
    actor = await actor_for(database)
    outcomes = await asyncio.gather(
        *(opened(database, actor, date(2040, 1, 1)) for _ in range(3)), return_exceptions=True
    )
    assert outcomes.count(17) == 1
    errors = [each for each in outcomes if isinstance(each, DomainError)]
    assert [error.code for error in errors] == [ErrorCode.PERIOD_OVERLAP] * 2


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

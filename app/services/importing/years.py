"""The fiscal years that a file needs: opened where the mapping says that they may be."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import text

from app.domain.periods import Calendar, Period, PeriodStatus, PeriodType
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services.importing.mapping import FiscalYears
from app.services.periods import CreateFiscalYear, create_fiscal_year


def missing(
    months: Iterable[date], periods: Iterable[Period], years: FiscalYears | None
) -> list[date]:
    """The first days of the fiscal years to open, so that these months are covered."""
    if years is None:
        return []
    covered = [each for each in periods if each.type is PeriodType.MONTHLY]
    uncovered = (
        month
        for month in months
        if not any(each.starts_on <= month < each.ends_before for each in covered)
    )
    begins = {_begins(month, years.start_month) for month in uncovered}
    return sorted(day for day in begins if years.first <= _ends_in(day) <= years.last)


async def open_years(tx: Transaction, actor: Actor, days: Iterable[date]) -> None:
    """Open the years that begin on these days. Raises Forbidden and PERIOD_OVERLAP."""
    for day in days:
        await create_fiscal_year(tx, actor, CreateFiscalYear(starts_on=day))


async def periods(tx: Transaction) -> list[Period]:
    """Every period there is."""
    return [
        Period(
            id=row["id"],
            name=row["name"],
            type=PeriodType(row["type"]),
            status=PeriodStatus(row["status"]),
            starts_on=row["starts_on"],
            ends_before=row["ends_before"],
        )
        for row in await tx.fetch(_PERIODS)
    ]


async def calendar(tx: Transaction) -> Calendar:
    """Which dates can be posted to, as of now; the posting engine decides again."""
    return Calendar(await periods(tx))


def _begins(month: date, start_month: int) -> date:
    return date(month.year - (month.month < start_month), start_month, 1)


def _ends_in(begins: date) -> int:
    return begins.year + (begins.month > 1)


_PERIODS = Statement(
    text("""
    SELECT id, name, type, status, lower(during) AS starts_on, upper(during) AS ends_before
    FROM accounting_periods
    """)
)

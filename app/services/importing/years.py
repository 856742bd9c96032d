"""The fiscal years that a file needs: opened where the mapping says that they may be."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import text

from app.domain.errors import DomainError, ErrorCode, Invalid
from app.domain.periods import Calendar, Period, PeriodStatus, PeriodType
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services.importing.mapping import FiscalYears
from app.services.importing.refusals import ImportRefused
from app.services.periods import CreateFiscalYear, create_fiscal_year, every_period


def missing(
    months: Iterable[date], periods: Sequence[Period], years: FiscalYears | None
) -> list[date]:
    """The first days of the fiscal years to open, so that these months are covered.

    They adjoin the calendar and each other: years between are opened too, since a hole in it could
    never be filled. None is opened that a closed period follows: it could take nothing. Raises
    ImportRefused where the mapping's years begin in another month than those of the calendar.
    """
    if years is None:
        return []
    covered = [each for each in periods if each.type is PeriodType.MONTHLY]
    begins = {
        _begins(month, years.start_month)
        for month in months
        if not any(each.starts_on <= month < each.ends_before for each in covered)
    }
    closed = [each.starts_on for each in periods if each.status is not PeriodStatus.OPEN]
    wanted = [
        day
        for day in sorted(begins)
        if years.first <= _ends_in(day) <= years.last and not any(it >= day for it in closed)
    ]
    if not wanted:
        return []
    opened = _adjoining(wanted, [day for it in covered for day in (it.starts_on, it.ends_before)])
    if any(day.month != years.start_month for day in opened):
        raise ImportRefused(
            f"The fiscal years cannot be opened: the next to the calendar begins on {opened[0]}, "
            f"and fiscal_years.start_month is {years.start_month}."
        )
    return opened


def _adjoining(wanted: Sequence[date], ends: Sequence[date]) -> list[date]:
    """The years to open, in an order in which each adjoins what is there; `wanted` is sorted."""
    if not ends:
        return _each_year(wanted[0], wanted[-1])
    first, after = min(ends), max(ends)
    before = _each_year(wanted[0].replace(month=first.month), first.replace(year=first.year - 1))
    within = [day for day in wanted if first <= day < after]
    return before[::-1] + within + _each_year(after, wanted[-1])


def _each_year(first: date, last: date) -> list[date]:
    return [first.replace(year=year) for year in range(first.year, last.year + 1)]


async def open_years(tx: Transaction, actor: Actor, days: Iterable[date]) -> None:
    """Open the years that begin on these days. Raises Forbidden and PERIOD_OVERLAP."""
    for day in days:
        await create_fiscal_year(tx, actor, CreateFiscalYear(starts_on=day))


class Days:
    """Which days can be posted to, as of now; the posting engine decides again."""

    def __init__(self, periods: Sequence[Period], today: date) -> None:
        self._calendar = Calendar(periods)
        self._today = today
        closed = [each for each in periods if each.status is not PeriodStatus.OPEN]
        self._last_closed = max(closed, key=lambda it: it.starts_on, default=None)

    def require(self, day: date, *, is_credit: bool) -> None:
        """Raises Invalid and the codes of periods where an entry cannot be of this day."""
        if is_credit and day > self._today:
            raise Invalid(f"A payment is not dated after today, {self._today}.")
        try:
            self._calendar.month_open_for(day)
        except DomainError as error:
            if error.code is ErrorCode.PERIOD_MISSING:
                raise self._missing(day, error.message) from error
            raise

    def _missing(self, day: date, message: str) -> DomainError:
        """What can be done about a day that no period covers."""
        last = self._last_closed
        if last is not None and day < last.starts_on:
            reason = f"{message} None can be opened before {last.name}, which is closed."
            return DomainError(ErrorCode.PERIOD_CLOSED, reason)
        advice = "Open its fiscal year, or let the mapping's fiscal_years allow it."
        return DomainError(ErrorCode.PERIOD_MISSING, f"{message} {advice}")


async def days(tx: Transaction) -> Days:
    """Those of this moment."""
    return Days(await every_period(tx), await tx.fetchval(_TODAY))


def _begins(month: date, start_month: int) -> date:
    return date(month.year - (month.month < start_month), start_month, 1)


def _ends_in(begins: date) -> int:
    return begins.year + (begins.month > 1)


_TODAY = Statement(text("SELECT company_today()"))

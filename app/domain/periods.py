"""Accounting periods: which dates can be posted to, and what a fiscal year is made of.

Ranges are half-open: `ends_before` is the first day after the period. A date can be posted to when
an open month covers it and no covering quarter or year is being closed, closed or locked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from app.domain.errors import DomainError, ErrorCode, Invalid


class PeriodType(StrEnum):
    """PeriodType of the contract, shortest first."""

    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


class PeriodStatus(StrEnum):
    """PeriodStatus of the contract. CLOSING refuses new entries while the check-list runs."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    LOCKED = "LOCKED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A period as a posting sees it."""

    id: UUID
    name: str
    type: PeriodType
    status: PeriodStatus
    starts_on: date
    ends_before: date


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPeriod:
    """A period that does not exist yet."""

    name: str
    type: PeriodType
    starts_on: date
    ends_before: date


class Calendar:
    """The periods around a posting, asked date by date; each date is decided once."""

    def __init__(self, periods: Iterable[Period]) -> None:
        self._periods = tuple(periods)
        self._months: dict[date, UUID] = {}

    def month_open_for(self, day: date, *path: str) -> UUID:
        """The id of the open month that covers `day`.

        PERIOD_MISSING without a month; PERIOD_LOCKED, then PERIOD_CLOSED (also while closing) for
        the month itself or a quarter or year around it.
        """
        month_id = self._months.get(day)
        if month_id is None:
            month_id = self._months[day] = self._decided(day, path)
        return month_id

    def _decided(self, day: date, path: tuple[str, ...]) -> UUID:
        covering = [each for each in self._periods if each.starts_on <= day < each.ends_before]
        month = next((each for each in covering if each.type is PeriodType.MONTHLY), None)
        if month is None:
            raise DomainError(
                ErrorCode.PERIOD_MISSING,
                f"No accounting period covers {day}.",
                path=path,
                details={"accountingDate": day.isoformat()},
            )
        for status, code in _REFUSALS:
            for period in covering:
                if period.status is status:
                    raise DomainError(
                        code,
                        f"{day} is in {period.name}, which is {status.lower()}.",
                        path=path,
                        details={
                            "accountingDate": day.isoformat(),
                            "period": period.name,
                            "status": str(status),
                        },
                    )
        return month.id


_REFUSALS = (
    (PeriodStatus.LOCKED, ErrorCode.PERIOD_LOCKED),
    (PeriodStatus.CLOSED, ErrorCode.PERIOD_CLOSED),
    (PeriodStatus.CLOSING, ErrorCode.PERIOD_CLOSED),
)

_MONTHS_IN: dict[PeriodType, int] = {
    PeriodType.MONTHLY: 1,
    PeriodType.QUARTERLY: 3,
    PeriodType.YEARLY: 12,
}


def fiscal_year(starts_on: date, types: Iterable[PeriodType], *path: str) -> list[NewPeriod]:
    """The periods of the twelve months from `starts_on`, shortest first, then by date.

    A fiscal year is named after the calendar year it ends in; quarters are counted from its start.
    `Invalid` unless it starts on the first of a month.
    """
    if starts_on.day != 1:
        raise Invalid("A fiscal year starts on the first of a month.", *path)
    wanted = set(types)
    last_month = _months_later(starts_on, 11)
    return [
        NewPeriod(
            name=_name(type_, begins, index, last_month.year),
            type=type_,
            starts_on=begins,
            ends_before=_months_later(begins, length),
        )
        for type_, length in _MONTHS_IN.items()
        if type_ in wanted
        for index in range(12 // length)
        for begins in (_months_later(starts_on, index * length),)
    ]


def _name(type_: PeriodType, begins: date, index: int, year: int) -> str:
    if type_ is PeriodType.MONTHLY:
        return f"{begins:%Y-%m}"
    return f"{year}-Q{index + 1}" if type_ is PeriodType.QUARTERLY else f"FY{year}"


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)

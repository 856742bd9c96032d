"""Accounting periods: which dates can be posted to, and what a fiscal year is made of.

Ranges are half-open: `ends_before` is the first day after the period. A date can be posted to when
an open month covers it, no covering quarter or year is being closed, closed or locked, and neither
is any period that begins later: what is owed at its end counts every entry before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    """A period that does not exist yet, and how it comes into being: OPEN or CLOSED."""

    name: str
    type: PeriodType
    starts_on: date
    ends_before: date
    status: PeriodStatus = PeriodStatus.OPEN


class Calendar:
    """The periods around a posting, asked date by date; each date is decided once.

    To know of later periods, it has to be given the last that is not open, wherever that is.
    """

    def __init__(self, periods: Iterable[Period]) -> None:
        self._periods = tuple(periods)
        self._last_shut = max(
            (each for each in self._periods if each.status is not PeriodStatus.OPEN),
            key=lambda each: (each.starts_on, -each.ends_before.toordinal()),
            default=None,
        )
        self._months: dict[date, UUID] = {}

    def month_open_for(self, day: date, *path: str) -> UUID:
        """The id of the open month that covers `day`.

        PERIOD_MISSING without a month; PERIOD_LOCKED, then PERIOD_CLOSED (also while closing) for
        the month itself or a quarter or year around it; PERIOD_CLOSED before a later one.
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
                    raise _refusal(code, day, period, "in", path)
        if self._last_shut is not None and day < self._last_shut.starts_on:
            raise _refusal(ErrorCode.PERIOD_CLOSED, day, self._last_shut, "before", path)
        return month.id


_REFUSALS = (
    (PeriodStatus.LOCKED, ErrorCode.PERIOD_LOCKED),
    (PeriodStatus.CLOSED, ErrorCode.PERIOD_CLOSED),
    (PeriodStatus.CLOSING, ErrorCode.PERIOD_CLOSED),
)


def _refusal(
    code: ErrorCode, day: date, period: Period, where: str, path: tuple[str, ...]
) -> DomainError:
    return DomainError(
        code,
        f"{day} is {where} {period.name}, which is {period.status.lower()}.",
        path=path,
        details={
            "accountingDate": day.isoformat(),
            "period": period.name,
            "status": str(period.status),
        },
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


def fitted(new: Sequence[NewPeriod], there: Sequence[Period], *path: str) -> list[NewPeriod]:
    """The periods of a new year as they join a calendar: without a gap, and closed before what is.

    Its months adjoin those that there are, at either end or in a gap, or are there already; so
    every day of it can be posted to some time. A period that ends before one begins that is being
    closed, closed or locked is CLOSED from the start: it takes nothing, and no figure that was
    closed can change. Raises PERIOD_OVERLAP, and `Invalid` at `path` with the dates that would do.
    """
    months = [each for each in there if each.type is PeriodType.MONTHLY]
    first, after = new[0].starts_on, max(each.ends_before for each in new)
    if any(_is_in_the_way(it, each) for it in there for each in new):
        raise DomainError(
            ErrorCode.PERIOD_OVERLAP,
            "A period that exists already is in the way of this year.",
            path=path,
        )
    if any(each.type is PeriodType.MONTHLY for each in new):
        _require_adjoining(first, after, months, path)
    elif _days_covered(months, first, after) < (after - first).days:
        raise Invalid(
            "A year without months can never be posted to: add MONTHLY to the types.", "types"
        )
    closed = [each.starts_on for each in there if each.status is not PeriodStatus.OPEN]
    last_closed = max(closed, default=date.min)
    return [
        replace(each, status=PeriodStatus.CLOSED) if each.ends_before <= last_closed else each
        for each in new
    ]


def _require_adjoining(
    first: date, after: date, months: Sequence[Period], path: tuple[str, ...]
) -> None:
    if not months or any(after == it.starts_on or first == it.ends_before for it in months):
        return
    before = _months_later(min(each.starts_on for each in months), -12)
    behind = max(each.ends_before for each in months)
    raise Invalid(
        f"A new year adjoins the calendar: it starts on {behind}, or, before it, on {before}.",
        *path,
        details={"startsOn": [behind.isoformat(), before.isoformat()]},
    )


def _days_covered(months: Iterable[Period], first: date, after: date) -> int:
    spans = ((min(each.ends_before, after) - max(each.starts_on, first)).days for each in months)
    return sum(days for days in spans if days > 0)


def _is_in_the_way(there: Period, new: NewPeriod) -> bool:
    """Of one type, and for a day of both; or a quarter across the border of a year."""
    if there.starts_on >= new.ends_before or new.starts_on >= there.ends_before:
        return False
    if there.type is new.type:
        return True
    match there.type, new.type:
        case PeriodType.QUARTERLY, PeriodType.YEARLY:
            return not new.starts_on <= there.starts_on < there.ends_before <= new.ends_before
        case PeriodType.YEARLY, PeriodType.QUARTERLY:
            return not there.starts_on <= new.starts_on < new.ends_before <= there.ends_before
        case _:
            return False


def _name(type_: PeriodType, begins: date, index: int, year: int) -> str:
    if type_ is PeriodType.MONTHLY:
        return f"{begins:%Y-%m}"
    return f"{year}-Q{index + 1}" if type_ is PeriodType.QUARTERLY else f"FY{year}"


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)

"""When a scheduled job is due: company-local times of day, turned into instants.

A local time that does not exist (clocks go forward over it) means the next instant that does; one
that occurs twice (clocks go back) means the first. So each day of a schedule is one instant.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

EVERY_DAY = frozenset(range(7))
SUNDAY = 6

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
# A week, and a day either side for zones that skip or repeat a whole date.
_SEARCHED_DAYS = 9


class MissedRuns(StrEnum):
    """What becomes of times that passed while no scheduler ran."""

    CATCH_UP_ONCE = "CATCH_UP_ONCE"
    SKIP = "SKIP"


@dataclass(frozen=True, kw_only=True, slots=True)
class Daily:
    """`at` of the company's day, on `weekdays` (Monday is 0). At least one weekday."""

    at: time
    weekdays: frozenset[int] = EVERY_DAY

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("a schedule needs at least one weekday, from 0 to 6")
        if self.at.tzinfo is not None:
            raise ValueError("the time of a schedule is a local one")


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """The latest time that is due; `runs` is false when the policy skips it as missed."""

    scheduled_for: datetime
    runs: bool


def due(
    schedule: Daily,
    zone: ZoneInfo,
    *,
    after: datetime,
    now: datetime,
    missed: MissedRuns,
    grace: timedelta,
) -> Due | None:
    """What to do now, if all up to `after` is dealt with; None when nothing came due since.

    However many times were missed, only the latest counts. Under SKIP it runs only while it is at
    most `grace` late.
    """
    latest = latest_at_or_before(schedule, zone, now)
    if latest <= after:
        return None
    runs = missed is MissedRuns.CATCH_UP_ONCE or now - latest <= grace
    return Due(scheduled_for=latest, runs=runs)


def latest_at_or_before(schedule: Daily, zone: ZoneInfo, instant: datetime) -> datetime:
    """The last scheduled instant that is not after `instant`."""
    return max(each for each in _around(schedule, zone, instant) if each <= instant)


def next_after(schedule: Daily, zone: ZoneInfo, instant: datetime) -> datetime:
    """The first scheduled instant after `instant`."""
    return min(each for each in _around(schedule, zone, instant) if each > instant)


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the clocks of `zone` show `at` on `day`."""
    local = datetime.combine(day, at)
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    return _end_of_gap(local, zone)


def _around(schedule: Daily, zone: ZoneInfo, instant: datetime) -> list[datetime]:
    today = instant.astimezone(zone).date()
    days = (today + _DAY * offset for offset in range(-_SEARCHED_DAYS, _SEARCHED_DAYS + 1))
    return [
        instant_of(day, schedule.at, zone) for day in days if day.weekday() in schedule.weekdays
    ]


def _end_of_gap(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the clocks jump over `local`, to the second.

    Within a gap, fold 1 counts with the offset after the jump and so lies before it; fold 0 counts
    with the offset before, and lies at or after it.
    """
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    behind = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old_offset = before.astimezone(zone).utcoffset()
    while behind - before > _SECOND:
        middle = before + ((behind - before) // 2 // _SECOND) * _SECOND
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)

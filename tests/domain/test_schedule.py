"""Scheduled times in the company's zone, through every change of its clocks."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.schedule import (
    SUNDAY,
    Daily,
    Due,
    MissedRuns,
    due,
    instant_of,
    latest_at_or_before,
    next_after,
)

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = Daily(at=time(2, 0))
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # went forward at midnight
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # skipped a whole day
    "Africa/Casablanca",
    "Asia/Kathmandu",
)

zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.timedeltas(timedelta(0), timedelta(days=32 * 365)).map(
    lambda since: datetime(2005, 1, 1, tzinfo=UTC) + since
)
schedules = st.builds(
    Daily,
    at=st.times().map(lambda each: each.replace(microsecond=0)),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
)


def test_a_time_that_does_not_exist_is_the_next_one_that_does():
    # 2026-03-29 02:00 to 03:00 is skipped in Berlin.
    assert instant_of(date(2026, 3, 29), time(2, 0), BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert instant_of(date(2026, 3, 29), time(2, 30), BERLIN) == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )


def test_a_time_that_occurs_twice_is_the_first():
    assert instant_of(date(2026, 10, 25), time(2, 30), BERLIN) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )
    first = next_after(NIGHTLY, BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, 0, tzinfo=UTC)
    assert next_after(NIGHTLY, BERLIN, first) == datetime(2026, 10, 26, 1, tzinfo=UTC)


def test_a_skipped_day_runs_when_the_next_begins():
    # Samoa had no 30 December 2011.
    apia = ZoneInfo("Pacific/Apia")
    assert instant_of(date(2011, 12, 30), time(2, 0), apia) == datetime(
        2011, 12, 30, 10, tzinfo=UTC
    )


@given(zones, instants, schedules)
def test_next_and_latest_bracket_every_instant(zone, instant, schedule):
    latest = latest_at_or_before(schedule, zone, instant)
    following = next_after(schedule, zone, instant)
    assert latest <= instant < following
    assert next_after(schedule, zone, latest) == following
    assert latest_at_or_before(schedule, zone, following) == following
    assert following - latest <= timedelta(days=9)


@given(zones, st.dates(date(2005, 1, 1), date(2037, 1, 1)), st.times())
def test_every_day_is_one_instant_at_its_time_or_just_after_a_gap(zone, day, at):
    at = at.replace(microsecond=0)
    local = instant_of(day, at, zone).astimezone(zone).replace(tzinfo=None)
    wanted = datetime.combine(day, at)
    assert local >= wanted
    if local > wanted:
        a_second_before = instant_of(day, at, zone) - timedelta(seconds=1)
        assert a_second_before.astimezone(zone).replace(tzinfo=None) < wanted


@given(zones, instants, schedules)
def test_times_follow_each_other_in_the_order_of_days(zone, instant, schedule):
    times = [next_after(schedule, zone, instant)]
    for _ in range(20):
        times.append(next_after(schedule, zone, times[-1]))
    assert times == sorted(set(times))


@given(zones, instants, st.timedeltas(timedelta(0), timedelta(days=400)), schedules)
def test_however_many_were_missed_only_the_latest_runs(zone, after, outage, schedule):
    now = after + outage
    found = due(
        schedule,
        zone,
        after=after,
        now=now,
        missed=MissedRuns.CATCH_UP_ONCE,
        grace=timedelta(minutes=15),
    )
    if next_after(schedule, zone, after) > now:
        assert found is None
    else:
        latest = latest_at_or_before(schedule, zone, now)
        assert found == Due(scheduled_for=latest, runs=True)


@pytest.mark.parametrize(("late", "runs"), [(timedelta(minutes=15), True), (timedelta(1), True)])
def test_catching_up_does_not_mind_being_late(late, runs):
    at = datetime(2026, 5, 1, 2, tzinfo=UTC)
    found = _due_at(at + late, after=at - timedelta(hours=1), missed=MissedRuns.CATCH_UP_ONCE)
    assert found is not None
    assert found.runs is runs


@pytest.mark.parametrize(
    ("late", "runs"), [(timedelta(minutes=15), True), (timedelta(minutes=16), False)]
)
def test_skipping_runs_only_within_its_grace(late, runs):
    at = datetime(2026, 5, 1, 2, tzinfo=UTC)
    found = _due_at(at + late, after=at - timedelta(hours=1), missed=MissedRuns.SKIP)
    assert found == Due(scheduled_for=at, runs=runs)


def test_weekdays_are_those_of_the_companys_calendar():
    # Sunday 02:00 in Auckland is still Saturday in UTC.
    auckland = ZoneInfo("Pacific/Auckland")
    weekly = Daily(at=time(2, 0), weekdays=frozenset({SUNDAY}))
    found = next_after(weekly, auckland, datetime(2026, 6, 3, tzinfo=UTC))
    assert found == datetime(2026, 6, 6, 14, tzinfo=UTC)


@pytest.mark.parametrize("weekdays", [frozenset(), frozenset({7})])
def test_a_schedule_without_a_day_of_the_week_is_refused(weekdays):
    with pytest.raises(ValueError, match="weekday"):
        Daily(at=time(2, 0), weekdays=weekdays)


def _due_at(now, *, after, missed):
    return due(
        NIGHTLY,
        ZoneInfo("UTC"),
        after=after,
        now=now,
        missed=missed,
        grace=timedelta(minutes=15),
    )

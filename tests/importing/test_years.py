"""Fiscal years that a file needs: next to the calendar and each other, and none in vain."""

from datetime import date
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.periods import Period, PeriodStatus, PeriodType, fiscal_year
from app.services.importing import years
from app.services.importing.mapping import FiscalYears
from app.services.importing.refusals import ImportRefused

month_numbers = st.integers(1, 12)


def calendar(start_month: int, *begin_in: int, closed: int = 0) -> list[Period]:
    """Years that begin in these; of their months, oldest first, so many are closed."""
    made = [
        new
        for year in begin_in
        for new in fiscal_year(date(year, start_month, 1), list(PeriodType))
    ]
    months = sorted(each.starts_on for each in made if each.type is PeriodType.MONTHLY)
    return [
        Period(
            id=uuid4(),
            name=each.name,
            type=each.type,
            status=PeriodStatus.CLOSED
            if each.type is PeriodType.MONTHLY and each.starts_on in months[:closed]
            else PeriodStatus.OPEN,
            starts_on=each.starts_on,
            ends_before=each.ends_before,
        )
        for each in made
    ]


@given(
    month_numbers,
    st.lists(st.dates(date(2001, 1, 1), date(2040, 12, 31)), min_size=1, max_size=5),
    st.integers(2010, 2030),
    st.integers(0, 3),
    st.integers(0, 30),
)
def test_what_is_opened_leaves_no_hole_and_takes_entries(
    start_month: int, days: list[date], first: int, many: int, closed: int
) -> None:
    known = calendar(start_month, *range(first, first + many), closed=closed)
    allowed = FiscalYears(first=2000, last=2045, start_month=start_month)
    opened = years.missing({day.replace(day=1) for day in days}, known, allowed)
    begins = {each.starts_on for each in known if each.type is PeriodType.YEARLY}
    for day in opened:  # in the order of opening, each adjoins what is there
        assert not begins or any(abs(day.year - other.year) == 1 for other in begins)
        assert day not in begins
        begins.add(day)
    assert all(after.year - before.year == 1 for before, after in pairwise(sorted(begins)))
    last_closed = max(
        (it.starts_on for it in known if it.status is PeriodStatus.CLOSED), default=date.min
    )
    assert all(day > last_closed for day in opened)
    for day in days:
        is_covered = any(
            day.replace(day=1) >= it and day < it.replace(year=it.year + 1) for it in begins
        )
        assert is_covered or day < last_closed


def test_only_what_the_mapping_allows_is_opened_for_a_row() -> None:
    known = calendar(1, 2020, 2021)
    allowed = FiscalYears(first=2012, last=2014)
    assert years.missing([date(2023, 1, 1), date(2011, 1, 1)], known, allowed) == []
    opened = years.missing([date(2013, 5, 1)], known, allowed)
    assert opened == [date(year, 1, 1) for year in range(2019, 2012, -1)]


@pytest.mark.parametrize("month", [date(2019, 5, 1), date(2022, 5, 1)])
def test_years_that_begin_in_another_month(month: date) -> None:
    with pytest.raises(ImportRefused, match="start_month is 4"):
        years.missing(
            [month], calendar(1, 2020, 2021), FiscalYears(first=2000, last=2040, start_month=4)
        )

"""A date can be posted to when an open month covers it and nothing around it is shut."""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DomainError, ErrorCode
from app.domain.periods import Calendar, Period, PeriodStatus, PeriodType, fiscal_year

starts = st.dates(date(1901, 1, 1), date(2190, 1, 1)).map(lambda day: day.replace(day=1))


def calendar(**statuses: PeriodStatus) -> Calendar:
    """The year 2026, with the status of some periods by name (dashes as underscores)."""
    return Calendar(
        Period(
            id=UUID(int=index),
            name=new.name,
            type=new.type,
            status=statuses.get(f"p{new.name.replace('-', '_')}", PeriodStatus.OPEN),
            starts_on=new.starts_on,
            ends_before=new.ends_before,
        )
        for index, new in enumerate(fiscal_year(date(2026, 1, 1), PeriodType))
    )


@given(starts)
def test_a_year_is_twelve_months_in_four_quarters_without_gap_or_overlap(start: date) -> None:
    periods = fiscal_year(start, PeriodType)
    spans = {}
    for type_, length in (
        (PeriodType.MONTHLY, 12),
        (PeriodType.QUARTERLY, 4),
        (PeriodType.YEARLY, 1),
    ):
        of_type = [period for period in periods if period.type is type_]
        assert len(of_type) == length
        assert all(a.ends_before == b.starts_on for a, b in pairwise(of_type))
        spans[type_] = (of_type[0].starts_on, of_type[-1].ends_before)
    assert set(spans.values()) == {(start, start.replace(year=start.year + 1))}


def test_periods_are_named_as_accountants_name_them() -> None:
    names = [period.name for period in fiscal_year(date(2026, 1, 1), PeriodType)]
    assert names[0] == "2026-01"
    assert names[12:] == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4", "FY2026"]
    assert fiscal_year(date(2025, 7, 1), [PeriodType.YEARLY])[0].name == "FY2026"


@given(st.dates(date(2025, 12, 1), date(2027, 1, 31)))
def test_the_month_that_covers_a_date_is_found(day: date) -> None:
    if day.year == 2026:
        assert calendar().month_open_for(day) == UUID(int=day.month - 1)
    else:
        with pytest.raises(DomainError) as refusal:
            calendar().month_open_for(day, "transactionDate")
        assert refusal.value.code is ErrorCode.PERIOD_MISSING
        assert refusal.value.path == ("transactionDate",)


@pytest.mark.parametrize("name", ["p2026_03", "p2026_Q1", "pFY2026"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (PeriodStatus.CLOSING, ErrorCode.PERIOD_CLOSED),
        (PeriodStatus.CLOSED, ErrorCode.PERIOD_CLOSED),
        (PeriodStatus.LOCKED, ErrorCode.PERIOD_LOCKED),
    ],
)
def test_a_month_a_quarter_or_a_year_that_is_shut_refuses(
    name: str, status: PeriodStatus, code: ErrorCode
) -> None:
    with pytest.raises(DomainError) as refusal:
        calendar(**{name: status}).month_open_for(date(2026, 3, 31))
    assert refusal.value.code is code
    assert refusal.value.details is not None
    assert refusal.value.details["status"] == status


@given(st.data())
def test_nothing_goes_before_the_end_of_what_is_shut(data: st.DataObject) -> None:
    """Whatever is shut: what can be posted to lies outside of it and before none of it."""
    periods = fiscal_year(date(2026, 1, 1), PeriodType)
    statuses = st.sampled_from([PeriodStatus.OPEN, *PeriodStatus])
    given_ = data.draw(
        st.dictionaries(st.sampled_from([each.name for each in periods]), statuses, max_size=5)
    )
    shut = [each for each in periods if given_.get(each.name, "OPEN") != "OPEN"]
    asked = calendar(**{f"p{name.replace('-', '_')}": it for name, it in given_.items()})
    for month in range(1, 13):
        day = date(2026, month, data.draw(st.integers(1, 28)))
        try:
            asked.month_open_for(day)
        except DomainError as refusal:
            named = (refusal.details or {})["period"]
            assert any(each.name == named and day < each.ends_before for each in shut)
        else:
            assert all(day >= each.ends_before for each in shut)


def test_a_shut_quarter_leaves_the_next_alone() -> None:
    shut = calendar(p2026_Q1=PeriodStatus.LOCKED)
    assert shut.month_open_for(date(2026, 3, 31) + timedelta(days=1)) == UUID(int=3)


def test_a_year_starts_on_the_first_of_a_month() -> None:
    with pytest.raises(DomainError) as refusal:
        fiscal_year(date(2026, 1, 2), PeriodType, "startsOn")
    assert refusal.value.path == ("startsOn",)

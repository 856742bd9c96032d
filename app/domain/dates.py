"""Accounting dates: local dates of the company, within bounds that keep typing errors out."""

from datetime import date

from app.domain.errors import Invalid

FIRST_YEAR = 1900
LAST_YEAR = 2200


def sane(day: date, *path: str) -> date:
    """`day`, or `Invalid` when no business can mean it."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid(f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.", *path)
    return day

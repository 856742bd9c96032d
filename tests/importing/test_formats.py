"""Dates and numbers: every digit is meant, nothing is read in two ways."""

from datetime import date
from decimal import Decimal
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.importing.date_formats import date_reader, read_differently
from app.services.importing.formats import Unreadable, identifier, number_reader

SEPARATORS = ("", "/", ".", "-", " ", ". ")
ORDERS = list(permutations(("%d", "%m", "%Y")))
FORMATS = [separator.join(order) for separator, order in product(SEPARATORS, ORDERS)]
formats = st.sampled_from(FORMATS)
days = st.dates(date(1900, 1, 1), date(2200, 12, 31))


@given(formats, days)
def test_a_date_is_read_as_it_is_written(form: str, day: date) -> None:
    text = form.replace("%d", f"{day:%d}").replace("%m", f"{day:%m}").replace("%Y", f"{day.year}")
    assert date_reader([form])(text) == day


@given(formats, days)
def test_a_digit_that_is_left_out_is_missed(form: str, day: date) -> None:
    """Where nothing parts days, months and years, each has all of its digits."""
    text = form.replace("%d", str(day.day)).replace("%m", str(day.month))
    text = text.replace("%Y", str(day.year))
    is_parted = form[2] != "%"
    if is_parted or len(text) == len("01012024"):
        assert date_reader([form])(text) == day
    else:
        with pytest.raises(Unreadable):
            date_reader([form])(text)


@pytest.mark.parametrize(
    "text", ["1012024", "40120240", "\u0660\u0661012024", "01 1 2024", " 1012024"]
)
def test_what_is_no_date_of_eight_digits(text: str) -> None:
    with pytest.raises(Unreadable):
        date_reader(["%d%m%Y"])(text)


@pytest.mark.parametrize(
    "pair",
    [
        ("%d/%m/%Y", "%m/%d/%Y"),
        ("%Y-%m-%d", "%Y-%d-%m"),
        ("%d%m%Y", "%m%d%Y"),
        ("%Y%m%d", "%Y%d%m"),
        ("%d.%m.%Y", "%m.%d.%Y"),
    ],
)
def test_formats_that_read_a_text_differently_are_found(pair: tuple[str, str]) -> None:
    for formats_of in (pair, pair[::-1], ("%Y:%m:%d", *pair)):
        found = read_differently(formats_of)
        assert found is not None
        one, other, text = found
        assert date_reader([one])(text) != date_reader([other])(text)


@settings(deadline=None)
@given(st.lists(formats, min_size=2, max_size=4, unique=True), st.data())
def test_formats_that_go_together_agree(chosen: list[str], data: st.DataObject) -> None:
    """Whatever text: all that can read it read one date, whichever of them comes first."""
    form, day = data.draw(st.sampled_from(chosen)), data.draw(days)
    text = form.replace("%d", f"{day:%d}").replace("%m", f"{day:%m}").replace("%Y", f"{day.year}")
    if read_differently(chosen) is None:
        assert date_reader(chosen)(text) == date_reader(chosen[::-1])(text) == day


NUMBERS = [
    (".", "", "1234.5", "1234.5"),
    (".", ",", "1,234,567.89", "1234567.89"),
    (",", ".", "1.234,56", "1234.56"),
    (",", ".", "1.234", "1234"),
    (",", " ", "1 234,56", "1234.56"),
    (",", " ", "1\u00a0234,56", "1234.56"),
    (",", " ", "1\u202f234\u202f567,8", "1234567.8"),
    (",", "\u00a0", "1 234,56", "1234.56"),
    (",", "\u202f", "1\u202f234,56", "1234.56"),
    (".", "'", "1'234.50", "1234.50"),
    (".", "'", "1\u2019234.50", "1234.50"),
    (".", "\u2019", "1'234\u2019567.50", "1234567.50"),
    (".", "", "-5", "-5"),
    (".", "", "\u22125.25", "-5.25"),
    (".", "", "5.25-", "-5.25"),
    (".", ",", "(1,005.25)", "-1005.25"),
    (".", "", "+5", "5"),
]


@pytest.mark.parametrize(("decimal_mark", "group_mark", "text", "number"), NUMBERS)
def test_a_number(decimal_mark: str, group_mark: str, text: str, number: str) -> None:
    assert number_reader(decimal_mark, group_mark)(text) == Decimal(number)


@pytest.mark.parametrize(
    ("decimal_mark", "group_mark", "text", "hint"),
    [
        (".", "", "13,75", "It must have '.' before decimals, without a group mark."),
        (".", ",", "13,75", "It must have '.' before decimals, ',' before each three digits."),
        (",", ".", "1.23,5", "It must have ',' before decimals"),
        (",", ".", "13.75", "It must have ',' before decimals"),
        (".", "'", "1'23'4", "It must have '.' before decimals"),
        (".", "", "$5.00", "leave the currency out of it"),
        (",", ".", "-1.000,00 €", "leave the currency out of it"),
        (".", "", "$(0.01)", "leave the currency out of it"),
        (".", "", "USD 5", "leave the currency out of it"),
        (".", "", "1.23E+05", "A spreadsheet shortened it"),
        (",", ".", "1,23E+05", "A spreadsheet shortened it"),
        (".", "", "-(5)", "It must have '.' before decimals"),
        (".", "", "--5", "It must have '.' before decimals"),
        (".", "", "-5-", "It must have '.' before decimals"),
        (".", "", "\u0665", "It must have '.' before decimals"),
        (".", "", "1" * 41, "It must have '.' before decimals"),
        (".", "", "n/a", ""),
    ],
)
def test_what_is_no_number(decimal_mark: str, group_mark: str, text: str, hint: str) -> None:
    with pytest.raises(Unreadable, match="This is not a number as the mapping") as caught:
        number_reader(decimal_mark, group_mark)(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize("text", ["1.23457E+11", "1E+05", "1,23E+12", "'00123"])
def test_what_a_spreadsheet_made_of_a_code(text: str) -> None:
    with pytest.raises(Unreadable, match="spreadsheet"):
        identifier(text)


@pytest.mark.parametrize("text", ["00123", "1E5", "E+05", "'t Hof", "2e-3", "INV/2024/1"])
def test_a_code_that_nothing_made(text: str) -> None:
    assert identifier(text) == text

"""Invoices are priced exactly: each line rounded once, tax by line, the whole the sum of lines."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import invoice
from app.domain.currency import MINOR_UNIT, MINOR_UNIT_DIGITS
from app.domain.errors import DomainError, ErrorCode
from app.domain.invoice import LineItem, Product

WIDGET = Product(
    id=UUID(int=1), name="Widget", currency="USD", tax_rate=Decimal("0.1900"), is_active=True
)
LINE = LineItem(description="Work", quantity=Decimal(2), unit_price=Decimal("10.5"))

quantities = st.decimals(Decimal("0.0001"), Decimal(100_000), places=4)
prices = st.decimals(Decimal(0), Decimal(100_000), places=4)
rates = st.decimals(Decimal(0), Decimal(1), places=4)
items = st.lists(
    st.builds(
        LineItem,
        description=st.just("x"),
        quantity=quantities,
        unit_price=prices,
        tax_rate=rates,
    ),
    min_size=1,
    max_size=20,
)


def priced(*lines: LineItem, currency: str = "USD") -> tuple[invoice.PricedLine, ...]:
    return invoice.priced(invoice.checked(lines, "lineItems"), {"W": WIDGET}, currency, "lineItems")


@given(items, st.sampled_from(["USD", "JPY", "KWD"]))
def test_every_total_is_exact_and_within_half_a_unit_of_each_rounding(
    lines: list[LineItem], currency: str
) -> None:
    unit = MINOR_UNIT[currency]
    for line, item in zip(priced(*lines, currency=currency), lines, strict=True):
        total = line.figures.total
        assert -total.as_tuple().exponent == MINOR_UNIT_DIGITS[currency]
        net = total - line.tax
        exact_net = Fraction(item.quantity) * Fraction(item.unit_price)
        assert abs(Fraction(net) - exact_net) <= Fraction(unit) / 2
        assert (
            abs(Fraction(line.tax) - Fraction(net) * Fraction(item.tax_rate)) <= Fraction(unit) / 2
        )


@given(items)
def test_the_whole_is_the_sum_of_the_lines(lines: list[LineItem]) -> None:
    made = priced(*lines)
    whole = sum(line.figures.total for line in made)
    if whole > 0:
        assert invoice.total_of(made) == whole
    else:
        with pytest.raises(DomainError, match="more than zero"):
            invoice.total_of(made)


def test_a_half_rounds_away_from_zero() -> None:
    (line,) = priced(replace(LINE, quantity=Decimal(1), unit_price=Decimal("0.125")))
    assert line.figures.total == Decimal("0.13")
    assert Decimal("0.125").quantize(Decimal("0.01"), ROUND_HALF_UP) == line.figures.total


def test_a_product_lends_its_name_and_tax_rate() -> None:
    (line,) = priced(LineItem(sku="W", quantity=Decimal(1), unit_price=Decimal(100)))
    assert (line.description, line.tax, line.figures.total) == (
        "Widget",
        Decimal("19.00"),
        Decimal("119.00"),
    )


def test_what_the_line_says_beats_the_product() -> None:
    (line,) = priced(
        LineItem(
            sku="W",
            description="Blue",
            quantity=Decimal(1),
            unit_price=Decimal(100),
            tax_rate=Decimal(0),
        )
    )
    assert (line.description, line.tax) == ("Blue", Decimal("0.00"))


def test_a_discount_is_taken_before_tax() -> None:
    (line,) = priced(replace(LINE, discount=Decimal("1.00"), tax_rate=Decimal("0.1")))
    assert (line.figures.discount, line.tax, line.figures.total) == (
        Decimal("1.00"),
        Decimal("2.00"),
        Decimal("22.00"),
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"quantity": Decimal(0)}, "quantity"),
        ({"quantity": Decimal(-1)}, "quantity"),
        ({"quantity": Decimal("1.00001")}, "quantity"),
        ({"quantity": Decimal("1E-1000000")}, "quantity"),
        ({"quantity": Decimal(10) ** 15}, "quantity"),
        ({"quantity": Decimal("NaN")}, "quantity"),
        ({"quantity": Decimal("Infinity")}, "quantity"),
        ({"unit_price": Decimal("-0.01")}, "unitPrice"),
        ({"unit_price": Decimal("0.00001")}, "unitPrice"),
        ({"discount": Decimal(-1)}, "discount"),
        ({"discount": Decimal("NaN")}, "discount"),
        ({"discount": Decimal("0.001")}, "discount"),
        ({"discount": Decimal(22)}, "discount"),
        ({"tax_rate": Decimal("1.01")}, "taxRate"),
        ({"tax_rate": Decimal("-0.1")}, "taxRate"),
        ({"tax_rate": Decimal("0.00001")}, "taxRate"),
        ({"description": "a\0b"}, "description"),
        ({"description": "x" * 201}, "description"),
        ({"sku": "x" * 101}, "sku"),
        ({"quantity": Decimal(10) ** 14, "unit_price": Decimal(10) ** 14}, None),
        ({"description": " "}, None),
    ],
)
def test_a_bad_line_is_named(change: dict[str, object], path: str | None) -> None:
    with pytest.raises(DomainError) as refusal:
        priced(LINE, replace(LINE, **change))
    assert refusal.value.code is ErrorCode.VALIDATION
    assert refusal.value.path == ("lineItems", "1", *([path] if path else []))


@pytest.mark.parametrize("count", [0, 1001])
def test_an_invoice_has_between_1_and_1000_lines(count: int) -> None:
    with pytest.raises(DomainError) as refusal:
        priced(*[LINE] * count)
    assert refusal.value.path == ("lineItems",)


@pytest.mark.parametrize(
    ("products", "code"),
    [
        ({}, ErrorCode.NOT_FOUND),
        ({"W": replace(WIDGET, currency="EUR")}, ErrorCode.CURRENCY_MISMATCH),
        ({"W": replace(WIDGET, is_active=False)}, ErrorCode.INVALID_STATE),
    ],
)
def test_a_product_that_cannot_be_sold_is_named(
    products: dict[str, Product], code: ErrorCode
) -> None:
    with pytest.raises(DomainError) as refusal:
        invoice.priced([replace(LINE, sku="W")], products, "USD", "lineItems")
    assert (refusal.value.code, refusal.value.path) == (code, ("lineItems", "0", "sku"))

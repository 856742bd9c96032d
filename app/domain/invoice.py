"""What an invoice comes to: line items priced exactly, tax rounded per line.

`net = rounded(quantity * unit price - discount)`, `total = net + rounded(net * tax rate)`; the
invoice is the sum of its lines' totals. Quantities, unit prices and tax rates have at most four
decimals; discounts are money.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from uuid import UUID

from app.domain import money, text
from app.domain.errors import DomainError, ErrorCode, Invalid, NotFound
from app.domain.hashing import LineFigures

MAX_LINES = 1_000
_FOUR_DECIMALS = Decimal("0.0001")
# A product of two numeric(19, 4) values is exact in 38 digits.
_WIDE = Context(prec=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineItem:
    """What a caller asks to be invoiced. `tax_rate` is a fraction: 0.19 is 19 %."""

    sku: str | None = None
    description: str | None = None
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal | None = None
    tax_rate: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """What pricing has to know about a product."""

    id: UUID
    name: str
    currency: str
    tax_rate: Decimal
    is_active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PricedLine:
    """A line as it is posted: figures as they are hashed, wording, and the tax in its total."""

    figures: LineFigures
    description: str
    tax: Decimal


def checked(items: Sequence[LineItem], *path: str) -> tuple[LineItem, ...]:
    """The items normalised, or the first refusal that needs neither products nor a currency."""
    if not items:
        raise Invalid("An invoice needs at least one line item.", *path)
    if len(items) > MAX_LINES:
        raise Invalid(f"An invoice has at most {MAX_LINES} line items.", *path)
    return tuple(_checked_item(item, (*path, str(index))) for index, item in enumerate(items))


def priced(
    items: Sequence[LineItem], products: Mapping[str, Product], currency: str, *path: str
) -> tuple[PricedLine, ...]:
    """Checked items priced in the customer's currency; refusals name the item at fault."""
    return tuple(
        _priced_item(item, products, currency, (*path, str(index)))
        for index, item in enumerate(items)
    )


def total_of(lines: Sequence[PricedLine], *path: str) -> Decimal:
    """What the lines add up to; `Invalid` unless it is an amount that can be posted."""
    total = sum((line.figures.total for line in lines), Decimal(0))
    if total <= 0:
        raise Invalid("The line items must add up to more than zero.", *path)
    if total >= money.MAX_AMOUNT:
        raise Invalid("This amount is out of range.", *path)
    return total


def fraction(rate: Decimal, *path: str) -> Decimal:
    """A tax rate: 0 to 1, four decimals."""
    if not rate.is_finite() or not 0 <= rate <= 1:
        raise Invalid("A tax rate is a fraction between 0 and 1.", *path)
    return four_decimals(rate, *path)


def four_decimals(number: Decimal, *path: str) -> Decimal:
    """`number` at scale four, zero unsigned; `Invalid` if below zero, too large, or rounded."""
    if not number.is_finite() or not 0 <= number < money.MAX_AMOUNT:
        raise Invalid("This number is out of range.", *path)
    quantised = number.quantize(_FOUR_DECIMALS, context=_WIDE)
    if quantised != number:
        raise Invalid("This number has at most 4 decimals.", *path)
    return quantised or _FOUR_DECIMALS * 0


def _checked_item(item: LineItem, path: tuple[str, ...]) -> LineItem:
    sku = text.reference(item.sku, *path, "sku")
    description = text.optional(item.description, *path, "description", maximum=text.LINE)
    if sku is None and description is None:
        raise Invalid("A line item needs a sku or a description.", *path)
    quantity = four_decimals(item.quantity, *path, "quantity")
    if quantity <= 0:
        raise Invalid("This quantity must be more than zero.", *path, "quantity")
    if item.discount is not None and not (item.discount.is_finite() and item.discount >= 0):
        raise Invalid("A discount is zero or more.", *path, "discount")
    return LineItem(
        sku=sku,
        description=description,
        quantity=quantity,
        unit_price=four_decimals(item.unit_price, *path, "unitPrice"),
        discount=item.discount,
        tax_rate=None if item.tax_rate is None else fraction(item.tax_rate, *path, "taxRate"),
    )


def _priced_item(
    item: LineItem, products: Mapping[str, Product], currency: str, path: tuple[str, ...]
) -> PricedLine:
    product = _sellable(products.get(item.sku), currency, path) if item.sku else None
    tax_rate = item.tax_rate
    if tax_rate is None:
        tax_rate = product.tax_rate if product else _FOUR_DECIMALS * 0
    discount = money.zero(currency)
    if item.discount is not None:
        discount = money.exact(item.discount, currency, *path, "discount")
    gross = _WIDE.multiply(item.quantity, item.unit_price)
    if discount > gross:
        raise Invalid("A discount is at most what it is taken from.", *path, "discount")
    net = money.rounded(_WIDE.subtract(gross, discount), currency)
    tax = money.rounded(_WIDE.multiply(net, tax_rate), currency)
    total = net + tax
    if total >= money.MAX_AMOUNT:
        raise Invalid("This amount is out of range.", *path)
    return PricedLine(
        figures=LineFigures(
            product_id=product.id if product else None,
            quantity=item.quantity,
            unit_price=item.unit_price,
            discount=discount,
            tax_rate=tax_rate,
            total=total,
        ),
        description=item.description or (product.name if product else ""),
        tax=tax,
    )


def _sellable(product: Product | None, currency: str, path: tuple[str, ...]) -> Product:
    if product is None:
        raise NotFound("product", *path, "sku")
    if product.currency != currency:
        raise DomainError(
            ErrorCode.CURRENCY_MISMATCH,
            f"This product is priced in {product.currency}, the account is in {currency}.",
            path=(*path, "sku"),
            details={"expected": currency, "actual": product.currency},
        )
    if not product.is_active:
        raise DomainError(
            ErrorCode.INVALID_STATE, "This product is no longer sold.", path=(*path, "sku")
        )
    return product

"""What the demo company sells: coffee, tea, and what it takes to make them."""

from collections.abc import Iterator
from decimal import Decimal

from app.services.products import SaveProduct

_SOLD = (
    # sku, name, price in USD, cost, stock
    ("COF-HOUSE-1", "House blend, 1 kg", "18.50", "9.10", 840),
    ("COF-HOUSE-6", "House blend, case of 6 kg", "102.00", "54.60", 310),
    ("COF-ETH-1", "Ethiopia Guji, 1 kg", "27.00", "15.40", 260),
    ("COF-COL-1", "Colombia Huila, 1 kg", "24.50", "13.20", 415),
    ("COF-DEC-1", "Decaf, 1 kg", "22.00", "11.80", 190),
    ("COF-ESP-5", "Espresso, bag of 5 kg", "84.00", "43.00", 375),
    ("TEA-BRK-100", "Breakfast tea, 100 bags", "14.75", "6.20", 520),
    ("TEA-GRN-250", "Sencha, 250 g", "19.90", "9.95", 145),
    ("TEA-HRB-100", "Herbal tea, 100 bags", "13.25", "5.80", 230),
    ("SYR-VAN-750", "Vanilla syrup, 750 ml", "11.40", "4.70", 610),
    ("CUP-12-1000", "Paper cups 12 oz, box of 1000", "89.00", "51.00", 150),
    ("FLT-1000", "Paper filters, box of 1000", "21.60", "8.90", 280),
    ("GRD-PRO", "Grinder, professional", "749.00", "480.00", 22),
    ("MCH-2GR", "Espresso machine, two groups", "5890.00", "4100.00", 6),
    ("SVC-VISIT", "Service visit", "145.00", "80.00", 0),
)
_SOLD_IN_EUROPE = (
    ("EU-COF-HOUSE-1", "House blend, 1 kg", "17.20", "9.10", 300),
    ("EU-COF-ESP-5", "Espresso, bag of 5 kg", "79.00", "43.00", 140),
    ("EU-TEA-BRK-100", "Breakfast tea, 100 bags", "13.90", "6.20", 170),
    ("EU-CUP-12-1000", "Paper cups 0.35 l, box of 1000", "84.00", "50.00", 60),
    ("EU-SVC-VISIT", "Service visit", "160.00", "90.00", 0),
)
_US_TAX = Decimal("0.0825")
_EU_TAX = Decimal("0.19")
_FOOD = ("COF", "TEA", "SYR")
_DEAR = Decimal(500)


def products() -> Iterator[SaveProduct]:
    """Every product, and one that is no longer sold."""
    for sku, name, price, cost, stock in _SOLD:
        is_food = sku.startswith(_FOOD)
        yield SaveProduct(
            sku=sku,
            name=name,
            unit_price=Decimal(price),
            currency="USD",
            tax_rate=Decimal(0) if is_food else _US_TAX,
            cost=Decimal(cost),
            stock_on_hand=Decimal(stock),
        )
    for sku, name, price, cost, stock in _SOLD_IN_EUROPE:
        yield SaveProduct(
            sku=sku,
            name=name,
            unit_price=Decimal(price),
            currency="EUR",
            tax_rate=_EU_TAX,
            cost=Decimal(cost),
            stock_on_hand=Decimal(stock),
        )
    yield SaveProduct(
        sku="COF-XMAS-1",
        name="Winter blend, 1 kg (past season)",
        unit_price=Decimal("21.00"),
        currency="USD",
        cost=Decimal("12.50"),
        stock_on_hand=Decimal(3),
        is_active=False,
    )


def everyday(currency: str) -> list[SaveProduct]:
    """What is ordered week after week in this currency: active, and no machines."""
    return [
        each
        for each in products()
        if each.currency == currency and each.is_active is not False and each.unit_price < _DEAR
    ]

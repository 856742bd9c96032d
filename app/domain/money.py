"""Exact money: `Decimal` at the currency's minor unit. Never a float, never two currencies."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, localcontext

from app.domain.currency import MINOR_UNIT, MINOR_UNIT_DIGITS
from app.domain.errors import Invalid

MAX_AMOUNT = Decimal(10) ** 15
"""Exclusive bound on any single amount, in units of the currency: numeric(19, 4) holds it."""

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def currency(code: str, *path: str) -> str:
    """The ISO 4217 code, or `Invalid` when there is no such currency."""
    if code not in MINOR_UNIT_DIGITS:
        raise Invalid("This is not an ISO 4217 currency code.", *path)
    return code


def zero(currency_code: str) -> Decimal:
    """Nothing, at the currency's scale."""
    return MINOR_UNIT[currency_code] * 0


def exact(amount: Decimal, currency_code: str, *path: str) -> Decimal:
    """`amount` at the currency's scale; `Invalid` if not finite, too large, or to be rounded.

    Zero comes out unsigned: PostgreSQL knows no other, and what is hashed must be what is stored.
    """
    if not amount.is_finite() or abs(amount) >= MAX_AMOUNT:
        raise Invalid("This amount is out of range.", *path)
    with localcontext(_EXACT):
        quantised = amount.quantize(MINOR_UNIT[currency_code])
    if quantised != amount:
        digits = MINOR_UNIT_DIGITS[currency_code]
        raise Invalid(f"{currency_code} amounts have at most {digits} decimals.", *path)
    return quantised or zero(currency_code)


def positive(amount: Decimal, currency_code: str, *path: str) -> Decimal:
    """As `exact`, and more than zero."""
    quantised = exact(amount, currency_code, *path)
    if quantised <= 0:
        raise Invalid("This amount must be more than zero.", *path)
    return quantised


def rounded(amount: Decimal, currency_code: str) -> Decimal:
    """`amount` to the nearest minor unit, halves away from zero (commercial rounding)."""
    with localcontext(_EXACT):
        return amount.quantize(MINOR_UNIT[currency_code], rounding=ROUND_HALF_UP)


def split(total: Decimal, weights: Sequence[Decimal], currency_code: str) -> list[Decimal]:
    """Divide `total` in proportion to `weights` so that the parts add up to it exactly.

    Largest remainder: every part is first rounded towards zero; the minor units left over go one
    each to the parts with the largest remainders, the earlier part first among equals.
    Requires weights >= 0 with a sum above zero.
    """
    unit = MINOR_UNIT[currency_code]
    with localcontext(_EXACT):
        whole = sum(weights, Decimal(0))
        shares = [total * weight / whole for weight in weights]
        parts = [share.quantize(unit, rounding=ROUND_DOWN) for share in shares]
        left = int((total - sum(parts, Decimal(0))) / unit)
        step = unit if left > 0 else -unit
        by_remainder = sorted(range(len(parts)), key=lambda i: (-abs(shares[i] - parts[i]), i))
        for i in by_remainder[: abs(left)]:
            parts[i] += step
    return parts

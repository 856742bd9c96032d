"""What each field of a customer may hold. Every function returns the value as it is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from app.domain import country, text
from app.domain.errors import Invalid

MAX_CODE = 40
MAX_EMAIL = 254
MAX_TAGS = 50
MAX_PAYMENT_TERMS_DAYS = 365

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{2,30}")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where bills go. `country` is ISO 3166-1 alpha-2."""

    line1: str
    line2: str | None = None
    city: str
    region: str | None = None
    postal_code: str | None = None
    country: str


def code(value: str, *path: str) -> str:
    """The customer's code: unique, printable, at most 40 characters."""
    return text.identifier(value, *path, maximum=MAX_CODE)


def email(value: str | None, *path: str) -> str | None:
    """Something with an at sign and a domain; whether mail arrives, only mail can tell."""
    address = text.optional(value, *path, maximum=MAX_EMAIL)
    return _matching(address, _EMAIL, "This is not an e-mail address.", path)


def phone(value: str | None, *path: str) -> str | None:
    """Digits, with what people put between them."""
    number = text.optional(value, *path, maximum=text.SHORT)
    return _matching(number, _PHONE, "This is not a telephone number.", path)


def address(value: Address | None, *path: str) -> Address | None:
    """A whole address or none."""
    if value is None:
        return None
    if value.country not in country.CODES:
        raise Invalid("This is not an ISO 3166-1 alpha-2 country code.", *path, "country")
    return Address(
        line1=text.required(value.line1, *path, "line1"),
        line2=text.optional(value.line2, *path, "line2"),
        city=text.required(value.city, *path, "city", maximum=text.SHORT),
        region=text.optional(value.region, *path, "region", maximum=text.SHORT),
        postal_code=text.optional(value.postal_code, *path, "postalCode", maximum=20),
        country=value.country,
    )


def payment_terms_days(value: int, *path: str) -> int:
    """Days from the date of an invoice to its due date."""
    if not 0 <= value <= MAX_PAYMENT_TERMS_DAYS:
        raise Invalid(f"Payment terms are 0 to {MAX_PAYMENT_TERMS_DAYS} days.", *path)
    return value


def tags(values: Sequence[str], *path: str) -> list[str]:
    """Short words, each once, in the order given."""
    if len(values) > MAX_TAGS:
        raise Invalid(f"A customer has at most {MAX_TAGS} tags.", *path)
    cleaned = (
        text.label(value, *path, str(index), maximum=MAX_CODE) for index, value in enumerate(values)
    )
    return list(dict.fromkeys(cleaned))


def locale(value: str, *path: str) -> str:
    """A language tag: `en`, `pt-BR`, `zh-Hant-TW`."""
    if _LOCALE.fullmatch(value) is None:
        raise Invalid("This is not a language tag such as en or pt-BR.", *path)
    return value


def time_zone(value: str, *path: str) -> str:
    """An IANA time zone."""
    if value not in _time_zones():
        raise Invalid("This is not an IANA time zone such as Europe/Berlin.", *path)
    return value


def time_of_day(value: str | None, *path: str) -> str | None:
    """`HH:MM`, or None."""
    return _matching(value, _TIME_OF_DAY, "This is not a time of day such as 21:30.", path)


def _matching(
    value: str | None, pattern: re.Pattern[str], refusal: str, path: tuple[str, ...]
) -> str | None:
    if value is not None and pattern.fullmatch(value) is None:
        raise Invalid(refusal, *path)
    return value


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())

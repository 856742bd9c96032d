"""How a file writes dates and numbers. A reading function raises `Unreadable` with the reason."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

MAX_NUMBER_LENGTH = 40
_DIRECTIVES = re.compile("%(.)")
_KNOWN_DIRECTIVES = {"d", "m", "Y"}

Choice = TypeVar("Choice", bound=StrEnum)


class Unreadable(Exception):
    """A text that is not what the mapping says it is."""


def is_date_format(text: str) -> bool:
    """Whether it names day, month and year once each, and nothing else."""
    directives = _DIRECTIVES.findall(text)
    return len(directives) == len(_KNOWN_DIRECTIVES) and set(directives) == _KNOWN_DIRECTIVES


def date_reader(formats: tuple[str, ...]) -> Callable[[str], date]:
    """Reads a date in the first of the formats that fits. A file repeats its dates: remembered."""
    shown = " or ".join(formats)

    @lru_cache(maxsize=4096)
    def read(text: str) -> date:
        for each in formats:
            try:
                return datetime.strptime(text, each).date()  # noqa: DTZ007 - a date has no zone
            except ValueError:
                continue
        raise Unreadable(f"This is not a date written as {shown}.")

    return read


def number_reader(decimal_mark: str, group_mark: str) -> Callable[[str], Decimal]:
    """Reads an exact number; groups, where there are any, must be of three digits."""
    mark, group = re.escape(decimal_mark), re.escape(group_mark)
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if group_mark else ""
    pattern = re.compile(rf"[+-]?(?:{grouped}[0-9]+)(?:{mark}[0-9]+)?")

    def read(text: str) -> Decimal:
        if len(text) > MAX_NUMBER_LENGTH or pattern.fullmatch(text) is None:
            raise Unreadable("This is not a number as the mapping describes them.")
        plain = text.replace(group_mark, "") if group_mark else text
        return Decimal(plain.replace(decimal_mark, "."))

    return read


def integer(text: str) -> int:
    """A whole number without a sign."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Unreadable("This is not a whole number.")
    return int(text)


def text(value: str) -> str:
    """Text is what it is; the rules of the field judge it."""
    return value


def choice(kind: type[Choice], *excluded: Choice) -> Callable[[str], Choice]:
    """Reads one of the contract's words."""
    known = {str(each): each for each in kind if each not in excluded}

    def read(text: str) -> Choice:
        try:
            return known[text]
        except KeyError:
            raise Unreadable(f"This is none of {', '.join(known)}.") from None

    return read

"""How a file writes dates and numbers. A reading function raises `Unreadable` with the reason."""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

MAX_NUMBER_LENGTH = 40
# Which of them a program writes depends on its fonts: to a reader they are the same mark.
_ALIKE = (" \u00a0\u2009\u202f", "'\u2019")
_MINUS = "-\u2212"
_NO_NUMBER = "This is not a number as the mapping describes them."
_SHORTENED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_MARKED_AS_TEXT = re.compile("'[0-9]+")

Choice = TypeVar("Choice", bound=StrEnum)


class Unreadable(Exception):
    """A text that is not what the mapping says it is."""


def alike(mark: str) -> str:
    """The marks that are taken for this one, itself among them."""
    return next((marks for marks in _ALIKE if mark and mark in marks), mark)


def number_reader(decimal_mark: str, group_mark: str) -> Callable[[str], Decimal]:
    """Reads an exact number; groups, where there are any, must be of three digits.

    A number in parentheses, or with its minus behind, is below zero.
    """
    groups = alike(group_mark)
    mark, group = re.escape(decimal_mark), f"[{re.escape(groups)}]"
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if groups else ""
    size = rf"((?:{grouped}[0-9]+)(?:{mark}[0-9]+)?)"
    pattern = re.compile(rf"([{_MINUS}+]?){size}|{size}[{_MINUS}]|\({size}\)")
    ungrouped = str.maketrans("", "", groups)

    def read(text: str) -> Decimal:
        found = pattern.fullmatch(text) if len(text) <= MAX_NUMBER_LENGTH else None
        if found is None:
            raise Unreadable(_why_no_number(text, decimal_mark, group_mark))
        sign, leading, trailing, enclosed = found.groups()
        size = leading or trailing or enclosed
        number = Decimal(size.translate(ungrouped).replace(decimal_mark, "."))
        return number if leading and (not sign or sign == "+") else -number

    return read


def _why_no_number(text: str, decimal_mark: str, group_mark: str) -> str:
    if _SHORTENED.fullmatch(text):
        return (
            f"{_NO_NUMBER} A spreadsheet shortened it, and lost digits: give the column a format "
            "with all of them, and export again."
        )
    if any(unicodedata.category(each) in ("Sc", "Lu") for each in text):
        return f"{_NO_NUMBER} It holds more than digits and marks: leave the currency out of it."
    if any(each.isdigit() for each in text):
        group = f"{group_mark!r} before each three digits" if group_mark else "without a group mark"
        return f"{_NO_NUMBER} It must have {decimal_mark!r} before decimals, {group}."
    return _NO_NUMBER


def integer(text: str) -> int:
    """A whole number without a sign."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Unreadable("This is not a whole number.")
    return int(text)


def text(value: str) -> str:
    """Text is what it is; the rules of the field judge it."""
    return value


def identifier(value: str) -> str:
    """What names a customer, an invoice or a payment: one spelling for each."""
    if _SHORTENED.fullmatch(value) and "E+" in value:
        raise Unreadable(
            "A spreadsheet shortened this, and lost digits: make the column one of text, "
            "and export again."
        )
    if _MARKED_AS_TEXT.fullmatch(value):
        raise Unreadable(
            "A spreadsheet's mark of text is left before this: export it without the apostrophe."
        )
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def choice(kind: type[Choice], *excluded: Choice) -> Callable[[str], Choice]:
    """Reads one of the contract's words."""
    known = {str(each): each for each in kind if each not in excluded}

    def read(text: str) -> Choice:
        try:
            return known[text]
        except KeyError:
            raise Unreadable(f"This is none of {', '.join(known)}.") from None

    return read

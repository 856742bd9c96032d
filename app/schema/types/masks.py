"""What a masked value still shows: its form, never its content."""

from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, null

HIDDEN = "•••"


def everything(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Only that there is a value."""
    return case((value.is_not(None), literal(HIDDEN)), else_=null())


def initial(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """`John Smith` shows as `J•••`."""
    return func.left(value, 1).concat(HIDDEN)


def email(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """`jane@example.com` shows as `j•••@example.com`."""
    return func.left(value, 1).concat(HIDDEN + "@").concat(func.split_part(value, "@", 2))


def last_two(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """`+49 170 123 45 67` shows as `•••67`; one too short to hide in shows nothing."""
    return case(
        (func.length(value) >= 6, literal(HIDDEN).concat(func.right(value, 2))),
        (value.is_not(None), literal(HIDDEN)),
        else_=null(),
    )

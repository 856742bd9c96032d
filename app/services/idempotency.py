"""Idempotency: one effect per `(actor, key)`, however often and concurrently it is asked for.

The key's row is inserted first of all and waits for a concurrent holder. Found taken: the same
operation with the same input replays the stored result, anything else is IDEMPOTENCY_CONFLICT. A
refusal rolls the row back with everything else, so it does not consume the key.
"""

import hashlib
from dataclasses import Field, fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from app.domain import text
from app.domain.errors import IdempotencyConflict

MAX_KEY_LENGTH = 200
NOT_IN_INPUT_HASH = {"in_input_hash": False}
"""Metadata of a command's field that the caller did not send: the same request may differ in it."""


def checked_key(key: str) -> str:
    """The key, or `Invalid` at `idempotencyKey`."""
    return text.key(key, "idempotencyKey", maximum=MAX_KEY_LENGTH)


def input_hash(command: object) -> bytes:
    """sha256 of the normalised input: equal for inputs that mean the same, for good.

    Fields at their default are left out, so a field that is added later does not change the hash of
    inputs that do not use it. Decimals are compared by value, not by spelling.
    """
    plain = _plain(command)
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)).digest()


def require_same(
    key: str, *, operation: str, hashed: bytes, earlier_operation: str, earlier_hash: bytes
) -> None:
    """Raises IdempotencyConflict unless the earlier holder of the key asked for the same."""
    if (operation, hashed) != (earlier_operation, earlier_hash):
        raise IdempotencyConflict(key)


@lru_cache(maxsize=64)
def _hashed_fields(kind: type[Any]) -> tuple["Field[Any]", ...]:
    return tuple(each for each in fields(kind) if each.metadata.get("in_input_hash", True))


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            plain = f"{value or Decimal(0):f}"
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case str() | int() | bool() | None | date():
            return value
        case UUID():
            return str(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            given = ((each, getattr(value, each.name)) for each in _hashed_fields(type(value)))
            return {each.name: _plain(it) for each, it in given if it != each.default}
        case _:
            raise TypeError(f"{type(value).__name__} has no normal form")

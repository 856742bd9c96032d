"""JSON text for json and jsonb parameters, which are plain `str`."""

from typing import Any
from uuid import UUID

import orjson


def json_text(value: Any) -> str:
    """Compact JSON. Exact numbers must be text already: a Decimal raises TypeError."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> str:
    # The driver's own UUID type is a subclass, which orjson does not take for one.
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")

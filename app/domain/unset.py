"""What a caller did not supply: not the same as null, which empties a field."""

from enum import Enum
from typing import Final


class Unset(Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET
"""A field that was left out: it stays as it is, and of a new row it is the default."""

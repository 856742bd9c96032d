"""What ignoring case means: one expression, for what is asked and for the index that answers it."""

from typing import Any

from sqlalchemy import ColumnElement, Text, func

# The columns' own collations order by code point, and know no case beyond ASCII; this one folds as
# Unicode says (ß is ss), without regard to a language or to the database's own collation.
_UNICODE = "pg_unicode_fast"


def case_folded(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """Text as it is compared where case does not matter.

    Folded, not put into lower case as by ILIKE: what becomes of a sigma there depends on the
    letters around it, so that a part of a text may not be found in the whole.
    """
    return func.casefold(text.collate(_UNICODE), type_=Text())

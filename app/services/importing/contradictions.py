"""Rows of a file that cannot all be right: each is refused, and names another that it is against.

Which of them is right, nobody can tell here, and what is posted stays: so none of them comes in.
"""

import sqlite3
from collections.abc import Callable, Iterator

import orjson

from app.domain.errors import ErrorCode
from app.services.importing.refusals import Refusal

# Each line that shares its reference, with the first other line that does.
_REPEATED = """
SELECT line, iif(line = first, second, first) AS other FROM (
    SELECT line, min(line) OVER same AS first, nth_value(line, 2) OVER same AS second
    FROM rows WHERE {reference} IS NOT NULL
    WINDOW same AS (PARTITION BY code, {reference} ORDER BY line
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
) WHERE second IS NOT NULL
"""
_REPEATED_INVOICES = _REPEATED.format(reference="invoice")
_REPEATED_PAYMENTS = _REPEATED.format(reference="payment")
_DESCRIBED_TWICE = """
SELECT code, line, described FROM customers
WHERE code IN (SELECT code FROM customers GROUP BY code HAVING count(*) > 1) ORDER BY code, line
"""
_LINES_OF_CUSTOMER = """
SELECT line FROM rows WHERE code = ? AND (invoice IS NOT NULL OR settles IS NULL)
"""


def repeated_invoices(database: sqlite3.Connection) -> Iterator[Refusal]:
    """Rows of one customer with one invoice: an invoice is one row, and so are its settlements.

    The lines of an invoice, one by one, are such rows, too: none of them is the invoice.
    """
    advice = "Leave one row for each invoice; instalments are rows of [payment]."
    for line, other in database.execute(_REPEATED_INVOICES):
        yield _refusal(line, "", f"Line {other} has the same customer and reference. {advice}")


def repeated_payments(database: sqlite3.Connection) -> Iterator[Refusal]:
    """Rows of one customer whose payments have one reference."""
    advice = "Give each payment one of its own."
    for line, other in database.execute(_REPEATED_PAYMENTS):
        yield _refusal(line, "", f"Line {other} has the same customer and reference. {advice}")


def contradicting_customers(
    database: sqlite3.Connection, column_of: Callable[[str], str]
) -> Iterator[Refusal]:
    """All rows of a customer whom two rows describe differently; a blank describes nothing."""
    first: dict[str, tuple[str, int]] = {}
    last, is_refused = None, False
    for code, line, described in database.execute(_DESCRIBED_TWICE):
        if code != last:
            first, last, is_refused = {}, code, False
        for key, value in orjson.loads(described).items():
            said, on_line = first.setdefault(key, (value, line))
            if said != value and not is_refused:
                is_refused = True
                reason = (
                    f"Lines {on_line} and {line} give this customer code different values of "
                    f"customer.{key}. Nothing of it comes in until they agree."
                )
                for (each,) in database.execute(_LINES_OF_CUSTOMER, (code,)):
                    yield _refusal(each, column_of(key), reason)


def _refusal(line: int, column: str, reason: str) -> Refusal:
    return Refusal(line=line, column=column, code=ErrorCode.VALIDATION, reason=reason)

"""What a customer's entries have open as of a date: the one definition that all figures share.

An entry is dated by then, and has open what is open now and what was only used later. A debit
without a due date is due on its own date. So a figure as of a date never reads settled entries,
unless they were settled after it.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Subquery,
    and_,
    false,
    func,
    select,
    true,
    union_all,
)

from app.models import allocations, ledger_entries, open_items


def open_entries(customer_id: ColumnElement[Any], as_of: ColumnElement[Any]) -> Subquery:
    """`is_debit`, `due` and `open` (above zero) of each entry with something open as of a date."""
    parts = _parts(customer_id, as_of)
    left = func.sum(parts.c.open, type_=Numeric())
    return (
        select(parts.c.is_debit, parts.c.due, left.label("open"))
        .group_by(parts.c.entry_id, parts.c.is_debit, parts.c.due)
        .having(left > 0)
        .subquery()
    )


def _parts(customer_id: ColumnElement[Any], as_of: ColumnElement[Any]) -> Subquery:
    """What is open now, and what was used after the date."""
    item, used, entry = open_items.alias(), allocations.alias(), ledger_entries.alias()
    now = select(
        item.c.entry_id,
        item.c.is_debit,
        func.coalesce(item.c.due_date, item.c.accounting_date).label("due"),
        item.c.open_amount.label("open"),
    ).where(item.c.customer_id == customer_id, item.c.accounting_date <= as_of)
    later = [
        select(
            entry.c.id,
            is_debit,
            func.coalesce(entry.c.due_date, entry.c.transaction_date),
            used.c.amount,
        )
        .select_from(_used_of(used, entry, side))
        .where(
            used.c.customer_id == customer_id,
            used.c.accounting_date > as_of,
            entry.c.transaction_date <= as_of,
        )
        for side, is_debit in ((used.c.debit_id, true()), (used.c.credit_id, false()))
    ]
    return union_all(now, *later).subquery()


def _used_of(used: Any, entry: Any, side: ColumnElement[Any]) -> FromClause:
    joined: FromClause = used.join(
        entry, and_(entry.c.customer_id == used.c.customer_id, entry.c.id == side)
    )
    return joined

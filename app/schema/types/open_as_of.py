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


def overdue_of_all(as_of: ColumnElement[Any], name: str) -> Subquery:
    """`customer_id` and what is overdue (above zero) of everybody who owes it: one pass for all."""
    parts = _parts(None, as_of)
    overdue = func.sum(parts.c.open, type_=Numeric())
    return (
        select(parts.c.customer_id, overdue.label("overdue"))
        .where(parts.c.is_debit, parts.c.due < as_of)
        .group_by(parts.c.customer_id)
        .subquery(name)
    )


def _parts(customer_id: ColumnElement[Any] | None, as_of: ColumnElement[Any]) -> Subquery:
    """What is open now, and what was used after the date; of one customer or of all."""
    item, used, entry = open_items.alias(), allocations.alias(), ledger_entries.alias()

    def of_customer(rows: FromClause) -> ColumnElement[bool]:
        return true() if customer_id is None else rows.c.customer_id == customer_id

    now = select(
        item.c.customer_id,
        item.c.entry_id,
        item.c.is_debit,
        func.coalesce(item.c.due_date, item.c.accounting_date).label("due"),
        item.c.open_amount.label("open"),
    ).where(of_customer(item), item.c.accounting_date <= as_of)
    later = [
        select(
            entry.c.customer_id,
            entry.c.id,
            is_debit,
            func.coalesce(entry.c.due_date, entry.c.transaction_date),
            used.c.amount,
        )
        .select_from(_used_of(used, entry, side))
        .where(
            of_customer(used),
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

"""Rows in the portions that are posted at once, and the order of the entries in each."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.services.importing.rows import InvoiceRow, Row, SettlementRow
from app.services.ledger.commands import MAX_ENTRIES, EntryCommand
from app.services.ledger.inputs import AllocationInput

MAX_ROWS = MAX_ENTRIES // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is left to post of a row: the invoice, or a settlement, or both.

    Without `invoice` the settlement is for `debit_id`, which an earlier import posted, and which
    takes `debit_amount` of it.
    """

    row: Row
    customer_id: UUID
    currency: str
    invoice: InvoiceRow | None
    settlement: SettlementRow | None
    debit_id: UUID | None = None
    debit_amount: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Commands in the order to post them in, and the row that each comes from."""

    commands: tuple[EntryCommand, ...]
    rows: tuple[Row, ...]

    def key(self, *digests: str) -> str:
        """The same for the same entries of the same file, whenever it is imported."""
        content = hashlib.sha256("\n".join(digests).encode())
        for row, command in zip(self.rows, self.commands, strict=True):
            content.update(f"\n{row.line} {command.operation} {command.customer_id}".encode())
        return f"import-{content.hexdigest()}"


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that come sorted by customer, in portions of at most 500.

    A customer's rows are not torn apart unless they are too many for one portion.
    """
    chunk: list[Row] = []
    of_customer = 0  # where in the chunk the customer of its last row begins
    for row in rows:
        if chunk and row.customer.code != chunk[-1].customer.code:
            of_customer = len(chunk)
        if len(chunk) == MAX_ROWS:
            cut = of_customer or len(chunk)
            yield chunk[:cut]
            chunk, of_customer = chunk[cut:], 0
        chunk.append(row)
    if chunk:
        yield chunk


def batch(wanted: Sequence[Wanted]) -> Batch:
    """Each customer's entries by date; a settlement never before the invoice that it is for."""
    ordered: list[tuple[tuple[Any, ...], Wanted, InvoiceRow | SettlementRow]] = []
    for each in wanted:
        if each.invoice is not None:
            ordered.append((_order(each, each.invoice.on, 0), each, each.invoice))
        if each.settlement is not None:
            posted_on = max(each.settlement.on, each.invoice.on if each.invoice else date.min)
            ordered.append((_order(each, posted_on, 1), each, each.settlement))
    ordered.sort(key=lambda item: item[0])
    commands: list[EntryCommand] = []
    index_of: dict[int, int] = {}
    for index, (_, each, entry) in enumerate(ordered):
        if isinstance(entry, InvoiceRow):
            index_of[each.row.line] = index
            commands.append(entry.command(each.customer_id, each.currency))
        else:
            spent_on = _spent_on(each, index_of)
            commands.append(entry.command(each.customer_id, each.currency, **spent_on))
    return Batch(commands=tuple(commands), rows=tuple(each.row for _, each, _ in ordered))


def _order(each: Wanted, on: date, rank: int) -> tuple[Any, ...]:
    return each.row.customer.code, on, rank, each.row.line


def _spent_on(each: Wanted, index_of: dict[int, int]) -> dict[str, Any]:
    if each.debit_id is None:
        return {"settles": index_of[each.row.line]}
    wish = AllocationInput(debit_id=each.debit_id, amount=each.debit_amount)
    return {"allocations": (wish,)}

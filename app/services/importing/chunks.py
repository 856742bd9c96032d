"""Rows in the portions that are posted at once, and the order of the entries in each."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

    The settlement is for `debit_id`, which is in the books and takes `debit_amount` of it, or for
    the invoice of `debit_line` in the same portion: of this row, when there is neither.
    """

    row: Row
    customer_id: UUID
    currency: str
    invoice: InvoiceRow | None
    settlement: SettlementRow | None
    debit_line: int | None = None
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
    """Rows that come sorted by customer and invoice, in portions of at most 500.

    A customer's rows are not torn apart unless they are too many for one portion, and then not an
    invoice from its payments unless these are.
    """
    chunk: list[Row] = []
    of_customer = of_invoice = 0  # where in the chunk those of its last row begin
    for row in rows:
        if chunk and row.code != chunk[-1].code:
            of_customer = of_invoice = len(chunk)
        elif chunk and row.concerns != chunk[-1].concerns:
            of_invoice = len(chunk)
        if len(chunk) == MAX_ROWS:
            cut = of_customer or of_invoice or len(chunk)
            yield chunk[:cut]
            chunk, of_customer, of_invoice = chunk[cut:], 0, max(of_invoice - cut, 0)
        chunk.append(row)
    if chunk:
        yield chunk


def batch(wanted: Sequence[Wanted]) -> Batch:
    """Each customer's entries by date; a settlement never before the invoice that it is for."""
    invoiced = {each.row.line: each.invoice.on for each in wanted if each.invoice is not None}
    ordered: list[tuple[tuple[Any, ...], Wanted, InvoiceRow | SettlementRow]] = []
    for each in wanted:
        if each.invoice is not None:
            ordered.append((_order(each, each.invoice.on, 0), each, each.invoice))
        if each.settlement is not None:
            posted_on = max(each.settlement.on, invoiced.get(_debit_line(each), date.min))
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
    return each.row.code, on, rank, each.row.line


def _debit_line(each: Wanted) -> int:
    return each.row.line if each.debit_line is None else each.debit_line


def _spent_on(each: Wanted, index_of: Mapping[int, int]) -> dict[str, Any]:
    if each.debit_id is None:
        return {"settles": index_of[_debit_line(each)]}
    wish = AllocationInput(debit_id=each.debit_id, amount=each.debit_amount)
    return {"allocations": (wish,)}

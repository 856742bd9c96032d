"""Whether the journal of an entry or allocation is what it books, by the rules that booked it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

from app.domain import booking, money
from app.domain.booking import Contra
from app.domain.currency import MINOR_UNIT
from app.domain.hashing import LineFigures
from app.domain.invoice import PricedLine
from app.domain.journal import ADVANCES, JournalLine, of_allocation, of_entry
from app.domain.ledger import ENTRY_KINDS, EntryKind

_KINDS = {str(type_): kind for type_, kind in ENTRY_KINDS.items()}
_WIDE = Context(prec=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class BookedEntry:
    """An entry as it is stored, with its journal.

    `debit_booked` and `earlier_returned`: of a credit note against a debit, what that debit has
    booked and what the notes before this one have taken back, receivable and advances left out.
    """

    type: str
    amount: Decimal
    currency: str
    lines: Sequence[LineFigures]
    journal: Sequence[JournalLine]
    debit_booked: Sequence[Contra] | None = None
    earlier_returned: Sequence[Contra] = ()


def entry_is_booked(entry: BookedEntry) -> bool:
    """Every account and rate moves by what the entry books, and by nothing else."""
    kind = _KINDS.get(entry.type)
    if kind is None or entry.currency not in MINOR_UNIT:
        return False
    if not entry.amount.is_finite() or entry.amount * kind.sign <= 0:
        return False
    moved = _moved(entry.journal)
    return any(moved == _moved(of_entry(entry.amount, contra)) for contra in _contras(kind, entry))


def allocation_is_booked(amount: Decimal, journal: Sequence[JournalLine]) -> bool:
    """Advances and receivable move by the allocation's amount, and nothing else moves."""
    return _moved(journal) == _moved(of_allocation(amount))


def _contras(kind: EntryKind, entry: BookedEntry) -> Iterable[Sequence[Contra]]:
    """What the entry may have booked: more than one only for credit notes of former versions."""
    gross = abs(entry.amount)
    if entry.lines:
        yield booking.of_lines(kind, [_priced(line, entry.currency) for line in entry.lines])
    elif entry.debit_booked is not None:
        left = booking.left_of(entry.debit_booked, entry.earlier_returned)
        if any(each.amount > 0 for each in left):
            yield booking.taken_back(gross, left, entry.currency)
        # Notes used to go to returns whole, in one line.
        if len(entry.journal) == len((kind.contra, ADVANCES)):
            yield booking.of_gross(kind, gross, None, entry.currency)
    else:
        # A rate that was given with a credit note is known from what it has booked alone.
        rates = {line.tax_rate for line in entry.journal if line.account is booking.TAX}
        rate = rates.pop() if len(rates) == 1 and kind.takes_tax_back else None
        yield booking.of_gross(kind, gross, rate, entry.currency)


def _moved(journal: Sequence[JournalLine]) -> dict[tuple[str, Decimal | None], Decimal]:
    moved: dict[tuple[str, Decimal | None], Decimal] = {}
    for line in journal:
        key = line.account, line.tax_rate
        moved[key] = moved.get(key, Decimal(0)) + line.amount
    return {key: amount for key, amount in moved.items() if amount}


def _priced(figures: LineFigures, currency: str) -> PricedLine:
    """A stored line with the tax in its total, which is what the total exceeds its net by."""
    gross = _WIDE.multiply(figures.quantity, figures.unit_price)
    net = money.rounded(_WIDE.subtract(gross, figures.discount), currency)
    return PricedLine(figures=figures, description="", tax=figures.total - net)

"""The demo company's story, posted month by month through the posting engine, and then closed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from sqlalchemy import text

from app.domain.ledger import ReferenceType
from app.infra.database import Statement, Transaction
from app.services.demo.company import Company
from app.services.demo.story import Credit, Event, Money, Sale
from app.services.ledger.allocations import UndoAllocation
from app.services.ledger.commands import MAX_ENTRIES, EntryCommand, post_command, post_entries
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.periods import CreateFiscalYear, create_fiscal_year

UNDONE = 6
_UNDONE_WITHIN = timedelta(days=40)
_OPEN_MONTHS_BEFORE_THIS = 2


async def open_years(tx: Transaction, company: Company, today: date) -> None:
    """Last year, this year and the next."""
    controller = company.actor("controller")
    for year in (today.year - 1, today.year, today.year + 1):
        await create_fiscal_year(tx, controller, CreateFiscalYear(starts_on=date(year, 1, 1)))


async def keep(
    tx: Transaction, company: Company, customer_ids: Sequence[UUID], events: Sequence[Event]
) -> None:
    """Post the events, which are in order of date. A month never shares a batch with another."""
    accountant = company.actor("accountant")
    ledger = _Sales()
    for month, of_month in groupby(events, key=lambda event: f"{event.on:%Y-%m}"):
        for number, batch in enumerate(_batches(list(of_month))):
            commands = [
                ledger.command(event, customer_ids[event.customer], index)
                for index, event in enumerate(batch)
            ]
            key = f"demo-{month}-{number}"
            posted = await post_entries(tx, accountant, commands, idempotency_key=key)
            ledger.learn(batch, posted.entry_ids)


async def undo_some(tx: Transaction, company: Company, today: date) -> None:
    """Payments that turn out to have been for something else: invoice and advance stay open."""
    accountant = company.actor("accountant")
    recent = await tx.fetch(
        _RECENT_ALLOCATIONS, since=today - _UNDONE_WITHIN, until=today, how_many=UNDONE
    )
    for number, row in enumerate(recent):
        await post_command(
            tx,
            accountant,
            UndoAllocation(
                customer_id=row["customer_id"],
                allocation_id=row["id"],
                reason="The customer says that this was paid for something else.",
                accounting_date=today,
            ),
            idempotency_key=f"demo-undo-{number}",
        )


async def close_months(tx: Transaction, company: Company, today: date) -> None:
    """Close every month, quarter and year that ended before the last two months.

    By hand, since closing with its check-list is no service yet: nothing is posted after this.
    """
    open_from = today.replace(day=1)
    for _ in range(_OPEN_MONTHS_BEFORE_THIS):
        open_from = (open_from - timedelta(days=1)).replace(day=1)
    await tx.execute(_CLOSE, open_from=open_from, closed_by=company.users["controller"])


class _Sales:
    """What became of the sales posted so far: their entries, and what they have open."""

    def __init__(self) -> None:
        self._ids: dict[int, UUID] = {}
        self._open: dict[int, Decimal] = {}
        self._index_in_batch: dict[int, int] = {}

    def command(self, event: Event, customer_id: UUID, index: int) -> EntryCommand:
        """The event as the posting engine takes it; `index` is its place in the batch."""
        match event:
            case Sale():
                self._open[event.number] = event.total
                self._index_in_batch[event.number] = index
                return PostInvoice(
                    customer_id=customer_id,
                    transaction_date=event.on,
                    line_items=event.items,
                    description=event.description,
                    external_reference=f"SO-{event.number:05d}",
                    reference_type=ReferenceType.EXTERNAL,
                )
            case Credit():
                self._spend(event.sale, event.amount)
                return IssueCreditNote(
                    customer_id=customer_id,
                    transaction_date=event.on,
                    amount=event.amount,
                    reason=event.reason,
                    against=self._ids[event.sale],
                )
            case Money():
                return self._payment(event, customer_id)

    def learn(self, batch: Sequence[Event], entry_ids: Sequence[UUID]) -> None:
        """Remember under which ids the sales of a batch were posted."""
        for event, entry_id in zip(batch, entry_ids, strict=True):
            if isinstance(event, Sale):
                self._ids[event.number] = entry_id
        self._index_in_batch.clear()

    def _payment(self, event: Money, customer_id: UUID) -> RecordPayment:
        settles: int | None = None
        allocations: tuple[AllocationInput, ...] | None = None
        if event.sale is not None:
            spent = self._spend(event.sale, event.amount)
            settles = self._index_in_batch.get(event.sale)
            if settles is None and spent:
                wish = AllocationInput(debit_id=self._ids[event.sale], amount=spent)
                allocations = (wish,)
        return RecordPayment(
            customer_id=customer_id,
            transaction_date=event.on,
            amount=event.amount,
            method=event.method,
            settles=settles,
            allocations=allocations,
            auto_allocate=event.oldest_first,
        )

    def _spend(self, sale: int, amount: Decimal) -> Decimal:
        """How much of the amount the sale takes."""
        spent = min(amount, self._open[sale])
        self._open[sale] -= spent
        return spent


def _batches(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), MAX_ENTRIES):
        yield events[start : start + MAX_ENTRIES]


_RECENT_ALLOCATIONS = Statement(
    text("""
    SELECT customer_id, id FROM (
        SELECT customer_id, id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS nth
        FROM allocations
        WHERE accounting_date BETWEEN CAST(:since AS date) AND CAST(:until AS date)
    ) AS recent
    WHERE nth = 1
    ORDER BY id DESC LIMIT CAST(:how_many AS integer)
    """)
)
_CLOSE = Statement(
    text("""
    UPDATE accounting_periods SET status = 'CLOSED', version = version + 1,
        closed_by = CAST(:closed_by AS uuid), closed_at = clock_timestamp()
    WHERE upper(during) <= CAST(:open_from AS date)
    """)
)

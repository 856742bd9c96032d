"""What a sub-ledger remembers between the drafts of one posting."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from app.domain.subledger import AccountState, KnownEntry, SubLedger

CREDIT, DEBIT = UUID(int=1), UUID(int=2)
DAY, LATER, LATEST = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


def test_what_is_undone_is_free_again_from_the_latest_undoing_on() -> None:
    account = AccountState(
        customer_id=UUID(int=7),
        currency="USD",
        pending=Decimal("5.00"),
        advance=Decimal("5.00"),
        sequence=2,
        head_hash=b"",
    )
    known = [
        KnownEntry(
            id=id_,
            is_debit=id_ == DEBIT,
            open_amount=Decimal("5.00"),
            due_date=None,
            accounting_date=DAY,
        )
        for id_ in (CREDIT, DEBIT)
    ]
    ledger = SubLedger(account, known)
    for dated, expected in ((LATER, LATER), (LATEST, LATEST), (LATER, LATEST)):
        ledger.undo(CREDIT, DEBIT, Decimal("1.00"), dated)
        for id_ in (CREDIT, DEBIT):
            entry = ledger.entry(id_)
            assert entry is not None
            assert entry.usable_from == expected

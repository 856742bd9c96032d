"""Recording a payment: money that came in, spent on what is owed, the rest kept as advance."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from app.domain import dates
from app.domain.drafts import EntryDraft
from app.domain.errors import Invalid
from app.domain.ledger import EntryType, PaymentMethod, ReferenceType
from app.services.ledger import inputs
from app.services.ledger.inputs import AllocationInput


@dataclass(frozen=True, kw_only=True)
class RecordPayment:
    """Explicit `allocations`, or oldest due first when `auto_allocate`, or nothing but advance.

    An empty list of them is explicit: it allocates nothing.

    `settles` is the index, in the same batch, of an earlier debit of this customer: the money is
    spent on that, and on nothing else. Its entry has no id yet that `allocations` could name.
    """

    operation: ClassVar[str] = "recordPayment"

    customer_id: UUID
    transaction_date: date
    amount: Decimal
    method: PaymentMethod
    allocations: tuple[AllocationInput, ...] | None = None
    auto_allocate: bool = True
    settles: int | None = None
    currency: str | None = None
    external_reference: str | None = None
    reference_type: ReferenceType | None = None

    def draft(self, *path: str) -> EntryDraft:
        """The payment to post, or the first refusal that needs no data."""
        reference = inputs.external_reference(self.external_reference, *path)
        dates.sane(self.transaction_date, *path, "transactionDate")
        if self.method is PaymentMethod.ACCOUNT:
            raise Invalid("On account is not a way to pay.", *path, "method")
        if self.settles is not None and self.allocations:
            raise Invalid("Either allocations or one entry to settle.", *path, "settles")
        return EntryDraft(
            path=path,
            customer_id=self.customer_id,
            type=EntryType.PAYMENT,
            transaction_date=self.transaction_date,
            currency=self.currency,
            amount=inputs.amount(self.amount, *path, "amount"),
            wanted=inputs.wanted(self.allocations or (), *path, "allocations"),
            oldest_first=self.auto_allocate and self.allocations is None and self.settles is None,
            settles=self.settles,
            payment_method=self.method,
            reference_type=self.reference_type,
            external_reference=reference,
        )

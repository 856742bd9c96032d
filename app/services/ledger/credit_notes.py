"""Issuing a credit note: something owed is taken back, with a reason that the customer may read."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from app.domain import dates, invoice, text
from app.domain.drafts import EntryDraft
from app.domain.ledger import EntryType, ReferenceType
from app.services.ledger import inputs


@dataclass(frozen=True, kw_only=True)
class IssueCreditNote:
    """`against` names the debit that it corrects: it is used on that first, and on nothing else.

    Of what the debit booked, tax included, it takes back in proportion, and all notes against it
    never more than its amount. Without `against`, `tax_rate` says what tax the amount contains.
    What exceeds the debit's open amount stays advance: an invoice that was already paid can still
    be credited, and the customer decides what becomes of the money.
    """

    operation: ClassVar[str] = "issueCreditNote"

    customer_id: UUID
    transaction_date: date
    amount: Decimal
    reason: str
    against: UUID | None = None
    tax_rate: Decimal | None = None
    currency: str | None = None
    external_reference: str | None = None
    reference_type: ReferenceType | None = None

    def draft(self, *path: str) -> EntryDraft:
        """The credit note to post, or the first refusal that needs no data."""
        reason = text.required(self.reason, *path, "reason")
        reference = inputs.external_reference(self.external_reference, *path)
        dates.sane(self.transaction_date, *path, "transactionDate")
        return EntryDraft(
            path=path,
            customer_id=self.customer_id,
            type=EntryType.CREDIT_NOTE,
            transaction_date=self.transaction_date,
            currency=self.currency,
            amount=inputs.amount(self.amount, *path, "amount"),
            against=self.against,
            tax_rate=None
            if self.tax_rate is None
            else invoice.fraction(self.tax_rate, *path, "taxRate"),
            reason=reason,
            reference_type=self.reference_type,
            external_reference=reference,
        )

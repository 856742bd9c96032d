"""Posting an invoice: what the customer owes for what was sold, line by line."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from app.domain import dates, invoice, text
from app.domain.drafts import EntryDraft
from app.domain.errors import Invalid
from app.domain.invoice import LineItem
from app.domain.ledger import EntryType, ReferenceType
from app.services.ledger import inputs


@dataclass(frozen=True, kw_only=True)
class PostInvoice:
    """`due_date` defaults to the transaction date plus the customer's payment terms.

    `currency`, when given, must be the account's. `reference_type` is set by programs.
    """

    operation: ClassVar[str] = "postInvoice"

    customer_id: UUID
    transaction_date: date
    line_items: tuple[LineItem, ...]
    due_date: date | None = None
    currency: str | None = None
    description: str | None = None
    external_reference: str | None = None
    reference_type: ReferenceType | None = None

    def draft(self, *path: str) -> EntryDraft:
        """The invoice to post, or the first refusal that needs no data."""
        description = text.paragraph(self.description, *path, "description")
        reference = inputs.external_reference(self.external_reference, *path)
        dates.sane(self.transaction_date, *path, "transactionDate")
        if self.due_date is not None:
            dates.sane(self.due_date, *path, "dueDate")
            if self.due_date < self.transaction_date:
                raise Invalid("An invoice is not due before its date.", *path, "dueDate")
        return EntryDraft(
            path=path,
            customer_id=self.customer_id,
            type=EntryType.INVOICE,
            transaction_date=self.transaction_date,
            due_date=self.due_date,
            currency=self.currency,
            lines=invoice.checked(self.line_items, *path, "lineItems"),
            description=description,
            reference_type=self.reference_type,
            external_reference=reference,
        )

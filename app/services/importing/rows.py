"""What a row of a file means: a customer, an invoice, its settlement. The row is the unit.

A part of it that is refused refuses all of it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod, ReferenceType
from app.services.customers.create import CreateCustomer
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceRow:
    """An invoice to post; `reference` names it within its customer."""

    reference: str
    on: date
    amount: Decimal
    due_date: date | None
    description: str | None

    def command(self, customer_id: UUID, currency: str) -> PostInvoice:
        """One line over the whole amount: how it was made up, the file does not say."""
        return PostInvoice(
            customer_id=customer_id,
            transaction_date=self.on,
            due_date=self.due_date,
            currency=currency,
            description=self.description,
            external_reference=self.reference,
            reference_type=ReferenceType.IMPORT,
            line_items=(
                LineItem(
                    description=f"Invoice {self.reference}",
                    quantity=Decimal(1),
                    unit_price=self.amount,
                ),
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementRow:
    """A payment of the invoice `settles`; `reference` names the payment within its customer."""

    reference: str
    settles: str
    on: date
    amount: Decimal
    method: PaymentMethod

    def command(self, customer_id: UUID, currency: str, **spent_on: Any) -> RecordPayment:
        """`spent_on`: what the payment is to settle, as `RecordPayment` takes it."""
        return RecordPayment(
            customer_id=customer_id,
            transaction_date=self.on,
            amount=self.amount,
            method=self.method,
            currency=currency,
            external_reference=self.reference,
            reference_type=ReferenceType.IMPORT,
            auto_allocate=False,
            **spent_on,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row that every rule which needs no data allows. Its customer is without tags.

    `described` is all that it says of the customer, and the same where another row says the same.
    With a settlement and no invoice it is a row of payments: `customer` is None, since a payment
    makes none, and `currency` may be.
    """

    line: int
    code: str
    currency: str | None
    customer: CreateCustomer | None = None
    described: bytes = b""
    tags: tuple[str, ...] = ()
    invoice: InvoiceRow | None = None
    settlement: SettlementRow | None = None

    @property
    def is_payment(self) -> bool:
        """Whether it is a payment of an invoice that another row, or the books, have."""
        return self.invoice is None and self.settlement is not None

    @property
    def concerns(self) -> str | None:
        """The reference of the invoice that it has, or settles."""
        if self.invoice is not None:
            return self.invoice.reference
        return None if self.settlement is None else self.settlement.settles

    @property
    def section(self) -> str:
        """Which section of the mapping its payment comes from."""
        return "payment" if self.is_payment else "settlement"

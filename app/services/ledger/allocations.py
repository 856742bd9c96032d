"""Using a credit against debits after it was posted, and undoing that by its mirror."""

from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar
from uuid import UUID

from app.domain import text
from app.domain.drafts import AllocationDraft, UndoDraft
from app.domain.errors import Invalid
from app.services.idempotency import NOT_IN_INPUT_HASH
from app.services.ledger import inputs
from app.services.ledger.inputs import AllocationInput


@dataclass(frozen=True, kw_only=True)
class Allocate:
    """Without `allocations`: on what is due longest, as far as the credit goes.

    Dated `accounting_date`, or the company's today, unless something at either side is later.

    That is one of the two entries, or the last time that either got back what it had used.
    """

    operation: ClassVar[str] = "allocate"

    customer_id: UUID
    credit_id: UUID
    allocations: tuple[AllocationInput, ...] | None = None
    accounting_date: date | None = field(default=None, metadata=NOT_IN_INPUT_HASH)

    def draft(self, *path: str) -> AllocationDraft:
        """The allocations to make, or the first refusal that needs no data."""
        if self.allocations is not None and not self.allocations:
            raise Invalid("Name at least one debit.", *path, "allocations")
        return AllocationDraft(
            path=path,
            customer_id=self.customer_id,
            credit_id=self.credit_id,
            accounting_date=self.accounting_date,
            wanted=inputs.wanted(self.allocations or (), *path, "allocations"),
            oldest_first=self.allocations is None,
        )


@dataclass(frozen=True, kw_only=True)
class UndoAllocation:
    """Both entries have open again what it used. Dated as `Allocate`, or as what is undone."""

    operation: ClassVar[str] = "undoAllocation"

    customer_id: UUID
    allocation_id: UUID
    reason: str
    accounting_date: date | None = field(default=None, metadata=NOT_IN_INPUT_HASH)

    def draft(self, *path: str) -> UndoDraft:
        """The allocation to undo, or the first refusal that needs no data."""
        return UndoDraft(
            path=path,
            customer_id=self.customer_id,
            allocation_id=self.allocation_id,
            accounting_date=self.accounting_date,
            reason=text.required(self.reason, *path, "reason"),
        )

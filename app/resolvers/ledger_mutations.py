"""Mutations of the sub-ledger: parse, call the posting service, convert."""

from collections.abc import Callable
from uuid import UUID

import strawberry
from strawberry.types import Info

from app.domain import global_id
from app.domain.invoice import LineItem
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.resolvers.context import Context
from app.resolvers.edge import Keys, carry_out, text_or_none
from app.schema.types import inputs
from app.schema.types.payloads import LedgerPayload
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.commands import Command, post_command
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment


async def _post(
    info: Info[Context, None],
    key: str,
    meta: inputs.Meta | None,
    about: str,
    parse: Callable[[], Command],
) -> LedgerPayload:
    """Carry out one posting command. `parse` reads the input: its refusals are `userErrors` too."""

    async def work(tx: Transaction, actor: Actor) -> Keys:
        command = parse()
        posted = await post_command(tx, actor, command, idempotency_key=key)
        # What was undone is what the caller knows; its counter-allocation shows in `undoneAt`.
        shown = (
            [command.allocation_id]
            if isinstance(command, UndoAllocation)
            else list(posted.allocation_ids)
        )
        return {
            "customer_id": posted.customer_id,
            "entry_id": next(iter(posted.entry_ids), None),
            "allocation_ids": shown,
            "replayed": posted.replayed,
        }

    return await carry_out(info, LedgerPayload, meta, work, about=about)


@strawberry.type
class LedgerMutations:
    """Everything that moves money."""

    @strawberry.mutation
    async def post_invoice(
        self,
        info: Info[Context, None],
        input: inputs.PostInvoiceInput,  # noqa: A002 - the contract's name
    ) -> LedgerPayload:
        """Post an invoice."""

        def parse() -> PostInvoice:
            return PostInvoice(
                customer_id=_customer(input.customer),
                transaction_date=input.transaction_date,
                due_date=text_or_none(input.due_date),
                description=text_or_none(input.description),
                external_reference=text_or_none(input.external_reference),
                line_items=tuple(_line(each) for each in input.line_items),
            )

        return await _post(info, input.idempotency_key, input.meta, input.customer, parse)

    @strawberry.mutation
    async def record_payment(
        self,
        info: Info[Context, None],
        input: inputs.RecordPaymentInput,  # noqa: A002 - the contract's name
    ) -> LedgerPayload:
        """Record a payment and settle what it can."""

        def parse() -> RecordPayment:
            customer_id = _customer(input.customer)
            return RecordPayment(
                customer_id=customer_id,
                transaction_date=input.transaction_date,
                amount=input.amount,
                method=input.method,
                external_reference=text_or_none(input.external_reference),
                allocations=_wanted(text_or_none(input.allocations), customer_id),
                auto_allocate=input.auto_allocate is not False,
            )

        return await _post(info, input.idempotency_key, input.meta, input.customer, parse)

    @strawberry.mutation
    async def issue_credit_note(
        self,
        info: Info[Context, None],
        input: inputs.IssueCreditNoteInput,  # noqa: A002 - the contract's name
    ) -> LedgerPayload:
        """Issue a credit note."""

        def parse() -> IssueCreditNote:
            customer_id = _customer(input.customer)
            against = text_or_none(input.against)
            return IssueCreditNote(
                customer_id=customer_id,
                transaction_date=input.transaction_date,
                amount=input.amount,
                tax_rate=text_or_none(input.tax_rate),
                reason=input.reason,
                against=None if against is None else _entry_of(customer_id, against, "against"),
                external_reference=text_or_none(input.external_reference),
            )

        return await _post(info, input.idempotency_key, input.meta, input.customer, parse)

    @strawberry.mutation
    async def allocate(
        self,
        info: Info[Context, None],
        input: inputs.AllocateInput,  # noqa: A002 - the contract's name
    ) -> LedgerPayload:
        """Use a credit against debits, as of today."""

        def parse() -> Allocate:
            credit = global_id.decode_as("LedgerEntry", input.credit, "credit")
            customer_id = _owner(credit)
            return Allocate(
                customer_id=customer_id,
                credit_id=credit.id,
                allocations=_wanted(text_or_none(input.allocations), customer_id),
            )

        return await _post(info, input.idempotency_key, input.meta, input.credit, parse)

    @strawberry.mutation
    async def undo_allocation(
        self,
        info: Info[Context, None],
        input: inputs.UndoAllocationInput,  # noqa: A002 - the contract's name
    ) -> LedgerPayload:
        """Undo an allocation by its mirror, as of today."""

        def parse() -> UndoAllocation:
            allocation = global_id.decode_as("Allocation", input.allocation, "allocation")
            return UndoAllocation(
                customer_id=_owner(allocation),
                allocation_id=allocation.id,
                reason=input.reason,
            )

        return await _post(info, input.idempotency_key, input.meta, input.allocation, parse)


def _customer(text: str) -> UUID:
    return global_id.decode_as("Customer", text, "customer").id


def _owner(decoded: global_id.GlobalId) -> UUID:
    assert decoded.customer_id is not None
    return decoded.customer_id


def _entry_of(customer_id: UUID, text: str, *path: str) -> UUID:
    """The entry's key; an entry of another customer is refused like one that does not exist."""
    decoded = global_id.decode_as("LedgerEntry", text, *path)
    return decoded.id if decoded.customer_id == customer_id else _NO_ENTRY


# No row has it: what names another customer's entry finds nothing.
_NO_ENTRY = UUID(int=0)


def _wanted(
    given: list[inputs.AllocationInput] | None, customer_id: UUID
) -> tuple[AllocationInput, ...] | None:
    """Nothing said is not the same as an empty list: that one wants nothing."""
    if given is None:
        return None
    return tuple(
        AllocationInput(
            debit_id=_entry_of(customer_id, each.debit, "allocations", str(index), "debit"),
            amount=each.amount,
        )
        for index, each in enumerate(given)
    )


def _line(given: inputs.LineItemInput) -> LineItem:
    return LineItem(
        sku=text_or_none(given.sku),
        description=text_or_none(given.description),
        quantity=given.quantity,
        unit_price=given.unit_price,
        discount=text_or_none(given.discount),
        tax_rate=text_or_none(given.tax_rate),
    )

"""The posting services: one command, or many at once. Which command it is is data, not code."""

from collections.abc import Sequence
from dataclasses import fields, replace

from app.domain.drafts import Draft, EntryDraft
from app.domain.errors import Invalid
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.services.idempotency import input_hash
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.ledger.posting import Posted, Request, post

MAX_ENTRIES = 1_000

EntryCommand = PostInvoice | RecordPayment | IssueCreditNote
Command = EntryCommand | Allocate | UndoAllocation

_TEXTS = {"description", "reason", "external_reference"}
_FIELD: dict[type[EntryCommand], str] = {
    PostInvoice: "invoice",
    RecordPayment: "payment",
    IssueCreditNote: "creditNote",
}


async def post_command(
    tx: Transaction, actor: Actor, command: Command, *, idempotency_key: str
) -> Posted:
    """Carry out one posting mutation; its name is `command.operation`.

    Raises Forbidden, Invalid, IdempotencyConflict, NotFound, and the typed codes of the ledger:
    CUSTOMER_*, CURRENCY_MISMATCH, PERIOD_*, AMOUNT_EXCEEDS_OPEN, INVALID_STATE.
    """
    actor.require(f"Mutation.{command.operation}")
    draft = command.draft()
    return await post(
        tx,
        actor,
        Request(
            operation=command.operation,
            mutations=(),
            key=idempotency_key,
            drafts=(draft,),
            input_hash=input_hash(_normal(command, draft)),
        ),
    )


async def post_entries(
    tx: Transaction, actor: Actor, commands: Sequence[EntryCommand], *, idempotency_key: str
) -> Posted:
    """Post up to 1000 entries of any customers in order, all or none, in as many statements as one.

    A payment sees the invoices before it in the list. Each command needs its own mutation's right
    beside that to `postEntries`. A refusal's path begins `entries.<index>.<kind>`.
    """
    actor.require("Mutation.postEntries")
    mutations = tuple(sorted({command.operation for command in commands}))
    for mutation in mutations:
        actor.require(f"Mutation.{mutation}")
    if not 1 <= len(commands) <= MAX_ENTRIES:
        raise Invalid(f"Between 1 and {MAX_ENTRIES} entries are posted at once.", "entries")
    drafts = tuple(
        command.draft("entries", str(index), _FIELD[type(command)])
        for index, command in enumerate(commands)
    )
    return await post(
        tx,
        actor,
        Request(
            operation="postEntries",
            mutations=mutations,
            key=idempotency_key,
            drafts=drafts,
            input_hash=input_hash([*map(_normal, commands, drafts)]),
        ),
    )


def _normal(command: Command, draft: Draft) -> Command:
    """The command with its texts and lines as the draft has them: trimmed, composed, checked."""
    given = {each.name for each in fields(command)}
    said = {name: getattr(draft, name) for name in _TEXTS & given}
    if isinstance(command, PostInvoice) and isinstance(draft, EntryDraft):
        said["line_items"] = draft.lines
    return replace(command, **said)

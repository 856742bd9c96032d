"""What makes an account drift: its stored figures against those recomputed from the sub-ledger.

Pure: one `Facts` per account, read in one snapshot, decides. The first divergent entry is the first
in sequence after which the stored figures can no longer be explained:

1. the first entry that itself disagrees: its open item is missing, wrong or superfluous, its
   allocations use more than it has, its journal does not move by its amount, or it breaks the
   chain;
2. else, when the stored head is the hash of an earlier entry, the entry after that one;
3. else, when the account was proved before, the first entry posted since;
4. else None: a figure was changed without any entry, and no entry can be named honestly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Figure(StrEnum):
    """What is compared. The first three are the account's own; the last two are the journal's."""

    PENDING = "pending"
    ADVANCE = "advance"
    CURRENT = "current"
    OPEN_ITEMS = "open_items"
    ALLOCATIONS = "allocations"
    SEQUENCE = "sequence"
    HEAD_HASH = "head_hash"
    CHAIN = "chain"
    RECEIVABLE = "journal.receivable"
    ADVANCES = "journal.advances"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything stored about an account and everything computed for it, in one snapshot.

    `items_*` are sums over open items that differ; `overused`, `chain_breaks` and `items_differ`
    count entries. `computed_head` is the last entry's hash, or 32 zero bytes without any entry.
    """

    customer_id: UUID
    currency: str
    change_number: int
    stored_pending: Decimal
    computed_pending: Decimal
    stored_advance: Decimal
    computed_advance: Decimal
    stored_current: Decimal
    computed_current: Decimal
    receivable: Decimal
    advances: Decimal
    stored_sequence: int
    computed_sequence: int
    stored_head: bytes
    computed_head: bytes
    items_differ: int
    items_stored: Decimal
    items_computed: Decimal
    overused: int
    chain_breaks: int
    divergent_entry_id: UUID | None
    entry_after_head_id: UUID | None
    entry_since_verified_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A figure that is wrong: as stored, and as it follows from the sub-ledger. Both are text."""

    figure: Figure
    stored: str
    computed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """An account that does not follow from its sub-ledger, with at least one difference."""

    facts: Facts
    differences: tuple[Difference, ...]
    first_divergent_entry_id: UUID | None


def drift(facts: Facts) -> Drift | None:
    """What is wrong with an account, or None when everything stored follows from its sub-ledger."""
    differences = tuple(_differences(facts))
    if not differences:
        return None
    return Drift(
        facts=facts,
        differences=differences,
        first_divergent_entry_id=(
            facts.divergent_entry_id or facts.entry_after_head_id or facts.entry_since_verified_id
        ),
    )


def _differences(facts: Facts) -> Iterator[Difference]:
    compared = (
        (Figure.PENDING, facts.stored_pending, facts.computed_pending),
        (Figure.ADVANCE, facts.stored_advance, facts.computed_advance),
        (Figure.CURRENT, facts.stored_current, facts.computed_current),
        (Figure.SEQUENCE, facts.stored_sequence, facts.computed_sequence),
        (Figure.RECEIVABLE, facts.receivable, facts.computed_pending),
        (Figure.ADVANCES, facts.advances, facts.computed_advance),
    )
    for figure, stored, computed in compared:
        if stored != computed:
            yield Difference(figure=figure, stored=str(stored), computed=str(computed))
    if facts.stored_head != facts.computed_head:
        yield Difference(
            figure=Figure.HEAD_HASH,
            stored=facts.stored_head.hex(),
            computed=facts.computed_head.hex(),
        )
    # Two wrong items can add up to the right sum: that they differ is what counts, not the sums.
    if facts.items_differ:
        yield Difference(
            figure=Figure.OPEN_ITEMS,
            stored=str(facts.items_stored),
            computed=str(facts.items_computed),
        )
    # What is stored here is a number of faults; there must be none.
    for figure, faults in (
        (Figure.ALLOCATIONS, facts.overused),
        (Figure.CHAIN, facts.chain_breaks),
    ):
        if faults:
            yield Difference(figure=figure, stored=str(faults), computed="0")

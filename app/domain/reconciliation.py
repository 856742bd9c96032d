"""What makes an account drift: its stored figures against those recomputed from the sub-ledger.

Pure. The entries of an account are looked at in steps, each in a snapshot of its own, and what is
found of them are differences, not sums: postings that commit between two steps change sums, but
make no difference where there was none. `Account` is read in the last step's snapshot; `Tally` adds
up the steps. The first divergent entry is the first in sequence after which the stored figures can
no longer be explained:

1. the first entry that itself disagrees: its open item is missing, wrong or superfluous, its
   allocations use more than it has or are none it can have, its journal or theirs is not what they
   book, or it breaks the chain;
2. else, when the stored head is the hash of an earlier entry, the entry after that one;
3. else, when the account was proved before, the first entry posted since;
4. else None: a figure was changed without any entry, and no entry can be named honestly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

GENESIS = bytes(32)


class Figure(StrEnum):
    """What is compared. The first three are the account's own; `journal.*` are the journal's."""

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
    JOURNAL = "journal.sources"
    PROOF = "proof"
    TRAIL = "trail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What is stored about an account. `items_*`: sums of its open items by side.

    `proved_hash`: of the last proof; `hash_at_proof`: of the entry which that proof ended with.
    `untold` counts entries that the audit trail knows and the ledger does not.
    """

    customer_id: UUID
    currency: str
    pending: Decimal
    advance: Decimal
    current: Decimal
    sequence: int
    head_hash: bytes
    items_pending: Decimal
    items_advance: Decimal
    proved_sequence: int
    proved_hash: bytes | None
    hash_at_proof: bytes | None
    untold: int
    entry_since_proof_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """What was found of an account's entries, up to one of them.

    `*_difference`: by how much what follows from entries and allocations exceeds the open items of
    that side, and by how much the journal's account exceeds what its sources move it. Counts are of
    entries, `unsound` and `misbooked` also of allocations. `head_at` is where the stored head's
    hash was seen, `change_number` the account's when the first of the entries was looked at.
    """

    change_number: int
    last_sequence: int = 0
    last_hash: bytes = GENESIS
    pending_difference: Decimal = Decimal(0)
    advance_difference: Decimal = Decimal(0)
    receivable_difference: Decimal = Decimal(0)
    advances_difference: Decimal = Decimal(0)
    items_differ: int = 0
    items_stored: Decimal = Decimal(0)
    items_computed: Decimal = Decimal(0)
    unsound: int = 0
    chain_breaks: int = 0
    misbooked: int = 0
    divergent_sequence: int | None = None
    divergent_entry_id: UUID | None = None
    head_at: int | None = None

    def then(self, later: "Tally") -> "Tally":
        """Both, of one account, `later` of the entries that follow."""
        summed = {
            each.name: getattr(self, each.name) + getattr(later, each.name)
            for each in fields(self)
            if each.name in _SUMMED
        }
        found = later if self.divergent_sequence is None else self
        goes_on = later.last_sequence > 0
        return replace(
            later if goes_on else self,
            change_number=self.change_number,
            divergent_sequence=found.divergent_sequence,
            divergent_entry_id=found.divergent_entry_id,
            head_at=self.head_at if later.head_at is None else later.head_at,
            **summed,
        )

    def with_fault(self, sequence: int, entry_id: UUID) -> "Tally":
        """One more source whose journal is not what it books: the entry, or an allocation of it."""
        found = replace(self, misbooked=self.misbooked + 1)
        if self.divergent_sequence is not None and self.divergent_sequence <= sequence:
            return found
        return replace(found, divergent_sequence=sequence, divergent_entry_id=entry_id)


_SUMMED = frozenset(
    {
        "pending_difference",
        "advance_difference",
        "receivable_difference",
        "advances_difference",
        "items_differ",
        "items_stored",
        "items_computed",
        "unsound",
        "chain_breaks",
        "misbooked",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A figure that is wrong: as stored, and as it follows from the sub-ledger. Both are text."""

    figure: Figure
    stored: str
    computed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """An account that does not follow from its sub-ledger, with at least one difference.

    `goes_on_at`: the sequence of the entry to name where no entry disagrees by itself, if the
    stored head is an earlier entry's hash.
    """

    account: Account
    computed_pending: Decimal
    computed_advance: Decimal
    differences: tuple[Difference, ...]
    divergent_entry_id: UUID | None
    goes_on_at: int | None


def drift(account: Account, tally: Tally) -> Drift | None:
    """What is wrong with an account, or None when everything stored follows from its sub-ledger."""
    pending = account.items_pending + tally.pending_difference
    advance = account.items_advance + tally.advance_difference
    differences = tuple(_differences(account, tally, pending, advance))
    if not differences:
        return None
    head_at = 0 if account.head_hash == GENESIS else tally.head_at
    return Drift(
        account=account,
        computed_pending=pending,
        computed_advance=advance,
        differences=differences,
        divergent_entry_id=tally.divergent_entry_id,
        goes_on_at=None if head_at is None else head_at + 1,
    )


def _differences(
    account: Account, tally: Tally, pending: Decimal, advance: Decimal
) -> Iterator[Difference]:
    proof = _hex(account.hash_at_proof)
    compared: tuple[tuple[Figure, object, object], ...] = (
        (Figure.PENDING, account.pending, pending),
        (Figure.ADVANCE, account.advance, advance),
        (Figure.CURRENT, account.current, pending - advance),
        (Figure.SEQUENCE, account.sequence, tally.last_sequence),
        (Figure.RECEIVABLE, pending + tally.receivable_difference, pending),
        (Figure.ADVANCES, advance + tally.advances_difference, advance),
        (Figure.HEAD_HASH, _hex(account.head_hash), _hex(tally.last_hash)),
        # The entry that the last proof ended with must be there, as it was.
        (Figure.PROOF, _hex(account.proved_hash) if account.proved_sequence else proof, proof),
        # What is stored of these is a number of faults; there must be none.
        (Figure.ALLOCATIONS, tally.unsound, 0),
        (Figure.CHAIN, tally.chain_breaks, 0),
        (Figure.JOURNAL, tally.misbooked, 0),
        (Figure.TRAIL, account.untold, 0),
    )
    for figure, stored, computed in compared:
        if stored != computed:
            yield Difference(figure=figure, stored=str(stored), computed=str(computed))
    # Two wrong items can add up to the right sum: that they differ is what counts, not the sums.
    if tally.items_differ:
        yield Difference(
            figure=Figure.OPEN_ITEMS,
            stored=str(tally.items_stored),
            computed=str(tally.items_computed),
        )


def _hex(digest: bytes | None) -> str:
    return "" if digest is None else digest.hex()

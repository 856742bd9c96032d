"""Bringing in one chunk: customers, invoices and settlements in one transaction, or none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.domain.customer import CustomerStatus
from app.domain.errors import DomainError
from app.domain.ledger import EntryType
from app.infra.database import Database, Rollback, Transaction
from app.policies.actor import Actor
from app.services.auth.viewers import is_current
from app.services.customers.create import CreateCustomer, create_customer
from app.services.importing import present, years
from app.services.importing.chunks import Batch, Wanted, batch
from app.services.importing.present import Account, Named
from app.services.importing.refusals import AlreadyThere, ImportRefused, Refusal, RowRefused
from app.services.importing.remaining import Remaining
from app.services.importing.rows import Row
from app.services.importing.years import Days
from app.services.ledger.commands import post_entries


@dataclass(kw_only=True)
class Counts:
    """What came in, and what was there before. In a dry run: what would."""

    customers: int = 0
    invoices: int = 0
    settlements: int = 0
    payments: int = 0
    rows_already_there: int = 0

    def add(self, other: "Counts") -> None:
        """Count the other's too."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)


@dataclass(kw_only=True)
class Outcome:
    """What became of a chunk: every row that brought nothing is in `there` or in `refused`.

    Customers are in `made`, by code, and not in the counts: a dry run makes those of several chunks
    several times.
    """

    counts: Counts = field(default_factory=Counts)
    made: set[str] = field(default_factory=set)
    there: list[AlreadyThere] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Poster:
    """How the chunks of one file are brought in. In a dry run, each is rolled back in the end."""

    database: Database
    actor: Actor
    digests: tuple[str, str]
    is_dry_run: bool
    missing_years: tuple[date, ...] = ()

    async def bring_in(self, rows: Sequence[Row], customers: dict[str, CreateCustomer]) -> Outcome:
        """Post what is not there yet; `customers` describes those that may have to be made.

        Where the posting engine finds fault with a row after all, the rest is tried again without.
        """
        at_fault: list[Refusal] = []
        left = list(rows)
        while True:
            attempt = _Attempt(self, left, customers)
            try:
                outcome: Outcome = await self.database.run(attempt.run)
            except _EntryRefused as refused:
                at_fault.extend(refused.refusals)
                lines = {refusal.line for refusal in refused.refusals}
                left = [row for row in left if row.line not in lines]
            else:
                outcome.refused.extend(at_fault)
                return outcome


class _EntryRefused(Exception):
    """The posting engine refuses a row, or all of a customer: the whole chunk is undone with it."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__(refusals[0].reason)
        self.refusals = refusals


class _Attempt:
    """One transaction's work on a chunk."""

    def __init__(
        self, poster: Poster, rows: Sequence[Row], customers: dict[str, CreateCustomer]
    ) -> None:
        self._poster = poster
        self._rows = rows
        self._customers = customers

    async def run(self, tx: Transaction) -> Outcome:
        """The whole work. It may be run again from the start, after a deadlock."""
        poster, outcome = self._poster, Outcome()
        await present.one_at_a_time(tx)
        if not await is_current(tx, poster.actor):
            raise ImportRefused("What the importing user may do has changed: start again.")
        if poster.is_dry_run:
            await years.open_years(tx, poster.actor, poster.missing_years)
        days = await years.days(tx)
        there = await present.accounts(tx, {row.code for row in self._rows})
        # A customer is not made for a row that cannot be posted. What is in the books already may
        # lie in a period that was closed since: of it, only what is left to post is looked at.
        good = [
            row
            for row in self._rows
            if row.code in there or row.is_payment or _is_dated_well(row, row, days, outcome)
        ]
        accounts = there | await self._new_accounts(tx, good, there, outcome)
        wanted = await self._wanted(tx, good, accounts, days, outcome)
        if wanted:
            await self._post(tx, batch(wanted))
        outcome.there.extend(
            AlreadyThere(line=row.line, reason="The customer is there, and stays as it is.")
            for row in good
            if row.concerns is None and row.code in there
        )
        counts = outcome.counts
        counts.rows_already_there = len(outcome.there)
        for each in wanted:
            counts.invoices += each.invoice is not None
            counts.payments += each.row.is_payment
            counts.settlements += each.settlement is not None and not each.row.is_payment
        if poster.is_dry_run:
            raise Rollback(outcome)
        return outcome

    async def _new_accounts(
        self, tx: Transaction, rows: Sequence[Row], there: dict[str, Account], outcome: Outcome
    ) -> dict[str, Account]:
        """The customers of the rows that are not there yet: made, as far as the rules allow."""
        accounts: dict[str, Account] = {}
        needed = {row.code for row in rows if row.customer is not None}
        for code in sorted(needed - there.keys()):
            command = self._customers[code]
            try:
                # A refusal comes before anything is written: the transaction can go on.
                customer_id = await create_customer(tx, self._poster.actor, command)
            except DomainError as error:
                refusal = RowRefused.of(error, "")
                outcome.refused.extend(refusal.at(row.line) for row in rows if row.code == code)
            else:
                outcome.made.add(code)
                accounts[code] = Account(
                    id=customer_id, currency=command.currency, status=CustomerStatus.ACTIVE
                )
        return accounts

    async def _wanted(
        self,
        tx: Transaction,
        rows: Sequence[Row],
        accounts: dict[str, Account],
        days: Days,
        outcome: Outcome,
    ) -> list[Wanted]:
        refused = {each.line for each in outcome.refused}
        asked = [row for row in rows if row.concerns is not None and row.line not in refused]
        books = await present.entries(tx, list(dict.fromkeys(_names(asked, accounts))))
        remaining, wanted = Remaining(accounts, books), []
        for row in sorted(asked, key=_by_invoice_and_date):
            try:
                left = remaining.of(row)
            except RowRefused as found:
                outcome.refused.append(found.at(row.line))
                continue
            if isinstance(left, AlreadyThere):
                outcome.there.append(left)
            elif _is_dated_well(left, row, days, outcome):
                remaining.take(left)
                wanted.append(left)
        return wanted

    async def _post(self, tx: Transaction, entries: Batch) -> None:
        try:
            await post_entries(
                tx,
                self._poster.actor,
                entries.commands,
                idempotency_key=entries.key(*self._poster.digests),
            )
        except DomainError as error:
            if error.path[:1] != ("entries",):
                raise
            at_fault = entries.rows[int(error.path[1])]
            refused = RowRefused.of(error, "")
            if error.path[-1] != "customer":
                raise _EntryRefused([refused.at(at_fault.line)]) from error
            rows = [row for row in self._rows if row.code == at_fault.code]
            raise _EntryRefused([refused.at(row.line) for row in rows]) from error


def _names(rows: Iterable[Row], accounts: Mapping[str, Account]) -> Iterator[Named]:
    """What the rows call their entries, where they have a customer."""
    for row in rows:
        if row.code in accounts and row.concerns is not None:
            customer_id = accounts[row.code].id
            yield customer_id, EntryType.INVOICE, row.concerns
            if row.settlement is not None:
                yield customer_id, EntryType.PAYMENT, row.settlement.reference


def _by_invoice_and_date(row: Row) -> tuple[bool, date, int]:
    """Invoices first; of instalments, the earliest are those that fit."""
    on = row.settlement.on if row.is_payment and row.settlement is not None else date.min
    return row.is_payment, on, row.line


def _is_dated_well(of: Row | Wanted, row: Row, days: Days, outcome: Outcome) -> bool:
    """Whether every date of what is to be posted can be posted to; if not, it is refused."""
    for section, entry in (("invoice", of.invoice), (row.section, of.settlement)):
        if entry is None:
            continue
        try:
            days.require(entry.on, is_credit=entry is of.settlement)
        except DomainError as error:
            outcome.refused.append(RowRefused.of(error, f"{section}.date").at(row.line))
            return False
    return True

"""Bringing in one chunk: customers, invoices and settlements in one transaction, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from app.domain.customer import CustomerStatus
from app.domain.errors import DomainError
from app.domain.ledger import EntryType
from app.domain.periods import Calendar
from app.infra.database import Database, Rollback, Transaction
from app.policies.actor import Actor
from app.services.auth.viewers import is_current
from app.services.customers.create import CreateCustomer, create_customer
from app.services.importing import present, years
from app.services.importing.chunks import Batch, Wanted, batch
from app.services.importing.present import Account
from app.services.importing.refusals import ImportRefused, Refusal, RowRefused
from app.services.importing.remaining import left_to_post
from app.services.importing.rows import Row
from app.services.ledger.commands import post_entries


@dataclass(kw_only=True)
class Counts:
    """What came in, and what was there before. In a dry run: what would."""

    customers: int = 0
    invoices: int = 0
    settlements: int = 0
    rows_already_there: int = 0

    def add(self, other: "Counts") -> None:
        """Count the other's too."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)


@dataclass(kw_only=True)
class Outcome:
    """What became of a chunk: of every row in it, since one that stayed out is in `refused`.

    Customers are in `made`, by code, and not in the counts: a dry run makes those of several chunks
    several times.
    """

    counts: Counts = field(default_factory=Counts)
    made: set[str] = field(default_factory=set)
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
        calendar = await years.calendar(tx)
        there = await present.accounts(tx, {row.customer.code for row in self._rows})
        # A customer is not made for a row that cannot be posted. What is in the books already may
        # lie in a period that was closed since: of it, only what is left to post is looked at.
        good = [
            row
            for row in self._rows
            if row.customer.code in there or _is_dated_well(row, row.line, calendar, outcome)
        ]
        accounts = there | await self._new_accounts(tx, good, there, outcome)
        wanted = [
            each
            for each in await self._wanted(tx, good, accounts, outcome)
            if _is_dated_well(each, each.row.line, calendar, outcome)
        ]
        if wanted:
            await self._post(tx, batch(wanted))
        outcome.counts.invoices += sum(each.invoice is not None for each in wanted)
        outcome.counts.settlements += sum(each.settlement is not None for each in wanted)
        if poster.is_dry_run:
            raise Rollback(outcome)
        return outcome

    async def _new_accounts(
        self, tx: Transaction, rows: Sequence[Row], there: dict[str, Account], outcome: Outcome
    ) -> dict[str, Account]:
        """The customers of the rows that are not there yet: made, as far as the rules allow."""
        accounts: dict[str, Account] = {}
        for code in sorted({row.customer.code for row in rows} - there.keys()):
            command = self._customers[code]
            try:
                # A refusal comes before anything is written: the transaction can go on.
                customer_id = await create_customer(tx, self._poster.actor, command)
            except DomainError as error:
                refusal = RowRefused.of(error, "")
                outcome.refused.extend(
                    refusal.at(row.line) for row in rows if row.customer.code == code
                )
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
        outcome: Outcome,
    ) -> list[Wanted]:
        references = [
            (accounts[row.customer.code].id, row.invoice.reference)
            for row in rows
            if row.invoice is not None and row.customer.code in accounts
        ]
        found = await present.imported(tx, references) if references else {}
        wanted = []
        for row in rows:
            account = accounts.get(row.customer.code)
            if account is None or row.invoice is None:
                continue
            key = account.id, row.invoice.reference
            try:
                left = left_to_post(
                    row,
                    account,
                    found.get((key[0], EntryType.INVOICE, key[1])),
                    found.get((key[0], EntryType.PAYMENT, key[1])),
                )
            except RowRefused as refused:
                outcome.refused.append(refused.at(row.line))
                continue
            if left is None:
                outcome.counts.rows_already_there += 1
            else:
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
            code = at_fault.customer.code
            rows = [row for row in self._rows if row.customer.code == code]
            raise _EntryRefused([refused.at(row.line) for row in rows]) from error


def _is_dated_well(of: Row | Wanted, line: int, calendar: Calendar, outcome: Outcome) -> bool:
    """Whether every date of what is to be posted is in an open period; if not, it is refused."""
    for name, entry in (("invoice", of.invoice), ("settlement", of.settlement)):
        if entry is None:
            continue
        try:
            calendar.month_open_for(entry.on)
        except DomainError as error:
            outcome.refused.append(RowRefused.of(error, f"{name}.date").at(line))
            return False
    return True

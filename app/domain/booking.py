"""What an entry books against the customer's account, line by line, and what of it is taken back.

A debit books revenue and tax by rate. A credit note takes back a part of each, in proportion to
what earlier notes have left of them, so that no line is ever taken back further than it was booked
and the note that takes the rest leaves zero on every account.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from app.domain import money
from app.domain.invoice import PricedLine
from app.domain.ledger import EntryKind, GeneralLedgerAccount

TAX = GeneralLedgerAccount.TAX_PAYABLE
# What is taken back of revenue is told apart from it.
_RETURNED_TO = {GeneralLedgerAccount.REVENUE: GeneralLedgerAccount.SALES_RETURNS}
_RETURNED_FROM = {returns: account for account, returns in _RETURNED_TO.items()}
_EXACT = Context(prec=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contra:
    """An amount on one account, above zero where it is booked; tax says at which rate."""

    account: GeneralLedgerAccount
    tax_rate: Decimal | None = None
    amount: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Booked:
    """What credit notes may take back of a debit, and by which rates its lines are taxed.

    What is left of a line is below zero where notes of before lines were told apart took more of
    it than there was; the others make up for that. A line without tax has the rate zero.
    """

    left: tuple[Contra, ...] = ()
    rates: tuple[Decimal, ...] = ()

    @property
    def unreturned(self) -> Decimal:
        """The debit's amount less all notes against it."""
        return sum((each.amount for each in self.left), Decimal(0))

    def less(self, returned: Iterable[Contra]) -> "Booked":
        """After another note."""
        return replace(self, left=left_of(self.left, returned))


def of_lines(kind: EntryKind, lines: Sequence[PricedLine]) -> tuple[Contra, ...]:
    """What an invoice books: its net, then tax by rate, in the order in which rates come up."""
    net = sum((line.figures.total - line.tax for line in lines), Decimal(0))
    taxes: dict[Decimal, Decimal] = {}
    for line in lines:
        if line.tax:
            rate = line.figures.tax_rate
            taxes[rate] = taxes.get(rate, line.tax * 0) + line.tax
    booked = [Contra(account=kind.contra, amount=net)]
    booked += [Contra(account=TAX, tax_rate=rate, amount=tax) for rate, tax in taxes.items()]
    return tuple(each for each in booked if each.amount)


def of_gross(
    kind: EntryKind, gross: Decimal, tax_rate: Decimal | None, currency: str
) -> tuple[Contra, ...]:
    """What an amount books that says itself what tax it contains; without a rate: none."""
    tax = money.zero(currency)
    if tax_rate:
        share = _EXACT.divide(_EXACT.multiply(gross, tax_rate), 1 + tax_rate)
        tax = money.rounded(share, currency)
    booked = (
        Contra(account=kind.contra, amount=gross - tax),
        Contra(account=TAX, tax_rate=tax_rate, amount=tax),
    )
    return tuple(each for each in booked if each.amount)


def rates_of(lines: Iterable[PricedLine]) -> tuple[Decimal, ...]:
    """The rates of all lines that come to something, in order, each once."""
    return tuple(dict.fromkeys(line.figures.tax_rate for line in lines if line.figures.total))


def taken_back(amount: Decimal, left: Sequence[Contra], currency: str) -> tuple[Contra, ...]:
    """`amount`, at most the sum of what is left, split over it: largest remainder, ties by line.

    The sum counts what is below zero, which the other lines make up for.
    """
    there = [each for each in left if each.amount > 0]
    parts = money.split(amount, [each.amount for each in there], currency)
    return tuple(
        replace(each, account=_RETURNED_TO.get(each.account, each.account), amount=part)
        for each, part in zip(there, parts, strict=True)
        if part
    )


def left_of(booked: Iterable[Contra], returned: Iterable[Contra]) -> tuple[Contra, ...]:
    """What is left of each line that was booked, after all that was taken back; in its order."""
    left: dict[tuple[GeneralLedgerAccount, Decimal | None], Contra] = {
        (each.account, each.tax_rate): each for each in booked
    }
    for each in returned:
        account = _RETURNED_FROM.get(each.account, each.account)
        key = account, each.tax_rate
        before = left[key].amount if key in left else Decimal(0)
        left[key] = replace(each, account=account, amount=before - each.amount)
    return tuple(each for each in left.values() if each.amount)

"""A year of the demo company's books as plain events: invoices, payments, credits, by date.

Pure: the same random numbers and the same today give the same story. No event is dated after today
or before the story begins; what would have happened later has not happened yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from random import Random
from uuid import UUID

from app.domain import invoice, money
from app.domain.invoice import LineItem, Product
from app.domain.ledger import PaymentMethod
from app.services.demo.catalogue import everyday
from app.services.demo.customers import DemoCustomer, Habit

_METHODS = (
    PaymentMethod.BANK_TRANSFER,
    PaymentMethod.BANK_TRANSFER,
    PaymentMethod.BANK_TRANSFER,
    PaymentMethod.CARD,
    PaymentMethod.CHEQUE,
)
_REASONS = (
    "Two cases arrived damaged.",
    "Wrong roast delivered.",
    "Price agreed on the telephone was not applied.",
    "Short delivery: one box missing.",
)
_NOBODY = UUID(int=0)
_STOPPED_DAYS = 150
_NEW_DAYS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Sale:
    """An invoice. `number` names it within the story; `total` is what the items come to."""

    customer: int
    on: date
    number: int
    total: Decimal
    items: tuple[LineItem, ...]
    description: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """A payment, for one sale, or for the oldest ones, or (neither) on account."""

    customer: int
    on: date
    amount: Decimal
    method: PaymentMethod
    sale: int | None = None
    oldest_first: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """A credit note for part of a sale."""

    customer: int
    on: date
    amount: Decimal
    sale: int
    reason: str


Event = Sale | Money | Credit


class Story:
    """Writes the story of one customer after the other; sales are numbered through."""

    def __init__(self, random: Random, begins: date, today: date) -> None:
        self._random = random
        self._begins = begins
        self._today = today
        self._sales = 0

    def events(self, customers: Sequence[DemoCustomer]) -> list[Event]:
        """Everything that happened, by date; what came first in a day stays first."""
        written = [
            event
            for index, customer in enumerate(customers)
            for event in self._life(index, customer)
        ]
        return sorted((each for each in written if each.on <= self._today), key=lambda it: it.on)

    def _life(self, index: int, customer: DemoCustomer) -> Iterator[Event]:
        catalogue = _Catalogue(customer.command.currency)
        first = self._begins
        if customer.habit is Habit.NEW:
            first = max(first, self._today - timedelta(days=_NEW_DAYS))
        pace = 365 / customer.orders_a_year
        day = first + timedelta(days=self._random.randrange(int(pace) + 1))
        while day <= self._today:
            yield from self._order(index, customer, catalogue, day)
            day += timedelta(days=max(1, int(pace * self._random.uniform(0.6, 1.4))))
        if customer.habit is Habit.LUMP:
            yield from self._lumps(index, customer)
        elif customer.habit is Habit.ROUND_SUMS:
            paid_on = self._today - timedelta(days=self._random.randrange(5, 60))
            amount = money.rounded(Decimal(self._random.randrange(2, 9) * 50), catalogue.currency)
            yield Money(
                customer=index,
                on=max(paid_on, self._begins),
                amount=amount,
                method=PaymentMethod.BANK_TRANSFER,
            )

    def _order(
        self, index: int, customer: DemoCustomer, catalogue: "_Catalogue", day: date
    ) -> Iterator[Event]:
        random = self._random
        self._sales += 1
        number = self._sales
        items = catalogue.basket(random)
        owed = catalogue.total(items)
        yield Sale(
            customer=index,
            on=day,
            number=number,
            total=owed,
            items=items,
            description="Standing order" if customer.orders_a_year == 12 else None,
        )
        if random.random() < 0.05:
            amount = money.rounded(
                owed * Decimal(random.choice((5, 10, 25))) / 100, catalogue.currency
            )
            # In a later month than the sale: by then it has been posted.
            noticed = (day.replace(day=1) + timedelta(days=32)).replace(day=random.randrange(1, 12))
            if noticed <= self._today and customer.habit is not Habit.LUMP:
                owed -= amount
                yield Credit(
                    customer=index,
                    on=noticed,
                    amount=amount,
                    sale=number,
                    reason=random.choice(_REASONS),
                )
        due = day + timedelta(days=customer.command.payment_terms_days)
        for paid_on, amount in self._paid(customer.habit, due, owed, catalogue.currency):
            yield Money(
                customer=index,
                on=max(paid_on, day),
                amount=amount,
                method=random.choice(_METHODS),
                sale=number,
            )

    def _paid(
        self, habit: Habit, due: date, owed: Decimal, currency: str
    ) -> Iterator[tuple[date, Decimal]]:
        """When and how much is paid of a sale, whether or not that day has come."""
        random = self._random

        def later(earliest: int, latest: int) -> date:
            return due + timedelta(days=random.randrange(earliest, latest))

        match habit:
            case Habit.PROMPT | Habit.NEW:
                yield later(-8, 4), owed
            case Habit.SLOW:
                yield later(8, 60), owed
            case Habit.IN_PARTS:
                part = money.rounded(owed * Decimal("0.6"), currency)
                yield later(-3, 5), part
                if random.random() < 0.75:
                    yield later(25, 70), owed - part
            case Habit.ROUND_SUMS:
                fifties = (owed / 50).to_integral_value(ROUND_CEILING)
                yield later(-5, 10), money.rounded(fifties * 50, currency)
            case Habit.STOPPED:
                if (self._today - due).days > _STOPPED_DAYS:
                    yield later(0, 20), owed
            case Habit.LUMP:
                return

    def _lumps(self, index: int, customer: DemoCustomer) -> Iterator[Money]:
        month = (self._begins + timedelta(days=32)).replace(day=20)
        while month <= self._today:
            hundreds = Decimal(self._random.randrange(1, 8) * 100)
            yield Money(
                customer=index,
                on=month,
                amount=money.rounded(hundreds, customer.command.currency),
                method=PaymentMethod.BANK_TRANSFER,
                oldest_first=True,
            )
            month = (month.replace(day=1) + timedelta(days=32)).replace(day=20)


class _Catalogue:
    """Baskets in one currency, and what they come to: what the posting engine will say too."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self._sold = everyday(currency)
        self._products = {
            each.sku: Product(
                id=_NOBODY,
                name=each.name,
                currency=currency,
                tax_rate=each.tax_rate or Decimal(0),
                is_active=True,
            )
            for each in self._sold
        }

    def basket(self, random: Random) -> tuple[LineItem, ...]:
        """One to four products, now and then with a discount or with freight."""
        items = [
            LineItem(
                sku=each.sku,
                quantity=Decimal(random.randrange(1, 13)),
                unit_price=each.unit_price,
                discount=Decimal(random.choice((5, 10))) if random.random() < 0.1 else None,
            )
            for each in random.sample(self._sold, random.choice((1, 2, 2, 3, 4)))
        ]
        if random.random() < 0.2:
            items.append(
                LineItem(description="Freight", quantity=Decimal(1), unit_price=Decimal("18.90"))
            )
        return tuple(items)

    def total(self, items: tuple[LineItem, ...]) -> Decimal:
        """What an invoice of these items is posted with."""
        lines = invoice.priced(invoice.checked(items), self._products, self.currency)
        return invoice.total_of(lines)

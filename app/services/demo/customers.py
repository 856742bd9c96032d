"""The demo company's customers: who they are, and how they pay."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from random import Random
from string import ascii_lowercase
from unicodedata import normalize
from uuid import UUID

from app.domain.customer import CustomerType
from app.domain.customer_fields import Address
from app.infra.database import Transaction
from app.services.customers.assign import AssignCustomer, assign_customer
from app.services.customers.create import CreateCustomer, create_customer
from app.services.customers.update import Preferences, UpdateCustomer, update_customer
from app.services.demo import names
from app.services.demo.company import REPRESENTATIVES, Company

HOW_MANY = 300
_EURO_EVERY = 8
_IN_A_DOMAIN = frozenset(ascii_lowercase)
_NOTE_EVERY = 7
_UNASSIGNED_EVERY = 25


class Habit(Enum):
    """How a customer pays."""

    PROMPT = "in full, about when it is due"
    SLOW = "in full, weeks late"
    IN_PARTS = "a first part in time, the rest later or not at all"
    ROUND_SUMS = "rounded up, or before there is an invoice: advances pile up"
    LUMP = "once a month, for whatever is due longest"
    STOPPED = "paid, and then stopped"
    NEW = "has been a customer for a few weeks only"


_HABITS = {
    Habit.PROMPT: 40,
    Habit.SLOW: 22,
    Habit.IN_PARTS: 12,
    Habit.ROUND_SUMS: 8,
    Habit.LUMP: 8,
    Habit.STOPPED: 6,
    Habit.NEW: 4,
}
"""How common each habit is, in percent."""


@dataclass(frozen=True, kw_only=True)
class DemoCustomer:
    """A customer to be: what it is created with, its habit, and what is written down about it."""

    command: CreateCustomer
    habit: Habit
    orders_a_year: int
    representative: str | None
    time_zone: str
    notes: str | None = field(default=None)


def customers(random: Random) -> list[DemoCustomer]:
    """All of them, the same ones for the same random numbers; names and codes are unique."""
    pairs = [(first, kind) for first in names.FIRST_PARTS for kind in names.KINDS]
    chosen = random.sample(pairs, HOW_MANY)
    return [
        _customer(random, number, f"{first} {kind}", type_)
        for number, (first, (kind, type_)) in enumerate(chosen, start=1)
    ]


def _customer(random: Random, number: int, name: str, type_: CustomerType) -> DemoCustomer:
    place = random.choice(names.US_PLACES if number % _EURO_EVERY else names.EURO_PLACES)
    person = f"{random.choice(names.FORENAMES)} {random.choice(names.SURNAMES)}"
    slug = "".join(each for each in normalize("NFKD", name.lower()) if each in _IN_A_DOMAIN)
    orders = random.choice((2, 4, 6, 6, 9, 12, 12))
    tags = random.sample(names.TAGS, random.choice((0, 1, 1, 2)))
    if orders == 12 and "key account" not in tags:
        tags.append("key account")
    return DemoCustomer(
        command=CreateCustomer(
            code=f"C-{10_000 + number}",
            business_name=name,
            currency=place.currency,
            contact_name=person,
            email=f"{person.split(maxsplit=1)[0].lower()}@{slug}.example",
            phone=place.phone.format(random.randrange(10, 100)),
            billing_address=Address(
                line1=f"{random.randrange(1, 180)} {random.choice(names.STREETS)}",
                city=place.city,
                region=place.region,
                postal_code=place.postal_code.format(random.randrange(1, 100)),
                country=place.country,
            ),
            tax_id=f"{place.country}{random.randrange(10**8, 10**9)}",
            customer_type=type_,
            payment_terms_days=random.choice((14, 30, 30, 30, 45, 60)),
            credit_limit=Decimal(random.choice((0, 2_500, 5_000, 10_000, 25_000))),
            tags=tuple(tags),
        ),
        habit=random.choices(tuple(_HABITS), tuple(_HABITS.values()))[0],
        orders_a_year=orders,
        representative=(None if number % _UNASSIGNED_EVERY == 0 else REPRESENTATIVES[number % 3]),
        time_zone=place.time_zone,
        notes=random.choice(names.NOTES) if number % _NOTE_EVERY == 0 else None,
    )


async def win(tx: Transaction, company: Company, wanted: list[DemoCustomer]) -> list[UUID]:
    """Create them; their ids in order."""
    admin, importer = company.actor("admin"), company.actor("import")
    ids = []
    for each in wanted:
        customer_id = await create_customer(tx, importer, each.command)
        version = 1
        ids.append(customer_id)
        if each.representative:
            assignment = AssignCustomer(
                customer_id=customer_id,
                expected_version=version,
                assigned_to=company.users[each.representative],
            )
            await assign_customer(tx, admin, assignment)
            version += 1
        if each.notes is not None:
            await update_customer(
                tx,
                importer,
                UpdateCustomer(
                    customer_id=customer_id,
                    expected_version=version,
                    notes=each.notes,
                    preferences=Preferences(time_zone=each.time_zone, receive_sms=True),
                ),
            )
    return ids

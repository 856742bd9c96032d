"""Money: splits add up, credits settle debits within what both have open."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import money
from app.domain.allocation import (
    OpenItem,
    Wanted,
    allocate_explicitly,
    allocate_oldest,
    oldest_due_first,
)
from app.domain.currency import MINOR_UNIT
from app.domain.errors import DomainError, ErrorCode

CREDIT = UUID(int=999)
amounts = st.decimals(Decimal("0.01"), Decimal(10_000), places=2)
days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
open_items = st.lists(
    st.builds(
        OpenItem,
        entry_id=st.uuids(),
        is_debit=st.booleans(),
        open_amount=amounts,
        due_date=st.none() | days,
        accounting_date=days,
    ),
    max_size=12,
    unique_by=lambda item: item.entry_id,
)


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_the_parts_of_a_split_add_up_and_are_within_one_unit_of_their_share(
    minor: int, weights: list[int], currency: str
) -> None:
    unit = MINOR_UNIT[currency]
    total = minor * unit
    parts = money.split(total, [Decimal(weight) for weight in weights], currency)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < unit


@given(amounts, open_items)
def test_oldest_first_spends_all_it_can_in_order(available: Decimal, items: list[OpenItem]) -> None:
    made = allocate_oldest(CREDIT, available, items)
    queue = oldest_due_first(items)
    owed = sum((item.open_amount for item in queue), Decimal(0))
    assert sum((each.amount for each in made), Decimal(0)) == min(available, owed)
    assert [each.debit_id for each in made] == [item.entry_id for item in queue[: len(made)]]
    # Only the last of them may be settled in part.
    assert all(
        each.amount == item.open_amount for each, item in zip(made[:-1], queue, strict=False)
    )


@given(amounts, open_items, st.data())
def test_explicit_allocations_are_made_as_asked_or_refused(
    available: Decimal, items: list[OpenItem], data: st.DataObject
) -> None:
    debits = [item for item in items if item.is_debit]
    wanted = [
        Wanted(debit_id=item.entry_id, amount=data.draw(amounts))
        for item in data.draw(st.permutations(debits))
    ]
    fits = sum((wish.amount for wish in wanted), Decimal(0)) <= available and all(
        wish.amount <= item.open_amount
        for wish in wanted
        for item in debits
        if item.entry_id == wish.debit_id
    )
    if fits:
        made = allocate_explicitly(CREDIT, available, wanted, items, "allocations")
        assert [(each.debit_id, each.amount) for each in made] == [
            (wish.debit_id, wish.amount) for wish in wanted
        ]
    else:
        with pytest.raises(DomainError) as refusal:
            allocate_explicitly(CREDIT, available, wanted, items, "allocations")
        assert refusal.value.code is ErrorCode.AMOUNT_EXCEEDS_OPEN


def test_a_debit_named_twice_is_refused() -> None:
    item = OpenItem(
        entry_id=UUID(int=1),
        is_debit=True,
        open_amount=Decimal("10.00"),
        due_date=None,
        accounting_date=date(2026, 1, 1),
    )
    wish = Wanted(debit_id=item.entry_id, amount=Decimal("1.00"))
    with pytest.raises(DomainError) as refusal:
        allocate_explicitly(CREDIT, Decimal(10), [wish, wish], [item], "allocations")
    assert refusal.value.path == ("allocations", "1", "debit")

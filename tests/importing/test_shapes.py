"""Every shape of file that we know of comes in right, or is refused with its line and advice."""

from decimal import Decimal
from typing import Any

import pytest

from app.services.importing.refusals import UnusableFile
from tests.importing.conftest import Importing
from tests.importing.shapes import REFUSED, RIGHT, UNUSABLE, Shape
from tests.invariants import broken

Owner = "asyncpg.Connection[asyncpg.Record]"

named: Any = {"ids": lambda shape: shape.name.replace(" ", "-")}


@pytest.mark.parametrize("shape", [*RIGHT, *REFUSED], **named)
async def test_a_shape(importing: Importing, owner: Owner, shape: Shape) -> None:
    # The customers of other shapes are others.
    await owner.execute("UPDATE customers SET code = gen_random_uuid()::text")
    known = await owner.fetchval("SELECT count(*) FROM ledger_entries")
    done = await importing(shape.encoded, mapping=shape.mapping, header=b"")
    found = await owner.fetch("SELECT * FROM ledger_entries ORDER BY id OFFSET $1", known)
    entries = {
        row["external_reference"]: (row["transaction_date"].isoformat(), row["amount"])
        for row in found
    }
    assert entries == {
        reference: (day, Decimal(amount)) for reference, (day, amount) in shape.posted.items()
    }
    reasons = {line: reason for line, (_, reason) in done.reasons.items()}
    assert list(reasons) == list(shape.refused)
    for line, part in shape.refused.items():
        assert part in reasons[line]
    assert done.summary.passed_over == shape.passed_over
    assert done.summary.rows == len(entries) + len(reasons) + shape.passed_over
    assert await broken(owner) == {}


@pytest.mark.parametrize("shape", UNUSABLE, **named)
async def test_a_shape_of_which_nothing_can_be_read(importing: Importing, shape: Shape) -> None:
    with pytest.raises(UnusableFile) as caught:
        await importing(shape.encoded, mapping=shape.mapping, header=b"")
    assert shape.unusable in str(caught.value)


def test_there_are_enough_of_them() -> None:
    """And ten and more of them are what people have met."""
    shapes = [*RIGHT, *REFUSED, *UNUSABLE]
    assert len({shape.name for shape in shapes}) == len(shapes) >= 40
    assert sum(shape.thread != "" for shape in shapes) >= 20

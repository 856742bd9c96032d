"""What `contains`, `startsWith` and `search` take for the same letter, and what serves them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unicodedata import category

import asyncpg
import pytest

from app.planner.plans import Stale
from tests.generation.operations import Operation
from tests.planner.agreement import check
from tests.planner.company import Company
from tests.planner.vocabulary import NEEDLES
from tests.planner.world import NAMES

UNASSIGNED, SURROGATE = "Cn", "Cs"
PARTS = sorted(
    {
        name[start : start + length]
        for name in NAMES
        for start in range(len(name))
        for length in (1, 2, 5)
    }
)


class Explaining:
    """A connection that has PostgreSQL say how it would answer."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self.said = ""

    async def fetchrow(self, query: str, *args: Any) -> Sequence[Any] | None:
        lines = await self.connection.fetch(f"EXPLAIN {query}", *args)
        self.said = "\n".join(line for (line,) in lines)
        return None


@pytest.mark.parametrize("operator", ["contains", "startsWith"])
def test_parts_of_texts_are_found_as_the_oracle_finds_them(company: Company, operator: str) -> None:
    """In the case they have, and in the other."""
    condition = f"businessName: {{{operator}: $part}}"
    text = f"query($part: String!) {{ customers(filter: {{{condition}}}) {{ nodes {{ code }} }} }}"
    for part in PARTS:
        operation = Operation(text, {"part": part}, {"part": part.swapcase()})
        check(company, "controller", operation)


@pytest.mark.parametrize("sought", NEEDLES)
def test_searches_find_and_weigh_as_the_oracle_does(company: Company, sought: str) -> None:
    """A cursor holds the weight."""
    page = "edges { cursor node { businessName } }"
    text = f"query($sought: String!) {{ customers(filter: {{search: $sought}}) {{ {page} }} }}"
    check(company, "controller", Operation(text, {"sought": sought}, {"sought": NEEDLES[0]}))


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        *(
            (f'{field}: {{{operator}: "émile"}}', (column,))
            for operator in ("contains", "startsWith")
            for field, column in {
                "code": "code",
                "businessName": "business_name",
                "email": "email",
                "phone": "phone",
            }.items()
        ),
        ('search: "émile"', ("code", "business_name", "email", "phone")),
    ],
)
def test_an_index_serves_it(company: Company, condition: str, columns: tuple[str, ...]) -> None:
    """In a company of sixteen customers none would be used, were it not for want of another way."""
    text = f"{{ customers(filter: {{{condition}}}) {{ nodes {{ id }} }} }}"

    async def explained(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
        for way in ("seqscan", "indexscan", "indexonlyscan"):
            await connection.execute(f"SET enable_{way} = off")
        explaining = Explaining(connection)
        with suppress(Stale):
            await company.planned.run(explaining, company.viewer("admin"), text)
        return explaining.said

    said = company.planned.as_owner(explained)
    for column in columns:
        assert f"Bitmap Index Scan on ix_customers_{column}_trgm" in said


def test_postgresql_folds_every_character_as_the_oracle_does(company: Company) -> None:
    """Every one that Python's Unicode knows: PostgreSQL's may be of a later year."""
    characters = [
        each
        for each in map(chr, range(1, 0x110000))
        if category(each) not in {UNASSIGNED, SURROGATE}
    ]

    async def folded(connection: "asyncpg.Connection[asyncpg.Record]") -> Any:
        return await connection.fetchval(
            """SELECT array_agg(casefold(each COLLATE "pg_unicode_fast") ORDER BY place)
            FROM unnest($1::text[]) WITH ORDINALITY characters (each, place)""",
            characters,
        )

    assert company.planned.as_owner(folded) == [each.casefold() for each in characters]

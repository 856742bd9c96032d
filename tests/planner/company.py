"""A world in a database of its own, with everything that asks it and everything that checks it."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

import asyncpg
from hypothesis.strategies import SearchStrategy

from app.planner.plans import Plans
from app.policies.policy import Policy
from tests.conftest import administer, drop_database, url_of
from tests.generation.operations import Operation, operations
from tests.planner.harness import PLAIN, POLICY, Planned, sight_of
from tests.planner.loading import load
from tests.planner.oracle import Oracle
from tests.planner.oracle_fields import value
from tests.planner.oracle_lists import SEARCHED, Scores
from tests.planner.vocabulary import NEEDLES, WorldVocabulary
from tests.planner.world import Row, World

_SIMILARITY = """
SELECT sought.text, found.text,
    sought.folded <% found.folded, word_similarity(sought.folded, found.folded)::text
FROM unnest($1::text[], $2::text[]) sought (text, folded),
    unnest($3::text[], $4::text[]) found (text, folded)
"""


@dataclass
class Company:
    """A world as the planner reads it and as the oracle does."""

    world: World
    planned: Planned

    def viewer(self, name: str) -> Row:
        return self.world.user(name)

    def oracle(self, name: str, policy: Policy = POLICY) -> Oracle:
        return Oracle(PLAIN, sight_of(self.world, name, policy), self.scores)

    def operations(self, name: str, policy: Policy = POLICY) -> SearchStrategy[Operation]:
        """Deep ones, shallow ones that filter and order lists, and ones that mind no rules."""
        vocabulary = WorldVocabulary(PLAIN, sight_of(self.world, name, policy), self.scores)
        reckless = replace(vocabulary, is_reckless=True)
        return (
            operations(PLAIN, vocabulary, self.roots)
            | operations(PLAIN, vocabulary, self.ordered_lists, depth=4, eagerness=90)
            | operations(PLAIN, reckless, self.roots, depth=3, eagerness=70)
        )

    def lists(self, name: str, *, is_reckless: bool) -> SearchStrategy[Operation]:
        """Lists that are filtered and ordered: by what is allowed, or by whatever there is."""
        vocabulary = WorldVocabulary(PLAIN, sight_of(self.world, name, POLICY), self.scores)
        chosen = replace(vocabulary, is_reckless=is_reckless)
        return operations(PLAIN, chosen, self.ordered_lists, depth=3, eagerness=95)

    @property
    def ordered_lists(self) -> list[str]:
        return [each for each in self.roots if "orderBy" in PLAIN.query_type.fields[each].args]

    @property
    def roots(self) -> list[str]:
        return list(self.planned.catalogue.types["Query"].fields)

    @cached_property
    def scores(self) -> Scores:
        """How similar the texts are that operations search for: trigrams are PostgreSQL's own."""
        texts = {
            value(self.world, type_name, name, row)
            for type_name, names in SEARCHED.items()
            for name in names
            for row in self.world.rows("customers")
        }

        async def ask(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[Any, Any]:
            rows = await connection.fetch(
                _SIMILARITY, *_with_folded(NEEDLES), *_with_folded(texts - {None})
            )
            return {
                (sought, found): (is_similar, score) for sought, found, is_similar, score in rows
            }

        found: Scores = self.planned.as_owner(ask)
        return found


def _with_folded(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    listed = sorted(texts)
    return listed, [each.casefold() for each in listed]


@contextmanager
def stood_up(
    servers: dict[str, str], runner: asyncio.Runner, world: World, plans: Plans | None = None
) -> Iterator[Company]:
    """The world in a database that is gone afterwards. Plans may be shared: no data are in them."""
    name = f"world_{uuid4().hex[:12]}"
    server = servers["database_url"]
    create = f"CREATE DATABASE {name} TEMPLATE {servers['template']}"
    runner.run(administer(server, create))
    planned = Planned(url_of(server, name), runner)
    planned.plans = plans or planned.plans
    try:
        planned.as_owner(lambda connection: load(connection, world))
        yield Company(world, planned)
    finally:
        planned.close()
        runner.run(drop_database(server, name))

"""A posting that was committed while its answer was lost: the same key gives all of it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api.scenarios import SCENARIOS
from tests.api.stage import Stage, make_stage
from tests.going_between import GoingBetween, going_between
from tests.serving import Server, new_http, serving

KEYED = {each.mutation: each for each in SCENARIOS if each.has_replays}


@pytest.fixture(scope="module")
async def between(database_url: str) -> AsyncIterator[GoingBetween]:
    async with going_between(database_url) as way:
        yield way


@pytest.fixture(scope="module")
async def server(between: GoingBetween, redis_url: str) -> AsyncIterator[Server]:
    async with serving(between.url, redis_url) as running:
        yield running


@pytest.fixture(scope="module")
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with new_http(server) as client:
        yield client


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


@pytest.mark.parametrize("place", ["cut_before", "cut_reply"])
@pytest.mark.parametrize("mutation", KEYED)
async def test_the_same_key_gives_what_was_posted(
    stage: Stage, between: GoingBetween, mutation: str, place: str
) -> None:
    scenario, person = KEYED[mutation], stage.people[Role.ACCOUNTANT]
    given, _ = await scenario.prepare(stage, await stage.customer(near=True))
    cuts = between.cuts
    setattr(between, place, b"COMMIT;")
    lost = await person.client.ask(scenario.document, {"input": given})
    between.cut_before = between.cut_reply = None
    assert between.cuts > cuts
    assert lost.status == 503, lost.body

    again = await person.client.ask(scenario.document, {"input": given})
    third = await person.client.ask(scenario.document, {"input": given})

    (payload,), (whole,) = again.json["data"].values(), third.json["data"].values()
    was_posted = place == "cut_reply"
    assert (payload["replayed"], whole["replayed"]) == (was_posted, True)
    assert payload["userErrors"] == []
    assert {**payload, "replayed": True} == whole
    assert payload["entry"], payload
    assert payload["customer"], payload

"""Stopping the server does not cut off what it is answering."""

import asyncio

import asyncpg

from app.infra.database import Database
from app.policies.roles import Role
from tests.factories import make_user
from tests.serving import Client, Server, new_http, serving
from tests.waiting import until_waiting


async def test_a_request_under_way_is_answered_after_sigterm(
    database: Database,
    database_url: str,
    redis_url: str,
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    user_id = await make_user(database, Role.CONTROLLER)
    async with serving(database_url, redis_url) as server, new_http(server) as http:
        client = Client(http, server.token(user_id))
        async with owner.transaction():
            await owner.execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
            under_way = asyncio.create_task(client.ask("{ products { totalCount } }"))
            async with asyncio.timeout(30):
                observer = await asyncpg.connect(database_url)
                await until_waiting(observer, under_way)
                await observer.close()
            stopping = asyncio.create_task(server.stop())
            await _until_logged(server, "Shutting down")
        answer = await under_way
        await stopping

    assert answer.field("products") == {"totalCount": 0}


async def _until_logged(server: Server, words: str) -> None:
    async with asyncio.timeout(30):
        while True:
            await asyncio.sleep(0.01)
            if words in server.log:
                return

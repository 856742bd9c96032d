"""Nothing waits for good: a silent server, a held account, a stopped client, a rush."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app.infra.admission import MOST_WAITING, Admission, Overloaded, Share
from app.infra.connection import ConnectionLost
from app.infra.database import Database, Statement, Transaction
from app.infra.patience import Patience
from tests.infra.proxy import Proxy, proxied

Owner = asyncpg.Connection
SHORT = Patience(statement=2, lock=1, idle=1, place=3)
NOTE = Statement(text("INSERT INTO notes (text) VALUES (:text)"))
LOCK = Statement(text("SELECT id FROM notes WHERE text = :text FOR UPDATE"))
ONE = Statement(text("SELECT 1"))


@pytest.fixture(autouse=True)
async def notes(owner: Owner) -> AsyncIterator[None]:
    await owner.execute("CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT uuidv7(), text text)")
    await owner.execute("GRANT SELECT, INSERT, UPDATE ON notes TO customer_flow_app")
    yield
    await owner.execute("DROP TABLE notes")


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxied(database_url) as made:
        yield made


@pytest.fixture
async def through(proxy: Proxy) -> AsyncIterator[Database]:
    opened = Database(proxy.url, pool_size=3, patience=SHORT)
    await opened.open()
    yield opened
    proxy.is_silent = False
    await proxy.close()
    await opened.close()


async def noted(database: Database, said: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(NOTE, text=said)

    await database.run(work)


async def test_a_server_that_falls_silent_is_given_up(proxy: Proxy, through: Database) -> None:
    await noted(through, "before")
    proxy.is_silent = True
    hanging = [asyncio.create_task(noted(through, f"lost {n}")) for n in range(3)]
    outcomes = await asyncio.gather(*hanging, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {ConnectionLost, Overloaded, TimeoutError}

    proxy.is_silent = False
    # New connections work at once, though the old ones would hang for good.
    await asyncio.gather(*(noted(through, f"after {n}") for n in range(6)))


async def test_so_is_one_that_reads_go_to(proxy: Proxy, through: Database) -> None:
    assert await through.read_pool.fetchval(ONE.sql) == 1
    proxy.is_silent = True
    with pytest.raises((ConnectionLost, Overloaded, TimeoutError)):
        await through.read_pool.fetchval(ONE.sql)
    proxy.is_silent = False
    assert await through.read_pool.fetchval(ONE.sql) == 1


async def test_a_reply_that_is_cut_inside_commit_says_that_nobody_knows(
    proxy: Proxy, through: Database, owner: Owner
) -> None:
    proxy.cut_at = b"COMMIT"
    with pytest.raises((ConnectionLost, ConnectionError, asyncpg.PostgresConnectionError)):
        await noted(through, "was it?")
    assert await owner.fetchval("SELECT count(*) FROM notes WHERE text = 'was it?'") <= 1
    await noted(through, "goes on")


async def test_a_slow_one_is_waited_for(proxy: Proxy, through: Database) -> None:
    proxy.delay_seconds = 0.1
    await noted(through, "late")


async def test_who_holds_a_lock_is_waited_for_no_longer_than_said(
    database_url: str, owner: Owner
) -> None:
    await owner.execute("INSERT INTO notes (text) VALUES ('held')")
    database = Database(database_url, pool_size=2, patience=SHORT)
    await database.open()
    async with owner.transaction():
        await owner.execute("SELECT FROM notes WHERE text = 'held' FOR UPDATE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await database.run(lambda tx: tx.fetchrow(LOCK, text="held"))
    await database.close()


async def test_a_client_that_stops_in_a_transaction_loses_its_locks(
    database_url: str, owner: Owner
) -> None:
    await owner.execute("INSERT INTO notes (text) VALUES ('mine')")
    stopped = Database(database_url, pool_size=1, patience=SHORT)
    await stopped.open()

    async def stop(tx: Transaction) -> None:
        await tx.fetchrow(LOCK, text="mine")
        await asyncio.sleep(SHORT.idle * 3)

    standing = asyncio.create_task(stopped.run(stop))
    async with asyncio.timeout(30):
        await asyncio.sleep(0.2)
        async with owner.transaction():
            await owner.execute("SELECT FROM notes WHERE text = 'mine' FOR UPDATE")
    with pytest.raises((ConnectionLost, asyncpg.PostgresError)):
        await standing
    await stopped.close()


async def test_a_held_customer_fills_only_their_share(database_url: str, owner: Owner) -> None:
    """Ten postings to an account that somebody holds, and the others go on."""
    await owner.execute("INSERT INTO notes (text) VALUES ('held')")
    database = Database(database_url, pool_size=4, patience=SHORT)
    await database.open()
    held, other = database.share_of_customer(uuid4()), database.share_of_customer(uuid4())
    async with owner.transaction():
        await owner.execute("SELECT FROM notes WHERE text = 'held' FOR UPDATE")
        waiting = [
            asyncio.create_task(database.run(lambda tx: tx.fetchrow(LOCK, text="held"), held))
            for _ in range(10)
        ]
        await asyncio.sleep(0.2)
        for _ in range(20):
            await database.run(lambda tx: tx.fetchval(ONE), other)
        assert not any(each.done() for each in waiting)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {asyncpg.LockNotAvailableError, Overloaded}
    await database.close()


async def test_who_would_wait_behind_too_many_is_told_at_once() -> None:
    admission = Admission(size=1, wait_seconds=30)
    await admission.enter(())
    tasks = [asyncio.create_task(admission.enter(())) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    started = time.process_time()
    with pytest.raises(Overloaded):
        await admission.enter(())
    assert time.process_time() - started < 0.05
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert admission.waiting == 0


async def test_places_are_given_in_turn_to_whose_share_is_not_taken() -> None:
    admission = Admission(size=2, wait_seconds=30)
    hot, cold = Share("hot", 1, 10), Share("cold", 1, 10)
    order: list[str] = []

    async def enter(name: str, share: Share) -> None:
        await admission.enter((share,))
        order.append(name)

    await enter("hot 1", hot)
    tasks = [asyncio.create_task(enter(name, hot)) for name in ("hot 2", "hot 3")]
    await asyncio.sleep(0)
    await enter("cold 1", cold)
    tasks.append(asyncio.create_task(enter("cold 2", cold)))
    await asyncio.sleep(0)
    admission.leave((hot,))
    await asyncio.sleep(0.01)
    admission.leave((cold,))
    await asyncio.sleep(0.01)
    admission.leave((hot,))
    await asyncio.gather(*tasks)
    assert order == ["hot 1", "cold 1", "hot 2", "cold 2", "hot 3"]


async def test_who_gives_up_leaves_the_queue() -> None:
    admission = Admission(size=1, wait_seconds=0.05)
    await admission.enter(())
    with pytest.raises(Overloaded):
        await admission.enter(())
    impatient = asyncio.create_task(admission.enter(()))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert admission.waiting == 0
    admission.leave(())
    await admission.enter(())


async def test_one_share_has_so_many_waiting_at_most(database: Database) -> None:
    share = database.share_of_customer(UUID(int=7))
    admission = Admission(size=5, wait_seconds=30)
    for _ in range(share.places):
        await admission.enter((share,))
    tasks = [asyncio.create_task(admission.enter((share,))) for _ in range(share.waiting)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await admission.enter((share,))
    if share.places < 5:
        await admission.enter(())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

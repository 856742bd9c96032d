"""Actors: kept per process, and never trusted beyond their stamp."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from app.domain.errors import Forbidden
from app.infra.database import Rollback, Transaction
from app.policies.roles import Role
from app.services.auth import viewers as module
from app.services.auth.authentication import Authentication
from app.services.auth.identity import TokenRefused
from app.services.auth.policy_channel import announce_policy_change, follow_policy
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers, is_current, stamp
from tests.services.auth.people import People, until


async def change_policy(people: People, subject: str, effect: str = "DENY") -> None:
    await people.database.write_pool.execute(
        """
        INSERT INTO policy_rules (subject, object, action, scope, effect)
        VALUES ($1, 'Mutation.createCustomer', 'execute', 'ALL', $2)
        """,
        subject,
        effect,
    )


async def test_an_actor_is_the_user_with_their_grant(viewers: Viewers, people: People) -> None:
    team_id = await people.team()
    user_id, _ = await people.user(roles=(Role.SALES_REP, Role.SUPPORT), team_id=team_id)
    actor = await viewers.get(user_id, "request 1")
    assert actor is not None
    assert (actor.roles, actor.team_id, actor.customer_id, actor.request_id) == (
        (Role.SALES_REP, Role.SUPPORT),
        team_id,
        None,
        "request 1",
    )
    actor.require("Mutation.createCustomer")
    with pytest.raises(Forbidden):
        actor.require("Mutation.saveUser")


async def test_an_actor_is_remembered_for_other_requests(viewers: Viewers, people: People) -> None:
    user_id, _ = await people.user()
    first, second = await viewers.get(user_id, "one"), await viewers.get(user_id, "two")
    assert first is not None
    assert second is not None
    assert first.grant is second.grant
    assert (first.request_id, second.request_id) == ("one", "two")


async def test_users_of_the_same_roles_share_a_grant(viewers: Viewers, people: People) -> None:
    (one, _), (two, _) = await people.user(), await people.user()
    first, second = await viewers.get(one), await viewers.get(two)
    assert first is not None
    assert second is not None
    assert first.grant is second.grant


async def test_unknown_and_suspended_users_are_nobody(viewers: Viewers, people: People) -> None:
    assert await viewers.get(uuid4()) is None
    user_id, _ = await people.user()
    assert await viewers.get(user_id) is not None
    await people.suspend(user_id)
    assert await viewers.refresh(user_id) is None
    assert await viewers.get(user_id) is None


@pytest.mark.parametrize(
    "change",
    [
        "is_active = false",
        "roles = '{AUDITOR}'",
        "password_hash = 'x'",
        "team_id = (SELECT id FROM teams LIMIT 1)",
    ],
)
async def test_a_changed_user_is_not_current(people: People, change: str) -> None:
    await people.team()
    actor = await people.actor(Role.SALES_REP)
    assert await people.database.run(lambda tx: is_current(tx, actor))
    await people.database.write_pool.execute(
        f"UPDATE users SET {change} WHERE id = $1", actor.user_id
    )
    assert not await people.database.run(lambda tx: is_current(tx, actor))


async def test_a_changed_policy_makes_every_actor_outdated(
    viewers: Viewers, people: People
) -> None:
    actor = await people.actor(Role.SALES_REP)
    await change_policy(people, f"user:{actor.user_id}")
    assert not await people.database.run(lambda tx: is_current(tx, actor))
    renewed = await viewers.refresh(actor.user_id)
    assert renewed is not None
    assert stamp(renewed) > stamp(actor)
    assert await people.database.run(lambda tx: is_current(tx, renewed))
    assert not renewed.grant.may_execute("Mutation.createCustomer")
    assert actor.grant.may_execute("Mutation.createCustomer")


async def test_an_actor_is_known_as_a_transaction_changed_them(
    viewers: Viewers, people: People
) -> None:
    user_id, _ = await people.user(roles=(Role.SUPPORT,))
    actor = await viewers.get(user_id, "request 1")
    assert actor is not None

    async def work(tx: Transaction) -> None:
        assert await viewers.changed(tx, actor) is actor
        await tx.connection.execute(
            "UPDATE users SET roles = '{AUDITOR}' WHERE id = $1", actor.user_id
        )
        changed = await viewers.changed(tx, actor)
        assert changed is not None
        assert (changed.roles, changed.request_id) == ((Role.AUDITOR,), "request 1")
        assert changed.access_version == actor.access_version + 1
        assert await is_current(tx, changed)
        await tx.connection.execute("UPDATE users SET is_active = false WHERE id = $1", user_id)
        assert await viewers.changed(tx, actor) is None
        raise Rollback(None)

    await people.database.run(work)
    # It was rolled back, and nothing of it is remembered.
    remembered = await viewers.get(user_id, "request 1")
    assert remembered is not None
    assert remembered.roles == (Role.SUPPORT,)


async def test_an_actor_of_another_policy_is_nobody_inside_a_transaction(
    viewers: Viewers, people: People
) -> None:
    """Else what an outdated policy allowed would be answered under the stamp of the new one."""
    user_id, _ = await people.user(roles=(Role.SUPPORT,))
    actor = await viewers.get(user_id)
    other = Viewers(people.database)
    await change_policy(people, "AUDITOR")
    assert await other.get(user_id) is not None  # whoever knows the new policy
    assert actor is not None

    async def work(tx: Transaction) -> None:
        await tx.connection.execute("UPDATE users SET roles = '{AUDITOR}' WHERE id = $1", user_id)
        assert await viewers.changed(tx, actor) is None
        assert await other.changed(tx, actor) is None
        raise Rollback(None)

    await people.database.run(work)


async def test_a_policy_that_means_nothing_allows_nobody(viewers: Viewers, people: People) -> None:
    user_id, _ = await people.user()
    await change_policy(people, "nobody-knows")
    try:
        with pytest.raises(ValueError, match="subject"):
            await viewers.refresh(user_id)
    finally:
        await people.database.write_pool.execute(
            "DELETE FROM policy_rules WHERE subject = 'nobody-knows'"
        )
    assert await viewers.refresh(user_id) is not None


async def test_remembered_actors_are_bounded(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    bounded = Viewers(people.database)
    for _ in range(4):
        user_id, _ = await people.user()
        await bounded.get(user_id)
    assert len(bounded._actors) == 2


async def test_a_suspended_user_is_refused_once_the_stamp_says_so(
    authentication: Authentication, tokens: AccessTokens, people: People
) -> None:
    actor = await people.actor(Role.SALES_REP)
    bearer = tokens.issue(actor.user_id, actor.access_version).text
    known = await authentication.actor(bearer, "before")
    await people.suspend(actor.user_id)
    # Remembered, but no statement answers them any more, and asking anew refuses them for good.
    assert not await people.database.run(lambda tx: is_current(tx, known))
    for _ in range(2):
        with pytest.raises(TokenRefused):
            await authentication.actor_now(bearer, "after")
    with pytest.raises(TokenRefused):
        await authentication.actor(bearer, "after")


async def test_a_token_of_an_older_version_is_refused(
    authentication: Authentication, tokens: AccessTokens, people: People
) -> None:
    actor = await people.actor(Role.SALES_REP)
    bearer = tokens.issue(actor.user_id, actor.access_version).text
    await people.database.write_pool.execute(
        "UPDATE users SET roles = '{AUDITOR}' WHERE id = $1", actor.user_id
    )
    with pytest.raises(TokenRefused):
        await authentication.actor_now(bearer, "-")
    newer = tokens.issue(actor.user_id, actor.access_version + 1).text
    assert (await authentication.actor(newer, "-")).roles == (Role.AUDITOR,)


async def test_a_newer_token_renews_what_is_remembered(
    authentication: Authentication, tokens: AccessTokens, viewers: Viewers, people: People
) -> None:
    actor = await people.actor(Role.SALES_REP)
    assert await viewers.get(actor.user_id) is not None
    await people.database.write_pool.execute(
        "UPDATE users SET roles = '{AUDITOR}' WHERE id = $1", actor.user_id
    )
    newer = tokens.issue(actor.user_id, actor.access_version + 1).text
    assert (await authentication.actor(newer, "-")).roles == (Role.AUDITOR,)


async def subscribers(redis: Redis) -> set[str]:
    return {client["id"] for client in await redis.client_list(_type="pubsub")}


@asynccontextmanager
async def following(redis: Redis, viewers: Viewers) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(follow_policy(redis, viewers))

    async def listens() -> bool:
        return bool(await subscribers(redis))

    await until(listens)
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_word_of_a_changed_policy_clears_what_is_remembered(
    viewers: Viewers, people: People, redis: Redis
) -> None:
    actor = await people.actor(Role.SALES_REP)

    async def forgotten() -> bool:
        return not len(viewers._actors)

    async with following(redis, viewers):
        await until(forgotten)
        await viewers.get(actor.user_id)
        await change_policy(people, f"user:{actor.user_id}")
        await announce_policy_change(redis)
        await until(forgotten)
    renewed = await viewers.get(actor.user_id)
    assert renewed is not None
    assert not renewed.grant.may_execute("Mutation.createCustomer")


async def test_the_channel_survives_a_lost_connection(viewers: Viewers, redis: Redis) -> None:
    async with following(redis, viewers) as task:
        first = await subscribers(redis)

        async def listens_anew() -> bool:
            return bool(await subscribers(redis) - first)

        await redis.client_kill_filter(_type="pubsub", skipme=True)
        await until(listens_anew)
        assert not task.done()

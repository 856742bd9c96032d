"""Saving users: what is refused, and what a change does to log-ins that exist."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.errors import DomainError, ErrorCode
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.auth.login import LocalLogIn, LogIn, Refresh, login, refresh
from app.services.auth.viewers import Viewers
from app.services.users import SaveUser, save_user
from tests.services.auth.people import PASSWORD, People, refusal

NEW_PASSWORD = "another battery staple"


def command(**given: Any) -> SaveUser:
    defaults = {"email": f"{uuid4()}@demo.example", "name": "Grace", "roles": (Role.SUPPORT,)}
    return SaveUser(**(defaults | given))


async def save(people: People, actor: Actor, wanted: SaveUser) -> UUID:
    saved = await people.database.run(
        lambda tx: save_user(tx, actor, wanted, passwords=people.passwords)
    )
    return saved.id


@pytest.fixture
async def admin(people: People) -> Actor:
    return await people.actor(Role.ADMIN)


async def as_command(people: People, user_id: UUID, **changes: Any) -> SaveUser:
    row = await people.row(user_id)
    return command(
        **{
            "id": user_id,
            "email": row["email"],
            "name": row["name"],
            "roles": tuple(Role(each) for each in row["roles"]),
            "team_id": row["team_id"],
        }
        | changes
    )


async def test_a_new_user_can_log_in(people: People, admin: Actor, local: LocalLogIn) -> None:
    team_id = await people.team()
    wanted = command(email=" Grace@Demo.example ", team_id=team_id, password=NEW_PASSWORD)
    user_id = await save(people, admin, wanted)
    row = await people.row(user_id)
    assert (row["email"], row["roles"], row["team_id"], row["is_active"]) == (
        "Grace@Demo.example",
        ["SUPPORT"],
        team_id,
        True,
    )
    await login(local, LogIn(email="grace@demo.example", password=NEW_PASSWORD, request_id="grace"))


async def test_only_who_may_save_users_does(people: People) -> None:
    for role in set(Role) - {Role.ADMIN, Role.CUSTOMER}:
        actor = await people.actor(role)
        assert (await refusal(save(people, actor, command()))).code == ErrorCode.FORBIDDEN


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"email": ""}, "email"),
        ({"email": "ada"}, "email"),
        ({"email": "a b@demo.example"}, "email"),
        ({"email": "a\0@demo.example"}, "email"),
        ({"email": "x" * 255 + "@demo.example"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 1_000_000}, "name"),
        ({"roles": ()}, "roles"),
        ({"roles": (Role.ADMIN, Role.ADMIN)}, "roles"),
        ({"password": ""}, "password"),
        ({"password": "x" * 11}, "password"),
        ({"password": "x" * 201}, "password"),
        ({"password": "twelve chars\0"}, "password"),
        ({"password": "\ud800" * 12}, "password"),
    ],
)
async def test_bad_input_names_its_field(
    people: People, admin: Actor, given: dict[str, Any], path: str
) -> None:
    error = await refusal(save(people, admin, command(**given)))
    assert (error.code, error.path) == (ErrorCode.VALIDATION, (path,))


async def test_unknown_user_and_team_do_not_exist(people: People, admin: Actor) -> None:
    error = await refusal(save(people, admin, command(id=uuid4())))
    assert (error.code, error.path) == (ErrorCode.NOT_FOUND, ("id",))
    error = await refusal(save(people, admin, command(team_id=uuid4())))
    assert (error.code, error.path) == (ErrorCode.NOT_FOUND, ("team",))


async def test_an_email_is_one_whatever_its_case(people: People, admin: Actor) -> None:
    user_id, email = await people.user(roles=(Role.SUPPORT,))
    error = await refusal(save(people, admin, command(email=email.upper())))
    assert (error.code, error.path) == (ErrorCode.DUPLICATE_CODE, ("email",))
    other_id, _ = await people.user(roles=(Role.SUPPORT,))
    error = await refusal(
        save(people, admin, await as_command(people, other_id, email=email.upper()))
    )
    assert error.code == ErrorCode.DUPLICATE_CODE
    await save(people, admin, await as_command(people, user_id, email=email.upper()))


async def test_nobody_locks_themselves_out(people: People, admin: Actor) -> None:
    own = admin.user_id
    error = await refusal(save(people, admin, await as_command(people, own, is_active=False)))
    assert (error.code, error.path) == (ErrorCode.INVALID_STATE, ("isActive",))
    await save(people, admin, await as_command(people, own, name="Me", password=NEW_PASSWORD))


async def test_two_administrators_cannot_both_depose_the_other(
    people: People, viewers: Viewers
) -> None:
    for _ in range(5):
        one, two = await people.actor(Role.ADMIN), await people.actor(Role.ADMIN)
        depose_two = await as_command(people, two.user_id, roles=(Role.AUDITOR,))
        depose_one = await as_command(people, one.user_id, roles=(Role.AUDITOR,))
        answers = await asyncio.gather(
            save(people, one, depose_two), save(people, two, depose_one), return_exceptions=True
        )
        refused = [each for each in answers if isinstance(each, DomainError)]
        assert [each.code for each in refused] == [ErrorCode.FORBIDDEN]
        left = [await viewers.refresh(each.user_id) for each in (one, two)]
        assert [actor for actor in left if actor and Role.ADMIN in actor.roles]


async def test_a_portal_user_needs_a_customer(people: People, admin: Actor) -> None:
    error = await refusal(save(people, admin, command(roles=(Role.CUSTOMER,))))
    assert (error.code, error.path) == (ErrorCode.INVALID_STATE, ("roles",))
    user_id, _ = await people.user()
    portal = await as_command(people, user_id, roles=(Role.CUSTOMER,))
    assert (await refusal(save(people, admin, portal))).code == ErrorCode.INVALID_STATE
    customer_id = await a_customer(people)
    await people.database.write_pool.execute(
        "UPDATE users SET customer_id = $1 WHERE id = $2", customer_id, user_id
    )
    await save(people, admin, portal)
    assert (await people.row(user_id))["customer_id"] == customer_id


async def a_customer(people: People) -> UUID:
    return await people.database.write_pool.fetchval(
        """
        INSERT INTO customers (code, business_name, customer_type, currency, payment_terms_days)
        VALUES ($1, 'Portal Ltd', 'BUSINESS', 'EUR', 30) RETURNING id
        """,
        str(uuid4())[:20],
    )


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"is_active": False}, True),
        ({"password": NEW_PASSWORD}, True),
        ({"name": "Another Name"}, False),
        ({"roles": (Role.AUDITOR,)}, False),
    ],
)
async def test_suspension_and_a_new_password_end_every_log_in(
    people: People, admin: Actor, local: LocalLogIn, changes: dict[str, Any], *, ends: bool
) -> None:
    user_id, email = await people.user(password=PASSWORD, roles=(Role.SUPPORT,))
    signed_in = await login(local, LogIn(email=email, password=PASSWORD, request_id="-"))
    await save(people, admin, await as_command(people, user_id, **changes))
    renewal = refresh(local, Refresh(refresh_token=signed_in.refresh_token, request_id="renewal"))
    if ends:
        assert (await refusal(renewal)).code == ErrorCode.FORBIDDEN
    else:
        assert (await renewal).actor.user_id == user_id


async def test_what_is_left_out_of_a_user_stays(people: People, admin: Actor) -> None:
    team_id = await people.team()
    user_id, email = await people.user(
        password=PASSWORD, team_id=team_id, is_active=False, roles=(Role.SUPPORT,)
    )
    before = dict(await people.row(user_id))
    await save(people, admin, SaveUser(id=user_id, email=email, name="N", roles=(Role.SUPPORT,)))
    changed = {"name": "N", "version": before["version"] + 1}
    assert dict(await people.row(user_id)) == before | changed
    nowhere = SaveUser(id=user_id, email=email, name="N", roles=(Role.SUPPORT,), team_id=None)
    await save(people, admin, nowhere)
    assert (await people.row(user_id))["team_id"] is None


async def test_what_changes_nothing_leaves_no_trace(people: People, admin: Actor) -> None:
    user_id, _ = await people.user(is_active=False)
    before = await people.row(user_id)
    await save(people, admin, await as_command(people, user_id))
    assert await people.row(user_id) == before
    trail = "SELECT count(*) FROM audit_events WHERE subject_id = $1"
    assert await people.database.write_pool.fetchval(trail, user_id) == 0


async def test_of_two_who_read_the_same_version_the_second_is_told(
    people: People, admin: Actor
) -> None:
    user_id, _ = await people.user()
    first = await as_command(people, user_id, name="First", expected_version=1)
    await save(people, admin, first)
    error = await refusal(save(people, admin, replace(first, name="Second")))
    assert (error.code, error.path) == (ErrorCode.CONFLICT, ("expectedVersion",))
    assert error.details == {"expectedVersion": 1, "version": 2}
    error = await refusal(save(people, admin, command(expected_version=1)))
    assert (error.code, error.path) == (ErrorCode.VALIDATION, ("expectedVersion",))


async def test_the_trail_knows_rights_and_no_secrets(people: People, admin: Actor) -> None:
    user_id = await save(people, admin, command(name="Secret Name", password=NEW_PASSWORD))
    row = await people.database.write_pool.fetchrow(
        "SELECT * FROM audit_events WHERE subject_id = $1", user_id
    )
    assert (row["action"], row["outcome"], row["actor_id"]) == ("saveUser", "DONE", admin.user_id)
    assert '"SUPPORT"' in row["after"]
    assert not any(each in str(row) for each in ("Secret Name", NEW_PASSWORD, "argon2", "@demo"))


async def test_a_refused_change_leaves_no_trace(people: People, admin: Actor) -> None:
    user_id, _ = await people.user()
    before = await people.row(user_id)
    wanted = await as_command(people, user_id, name="New", team_id=uuid4())
    await refusal(save(people, admin, wanted))
    assert await people.row(user_id) == before

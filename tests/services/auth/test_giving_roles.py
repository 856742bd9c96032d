"""Nobody comes by a role that moves money or sets rules by one person alone, by whatever detour."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.errors import DomainError, ErrorCode
from app.policies.actor import Actor
from app.policies.powers import MOVES_MONEY, SETS_RULES
from app.policies.roles import Role
from app.schema.root import schema
from app.services.users import SaveUser
from tests.services.auth.people import People, refusal
from tests.services.auth.test_save_user import NEW_PASSWORD, as_command, command, save

HARMLESS = {Role.SUPPORT, Role.AUDITOR, Role.SALES_MANAGER}
POWERFUL = sorted(set(Role) - HARMLESS - {Role.CUSTOMER})
NEITHER = {
    *("login", "refreshToken", "logout"),
    *("createCustomer", "updateCustomer", "assignCustomer", "deleteCustomer", "restoreCustomer"),
    "runReconciliation",
}


@pytest.fixture
async def admin(people: People) -> Actor:
    return await people.actor(Role.ADMIN)


@pytest.fixture
async def another(people: People) -> Actor:
    return await people.actor(Role.ADMIN)


async def forbidden(people: People, actor: Actor, wanted: SaveUser, path: str) -> None:
    error = await refusal(save(people, actor, wanted))
    assert (error.code, error.path) == (ErrorCode.FORBIDDEN, (path,))


async def give(people: People, actor: Actor, user_id: UUID, *roles: Role) -> DomainError | None:
    try:
        await save(people, actor, await as_command(people, user_id, roles=roles))
    except DomainError as error:
        return error
    return None


def test_each_mutation_says_whether_it_moves_money_or_sets_rules() -> None:
    mutations = set(schema._schema.mutation_type.fields)
    assert mutations <= MOVES_MONEY | SETS_RULES | NEITHER
    assert not NEITHER & (MOVES_MONEY | SETS_RULES)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN, Role.CUSTOMER}))
async def test_nobody_changes_their_own_roles(people: People, admin: Actor, role: Role) -> None:
    for roles in ((Role.ADMIN, role), (role,)):
        wanted = await as_command(people, admin.user_id, roles=roles)
        await forbidden(people, admin, wanted, "roles")


@pytest.mark.parametrize("role", POWERFUL)
async def test_nobody_makes_a_user_who_moves_money_or_sets_rules(
    people: People, admin: Actor, role: Role
) -> None:
    await forbidden(people, admin, command(roles=(role,)), "roles")
    await forbidden(people, admin, command(roles=(Role.SUPPORT, role)), "roles")


@pytest.mark.parametrize("role", sorted(HARMLESS))
async def test_other_users_are_made_alone(people: People, admin: Actor, role: Role) -> None:
    await save(people, admin, command(roles=(role,), password=NEW_PASSWORD))


@pytest.mark.parametrize("role", POWERFUL)
async def test_who_made_a_user_leaves_it_to_another_to_give_such_a_role(
    people: People, admin: Actor, another: Actor, role: Role
) -> None:
    user_id = await save(people, admin, command())
    refused = await give(people, admin, user_id, Role.SUPPORT, role)
    assert refused is not None
    assert (refused.code, refused.path) == (ErrorCode.FORBIDDEN, ("roles",))
    assert await give(people, another, user_id, Role.SUPPORT, role) is None
    assert (await people.row(user_id))["roles"] == ["SUPPORT", role]


@pytest.mark.parametrize("changes", [{"email": "mine@demo.example"}, {"password": NEW_PASSWORD}])
async def test_who_ever_set_a_log_in_gives_no_such_role(
    people: People, admin: Actor, another: Actor, changes: dict[str, Any]
) -> None:
    user_id, _ = await people.user(roles=(Role.SUPPORT,))
    await save(people, admin, await as_command(people, user_id, **changes))
    later = {"email": f"later-{user_id}@demo.example"}
    await save(people, another, await as_command(people, user_id, **later))
    third = await people.actor(Role.ADMIN)
    for actor in (admin, another):
        refused = await give(people, actor, user_id, Role.CONTROLLER)
        assert refused is not None
        assert refused.code == ErrorCode.FORBIDDEN
    assert await give(people, third, user_id, Role.CONTROLLER) is None


@pytest.mark.parametrize("role", POWERFUL)
async def test_nobody_takes_over_the_log_in_of_who_holds_such_a_role(
    people: People, admin: Actor, role: Role
) -> None:
    user_id, email = await people.user(roles=(role,))
    wanted = await as_command(people, user_id, email=f"x{email}")
    await forbidden(people, admin, wanted, "email")
    wanted = await as_command(people, user_id, password=NEW_PASSWORD)
    await forbidden(people, admin, wanted, "password")
    # Nor with the role taken for the moment: it is another who gives it back.
    await save(
        people,
        admin,
        await as_command(people, user_id, roles=(Role.SUPPORT,), password=NEW_PASSWORD),
    )
    refused = await give(people, admin, user_id, role)
    assert refused is not None
    assert refused.code == ErrorCode.FORBIDDEN


async def test_what_a_rule_of_the_day_allows_counts_too(people: People, admin: Actor) -> None:
    allow = """INSERT INTO policy_rules (subject, object, action, scope, effect, description)
        VALUES ('SUPPORT', 'Mutation.writeOff', 'execute', 'ALL', 'ALLOW', 'for this test')"""
    await people.database.write_pool.execute(allow)
    try:
        anew = await people.viewers.refresh(admin.user_id)
        assert anew is not None
        await forbidden(people, anew, command(), "roles")
    finally:
        await people.database.write_pool.execute(
            "DELETE FROM policy_rules WHERE description = 'for this test'"
        )


async def test_another_person_is_given_and_relieved_of_roles(people: People, admin: Actor) -> None:
    user_id, _ = await people.user(roles=(Role.SUPPORT,))
    assert await give(people, admin, user_id, Role.ACCOUNTANT) is None
    assert await give(people, admin, user_id, Role.AUDITOR) is None
    assert (await people.row(user_id))["roles"] == ["AUDITOR"]

"""A viewer or a policy that changes: a stale grant answers nothing, at any moment."""

import asyncio
from collections.abc import Iterator

import asyncpg
import orjson
import pytest

from app.planner.plans import Stale
from app.policies.policy import Policy
from app.services.auth.viewers import Viewers
from tests.planner.company import Company, stood_up
from tests.planner.harness import POLICY
from tests.planner.world_building import build

DENIED = ("SUPPORT", "customer.contact", "read", "ALL", "DENY", "for a while")
INSERT = """
INSERT INTO policy_rules (subject, object, action, scope, effect, description)
VALUES ($1, $2, $3, $4, $5, $6)
"""
TEXT = "{ customers { nodes { email } } }"


@pytest.fixture
def changing(servers: dict[str, str], runner: asyncio.Runner) -> Iterator[Company]:
    """A company of its own, whose policy may be changed."""
    with stood_up(servers, runner, build()) as company:
        yield company


def keeps_stale_answers_back(company: Company) -> None:
    """Asks with a policy, and as a user, of another version than the database has."""
    other = Policy(version=POLICY.version + 1, rules=POLICY.rules)
    viewer = company.viewer("support")
    for someone, policy in (
        (viewer, other),
        (viewer | {"access_version": viewer["access_version"] + 1}, POLICY),
    ):
        try:
            company.planned.ask(someone, TEXT, policy=policy)
        except Stale:
            continue
        raise AssertionError("a stale grant answered")


def test_another_version_than_the_database_has_answers_nothing(company: Company) -> None:
    keeps_stale_answers_back(company)


def test_a_user_who_is_gone_is_stale(company: Company) -> None:
    nobody = company.viewer("support") | {"id": company.world.rows("customers")[0]["id"]}
    with pytest.raises(Stale):
        company.planned.ask(nobody, TEXT)


def test_a_policy_changed_after_compiling_makes_the_plan_stale(changing: Company) -> None:
    viewer = changing.viewer("support")
    assert changing.planned.ask(viewer, TEXT).json is not None
    changing.planned.as_owner(lambda owner: owner.execute(INSERT, *DENIED))
    with pytest.raises(Stale):
        changing.planned.ask(viewer, TEXT)


def test_a_changed_role_makes_the_plan_stale(changing: Company) -> None:
    viewer = changing.viewer("support")
    assert changing.planned.ask(viewer, TEXT).json is not None
    demote = "UPDATE users SET roles = '{CUSTOMER}' WHERE id = $1"
    changing.planned.as_owner(lambda owner: owner.execute(demote, viewer["id"]))
    with pytest.raises(Stale):
        changing.planned.ask(viewer, TEXT)


def test_a_policy_toggled_under_load_makes_no_wrong_decision(changing: Company) -> None:
    """Odd versions deny, even ones allow: an answer fits the version that it was stamped with.

    A reader that saw the denial committed before it asked never gets an address.
    """
    changing.planned.runner.run(_toggle_under_load(changing))


async def _toggle_under_load(company: Company) -> None:
    planned = company.planned
    viewers = Viewers(planned.database)
    viewer = company.viewer("support")
    is_denied = asyncio.Event()
    is_allowed = asyncio.Event()
    is_allowed.set()
    stop = asyncio.Event()
    seen = {True: 0, False: 0}

    async def read() -> None:
        while not stop.is_set():
            was_denied, was_allowed = is_denied.is_set(), is_allowed.is_set()
            actor = await viewers.get(viewer["id"])
            assert actor is not None
            policy = viewers.policy
            if policy.version != actor.grant.version:
                await viewers.refresh(viewer["id"])
                continue
            try:
                outcome = await planned.asking(viewer, TEXT, policy=policy)
            except Stale:
                await viewers.refresh(viewer["id"])
                continue
            nodes = orjson.loads(outcome.json or "")["customers"]["nodes"]
            shows = any(row["email"] for row in nodes)
            seen[shows] += 1
            assert shows == ("Customer.email" not in outcome.withheld)
            if was_denied and is_denied.is_set():
                assert not shows, "shown although it was denied all the while"
            if was_allowed and is_allowed.is_set():
                assert shows, "withheld although it was allowed all the while"

    async def toggle() -> None:
        connection = await asyncpg.connect(planned.url)
        try:
            for _ in range(12):
                is_allowed.clear()
                await connection.execute(INSERT, *DENIED)
                is_denied.set()
                await asyncio.sleep(0.03)
                is_denied.clear()
                await connection.execute("DELETE FROM policy_rules")
                is_allowed.set()
                await asyncio.sleep(0.03)
        finally:
            await connection.close()
            stop.set()

    await asyncio.gather(toggle(), *(read() for _ in range(4)))
    assert seen[True] > 5
    assert seen[False] > 5

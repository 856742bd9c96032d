"""Who may start a run, and over which customers."""

from uuid import uuid4

import orjson
import pytest

from app.domain.errors import DomainError, ErrorCode, Forbidden, NotFound
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import Policy, shipped_policy
from app.policies.roles import Role
from app.policies.rules import parse_rules
from app.services.reconciliation.start import MAX_CUSTOMERS, RunReconciliation, start_run

OWN_ONLY = Policy(
    version=1,
    rules=parse_rules(
        "p, SALES_REP, Customer, read, OWN, ALLOW, because\n"
        "p, SALES_REP, Mutation.runReconciliation, execute, ALL, ALLOW, because"
    ),
)


def actor(user_id, role, policy=None):
    return Actor(
        user_id=user_id,
        roles=(role,),
        grant=compile_grant(policy or shipped_policy(), user_id=user_id, roles=[role]),
        customer_id=None,
        team_id=None,
        access_version=1,
        request_id="test",
    )


async def start(database, who, **given):
    return await database.run(lambda tx: start_run(tx, who, RunReconciliation(**given)))


async def the_run(owner, run_id):
    return await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)


async def test_a_controller_starts_a_run_over_everybody(database, owner, ledger):
    queued = await start(database, actor(ledger.user_id, Role.CONTROLLER), incremental=False)
    run = await the_run(owner, queued.run_id)
    assert (run["status"], run["incremental"], run["customer_ids"]) == ("QUEUED", False, None)
    assert run["started_by"] == ledger.user_id
    message = await owner.fetchrow("SELECT * FROM outbox")
    assert (message["id"], message["topic"]) == (queued.message_id, "job.reconciliation")
    assert orjson.loads(message["payload"]) == {"run_id": str(queued.run_id)}
    event = await owner.fetchrow(
        "SELECT action, subject_id, outcome FROM audit_events ORDER BY id DESC LIMIT 1"
    )
    assert tuple(event) == ("runReconciliation", queued.run_id, "DONE")


async def test_a_run_over_named_customers(database, owner, ledger):
    named = [await ledger.customer() for _ in range(2)]
    await ledger.customer()
    who = actor(ledger.user_id, Role.ACCOUNTANT)
    queued = await start(database, who, customers=tuple(named))
    assert (await the_run(owner, queued.run_id))["customer_ids"] == sorted(named)


async def test_a_run_reaches_only_customers_that_its_actor_may_see(database, owner, ledger):
    own = await ledger.customer(assigned_to=ledger.user_id)
    other = await ledger.customer()
    who = actor(ledger.user_id, Role.SALES_REP, OWN_ONLY)
    queued = await start(database, who)
    assert (await the_run(owner, queued.run_id))["customer_ids"] == [own]
    with pytest.raises(NotFound) as refused:
        await start(database, who, customers=(own, other))
    assert refused.value.path == ("customers", "1")


async def test_a_customer_that_does_not_exist(database, ledger):
    with pytest.raises(NotFound):
        await start(database, actor(ledger.user_id, Role.CONTROLLER), customers=(uuid4(),))


@pytest.mark.parametrize("count", [0, MAX_CUSTOMERS + 1])
async def test_an_empty_or_endless_list(database, owner, ledger, count):
    who = actor(ledger.user_id, Role.CONTROLLER)
    with pytest.raises(DomainError) as refused:
        await start(database, who, customers=tuple(uuid4() for _ in range(count)))
    assert refused.value.code == ErrorCode.VALIDATION
    assert await owner.fetchval("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("role", [Role.SALES_REP, Role.AUDITOR, Role.CUSTOMER])
async def test_others_are_refused(database, owner, ledger, role):
    with pytest.raises(Forbidden):
        await start(database, actor(ledger.user_id, role))
    assert await owner.fetchval("SELECT count(*) FROM reconciliation_runs") == 0

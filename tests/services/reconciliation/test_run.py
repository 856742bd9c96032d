"""What a run covers, what it proves, and how it ends."""

import asyncio

import orjson
import pytest

from app.services.reconciliation import run as run_module
from app.services.reconciliation.run import advance_run, fail_run
from app.services.reconciliation.start import open_run
from tests.services.reconciliation.runs import (
    alerts,
    findings,
    reconcile,
    the_finding,
)


@pytest.mark.usefixtures("settled")
async def test_incremental_checks_what_changed(database, owner, ledger):
    await reconcile(database)
    other = await ledger.customer()
    await ledger.post(other, "1.00")
    run_id = await reconcile(database, incremental=True)
    run = await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)
    assert (run["customers_total"], run["customers_checked"]) == (1, 1)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE accounts SET advance = advance + 1.00",
        "DELETE FROM open_items WHERE is_debit",
        "UPDATE accounts SET head_hash = sha256('x')",
        "UPDATE accounts SET sequence = sequence - 1",
    ],
)
async def test_incremental_still_sees_what_was_changed_behind_its_back(
    database, owner, settled, tampering
):
    await reconcile(database)
    await owner.execute(tampering)
    await the_finding(database, owner, settled["customer"], incremental=True)


async def test_drift_is_found_again_until_it_is_gone(database, owner, settled):
    await owner.execute("UPDATE accounts SET pending = pending + 10.00")
    await the_finding(database, owner, settled["customer"], incremental=True)
    await the_finding(database, owner, settled["customer"], incremental=True)
    await owner.execute("UPDATE accounts SET pending = pending - 10.00")
    assert await findings(owner, await reconcile(database, incremental=True)) == {}


@pytest.mark.usefixtures("settled")
async def test_only_the_named_customers(database, owner, ledger):
    other = await ledger.customer()
    await ledger.post(other, "3.00")
    await owner.execute("UPDATE accounts SET pending = pending + 10.00")
    found = await findings(owner, await reconcile(database, customers=[other]))
    assert set(found) == {other}


async def test_chunks_cover_every_customer_once(database, owner, ledger, monkeypatch):
    monkeypatch.setattr(run_module, "STEP_ENTRIES", 3)
    customers = [await ledger.customer() for _ in range(9)]
    for customer in customers:
        await ledger.post(customer, "1.00")
    await owner.execute("UPDATE accounts SET pending = pending + 10.00")
    run_id = await reconcile(database)
    run = await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)
    assert (run["customers_checked"], run["discrepancies"]) == (9, 9)
    assert set(await findings(owner, run_id)) == set(customers)


@pytest.mark.usefixtures("settled")
async def test_an_account_that_a_posting_holds_is_checked_but_not_proved(database, owner):
    async with owner.transaction():
        await owner.execute("SELECT FROM accounts FOR NO KEY UPDATE")
        run_id = await asyncio.wait_for(reconcile(database), 10)
    assert await findings(owner, run_id) == {}
    assert await owner.fetchval("SELECT verified_at FROM accounts") is None


async def test_a_run_that_is_given_up_keeps_what_it_found(database, owner):
    run_id = await database.run(lambda tx: open_run(tx, incremental=False))
    await owner.execute("UPDATE reconciliation_runs SET discrepancies = 1")
    await database.run(lambda tx: fail_run(tx, run_id, "TimeoutError"))
    run = await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)
    assert run["status"] == "FAILED"
    assert [each["message"] for each in orjson.loads(run["failures"])] == ["TimeoutError"]
    assert await alerts(owner) == 1
    # Over is over.
    assert await database.run(lambda tx: advance_run(tx, run_id)) is True
    await database.run(lambda tx: fail_run(tx, run_id, "again"))
    assert await alerts(owner) == 1

"""What a run covers, what it proves, and how it ends."""

import asyncio

import orjson
import pytest

from app.services.reconciliation import run as run_module
from app.services.reconciliation.run import advance_run, fail_run
from app.services.reconciliation.start import open_run
from tests.services.reconciliation.runs import (
    alerts,
    figures,
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


async def test_a_customer_is_checked_in_steps_of_any_size_with_one_result(
    database, owner, ledger, settled, monkeypatch
):
    """Steps end inside a customer, too: what they found is carried to the last of them."""
    sound = await ledger.customer()
    for customer in (settled["customer"], sound):
        for _ in range(4):
            await ledger.post(customer, "10.00")
    await owner.execute("ALTER TABLE journal_lines DISABLE TRIGGER USER")
    await owner.execute(
        "UPDATE journal_lines SET account = 'CASH' WHERE source_id = $1 "
        "AND account = 'ACCOUNTS_RECEIVABLE'",
        settled["first"],
    )
    await owner.execute("DELETE FROM open_items WHERE entry_id = $1", settled["second"])
    results = []
    for size in (1, 2, 3, 5, 4000):
        monkeypatch.setattr(run_module, "STEP_ENTRIES", size)
        monkeypatch.setattr(run_module, "FEWEST_ENTRIES", 1)
        finding = await the_finding(database, owner, settled["customer"])
        results.append((figures(finding), finding["first_divergent_entry_id"]))
        assert await owner.fetchval(
            "SELECT verified_sequence FROM accounts WHERE customer_id = $1", sound
        )
    assert results[0][0]["open_items"] == ("0.00", "40.00")
    assert results[0][0]["journal.receivable"] == ("20.00", "120.00")
    assert results[0][1] == settled["first"]
    assert all(result == results[0] for result in results)


async def test_a_step_looks_at_no_more_entries_than_it_may(database, owner, ledger, monkeypatch):
    monkeypatch.setattr(run_module, "STEP_ENTRIES", 3)
    monkeypatch.setattr(run_module, "FEWEST_ENTRIES", 1)
    customer = await ledger.customer()
    for _ in range(8):
        await ledger.post(customer, "1.00")
    run_id = await database.run(lambda tx: open_run(tx, incremental=False))
    seen = []
    while not await database.run(lambda tx: advance_run(tx, run_id)):
        run = await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)
        seen.append((run["status"], run["cursor_sequence"], run["customers_checked"]))
    assert seen == [
        ("RUNNING", None, 0),
        ("RUNNING", 3, 0),
        ("RUNNING", 6, 0),
        ("RUNNING", None, 1),
    ]


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

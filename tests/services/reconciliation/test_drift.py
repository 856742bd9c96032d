"""A run finds exactly what does not follow from the sub-ledger, and nothing else."""

import asyncio
import os
from decimal import Decimal

import orjson
import pytest

from app.services.reconciliation import run as run_module
from tests.services.reconciliation.runs import (
    alerts,
    figures,
    findings,
    reconcile,
    the_finding,
)


async def test_sound_accounts_are_proved_and_nothing_is_found(database, owner, ledger, settled):
    empty = await ledger.customer("JPY")
    run_id = await reconcile(database)
    run = await owner.fetchrow("SELECT * FROM reconciliation_runs WHERE id = $1", run_id)
    assert (run["status"], run["customers_total"], run["customers_checked"]) == ("SUCCEEDED", 2, 2)
    assert run["discrepancies"] == 0
    assert run["finished_at"] >= run["started_at"]
    assert await findings(owner, run_id) == {}
    account = await owner.fetchrow(
        "SELECT * FROM accounts WHERE customer_id = $1", settled["customer"]
    )
    assert account["verified_change_number"] == account["change_number"] == 5
    assert account["verified_sequence"] == account["sequence"] == 4
    assert account["verified_at"] is not None
    proved = await owner.fetchval("SELECT verified_at FROM accounts WHERE customer_id = $1", empty)
    assert proved is not None
    assert await alerts(owner) == 0


async def test_undone_allocations_count_for_nothing(database, owner, ledger, settled):
    customer = settled["customer"]
    made = await ledger.allocate(customer, settled["advance"], settled["second"], "5.00")
    await ledger.undo(customer, made)
    assert await findings(owner, await reconcile(database)) == {}


async def test_a_wrong_pending_is_found_with_both_figures(database, owner, settled):
    await reconcile(database)
    await owner.execute("UPDATE accounts SET pending = pending + 10.00")
    finding = await the_finding(database, owner, settled["customer"])
    assert (finding["stored_pending"], finding["computed_pending"]) == (
        Decimal("90.00"),
        Decimal("80.00"),
    )
    assert (finding["stored_advance"], finding["computed_advance"]) == (
        Decimal("5.00"),
        Decimal("5.00"),
    )
    assert figures(finding) == {"pending": ("90.00", "80.00"), "current": ("85.00", "75.00")}
    # No entry explains it: it was changed without any.
    assert finding["first_divergent_entry_id"] is None
    event = await owner.fetchrow("SELECT payload FROM outbox WHERE topic = 'event.drift_found'")
    assert orjson.loads(event["payload"]) == {"run_id": str(finding["run_id"])}


async def test_a_figure_gone_wrong_since_the_last_proof_names_the_first_entry_since(
    database, owner, ledger, settled
):
    await reconcile(database)
    third = await ledger.post(settled["customer"], "7.00")
    await ledger.post(settled["customer"], "8.00")
    await owner.execute("UPDATE accounts SET pending = pending - 7.00")
    finding = await the_finding(database, owner, settled["customer"])
    assert finding["first_divergent_entry_id"] == third


async def test_a_missing_open_item_names_its_entry(database, owner, settled):
    await owner.execute("DELETE FROM open_items WHERE entry_id = $1", settled["second"])
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {"open_items": ("0.00", "40.00")}
    assert finding["first_divergent_entry_id"] == settled["second"]


async def test_items_that_are_wrong_but_add_up_are_found(database, owner, settled):
    await owner.execute(
        "UPDATE open_items SET open_amount = open_amount + CASE entry_id "
        "WHEN $1 THEN -1.00 ELSE 1.00 END WHERE is_debit",
        settled["first"],
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {"open_items": ("80.00", "80.00")}
    assert finding["first_divergent_entry_id"] == settled["first"]


async def test_an_allocation_missing_from_the_projection(
    database, owner, settled, allocate_without_projecting
):
    await allocate_without_projecting(
        owner, settled["customer"], settled["advance"], settled["second"]
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {
        "pending": ("80.00", "75.00"),
        "advance": ("5.00", "0.00"),
        "open_items": ("45.00", "35.00"),
    }
    assert finding["first_divergent_entry_id"] == settled["second"]


async def test_a_wrong_head_names_the_entry_after_the_one_it_is_the_hash_of(
    database, owner, settled
):
    await owner.execute(
        "UPDATE accounts SET head_hash = (SELECT hash FROM ledger_entries WHERE id = $1)",
        settled["payment"],
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert set(figures(finding)) == {"head_hash"}
    assert finding["first_divergent_entry_id"] == settled["second"]


async def test_a_head_that_is_no_entrys_hash(database, owner, settled):
    await owner.execute("UPDATE accounts SET head_hash = $1", os.urandom(32))
    finding = await the_finding(database, owner, settled["customer"])
    assert set(figures(finding)) == {"head_hash"}
    assert finding["first_divergent_entry_id"] is None


async def test_a_wrong_sequence(database, owner, settled):
    await owner.execute("UPDATE accounts SET sequence = sequence + 1")
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {"sequence": ("5", "4")}


async def test_a_rewritten_entry_breaks_chain_and_journal(database, owner, settled):
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER append_only")
    await owner.execute(
        "UPDATE ledger_entries SET hash = $2, amount = amount + 1.00 WHERE id = $1",
        settled["second"],
        os.urandom(32),
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {
        "pending": ("80.00", "81.00"),
        "current": ("75.00", "76.00"),
        "open_items": ("40.00", "41.00"),
        "journal.receivable": ("80.00", "81.00"),
        "journal.sources": ("1", "0"),
        # Its own hash, and the link from the entry after it.
        "chain": ("2", "0"),
    }
    assert finding["first_divergent_entry_id"] == settled["second"]


async def test_a_figure_that_only_the_hash_covers(database, owner, settled):
    """A due date moves no balance, and tells when a customer is late."""
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER append_only")
    await owner.execute(
        "UPDATE ledger_entries SET due_date = due_date + 30 WHERE id = $1", settled["second"]
    )
    await owner.execute(
        "UPDATE open_items SET due_date = due_date + 30 WHERE entry_id = $1", settled["second"]
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {"chain": ("1", "0")}
    assert finding["first_divergent_entry_id"] == settled["second"]


ITEM = {"open_items": ("40.00", "40.00")}
BOOKING = {"journal.sources": ("1", "0")}
USE = {"allocations": ("1", "0")}


@pytest.mark.parametrize(
    ("entry", "forgery", "besides"),
    [
        # What Python has no value for must be noticed, and must not end the run.
        ("second", "due_date = make_date(-2026, 4, 9)", ITEM),
        ("second", "due_date = 'infinity'", ITEM),
        ("payment", "due_date = '-infinity'", {}),
        ("second", "transaction_date = make_date(-2026, 3, 10)", ITEM | BOOKING),
        ("payment", "transaction_date = 'infinity'", USE | BOOKING),
        ("second", "posted_at = 'infinity'", {}),
        ("second", "posted_at = timestamptz '294276-12-31 00:00:00+00'", {}),
    ],
)
async def test_values_that_only_the_database_knows(
    database, owner, ledger, settled, entry, forgery, besides
):
    other = await ledger.customer()
    await ledger.post(other, "7.00")
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER append_only")
    await owner.execute(f"UPDATE ledger_entries SET {forgery} WHERE id = $1", settled[entry])
    await owner.execute("UPDATE ledger_entries SET number = 'OTHER' WHERE customer_id = $1", other)
    found = await findings(owner, await reconcile(database))
    assert {customer: figures(each) for customer, each in found.items()} == {
        settled["customer"]: {"chain": ("1", "0")} | besides,
        other: {"chain": ("1", "0")},
    }


async def test_an_incremental_run_hashes_what_was_not_proved_yet(database, owner, ledger, settled):
    await reconcile(database)
    # Who takes away every guard leaves no trace but in the hash.
    move = "UPDATE ledger_entries SET due_date = due_date + 30 WHERE id = $1"
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute(move, settled["first"])
    await owner.execute(
        "UPDATE open_items SET due_date = due_date + 30 WHERE entry_id = $1", settled["first"]
    )
    await owner.execute("ALTER TABLE ledger_entries ENABLE TRIGGER USER")
    third = await ledger.post(settled["customer"], "7.00")
    assert await findings(owner, await reconcile(database, incremental=True)) == {}
    later = await ledger.post(settled["customer"], "8.00")
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute(move, later)
    (finding,) = (await findings(owner, await reconcile(database, incremental=True))).values()
    assert figures(finding) == {"chain": ("1", "0"), "open_items": ("8.00", "8.00")}
    assert finding["first_divergent_entry_id"] == later != third


async def test_a_journal_that_does_not_follow(database, owner, settled):
    await owner.execute("ALTER TABLE journal_lines DISABLE TRIGGER append_only")
    await owner.execute(
        "UPDATE journal_lines SET account = 'REVENUE' "
        "WHERE source_id = $1 AND account = 'ACCOUNTS_RECEIVABLE'",
        settled["first"],
    )
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding) == {
        "journal.receivable": ("-20.00", "80.00"),
        "journal.sources": ("1", "0"),
    }
    assert finding["first_divergent_entry_id"] == settled["first"]


async def test_an_allocation_of_more_than_there_is(database, owner, settled):
    await owner.execute("ALTER TABLE allocations DISABLE TRIGGER append_only")
    await owner.execute("UPDATE allocations SET amount = 70.00")
    finding = await the_finding(database, owner, settled["customer"])
    assert figures(finding)["allocations"] == ("1", "0")
    assert finding["first_divergent_entry_id"] == settled["first"]


async def test_postings_that_commit_meanwhile_never_look_like_drift(
    database, owner, ledger, monkeypatch
):
    monkeypatch.setattr(run_module, "STEP_ENTRIES", 2)
    customers = [await ledger.customer() for _ in range(5)]
    posting = True

    async def keep_posting(customer):
        while posting:
            debit = await ledger.post(customer, "9.00")
            credit = await ledger.post(customer, "-4.00")
            made = await ledger.allocate(customer, credit, debit, "4.00")
            await ledger.undo(customer, made)

    posters = [asyncio.create_task(keep_posting(customer)) for customer in customers]
    try:
        runs = [await reconcile(database, incremental=number % 2 == 1) for number in range(15)]
    finally:
        posting = False
        await asyncio.gather(*posters)
    for run_id in runs:
        assert await findings(owner, run_id) == {}
    assert await owner.fetchval("SELECT min(change_number) FROM accounts") > 4
    # What was proved was proved of one moment: the rest still follows, up to the end.
    assert await findings(owner, await reconcile(database)) == {}
    assert not await owner.fetch(
        "SELECT FROM accounts WHERE verified_change_number <> change_number"
    )

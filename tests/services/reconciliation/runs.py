"""Running a reconciliation to its end, and reading what it found."""

import orjson

from app.services.reconciliation.run import advance_run
from app.services.reconciliation.start import open_run


async def reconcile(database, *, incremental=False, customers=None):
    run_id = await database.run(
        lambda tx: open_run(tx, incremental=incremental, customers=customers)
    )
    while not await database.run(lambda tx: advance_run(tx, run_id)):
        pass
    return run_id


async def findings(owner, run_id):
    rows = await owner.fetch("SELECT * FROM drift_findings WHERE run_id = $1", run_id)
    return {row["customer_id"]: row for row in rows}


async def alerts(owner):
    return await owner.fetchval("SELECT count(*) FROM outbox WHERE topic = 'event.drift_found'")


def figures(finding):
    return {
        each["figure"]: (each["stored"], each["computed"])
        for each in orjson.loads(finding["figures"])
    }


async def the_finding(database, owner, customer, **scope):
    found = await findings(owner, await reconcile(database, **scope))
    assert set(found) == {customer}
    return found[customer]

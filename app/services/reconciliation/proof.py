"""The whole sub-ledger checked at one go: for whoever has just brought it back from a backup."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.infra.database import Database, Statement, Transaction
from app.services.reconciliation.run import advance_run
from app.services.reconciliation.start import open_run

_FOUND = Statement(
    text(
        "SELECT status, customers_total, customers_checked, discrepancies "
        "FROM reconciliation_runs WHERE id = :id"
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """How many customers' figures and chains were recomputed, and of how many they differ."""

    customers: int
    discrepancies: int


async def prove_everything(database: Database, step: Callable[[int, int], None]) -> Proof:
    """A run over every customer, carried out here; kept, as every run is.

    `step` is told after each transaction how many of how many customers are checked.
    """
    run_id = await database.run(lambda tx: open_run(tx, incremental=False))
    while not await database.run(lambda tx: _advance(tx, run_id, step)):
        pass
    async with database.transaction() as tx:
        found = await tx.fetchrow(_FOUND, id=run_id)
    if found is None or found["status"] != "SUCCEEDED":
        raise RuntimeError("the run has ended without an answer")
    return Proof(customers=found["customers_checked"], discrepancies=found["discrepancies"])


async def _advance(tx: Transaction, run_id: UUID, step: Callable[[int, int], None]) -> bool:
    is_over = await advance_run(tx, run_id)
    found = await tx.fetchrow(_FOUND, id=run_id)
    if found is not None:
        step(found["customers_checked"], found["customers_total"])
    return is_over

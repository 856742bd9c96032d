"""Reconciliation as a job: so many entries a step, however many a customer has."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.infra.database import Transaction
from app.jobs.job import Message, Progress
from app.services.reconciliation.run import advance_run, fail_run
from app.services.reconciliation.start import open_run


async def check_next_chunk(tx: Transaction, message: Message) -> Progress:
    """Check the run's next entries."""
    finished = await advance_run(tx, _run_id(message), attempt=message.attempt)
    return Progress.FINISHED if finished else Progress.MORE


async def mark_run_failed(tx: Transaction, message: Message, error: str) -> None:
    """The run ends as FAILED with what made its message die; its findings stay."""
    await fail_run(tx, _run_id(message), error)


async def prepare_changed(tx: Transaction) -> Mapping[str, Any]:
    """A run over what changed since it was last proved, or looks as if it had."""
    return {"run_id": str(await open_run(tx, incremental=True))}


async def prepare_everything(tx: Transaction) -> Mapping[str, Any]:
    """A run over every customer."""
    return {"run_id": str(await open_run(tx, incremental=False))}


def _run_id(message: Message) -> UUID:
    return UUID(message.payload["run_id"])

"""Jobs made to be killed, and the worker process that runs them beside the real ones."""

import asyncio
import os
import sys

from sqlalchemy import text

from app.infra.database import Statement
from app.infra.logging import configure_logging
from app.infra.settings import read_settings
from app.jobs.job import Job, Progress
from app.jobs.relay import Pace
from app.worker import run_scheduler, run_worker

PACE = Pace(
    poll_seconds=0.05, failure_seconds=0.1, resend_first_seconds=0.2, resend_most_seconds=0.5
)

STEPS_DONE = Statement(text("SELECT count(*) FROM effects WHERE message_id = :id"))
EFFECT = Statement(
    text("INSERT INTO effects (message_id, step, by_process) VALUES (:id, :step, :process)")
)


async def count_up(tx, message):
    """As many steps as the payload says, each leaving its row; slow enough to be caught at it."""
    step = await tx.fetchval(STEPS_DONE, id=message.id) + 1
    await tx.execute(EFFECT, id=message.id, step=step, process=os.getpid())
    await asyncio.sleep(message.payload.get("seconds", 0.0))
    return Progress.FINISHED if step >= message.payload["steps"] else Progress.MORE


async def always_fail(tx, message):
    await tx.execute(EFFECT, id=message.id, step=1, process=os.getpid())
    raise ValueError("cannot be done\nDETAIL: Key (email)=(somebody@example.org)")


async def end_the_process(tx, message):
    await tx.execute(EFFECT, id=message.id, step=1, process=os.getpid())
    os._exit(1)


COUNT_UP = Job(name="count_up", description="Counts.", step=count_up, max_attempts=50)
TEST_JOBS = (
    COUNT_UP,
    Job(name="always_fail", description="Fails.", step=always_fail, max_attempts=3),
    Job(name="end_the_process", description="Kills.", step=end_the_process, max_attempts=2),
)

if __name__ == "__main__":
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    if sys.argv[1] == "worker":
        run_worker(settings, more_jobs=TEST_JOBS, pace=PACE)
    else:
        run_scheduler(settings)

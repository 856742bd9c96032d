"""Composition root of the background processes: the worker (with the relay) and the scheduler."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import structlog
import uvloop
from dramatiq import Worker
from redis.exceptions import RedisError

from app.http.metrics import Metrics
from app.http.scraping import listen, scraped
from app.infra.broker import close_broker, open_broker
from app.infra.database import Database
from app.infra.log_in import warn_of_excess
from app.infra.patience import WORKING
from app.infra.reaching import NotReady
from app.infra.settings import Settings, SettingsError
from app.jobs.actors import declare_actors
from app.jobs.consumer import Consumer
from app.jobs.figures import Figures
from app.jobs.job import Job
from app.jobs.registry import every_job
from app.jobs.relay import Pace, Relay
from app.jobs.scheduler import Scheduler

WORKER_THREADS = 4
# Dramatiq looks for messages at least this often.
IDLE_MILLISECONDS = 250
# A step that was begun may end; then it is cancelled, rolled back, and done again elsewhere.
GRACE_SECONDS = 20.0
# Together with that, less than a supervisor's patience.
THREADS_MILLISECONDS = 2000
# Per message one that works and one that notes failures; relay, listener, and one for metrics.
WORKER_CONNECTIONS = 2 * WORKER_THREADS + 3
SCHEDULER_CONNECTIONS = 2
DEFAULT_PACE = Pace()
# Between two attempts to reach PostgreSQL at the start; the pause doubles from one to the other.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0

log = structlog.get_logger(__name__)


def run_worker(
    settings: Settings, *, more_jobs: Iterable[Job] = (), pace: Pace = DEFAULT_PACE
) -> None:
    """Relay and work until SIGTERM or SIGINT. Any number of these may run at once."""
    uvloop.run(_work(settings, (*_jobs(settings), *more_jobs), pace))


def run_scheduler(settings: Settings) -> None:
    """Turn scheduled times into messages until SIGTERM or SIGINT. Any number may run at once."""
    uvloop.run(_schedule(settings, _jobs(settings)))


async def _work(settings: Settings, jobs: tuple[Job, ...], pace: Pace) -> None:
    stopping = _stop_on_signals()
    database = _database(settings, WORKER_CONNECTIONS)
    broker = open_broker(_redis_url(settings))
    try:
        if not await _opened(database, stopping):
            return
        async with _scraped(settings, "worker_metrics_port", database, jobs):
            consumer = Consumer(database, jobs)
            actors = declare_actors(broker, jobs, consumer.consume)
            worker = Worker(broker, worker_threads=WORKER_THREADS, worker_timeout=IDLE_MILLISECONDS)
            worker.start()
            log.info("worker is running", jobs=[job.name for job in jobs])
            try:
                await Relay(database, broker, actors, pace).run(stopping)
            finally:
                await _stop_working(worker, consumer)
    finally:
        await database.close()
        close_broker(broker)
        log.info("worker has stopped")


async def _schedule(settings: Settings, jobs: tuple[Job, ...]) -> None:
    stopping = _stop_on_signals()
    database = _database(settings, SCHEDULER_CONNECTIONS)
    try:
        if not await _opened(database, stopping):
            return
        async with _scraped(settings, "scheduler_metrics_port", database, jobs):
            log.info("scheduler is running", time_zone=settings.company_time_zone)
            await Scheduler(database, ZoneInfo(settings.company_time_zone), jobs).run(stopping)
    finally:
        await database.close()
        log.info("scheduler has stopped")


async def _opened(database: Database, stopping: asyncio.Event) -> bool:
    """Open it, for however long PostgreSQL is away; false when told to stop before it is there."""
    opening = asyncio.create_task(_open(database))
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait((opening, told), return_when=asyncio.FIRST_COMPLETED)
    is_open = opening.done()
    opening.cancel()
    told.cancel()
    await asyncio.wait((opening, told))
    if is_open:
        opening.result()
    return is_open


async def _open(database: Database) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await database.open()
            return await warn_of_excess(database)
        except NotReady as error:
            log.warning("the database is not ready, trying again", reason=str(error), seconds=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def _scraped(
    settings: Settings, name: str, database: Database, jobs: tuple[Job, ...]
) -> AsyncIterator[None]:
    """With `/metrics` on the port that the setting of this name gives, if it gives one."""
    port: int | None = getattr(settings, name)
    if port is None:
        yield
        return
    page = Metrics(is_public=settings.metrics_public, read=Figures(database, jobs).read)
    try:
        listener = listen(settings.host, port)
    except OSError as error:
        raise SettingsError(
            f"{name.upper()}: cannot listen on port {port} of {settings.host}: {error.strerror}"
        ) from error
    async with scraped(page, listener, settings.trusted_proxies):
        log.info("metrics are served", port=port)
        yield


async def _stop_working(worker: Worker, consumer: Consumer) -> None:
    """Finish the step at hand, give back the rest, and end Dramatiq's threads."""
    await consumer.stop(GRACE_SECONDS)
    # Without Redis a thread that has done its work tries to say so for ever. It is left behind:
    # PostgreSQL knows what was done. It is stopped from another thread because those that wait
    # for coroutines wait for this loop.
    try:
        await asyncio.to_thread(worker.stop, THREADS_MILLISECONDS)
    except RedisError:
        log.warning("Redis is away: what it had delivered is sent again from PostgreSQL")


def _jobs(settings: Settings) -> tuple[Job, ...]:
    return every_job(housekeeping_days=settings.housekeeping_days)


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _database(settings: Settings, connections: int) -> Database:
    if settings.database_url is None:
        raise SettingsError("DATABASE_URL: must be set for this command (`up` sets it itself)")
    return Database(
        settings.database_url,
        read_url=settings.database_read_url,
        pool_size=connections,
        time_zone=settings.company_time_zone,
        patience=WORKING,
    )


def _redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingsError("REDIS_URL: must be set for this command (`up` sets it itself)")
    return settings.redis_url

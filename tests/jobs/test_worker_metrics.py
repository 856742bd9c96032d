"""What worker and scheduler tell of themselves, asked over HTTP while they run."""

import asyncio
import math
import os
import signal
import socket
import subprocess
import sys
from itertools import product
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.services.outbox import enqueue
from tests.conftest import ROOT, administer
from tests.factories import make_customer
from tests.serving import free_port

OUTBOX = "customer_flow_outbox"
LAST_SUCCESS = "customer_flow_timetable_last_success_timestamp_seconds"
LAST_END = "customer_flow_reconciliation_last_end_timestamp_seconds"
LAST_PROOF = "customer_flow_reconciliation_last_proof_timestamp_seconds"


class Scraper:
    """Reads the metrics of a process on a port of this machine."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.url = f"http://{host}:{port}"

    async def get(self, path: str = "/metrics") -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            return await http.get(self.url + path)

    async def read(self) -> dict[str, float]:
        """By name and the value of the one label, if there is one: `name job`."""
        page = await self.get()
        assert page.status_code == 200, page.text
        return {
            " ".join((sample.name, *sample.labels.values())): sample.value
            for family in text_string_to_metric_families(page.text)
            for sample in family.samples
        }

    async def answers(self) -> bool:
        try:
            return (await self.get()).status_code > 0
        except httpx.TransportError:
            return False


@pytest.fixture
def start(workers, eventually):
    """A worker or scheduler that serves its metrics."""

    async def begin(program="worker", **settings):
        port = free_port()
        process = workers.start(
            program, **{f"{program.upper()}_METRICS_PORT": str(port)}, **settings
        )
        scraper = Scraper(port)
        await eventually(scraper.answers)
        return process, scraper

    return begin


async def send(database, topic, **payload):
    return await database.run(lambda tx: enqueue(tx, topic, payload))


def ended(owner):
    async def look():
        return not await owner.fetchval("SELECT count(*) FROM outbox WHERE state = 'PENDING'")

    return look


def listening(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the process has a TCP socket that takes connections."""
    fds = Path(f"/proc/{process.pid}/fd")
    own = {str(fd.readlink()) for fd in fds.iterdir() if fd.is_symlink()}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{process.pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return any(row[3] == "0A" and f"socket:[{row[9]}]" in own for row in rows)


async def test_jobs_are_counted_and_timed(database, owner, start, eventually):
    _, scraper = await start()
    before = await scraper.read()
    assert before["customer_flow_jobs_processed_total count_up"] == 0
    assert before["customer_flow_jobs_dead_total always_fail"] == 0
    for _ in range(3):
        await send(database, "job.count_up", steps=2, seconds=0.3)
    await send(database, "job.always_fail")
    await eventually(ended(owner))

    found = await scraper.read()
    assert found["customer_flow_jobs_processed_total count_up"] == 3
    assert found["customer_flow_job_retries_total count_up"] == 0
    assert found["customer_flow_job_step_seconds_count count_up"] == 6
    assert found["customer_flow_job_seconds_count count_up"] == 3
    assert found["customer_flow_job_seconds_sum count_up"] > 3 * 2 * 0.3
    assert found["customer_flow_job_seconds_bucket count_up 0.25"] == 0
    # Three attempts, of which two repeat the first.
    assert found["customer_flow_job_attempts_failed_total always_fail"] == 3
    assert found["customer_flow_job_retries_total always_fail"] == 2
    assert found["customer_flow_job_seconds_count always_fail"] == 3
    assert found["customer_flow_jobs_dead_total always_fail"] == 1
    assert found["customer_flow_jobs_processed_total always_fail"] == 0
    assert found[f"{OUTBOX}_dead_letters"] == 1
    assert found[f"{OUTBOX}_backlog"] == found[f"{OUTBOX}_oldest_seconds"] == 0


async def test_the_backlog_is_what_is_due_and_not_done(database, owner, start):
    # Nobody knows this job, so that its messages stay.
    topic = "job.from_the_future"
    hour_ago = await owner.fetchval("SELECT now() - interval '1 hour'")
    tomorrow = await owner.fetchval("SELECT now() + interval '1 day'")
    _, scraper = await start("scheduler")
    assert (await scraper.read())[f"{OUTBOX}_backlog"] == 0
    await database.run(lambda tx: enqueue(tx, topic, {}, tomorrow))
    assert (await scraper.read())[f"{OUTBOX}_backlog"] == 0
    await database.run(lambda tx: enqueue(tx, topic, {}))
    await database.run(lambda tx: enqueue(tx, topic, {}, hour_ago))
    found = await scraper.read()
    assert found[f"{OUTBOX}_backlog"] == 2
    assert 3600 <= found[f"{OUTBOX}_oldest_seconds"] < 4000
    # Sent two hours ago, and to be sent again in a day: it has waited all that time.
    await owner.execute(
        "UPDATE outbox SET sends = 1, created_at = now() - interval '2 hours' WHERE send_at > now()"
    )
    found = await scraper.read()
    assert found[f"{OUTBOX}_backlog"] == 3
    assert 7200 <= found[f"{OUTBOX}_oldest_seconds"] < 7600
    await owner.execute("UPDATE outbox SET state = 'DEAD'")
    found = await scraper.read()
    assert (found[f"{OUTBOX}_backlog"], found[f"{OUTBOX}_dead_letters"]) == (0, 3)


@pytest.mark.parametrize("program", ["worker", "scheduler"])
async def test_the_last_success_of_each_timetable_is_told(owner, start, program):
    for state, hours in (("DONE", 50), ("DONE", 26), ("DEAD", 2)):
        await owner.execute(
            "WITH message AS (INSERT INTO outbox (topic, payload, state, finished_at) "
            "SELECT 'job.x', '{}', $1, to_timestamp(1000000 - $2 * 3600) RETURNING id) "
            "INSERT INTO scheduled_runs (job, scheduled_for, message_id) "
            "SELECT 'housekeeping-nightly', now() - make_interval(hours => $2), id FROM message",
            state,
            hours,
        )
    # While a clock was wrong. Told as the last success, it would hide that there are no others.
    await owner.execute(
        "WITH message AS (INSERT INTO outbox (topic, payload, state, finished_at) "
        "VALUES ('job.x', '{}', 'DONE', now() + interval '10 years') RETURNING id) "
        "INSERT INTO scheduled_runs (job, scheduled_for, message_id) "
        "SELECT 'housekeeping-nightly', now() - interval '1 hour', id FROM message"
    )
    _, scraper = await start(program)
    found = await scraper.read()
    told = {name.split()[1]: value for name, value in found.items() if LAST_SUCCESS in name}
    assert told == {
        "housekeeping-nightly": 1000000 - 26 * 3600,
        "reconciliation-nightly": 0,
        "reconciliation-weekly": 0,
    }


@pytest.mark.parametrize("program", ["worker", "scheduler"])
async def test_drift_and_the_age_of_proofs_are_told(database, owner, start, program):
    customer = await make_customer(database, currency="EUR")
    _, scraper = await start(program)
    found = await scraper.read()
    assert found["customer_flow_drift_findings_open"] == 0
    for run, outcome in product(("full", "incremental"), ("succeeded", "failed")):
        assert found[f"{LAST_END} {outcome} {run}"] == 0
    assert found[LAST_PROOF] == 0
    # Hours after the epoch: began, ended. A restricted run proves nothing of everybody.
    for incremental, status, began, drifted, customers in (
        (False, "SUCCEEDED", 10, 0, None),
        (False, "SUCCEEDED", 20, 1, None),
        (False, "SUCCEEDED", 70, 0, [customer]),
        (False, "FAILED", 30, 0, None),
        (True, "SUCCEEDED", 40, 0, None),
        (True, "FAILED", 50, 0, None),
    ):
        run_id = await owner.fetchval(
            "INSERT INTO reconciliation_runs (incremental, status, started_at, finished_at, "
            "discrepancies, customer_ids) VALUES ($1, $2, to_timestamp($3 * 3600), "
            "to_timestamp(($3 + 1) * 3600), $4, $5) RETURNING id",
            incremental,
            status,
            began,
            drifted,
            customers,
        )
    for status in ("OPEN", "OPEN", "ACKNOWLEDGED"):
        await owner.execute(
            "INSERT INTO drift_findings (customer_id, run_id, status, currency, stored_pending, "
            "computed_pending, stored_advance, computed_advance, figures, detected_at) "
            "VALUES ($1, $2, $3, 'EUR', 1.00, 0.00, 0.00, 0.00, '[]', now() - interval '2 hours')",
            customer,
            run_id,
            status,
        )
    found = await scraper.read()
    assert found["customer_flow_drift_findings_open"] == 2
    assert 7200 <= found["customer_flow_drift_findings_oldest_seconds"] < 7300
    assert {
        name.removeprefix(f"{LAST_END} "): value / 3600
        for name, value in found.items()
        if name.startswith(LAST_END)
    } == {
        "succeeded full": 21,
        "failed full": 31,
        "succeeded incremental": 41,
        "failed incremental": 51,
    }
    assert found[LAST_PROOF] == 10 * 3600


async def test_without_the_database_its_figures_are_unknown_and_the_rest_is_told(
    servers, database, owner, start, eventually
):
    _, scraper = await start()
    await send(database, "job.count_up", steps=1)
    await eventually(ended(owner))
    name = await owner.fetchval("SELECT current_database()")
    await database.close()
    server = servers["database_url"]
    await administer(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await administer(
        server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    found = await scraper.read()
    for figure in ("backlog", "oldest_seconds", "dead_letters"):
        assert math.isnan(found[f"{OUTBOX}_{figure}"])
    assert math.isnan(found[f"{LAST_SUCCESS} housekeeping-nightly"])
    for figure in ("customer_flow_drift_findings_open", f"{LAST_END} failed full", LAST_PROOF):
        assert math.isnan(found[figure])
    assert found["customer_flow_jobs_processed_total count_up"] == 1

    await administer(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    async def is_back():
        return (await scraper.read())[f"{OUTBOX}_backlog"] == 0

    await eventually(is_back)


async def test_without_the_setting_nobody_listens(owner, workers, eventually):
    processes = [workers.start(), workers.start("scheduler")]

    async def are_running():
        return "worker is running" in workers.log and await owner.fetchval(
            "SELECT count(*) > 0 FROM scheduled_runs"
        )

    await eventually(are_running)
    assert not any(listening(each) for each in processes)
    with_metrics = workers.start(WORKER_METRICS_PORT=str(free_port()))

    async def listens():
        return listening(with_metrics)

    await eventually(listens)


async def test_only_the_metrics_are_there(start):
    _, scraper = await start()
    page = await scraper.get()
    assert page.headers["content-type"].startswith("text/plain")
    assert page.headers["cache-control"] == "no-store"
    for path in ("/", "/graphql", "/healthz"):
        assert (await scraper.get(path)).status_code == 404


async def test_only_this_machine_sees_them_unless_they_are_public(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        address = probe.getsockname()[0]
    _, here = await start(HOST="0.0.0.0")  # noqa: S104 - the setting under test
    outside = Scraper(int(here.url.rsplit(":", 1)[1]), address)
    assert (await here.get()).status_code == 200
    assert (await outside.get()).status_code == 404
    _, public = await start(HOST="0.0.0.0", METRICS_PUBLIC="true")  # noqa: S104 - as above
    outside = Scraper(int(public.url.rsplit(":", 1)[1]), address)
    assert (await outside.get()).status_code == 200


async def test_two_workers_side_by_side(start):
    (_, one), (_, two) = await start(), await start()
    assert one.url != two.url
    assert (await one.get()).status_code == (await two.get()).status_code == 200


@pytest.mark.parametrize("program", ["worker", "scheduler"])
async def test_it_answers_until_its_work_is_done_when_told_to_end(
    database, owner, start, eventually, workers, program
):
    process, scraper = await start(program)
    if program == "worker":
        await send(database, "job.count_up", steps=1, seconds=2)

        async def has_begun():
            return await owner.fetchval("SELECT attempts FROM outbox")

        await eventually(has_begun)
    process.send_signal(signal.SIGTERM)
    while await scraper.answers():  # noqa: ASYNC110 - it cannot set an event
        await asyncio.sleep(0.02)
    # To the last: it was not silent before its work was done.
    assert not await owner.fetchval("SELECT count(*) FROM outbox WHERE state <> 'DONE'")
    assert await asyncio.to_thread(process.wait, 30) == 0
    assert "Traceback" not in workers.log


@pytest.mark.parametrize("command", ["work", "schedule"])
async def test_a_taken_port_is_named(database_url, redis_url, tmp_path, command):
    name = {"work": "WORKER_METRICS_PORT", "schedule": "SCHEDULER_METRICS_PORT"}[command]
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", command),
            env={
                **os.environ,
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "CUSTOMER_FLOW_DATA_DIR": str(tmp_path),
                name: str(port),
            },
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert err.decode().startswith(f"{name}: cannot listen on port {port} of 127.0.0.1: ")
    assert "Traceback" not in err.decode()

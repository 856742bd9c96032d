"""`python -m bench`: measure, print, and keep the numbers."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from app.infra.database import Database
from app.infra.embedded import embedded_servers
from app.infra.migrate import upgrade
from app.infra.settings import Settings
from app.services.auth.tokens import AccessTokens
from bench import dataset, report, scenarios, servers
from bench.dataset import Dataset
from bench.load import Load, Measured
from bench.postings import run_pgbench
from bench.rounds import Compared, generate, in_turns

CLIENTS = 8
WARM_UP_SECONDS = 0.5
TOKEN_MINUTES = 60
KINDS = ("one_customer", "many_customers", "postings")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is running, and how long each round takes."""

    dataset: Dataset
    database_url: str
    tokens: AccessTokens
    product: servers.Server
    baseline: servers.Server
    seconds: float
    rounds: int

    def token(self, user_id: UUID) -> str:
        """A bearer token of a user who was never changed."""
        return self.tokens.issue(user_id, 1).text

    async def compare(self, kind: str) -> Compared:
        """One of the comparisons."""
        if kind == "postings":
            return await self._compare_postings()
        make = {"one_customer": scenarios.one_customer, "many_customers": scenarios.many_customers}
        return await self._compare_reads(make[kind](self.dataset, self.token(self.dataset.rep)))

    async def _compare_reads(self, read: scenarios.Read) -> Compared:
        ours = await self._load(self.product, read.ours[:1], connections=1, seconds=0.2)
        bare = await self._load(self.baseline, read.bare[:1], connections=1, seconds=0.2)
        scenarios.require_same(ours.samples[0], bare.samples[0], read.root)

        async def product_side() -> Measured:
            result = await self._load(self.product, read.ours)
            scenarios.require_data(result.samples, read.root)
            return result

        mine, other = await in_turns(
            product_side, lambda: self._load(self.baseline, read.bare), self.rounds
        )
        return Compared(
            key=read.key,
            title=read.title,
            target=read.target,
            baseline="bare Starlette, SQL by hand",
            ours=mine,
            theirs=other,
        )

    async def _compare_postings(self) -> Compared:
        posting = scenarios.postings(self.dataset, self.token(self.dataset.accountant))
        address = urlsplit(self.database_url)
        parts = {
            "host": parse_qs(address.query)["host"][0],
            "user": address.username or "",
            "database": address.path.lstrip("/"),
        }

        async def product_side() -> Measured:
            result = await self._load(self.product, posting.ours)
            scenarios.require_data(result.samples, "postInvoice")
            return result

        async def pgbench_side() -> Measured:
            return await asyncio.to_thread(
                run_pgbench,
                parts,
                customers=len(self.dataset.customers),
                actor=str(self.dataset.accountant),
                clients=CLIENTS,
                seconds=max(1, round(self.seconds)),
            )

        mine, other = await in_turns(product_side, pgbench_side, self.rounds)
        return Compared(
            key=posting.key,
            title=posting.title,
            target=posting.target,
            baseline="pgbench, one statement",
            ours=mine,
            theirs=other,
        )

    async def _load(
        self,
        server: servers.Server,
        requests: list[bytes],
        *,
        connections: int = CLIENTS,
        seconds: float | None = None,
    ) -> Measured:
        before = server.processor_seconds()
        result = await generate(
            Load(
                port=server.port,
                connections=connections,
                seconds=seconds or self.seconds,
                warm_up_seconds=WARM_UP_SECONDS,
                requests=requests,
            )
        )
        after = server.processor_seconds()
        if before is None or after is None:
            return result
        return replace(result, server_cpu_us=(after - before) / result.answered * 1e6)


async def run(options: argparse.Namespace) -> list[Compared]:
    """Everything that was asked for, on servers and data made for this and thrown away after."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="customer-flow-")))
        # The directory itself, not one below it: as root, a cluster that the server's user cannot
        # reach there is made elsewhere, and would stay.
        settings = Settings(data_dir=place, database_url=None, redis_url=None)
        addresses = await stack.enter_async_context(embedded_servers(settings, report=say))
        url = addresses.owner_url
        await asyncio.to_thread(upgrade, url)
        data = await _filled(url, options)
        secret = secrets.token_urlsafe(48)
        product = await stack.enter_async_context(
            servers.product(
                {
                    "DATABASE_URL": addresses.database_url,
                    "DATABASE_READ_URL": addresses.database_read_url or "",
                    "REDIS_URL": addresses.redis_url,
                    "SECRET_KEY": secret,
                    "CUSTOMER_FLOW_DATA_DIR": str(place / "product"),
                },
                place / "product.log",
            )
        )
        baseline = await stack.enter_async_context(servers.baseline(url, place / "baseline.log"))
        bench = Bench(
            dataset=data,
            database_url=url,
            tokens=AccessTokens(secret, timedelta(minutes=TOKEN_MINUTES)),
            product=product,
            baseline=baseline,
            seconds=options.seconds,
            rounds=options.rounds,
        )
        say(f"our server is process {product.process_id}")
        compared = []
        for kind in options.only or KINDS:
            say(f"measuring {kind}")
            compared.append(await bench.compare(kind))
        return compared


async def _filled(url: str, options: argparse.Namespace) -> Dataset:
    began = time.monotonic()
    database = Database(url)
    await database.open()
    try:
        data = await dataset.load(
            database, customers=options.customers, entries=options.entries, report=say
        )
    finally:
        await database.close()
    await dataset.settle(url)
    say(f"the books took {time.monotonic() - began:.0f} s")
    return data


def say(text: str) -> None:
    """Progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=KINDS, action="append", help="may be given again")
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    options = parser.parse_args(arguments)
    compared = asyncio.run(run(options))
    print(report.table(compared))
    path = options.json or RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in vars(options).items() if name != "json"}
    path.write_text(report.as_json(compared, kept) + "\n")


if __name__ == "__main__":
    main()

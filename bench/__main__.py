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
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from app.infra.embedded import embedded_servers
from app.infra.migrate import upgrade
from app.infra.settings import Settings
from app.services.auth.tokens import AccessTokens
from bench import books, crowd, growth, report, scenarios, servers
from bench.books import Books
from bench.load import Load, Measured
from bench.postings import run_pgbench
from bench.rounds import Compared, generate, in_turns

CLIENTS = 8
WARM_UP_SECONDS = 0.5
TOKEN_MINUTES = 60
COMPARISONS = ("one_customer", "many_customers", "postings")
KINDS = (*COMPARISONS, "crowd", "growth")
SMALL_BOOKS = "small_books"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is running, and how long each round takes."""

    books: Books
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
        return await self._compare_reads(
            make[kind](self.books, self.token(self.books.users["rep1"]))
        )

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
        accountant = self.books.users["accountant"]
        posting = scenarios.postings(self.books, self.token(accountant))
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
                customers=len(self.books.customers),
                actor=str(accountant),
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

    async def crowd(self) -> Measured:
        """Many clients that post, all of one user, to customers at random."""
        posting = scenarios.postings(self.books, self.token(self.books.users["accountant"]))
        return await self._load(
            self.product,
            posting.ours,
            connections=crowd.CLIENTS,
            seconds=self.seconds * self.rounds,
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


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Books and the server that answers from them."""

    books: Books
    server: servers.Server
    tokens: AccessTokens
    seconds: float

    async def __call__(self, question: growth.Question) -> Measured:
        """The question again and again, one at a time."""
        token = self.tokens.issue(self.books.users[question.asker], 1).text
        result = await generate(
            Load(
                port=self.server.port,
                connections=1,
                seconds=self.seconds,
                warm_up_seconds=WARM_UP_SECONDS,
                requests=[growth.request(question, self.books, token)],
            )
        )
        for sample in result.samples:
            if '"errors"' in sample:
                raise RuntimeError(f"this is no good answer: {sample[:500]}")
        return result


Results = tuple[list[Compared], list[growth.Growth], Measured | None]


async def run(options: argparse.Namespace) -> Results:
    """Everything that was asked for, on servers and data made for this and thrown away after."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="customer-flow-")))
        # The directory itself, not one below it: as root, a cluster that the server's user cannot
        # reach there is made elsewhere, and would stay.
        settings = Settings(data_dir=place, database_url=None, redis_url=None)
        addresses = await stack.enter_async_context(embedded_servers(settings, report=say))
        secret = secrets.token_urlsafe(48)
        tokens = AccessTokens(secret, timedelta(minutes=TOKEN_MINUTES))
        environment = {
            "REDIS_URL": addresses.redis_url,
            "SECRET_KEY": secret,
            "CUSTOMER_FLOW_DATA_DIR": str(place / "product"),
        }
        kinds = options.only or KINDS
        url = addresses.owner_url
        made = await _filled(url, options.entries, options.customers)

        async def serve(name: str) -> servers.Server:
            at = {
                "DATABASE_URL": _of(addresses.database_url, name),
                "DATABASE_READ_URL": _of(addresses.database_read_url or "", name),
            }
            log = place / f"{name or 'product'}.log"
            return await stack.enter_async_context(servers.product({**environment, **at}, log))

        product = await serve("")
        say(f"our server is process {product.process_id}")
        grown: list[growth.Growth] = []
        if "growth" in kinds:
            await _create(url, SMALL_BOOKS)
            small = await _filled(_of(url, SMALL_BOOKS), growth.SMALL, None)
            seconds = options.seconds / 4
            small_server = await serve(SMALL_BOOKS)
            grown = await growth.measure(
                Asked(books=small, server=small_server, tokens=tokens, seconds=seconds),
                Asked(books=made, server=product, tokens=tokens, seconds=seconds),
                options.rounds,
                say,
            )
        if set(kinds) == {"growth"}:
            return [], grown, None
        baseline = await stack.enter_async_context(servers.baseline(url, place / "baseline.log"))
        bench = Bench(
            books=made,
            database_url=url,
            tokens=tokens,
            product=product,
            baseline=baseline,
            seconds=options.seconds,
            rounds=options.rounds,
        )
        compared = []
        for kind in (each for each in kinds if each in COMPARISONS):
            say(f"measuring {kind}")
            compared.append(await bench.compare(kind))
        many = None
        if "crowd" in kinds:
            say("measuring crowd")
            many = await bench.crowd()
        return compared, grown, many


def _of(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}")) if url and name else url


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()


async def _filled(url: str, entries: int, customers: int | None) -> Books:
    say(f"making books of {entries} entries")
    await asyncio.to_thread(upgrade, url)
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    try:
        made = await books.make(connection, entries, customers)
    finally:
        await connection.close()
    say(f"the books took {time.monotonic() - began:.0f} s")
    return made


def say(text: str) -> None:
    """Progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--customers", type=int, help="a hundredth of the entries, if left out")
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each side in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=KINDS, action="append", help="may be given again")
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    options = parser.parse_args(arguments)
    compared, grown, many = asyncio.run(run(options))
    if compared:
        print(report.table(compared))
    if many is not None:
        print(crowd.line(many))
    if grown:
        print(report.growth_table(grown, growth.SMALL, options.entries, growth.TARGET))
    path = options.json or RESULTS / f"{datetime.now(UTC):%Y-%m-%d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in vars(options).items() if name != "json"}
    path.write_text(report.as_json(compared, grown, many, kept) + "\n")


if __name__ == "__main__":
    main()

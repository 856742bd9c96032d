"""`customer-flow import` as it is run: exit codes, reports, and SIGKILL in the middle."""

import asyncio
import csv
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from decimal import Decimal
from pathlib import Path

import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.conftest import url_of
from tests.factories import make_user
from tests.importing.conftest import HEADER, MAPPING, PAYMENTS, PAYMENTS_HEADER
from tests.invariants import broken

Owner = "asyncpg.Connection[asyncpg.Record]"

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "accounts-receivable.toml"
SAMPLE = ROOT.parent / "shared" / "data" / "accounts_receivable.csv"


class Command:
    """The command against this module's database."""

    def __init__(self, database_url: str, redis_url: str, place: Path) -> None:
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CUSTOMER_FLOW_DATA_DIR": str(place / "data"),
        }

    async def start(self, *arguments: str | Path) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "import", *map(str, arguments)),
            env=self._environment,
            cwd=ROOT,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def __call__(self, *arguments: str | Path) -> tuple[int | None, str, str]:
        process = await self.start(*arguments)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def killed(self, owner: Owner, *arguments: str | Path) -> None:
        """Run until the first entries are committed, then SIGKILL."""
        before = await owner.fetchval("SELECT count(*) FROM ledger_entries")
        process = await self.start(*arguments)
        while process.returncode is None:
            if await owner.fetchval("SELECT count(*) FROM ledger_entries") > before:
                process.send_signal(signal.SIGKILL)
                break
            await asyncio.sleep(0.005)
        await process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"


@pytest.fixture
async def command(database_url: str, redis_url: str, tmp_path: Path) -> Command:
    return Command(database_url, redis_url, tmp_path)


@pytest.fixture(scope="module", autouse=True)
async def importer(database: Database) -> None:
    """The first controller cannot make customers; the second can, and is the one who imports."""
    await make_user(database, Role.CONTROLLER)
    await make_user(database, Role.CONTROLLER, Role.ACCOUNTANT)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    place = tmp_path / "mapping.toml"
    place.write_text(MAPPING)
    return place


def write(place: Path, rows: str) -> Path:
    file = place / "rows.csv"
    file.write_text(HEADER + rows)
    return file


async def test_everything_came_in(command: Command, mapping: Path, tmp_path: Path) -> None:
    file = write(tmp_path, "all,1,2020-03-01,5,2020-03-02\n")
    code, out, err = await command(file, "--mapping", mapping)
    assert code == 0, err
    assert "invoices: 1" in out
    assert "Posting 1 of 1 rows" in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize("name", ["refused.csv", "refused.jsonl"])
async def test_some_rows_were_refused(
    command: Command, mapping: Path, tmp_path: Path, name: str
) -> None:
    rows = "".join(f"some,{n},2020-03-01,nothing,\n" for n in range(30)) + "some,s,2020-03-01,5,\n"
    report = tmp_path / name
    code, out, _ = await command(
        write(tmp_path, rows), "--mapping", mapping, "--dry-run", "--report", report
    )
    assert code == 1
    assert "refused: 30" in out
    assert "line 2, amount: This is not a number" in out
    with report.open() as file:
        found = (
            list(csv.DictReader(file))
            if name.endswith("csv")
            else [json.loads(line) for line in file]
        )
    assert len(found) == 30
    assert {key: str(value) for key, value in found[0].items()} == {
        "line": "2",
        "column": "amount",
        "code": "VALIDATION",
        "reason": "This is not a number as the mapping describes them.",
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.csv", "--mapping", "{mapping}"], "nowhere.csv: No such file"),
        (["{file}", "--mapping", "nowhere.toml"], "nowhere.toml: No such file"),
        (["{file}", "--mapping", "{file}"], "the mapping is not TOML"),
        (["{file}", "--mapping", "{example}"], "The file has no column 'customerID'"),
        (["{file}", "--mapping", "{mapping}", "--as", "no@b.example"], "no active user"),
        (["{file}", "--mapping", "{mapping}", "--as", "support@b.example"], "may not use"),
        (["{file}", "--mapping", "{mapping}", "--report", "/proc/no"], "report cannot be written"),
    ],
)
async def test_it_cannot_be_imported_at_all(
    command: Command,
    mapping: Path,
    tmp_path: Path,
    owner: Owner,
    arguments: list[str],
    reason: str,
) -> None:
    await owner.execute(
        "INSERT INTO users (email, name, roles) VALUES ('support@b.example', 'S', '{SUPPORT}') "
        "ON CONFLICT DO NOTHING"
    )
    places = {"mapping": mapping, "file": write(tmp_path, ""), "example": EXAMPLE}
    code, out, err = await command(*(each.format(**places) for each in arguments))
    assert (code, out) == (2, "")
    assert reason in err
    assert "Traceback" not in err


@pytest.mark.parametrize("spared", ["rows.csv", "mapping.toml"])
@pytest.mark.parametrize("way", ["same", "symlink", "hard link"])
async def test_a_report_does_not_overwrite_what_is_read(
    command: Command, mapping: Path, tmp_path: Path, spared: str, way: str
) -> None:
    file, report = write(tmp_path, "spared,1,2020-03-01,nothing,\n"), tmp_path / "report.csv"
    before = (tmp_path / spared).read_bytes()
    if way == "same":
        report = tmp_path / "." / ".." / tmp_path.name / spared
    elif way == "symlink":
        report.symlink_to(tmp_path / spared)
    else:
        report.hardlink_to(tmp_path / spared)
    code, out, err = await command(file, "--mapping", mapping, "--report", report)
    assert (code, out) == (2, "")
    assert f"Cannot import: The report cannot be written to {report}: the import reads it." in err
    assert (tmp_path / spared).read_bytes() == before


async def test_a_database_that_is_not_there(
    mapping: Path, tmp_path: Path, database_url: str, redis_url: str
) -> None:
    away = Command(url_of(database_url, "nowhere"), redis_url, tmp_path)
    code, out, err = await away(write(tmp_path, ""), "--mapping", mapping)
    assert (code, out) == (2, "")
    assert "PostgreSQL cannot be reached" in err
    assert "Traceback" not in err


async def test_killed_in_the_middle_and_started_again(
    command: Command, mapping: Path, tmp_path: Path, owner: Owner
) -> None:
    rows = "".join(
        f"kill{n % 150:03d},{n},2020-{n % 12 + 1:02d}-03,{n % 90 + 1}.25,2021-01-05\n"
        for n in range(3_000)
    )
    file = write(tmp_path, rows)
    for _ in range(2):
        await command.killed(owner, file, "--mapping", mapping)
    code, out, err = await command(file, "--mapping", mapping)
    assert code == 0, err
    assert "there already: 0" not in out
    counted = await owner.fetchrow("""
        SELECT count(*) AS entries, count(DISTINCT (type, external_reference)) AS references,
            count(DISTINCT customer_id) AS customers
        FROM ledger_entries JOIN customers ON customers.id = customer_id AND code LIKE 'kill%'
    """)
    assert tuple(counted or ()) == (6_000, 6_000, 150)
    assert await owner.fetchval("SELECT sum(pending + advance) FROM accounts") == Decimal(0)
    assert await broken(owner) == {}


async def test_payments_that_were_killed_come_in_once(
    command: Command, mapping: Path, tmp_path: Path, owner: Owner
) -> None:
    invoices = "".join(f"paid{n % 50:02d},{n},2020-03-03,3,\n" for n in range(1_000))
    await command(write(tmp_path, invoices), "--mapping", mapping)
    of_payments, file = tmp_path / "payments.toml", tmp_path / "payments.csv"
    of_payments.write_text(PAYMENTS)
    rows = (
        f"paid{n % 50:02d},{n},2020-0{month}-10,1,C,{n}-{month}\n"
        for n in range(1_000)
        for month in (4, 5, 6)
    )
    file.write_text(PAYMENTS_HEADER + "".join(rows))
    await command.killed(owner, file, "--mapping", of_payments)
    report = tmp_path / "report.jsonl"
    code, out, err = await command(file, "--mapping", of_payments, "--report", report)
    assert code == 0, err
    there = [json.loads(line) for line in report.read_text().splitlines()]
    assert {each["code"] for each in there} == {"ALREADY_THERE"}
    assert f"there already: {len(there):,}" in out
    assert f"payments: {3_000 - len(there):,}" in out
    settled = await owner.fetchrow("""
        SELECT count(*) AS invoices, sum(coalesce(open_amount, 0)) AS open
        FROM ledger_entries e JOIN customers ON customers.id = e.customer_id AND code LIKE 'paid%'
            LEFT JOIN open_items o ON o.customer_id = e.customer_id AND o.entry_id = e.id
    """)
    assert tuple(settled or ()) == (4_000, 0)
    assert await broken(owner) == {}


@pytest.mark.skipif(not SAMPLE.exists(), reason="the public sample is not part of the product")
async def test_the_public_sample_comes_in_whole(command: Command, owner: Owner) -> None:
    await command.killed(owner, SAMPLE, "--mapping", EXAMPLE)
    code, out, err = await command(SAMPLE, "--mapping", EXAMPLE)
    assert code == 0, err
    assert "Rows: 2,466" in out
    facts = await owner.fetchrow("""
        SELECT count(*) AS entries, count(*) FILTER (WHERE type = 'INVOICE') AS invoices,
            count(*) FILTER (WHERE description LIKE 'Disputed%') AS disputed,
            count(DISTINCT customer_id) AS customers, sum(amount) AS balance,
            sum(amount) FILTER (WHERE type = 'INVOICE') AS invoiced
        FROM ledger_entries JOIN customers ON customers.id = customer_id
        WHERE business_name LIKE 'Customer ____-_____'
    """)
    assert facts is not None
    with SAMPLE.open(encoding="utf-8-sig") as file:
        invoiced = sum((Decimal(row["InvoiceAmount"]) for row in csv.DictReader(file)), Decimal(0))
    assert dict(facts) == {
        "entries": 4_932,
        "invoices": 2_466,
        "disputed": 561,
        "customers": 100,
        "balance": Decimal("0.00"),
        "invoiced": invoiced,
    }
    # Settled on its date, each by its own payment.
    assert not await owner.fetchval("""
        SELECT count(*) FROM allocations a
            JOIN ledger_entries c ON c.customer_id = a.customer_id AND c.id = a.credit_id
            JOIN ledger_entries d ON d.customer_id = a.customer_id AND d.id = a.debit_id
            JOIN customers ON customers.id = a.customer_id
        WHERE business_name LIKE 'Customer ____-_____' AND (
            c.external_reference <> d.external_reference OR a.amount <> d.amount
            OR a.accounting_date <> c.transaction_date
        )
    """)
    assert await owner.fetchval("""
        SELECT coalesce(sum(debit - credit), 0) = (SELECT sum(current) FROM accounts)
        FROM journal_lines WHERE account IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES')
    """)
    years = await owner.fetch(
        "SELECT name FROM accounting_periods WHERE name LIKE 'FY%' ORDER BY 1"
    )
    assert {"FY2012", "FY2013", "FY2014"} <= {year["name"] for year in years}
    assert await broken(owner) == {}

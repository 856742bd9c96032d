"""`customer-flow import`: settings, database and terminal around one import."""

import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from app.domain.errors import DomainError
from app.infra.database import Database
from app.infra.opened import opened_database
from app.infra.reaching import NotReady
from app.infra.settings import Settings
from app.services.importing.importer import importer
from app.services.importing.mapping import ImportMapping
from app.services.importing.mapping_file import MAX_BYTES, read_mapping
from app.services.importing.refusals import (
    AlreadyThere,
    ImportRefused,
    Refusal,
    UnusableFile,
)
from app.services.importing.report import Write, report_to
from app.services.importing.run import Summary, import_file

ALL_CAME_IN, SOME_REFUSED, UNUSABLE = 0, 1, 2
_SHOWN = 10
_STEPS = 10


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to import, how, as whom; where to write what is refused."""

    file: Path
    mapping: Path
    user: str | None
    report: Path | None
    is_dry_run: bool


async def run(settings: Settings, order: Order) -> int:
    """The exit code: 0 when every row came in, 1 when some were refused, 2 when none could be."""
    console = Console(stderr=True, highlight=False)
    try:
        mapping = _mapping(order.mapping)
        with report_to(order.report, spared=(order.file, order.mapping)) as write:
            watcher = _Terminal(console, order.file, write)
            async with opened_database(settings, pool_size=2) as database:
                summary = await _import(database, order, mapping, watcher)
    except (ImportRefused, DomainError, NotReady) as error:
        console.print(Text(f"Cannot import: {error}"), soft_wrap=True)
        return UNUSABLE
    _sum_up(summary, watcher, order)
    return SOME_REFUSED if summary.refused else ALL_CAME_IN


async def _import(
    database: Database, order: Order, mapping: ImportMapping, watcher: "_Terminal"
) -> Summary:
    actor = await importer(database, mapping, order.user)
    with watcher.shown():
        return await import_file(
            database, actor, mapping, order.file, watcher, is_dry_run=order.is_dry_run
        )


def _mapping(path: Path) -> ImportMapping:
    try:
        with path.open("rb") as file:
            return read_mapping(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise UnusableFile(f"{path}: {error.strerror}") from error


class _Terminal:
    """Shows how far it is: two bars on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, file: Path, write: Write) -> None:
        self._console = console
        self._write = write
        self._size = file.stat().st_size if file.is_file() else 0
        self.first_refusals: list[Refusal] = []
        self.kinds: Counter[str] = Counter()
        self._steps: dict[str, int] = {}
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RowsPerSecond(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def shown(self) -> AbstractContextManager[object]:
        """While it shows."""
        return self._progress if self._console.is_terminal else nullcontext()

    def reading(self, bytes_read: int, rows: int) -> None:
        """Read and judged so far; how many rows there are in all can only be guessed from that."""
        whole = bytes_read >= self._size
        expected = rows if whole else rows * self._size // max(bytes_read, 1)
        self._show("Reading", rows, expected)

    def posting(self, rows: int, of_rows: int) -> None:
        """Dealt with so far."""
        self._show("Posting", rows, of_rows)

    def refused(self, refusal: Refusal) -> None:
        """Write it down; the first few are shown in the end."""
        self._write(refusal)
        # By column and code: reasons name lines and dates, of which there may be millions.
        self.kinds[f"{refusal.code} in {refusal.column or 'the row'}"] += 1
        if len(self.first_refusals) < _SHOWN:
            self.first_refusals.append(refusal)

    def there_already(self, found: AlreadyThere) -> None:
        """Write it down."""
        self._write(found)

    def _show(self, name: str, done: int, of: int) -> None:
        if self._console.is_terminal:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(name)
            self._progress.update(self._tasks[name], completed=done, total=of)
            return
        step = done * _STEPS // of if of else _STEPS
        if step != self._steps.get(name):
            self._steps[name] = step
            self._console.print(f"{name} {done:,} of {of:,} rows", soft_wrap=True)


class _RowsPerSecond(ProgressColumn):
    """Over the whole time: portions come in jumps."""

    def render(self, task: Task) -> Text:
        """Nothing until there is something to tell."""
        seconds = task.finished_time or task.elapsed
        return Text(f"{task.completed / seconds:,.0f} rows/s" if seconds else "")


def _sum_up(summary: Summary, watcher: _Terminal, order: Order) -> None:
    counts = summary.counts
    done = "would come in" if order.is_dry_run else "came in"
    out = Console(file=sys.stdout, highlight=False)
    lines = [
        f"Rows: {summary.rows:,}",
        f"  refused: {summary.refused:,}",
        f"  there already: {counts.rows_already_there:,}",
        f"  passed over: {summary.passed_over:,}",
        f"What {done}:",
        f"  customers: {counts.customers:,}",
        f"  invoices: {counts.invoices:,}",
        f"  settlements: {counts.settlements:,}",
        f"  payments: {counts.payments:,}",
        f"  fiscal years: {summary.fiscal_years:,}",
    ]
    for refusal in watcher.first_refusals:
        place = f"line {refusal.line}" + (f", {refusal.column}" if refusal.column else "")
        lines.append(f"  {place}: {refusal.reason}")
    if summary.refused > len(watcher.first_refusals):
        lines.append("In all, most frequent first:")
        lines.extend(f"  {count:,} x {kind}" for kind, count in watcher.kinds.most_common(_SHOWN))
    if (summary.refused or counts.rows_already_there) and order.report is not None:
        lines.append(f"Every row that is refused or there already is in {order.report}.")
    for line in lines:
        out.print(Text(line), soft_wrap=True)

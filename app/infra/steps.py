"""Shows how far something long has come: a bar on a terminal, a line every tenth elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_TENTHS = 10


Steps: TypeAlias = Callable[[str, int, int], None]
"""Told of what, how many are done, and of how many."""


@contextmanager
def shown_steps() -> Iterator[Steps]:
    """Where to say it, on standard error, for the length of the block."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("")

        def show(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        yield show


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -1

    def __call__(self, what: str, done: int, of: int) -> None:
        tenth = done * _TENTHS // of if of else _TENTHS
        if tenth != self._last:
            self._last = tenth
            self._console.print(f"{done:,} of {of:,} {what}", soft_wrap=True)

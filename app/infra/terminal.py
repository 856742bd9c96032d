"""What a command that keeps running tells the person in front of it."""

import io
import os
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {"api": 36, "worker": 35, "scheduler": 33}


class Terminal:
    """Lines on a file descriptor, failures on another: with colours on a terminal, plain elsewhere.

    When nobody reads any more (a closed terminal or pipe), `lost` is called once and the rest is
    dropped: stopping in order must not fail for want of a listener.
    """

    def __init__(
        self, descriptor: int, failures: int, *, prefixed: bool, lost: Callable[[], None]
    ) -> None:
        self._descriptor = descriptor
        self._failures = failures
        self._prefixed = prefixed
        self._lost = lost
        self._is_heard = True
        self.is_interactive = os.isatty(descriptor)

    def say(self, message: str) -> None:
        """One step of what is being done."""
        self._print(self._descriptor, Text.assemble(("» ", "bold green"), message))

    def fail(self, message: str) -> None:
        """Why it does not go on."""
        self._print(self._failures, Text.assemble(("Cannot go on: ", "bold red"), message))

    def show(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """A small table of two columns under a title."""
        table = Table(box=None, show_header=False, padding=(0, 2))
        for left, right in rows:
            table.add_row(Text(left, "bold"), Text(right))
        self._print(self._descriptor, Text(f"\n{title}", "bold"), table)

    def pass_on(self, name: str, line: bytes) -> None:
        """A line of a child program. JSON lines stay JSON: no name before them."""
        if not self._prefixed:
            self._write(self._descriptor, line + b"\n")
            return
        prefix = f"{name:<9} | "
        if self.is_interactive:
            prefix = f"\x1b[{_COLOURS.get(name, 34)}m{prefix}\x1b[0m"
        self._write(self._descriptor, prefix.encode() + line + b"\n")

    def _print(self, descriptor: int, *parts: Text | Table) -> None:
        console = Console(
            file=io.StringIO(), force_terminal=os.isatty(descriptor), highlight=False, width=120
        )
        with console.capture() as captured:
            for part in parts:
                console.print(part, soft_wrap=True)
        lines = (line.rstrip() for line in captured.get().splitlines())
        self._write(descriptor, "".join(f"{line}\n" for line in lines).encode())

    def _write(self, descriptor: int, data: bytes) -> None:
        try:
            while data and self._is_heard:
                data = data[os.write(descriptor, data) :]
        except OSError:
            self._is_heard = False
            self._lost()

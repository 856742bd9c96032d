"""Every connection of one process, by what it waits for: none waits for good.

Whoever connects has proved nothing yet, and an open connection costs a file descriptor, of which a
process has few. So each phase of a connection has a deadline, and where there is no room for one
more, those that have said nothing for longest make room, then those whose request is incomplete.
"""

import asyncio
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from app.infra.metrics import observe_connection_end

SWEEP_SECONDS = 0.25
GIVE_UP_SECONDS = 5.0
"""After closing: so long may what was written take to be fetched before it is thrown away."""

FULL = "full"
"""Why a connection was ended, when no phase is the reason."""

RESERVED_FILES = 256
"""For all that is no client: connections to PostgreSQL and Redis, files, sockets that listen."""


class Phase(Enum):
    """What a connection waits for."""

    IDLE = "idle"
    """A request: for the first, or for the next one."""
    HEAD = "head"
    """The rest of a request's address and headers."""
    BODY = "body"
    """The rest of its body."""
    ANSWER = "answer"
    """This server: nothing that a client could delay."""
    UNREAD = "unread"
    """The client to fetch what was written to it."""
    CLOSED = "closed"
    """The end of what was written, and then the end."""


class Watched(Protocol):
    """A connection, as the register sees it."""

    def expire(self, phase: Phase) -> bool:
        """The deadline of `phase` has passed. False: it is not this client's fault, wait again."""

    def make_room(self) -> None:
        """End at once: the place is needed."""

    def turn_away(self) -> None:
        """There is no place, not even by ending others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How long a connection may be in each phase, and how many of them there are."""

    most: int = 10_000
    idle_seconds: float = 30.0
    head_seconds: float = 10.0
    body_seconds: float = 30.0

    def seconds(self, phase: Phase) -> float | None:
        """None: as long as it takes."""
        match phase:
            case Phase.IDLE:
                return self.idle_seconds
            case Phase.HEAD:
                return self.head_seconds
            case Phase.BODY | Phase.UNREAD:
                return self.body_seconds
            case Phase.CLOSED:
                return GIVE_UP_SECONDS
            case Phase.ANSWER:
                return None


@dataclass(slots=True)
class Connections:
    """The register of one process. In each phase the connection that has been there longest comes
    first, and all of a phase have the same time, so whoever expires next is at its head."""

    bounds: Bounds
    _since: dict[Phase, dict[Watched, float]] = field(
        default_factory=lambda: {phase: {} for phase in Phase}
    )
    _phase: dict[Watched, Phase] = field(default_factory=dict)
    _sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._phase)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._phase)

    def phase(self, connection: Watched) -> Phase | None:
        """What it waits for; None when it is not here any more."""
        return self._phase.get(connection)

    def add(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        """Somebody has connected. Where there is no place, one is made, or they are turned away."""
        if len(self._phase) - len(self._since[Phase.CLOSED]) >= self.bounds.most:
            crowded = self._since[Phase.IDLE] or self._since[Phase.HEAD]
            observe_connection_end(FULL)
            if not crowded:
                connection.turn_away()
                return
            displaced = next(iter(crowded))
            self._put(displaced, Phase.CLOSED, loop)
            displaced.make_room()
        self._put(connection, Phase.IDLE, loop)
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._expire, loop)

    def move(
        self,
        connection: Watched,
        phase: Phase,
        loop: asyncio.AbstractEventLoop,
        *,
        is_anew: bool = False,
    ) -> None:
        """It waits for this now. If it did before, its time goes on, unless this `is_anew`.

        What has been closed stays closed.
        """
        before = self._phase.get(connection)
        if before is None or before is Phase.CLOSED or (before is phase and not is_anew):
            return
        self._put(connection, phase, loop)

    def remove(self, connection: Watched) -> None:
        """It has ended."""
        phase = self._phase.pop(connection, None)
        if phase is not None:
            self._since[phase].pop(connection, None)

    def _put(self, connection: Watched, phase: Phase, loop: asyncio.AbstractEventLoop) -> None:
        before = self._phase.get(connection)
        if before is not None:
            self._since[before].pop(connection, None)
        self._phase[connection] = phase
        self._since[phase][connection] = loop.time()

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        for phase in Phase:
            seconds = self.bounds.seconds(phase)
            if seconds is not None:
                self._expire_in(phase, loop.time() - seconds, loop)
        self._sweep = None
        if self._phase:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._expire, loop)

    def _expire_in(self, phase: Phase, until: float, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._since[phase]
        overdue = []
        for connection, since in waiting.items():
            if since > until:
                break
            overdue.append(connection)
        for connection in overdue:
            if connection.expire(phase):
                observe_connection_end(phase.value)
                if connection in self._phase:
                    self._put(connection, Phase.CLOSED, loop)
            elif connection in self._phase:
                self._put(connection, phase, loop)


def most_connections(wanted: int) -> int:
    """How many connections this process can have, once it may open as many files as the system
    allows it; what is reserved for the rest is not for clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, hard - min(RESERVED_FILES, hard // 2)))

"""Who may wait for a connection, and who goes next: nobody's rush makes everybody wait.

A customer whose account is held, or whom everybody posts to at once, and a user who asks for a lot,
fill only their own share of the places. Who waits is served in turn, but for those whose share is
taken; where too many wait already, the next one is told at once to come back.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

MOST_WAITING = 512
"""Over all; some seconds of work."""


class Overloaded(Exception):
    """Too many wait already, or this has waited for too long: come back later."""


@dataclass(frozen=True, slots=True)
class Share:
    """Something that may have so many of the places at a time, and so many waiting for one."""

    of: Hashable
    places: int
    waiting: int


@dataclass(eq=False, slots=True)
class _Waiting:
    shares: Sequence[Share]
    turn: "asyncio.Future[None]"


@dataclass(slots=True)
class Admission:
    """`size` places. For one event loop."""

    size: int
    wait_seconds: float
    _taken: int = 0
    _taken_by: Counter[Hashable] = field(default_factory=Counter)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _waiting_for: Counter[Hashable] = field(default_factory=Counter)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    async def enter(self, shares: Sequence[Share]) -> None:
        """Take a place, which has to be left. Raises Overloaded."""
        if self._waiting or not self._is_free(shares):
            await self._wait(shares)
        else:
            self._take(shares)

    def leave(self, shares: Sequence[Share]) -> None:
        """Give it back, and admit whoever is next."""
        self._taken -= 1
        for share in shares:
            _less(self._taken_by, share.of)
        self._admit()

    def _is_free(self, shares: Sequence[Share]) -> bool:
        return self._taken < self.size and all(
            self._taken_by[share.of] < share.places for share in shares
        )

    def _take(self, shares: Sequence[Share]) -> None:
        self._taken += 1
        for share in shares:
            self._taken_by[share.of] += 1

    def _admit(self) -> None:
        """Whoever has waited longest of those whose shares are not taken."""
        while self._taken < self.size:
            waiting = next((it for it in self._waiting if self._is_free(it.shares)), None)
            if waiting is None:
                return
            self._forget(waiting)
            self._take(waiting.shares)
            waiting.turn.set_result(None)

    async def _wait(self, shares: Sequence[Share]) -> None:
        if len(self._waiting) >= MOST_WAITING or any(
            self._waiting_for[share.of] >= share.waiting for share in shares
        ):
            raise Overloaded
        waiting = _Waiting(shares, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        for share in shares:
            self._waiting_for[share.of] += 1
        self._admit()  # those before it may all be waiting for shares of their own
        try:
            async with asyncio.timeout(self.wait_seconds):
                await asyncio.shield(waiting.turn)
        except BaseException as error:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.leave(shares)  # its turn came as it gave up
            else:
                self._forget(waiting)
                waiting.turn.cancel()
            if isinstance(error, TimeoutError):
                raise Overloaded from None
            raise

    def _forget(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        for share in waiting.shares:
            _less(self._waiting_for, share.of)


def _less(counts: Counter[Hashable], of: Hashable) -> None:
    counts[of] -= 1
    if not counts[of]:
        del counts[of]

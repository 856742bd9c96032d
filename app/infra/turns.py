"""Work that keeps a processor busy: in a few threads, of each caller one thing at a time.

The event loop stays free for everybody, and whoever asks for much waits for themselves only. The
threads take turns with the loop every few milliseconds (`sys.getswitchinterval`), so there are few.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.domain.errors import DomainError, ErrorCode

THREADS = 2
MAX_WAITING = 300
"""Of one caller, beside what is done for them at the moment. One operation may come to so many."""

RETRY_AFTER_SECONDS = 2

R = TypeVar("R")


class TooMuchAtOnce(DomainError):
    """The caller has too much to be done already. Nobody else has to wait for it."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.RATE_LIMITED,
            "Too many requests of yours that take long at once: wait for some to be answered.",
            details={"retryAfterSeconds": RETRY_AFTER_SECONDS},
        )


class Turns:
    """The threads of one process, and who waits for them. For one event loop."""

    def __init__(self, *, threads: int = THREADS, max_waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="aside")
        self._free = threads
        self._max_waiting = max_waiting
        # Those who wait for a thread, whose turn it is first; the futures say that it has come.
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._served: set[Hashable] = set()

    async def take(self, who: Hashable, work: Callable[[], R]) -> R:
        """What `work` returns or raises. Raises TooMuchAtOnce.

        Callers take turns; of one caller, whatever came first is done first. Work that nobody waits
        for any more is still finished, and counts until it is.
        """
        loop = asyncio.get_running_loop()
        await self._turn(who, loop)
        working = self._threads.submit(work)
        awaited = asyncio.wrap_future(working)
        # Not when what is awaited ends: that does when its caller gives up. And after it, so that
        # whoever comes next finds what the caller made of the result.
        working.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release, who))
        return await awaited

    def close(self) -> None:
        """Wait for what is being done."""
        self._threads.shutdown()

    async def _turn(self, who: Hashable, loop: asyncio.AbstractEventLoop) -> None:
        if self._free and who not in self._served:
            self._admit(who)
            return
        queue = self._waiting.setdefault(who, deque())
        if len(queue) >= self._max_waiting:
            raise TooMuchAtOnce
        turn: asyncio.Future[None] = loop.create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(who, turn)
            else:  # it had just come
                self._release(who)
            raise

    def _admit(self, who: Hashable) -> None:
        self._free -= 1
        self._served.add(who)

    def _release(self, who: Hashable) -> None:
        self._free += 1
        self._served.discard(who)
        for each in [each for each in self._waiting if each not in self._served]:
            queue = self._waiting.pop(each)
            while queue:
                turn = queue.popleft()
                if turn.cancelled():
                    continue
                # Behind all others, with whatever else they wait for.
                if queue:
                    self._waiting[each] = queue
                self._admit(each)
                turn.set_result(None)
                return

    def _forget(self, who: Hashable, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(who, deque())
        if turn in queue:
            queue.remove(turn)
        if not queue:
            self._waiting.pop(who, None)

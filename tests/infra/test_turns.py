"""Work in threads: of each caller one thing at a time, and nobody waits behind somebody else's."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from app.infra.turns import TooMuchAtOnce, Turns


class Held:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self._may_end = threading.Event()

    def __call__(self) -> str:
        self.started.set()
        assert self._may_end.wait(20)
        return "done"

    def let_go(self) -> None:
        self._may_end.set()


async def started(held: Held) -> None:
    assert await asyncio.to_thread(held.started.wait, 20)


async def test_one_caller_has_one_thread_and_others_the_rest() -> None:
    turns = Turns(threads=2)
    first, second, other = Held(), Held(), Held()
    tasks = [asyncio.create_task(turns.take("a", each)) for each in (first, second)]
    await started(first)

    others = asyncio.create_task(turns.take("b", other))

    await started(other)
    assert not second.started.is_set()
    first.let_go()
    await started(second)
    second.let_go()
    other.let_go()
    assert await asyncio.gather(*tasks, others) == ["done"] * 3
    turns.close()


async def test_callers_take_turns_whatever_one_has_asked_for() -> None:
    turns = Turns(threads=1)
    done: list[str] = []
    held = Held()
    holding = asyncio.create_task(turns.take("a", held))
    await started(held)

    tasks = [
        asyncio.create_task(turns.take(who, lambda name=name: done.append(name)))
        for who, name in (("b", "b1"), ("b", "b2"), ("b", "b3"), ("c", "c1"), ("d", "d1"))
    ]
    await asyncio.sleep(0)
    held.let_go()
    await asyncio.gather(holding, *tasks)

    assert done == ["b1", "c1", "d1", "b2", "b3"]
    turns.close()


async def test_more_than_may_wait_is_refused_and_nobody_else_is() -> None:
    turns = Turns(threads=1, max_waiting=2)
    held = Held()
    tasks = [asyncio.create_task(turns.take("a", held)) for _ in range(3)]
    await started(held)

    with pytest.raises(TooMuchAtOnce) as refused:
        await turns.take("a", held)

    assert refused.value.code == "RATE_LIMITED"
    other = asyncio.create_task(turns.take("b", lambda: "other"))
    held.let_go()
    assert await asyncio.gather(*tasks, other) == ["done"] * 3 + ["other"]
    turns.close()


@pytest.mark.parametrize("cancelled", [[0], [1], [2], [0, 1, 2], [1, 2]])
async def test_whoever_gives_up_gives_their_turn_to_the_next(cancelled: list[int]) -> None:
    turns = Turns(threads=1)
    held = Held()
    tasks = [asyncio.create_task(turns.take(who, held)) for who in ("a", "a", "b")]
    await started(held)

    for place in cancelled:
        tasks[place].cancel()
    held.let_go()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(each, asyncio.CancelledError) for each in results] == [
        place in cancelled for place in range(3)
    ]
    for who in "abc":
        async with asyncio.timeout(20):
            assert await turns.take(who, lambda: 1) == 1
    turns.close()


async def test_what_nobody_waits_for_any_more_counts_until_it_has_ended() -> None:
    turns = Turns(threads=2)
    held, following = Held(), Held()
    given_up = asyncio.create_task(turns.take("a", held))
    await started(held)
    given_up.cancel()

    next_one = asyncio.create_task(turns.take("a", following))
    await asyncio.gather(given_up, return_exceptions=True)

    assert await turns.take("b", lambda: 1) == 1
    assert not following.started.is_set()
    held.let_go()
    following.let_go()
    assert await next_one == "done"
    turns.close()


async def test_failing_ends_a_turn_too() -> None:
    turns = Turns(threads=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await turns.take("a", divide)
    turns.close()


divide: Callable[[], float] = lambda: 1 / 0  # noqa: E731

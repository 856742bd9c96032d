"""What a job is: one declaration, read by relay, consumer and scheduler alike."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

from app.domain.schedule import Daily, MissedRuns
from app.infra.database import Transaction
from app.services.outbox import JOB_PREFIX


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message being worked on: its outbox row, and which attempt this is (from 1)."""

    id: UUID
    payload: Mapping[str, Any]
    attempt: int


class Progress(Enum):
    """What a step leaves to do."""

    MORE = auto()
    FINISHED = auto()


Step = Callable[[Transaction, Message], Awaitable[Progress]]
"""One transaction's worth of a job. It never commits: the consumer commits after every step, the
last one together with the inbox row. A job in chunks keeps its cursor in rows of its own."""

Bury = Callable[[Transaction, Message, str], Awaitable[None]]
"""What else must happen when a message is given up, in the transaction that marks it dead."""

Prepare = Callable[[Transaction], Awaitable[Mapping[str, Any]]]
"""Writes what a scheduled run needs and returns its message's payload."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When a job runs by itself. `name` is unique among all timetables and never changes.

    Under MissedRuns.SKIP a run that is more than `grace` late is skipped.
    """

    name: str
    daily: Daily
    prepare: Prepare
    missed: MissedRuns
    grace: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A kind of background work, done for messages on the topic `job.<name>`.

    After `max_attempts` started attempts without success a message is dead. A step that takes
    longer than `step_seconds` is cancelled, and the attempt has failed.
    """

    name: str
    description: str
    step: Step
    bury: Bury | None = None
    timetables: tuple[Timetable, ...] = ()
    max_attempts: int = 10
    step_seconds: float = 300.0

    @property
    def topic(self) -> str:
        """Where its messages are written."""
        return JOB_PREFIX + self.name

"""Accounting periods: opening a fiscal year."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from app.domain import dates
from app.domain.errors import Invalid
from app.domain.periods import Period, PeriodStatus, PeriodType, fiscal_year, fitted
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services import audit
from app.services.locks import LOCK_GATE


@dataclass(frozen=True, kw_only=True)
class CreateFiscalYear:
    """Twelve months from `starts_on`, which is the first of a month."""

    starts_on: date
    types: tuple[PeriodType, ...] = tuple(PeriodType)


async def create_fiscal_year(
    tx: Transaction, actor: Actor, command: CreateFiscalYear
) -> tuple[UUID, ...]:
    """The ids of the new periods, months first, then by date: all of them or none.

    A year adjoins the calendar, can be posted to, and is closed where it lies before what is.
    Raises Forbidden, Invalid, and PERIOD_OVERLAP where a period of the same type is in the way or a
    quarter would lie across the border of a year.
    """
    actor.require("Mutation.createFiscalYear")
    dates.sane(command.starts_on, "startsOn")
    if not command.types:
        raise Invalid("Name at least one type of period.", "types")
    year = fiscal_year(command.starts_on, command.types, "startsOn")
    await tx.fetchval(LOCK_GATE)
    periods = fitted(year, await every_period(tx), "startsOn")
    rows = await tx.fetch(
        _INSERT,
        names=[period.name for period in periods],
        types=[str(period.type) for period in periods],
        starts=[period.starts_on for period in periods],
        ends=[period.ends_before for period in periods],
        statuses=[str(period.status) for period in periods],
        actor_id=actor.user_id,
    )
    await audit.record(
        tx,
        actor,
        "createFiscalYear",
        subject=audit.Subject(type="AccountingPeriod", id=rows[-1]["id"]),
        after={
            "periods": [period.name for period in periods],
            "closed": [period.name for period in periods if period.status is PeriodStatus.CLOSED],
        },
    )
    return tuple(row["id"] for row in rows)


async def every_period(tx: Transaction) -> list[Period]:
    """The whole calendar: a few dozen rows for each year."""
    return [
        Period(
            id=row["id"],
            name=row["name"],
            type=PeriodType(row["type"]),
            status=PeriodStatus(row["status"]),
            starts_on=row["starts_on"],
            ends_before=row["ends_before"],
        )
        for row in await tx.fetch(_PERIODS)
    ]


_INSERT = Statement(
    text("""
    INSERT INTO accounting_periods (name, type, during, status, closed_by, closed_at)
    SELECT name, type, daterange(starts_on, ends_before), status,
        CASE WHEN status = 'CLOSED' THEN CAST(:actor_id AS uuid) END,
        CASE WHEN status = 'CLOSED' THEN now() END
    FROM unnest(CAST(:names AS text[]), CAST(:types AS text[]), CAST(:starts AS date[]),
            CAST(:ends AS date[]), CAST(:statuses AS text[]))
        AS period (name, type, starts_on, ends_before, status)
    RETURNING id
    """)
)
_PERIODS = Statement(
    text("""
    SELECT id, name, type, status, lower(during) AS starts_on, upper(during) AS ends_before
    FROM accounting_periods
    """)
)

"""Accounting periods: opening a fiscal year."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
from sqlalchemy import text

from app.domain import dates
from app.domain.errors import DomainError, ErrorCode, Invalid
from app.domain.periods import PeriodType, fiscal_year
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

    Raises Forbidden, Invalid, and PERIOD_OVERLAP where a period of the same type is in the way or a
    quarter would lie across the border of a year.
    """
    actor.require("Mutation.createFiscalYear")
    dates.sane(command.starts_on, "startsOn")
    if not command.types:
        raise Invalid("Name at least one type of period.", "types")
    periods = fiscal_year(command.starts_on, command.types, "startsOn")
    await tx.fetchval(LOCK_GATE)
    try:
        rows = await tx.fetch(
            _INSERT,
            names=[period.name for period in periods],
            types=[str(period.type) for period in periods],
            starts=[period.starts_on for period in periods],
            ends=[period.ends_before for period in periods],
        )
    except asyncpg.ExclusionViolationError as error:
        raise _overlap() from error
    if await tx.fetchval(_IS_ASTRIDE):
        raise _overlap()
    await audit.record(
        tx,
        actor,
        "createFiscalYear",
        subject=audit.Subject(type="AccountingPeriod", id=rows[-1]["id"]),
        after={"periods": [period.name for period in periods]},
    )
    return tuple(row["id"] for row in rows)


def _overlap() -> DomainError:
    return DomainError(
        ErrorCode.PERIOD_OVERLAP,
        "A period that exists already is in the way of this year.",
        path=("startsOn",),
    )


_INSERT = Statement(
    text("""
    INSERT INTO accounting_periods (name, type, during)
    SELECT name, type, daterange(starts_on, ends_before)
    FROM unnest(CAST(:names AS text[]), CAST(:types AS text[]), CAST(:starts AS date[]),
        CAST(:ends AS date[])) AS period (name, type, starts_on, ends_before)
    RETURNING id
    """)
)
_IS_ASTRIDE = Statement(
    text("""
    SELECT EXISTS (
        SELECT FROM accounting_periods AS quarter JOIN accounting_periods AS year
            ON quarter.during && year.during AND NOT quarter.during <@ year.during
        WHERE quarter.type = 'QUARTERLY' AND year.type = 'YEARLY'
    )
    """)
)

"""Every job there is. Adding one is adding a declaration here."""

from datetime import time

from app.domain.schedule import EVERY_DAY, SUNDAY, Daily, MissedRuns
from app.jobs import housekeeping, reconciliation
from app.jobs.job import Job, Timetable


def every_job(*, housekeeping_days: int) -> tuple[Job, ...]:
    """The jobs, as the settings have them."""
    return (
        Job(
            name="reconciliation",
            description="Recomputes balances from the sub-ledger and compares the stored ones.",
            step=reconciliation.check_next_chunk,
            bury=reconciliation.mark_run_failed,
            timetables=(
                Timetable(
                    name="reconciliation-nightly",
                    daily=Daily(at=time(2, 0), weekdays=EVERY_DAY - {SUNDAY}),
                    prepare=reconciliation.prepare_changed,
                    missed=MissedRuns.CATCH_UP_ONCE,
                ),
                Timetable(
                    name="reconciliation-weekly",
                    daily=Daily(at=time(2, 0), weekdays=frozenset({SUNDAY})),
                    prepare=reconciliation.prepare_everything,
                    missed=MissedRuns.CATCH_UP_ONCE,
                ),
            ),
        ),
        Job(
            name="housekeeping",
            description="Deletes finished background work and expired refresh tokens.",
            step=housekeeping.clean_up_after(housekeeping_days),
            timetables=(
                Timetable(
                    name="housekeeping-nightly",
                    daily=Daily(at=time(3, 30)),
                    prepare=housekeeping.prepare_nothing,
                    missed=MissedRuns.CATCH_UP_ONCE,
                ),
            ),
        ),
    )

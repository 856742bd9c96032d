"""What the background counts, in the process's default Prometheus registry.

Not by Dramatiq's own middleware: to it every delivery succeeds, since the consumer catches what a
job raises and PostgreSQL owns the retries; and its page is served, on every address, by a process
that only Dramatiq's own command line starts.
"""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

SENT = Counter("customer_flow_messages_sent", "Messages handed to Redis.", ["topic"])
RELAY_FAILURES = Counter("customer_flow_relay_failures", "Rounds of the relay that failed.")
PROCESSED = Counter("customer_flow_jobs_processed", "Messages whose effect is recorded.", ["job"])
FAILED = Counter("customer_flow_job_attempts_failed", "Attempts that failed.", ["job"])
RETRIED = Counter("customer_flow_job_retries", "Attempts begun after the first.", ["job"])
DEAD = Counter("customer_flow_jobs_dead", "Messages given up.", ["job"])
DUPLICATES = Counter("customer_flow_job_duplicates", "Deliveries that found nothing to do.")
SCHEDULED = Counter(
    "customer_flow_scheduled_runs", "Scheduled times dealt with.", ["timetable", "outcome"]
)
STEP_SECONDS = Histogram(
    "customer_flow_job_step_seconds",
    "How long one transaction of a job took.",
    ["job"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300),
)
JOB_SECONDS = Histogram(
    "customer_flow_job_seconds",
    "How long an attempt took, whatever came of it.",
    ["job"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200),
)
BACKLOG = Gauge("customer_flow_outbox_backlog", "Messages due whose effect is not recorded yet.")
OLDEST_SECONDS = Gauge(
    "customer_flow_outbox_oldest_seconds", "For how long the oldest of them has been due."
)
DEAD_LETTERS = Gauge(
    "customer_flow_outbox_dead_letters", "Messages given up that nobody has dealt with."
)
LAST_SUCCESS = Gauge(
    "customer_flow_timetable_last_success_timestamp_seconds",
    "When a scheduled run last ended in success; 0: never.",
    ["timetable"],
)
OPEN_FINDINGS = Gauge("customer_flow_drift_findings_open", "Findings that nobody has dealt with.")
OLDEST_FINDING_SECONDS = Gauge(
    "customer_flow_drift_findings_oldest_seconds", "How long ago the oldest of them was found."
)
LAST_RUN = Gauge(
    "customer_flow_reconciliation_last_end_timestamp_seconds",
    "When a run over every customer last ended so; 0: never.",
    ["run", "outcome"],
)
LAST_PROOF = Gauge(
    "customer_flow_reconciliation_last_proof_timestamp_seconds",
    "When the last full run that found nothing began: what was posted before is proved; 0: never.",
)


def begin_at_zero(jobs: Iterable[str]) -> None:
    """Show every job's counters before anything happens: their first event is a rise then."""
    for job in jobs:
        for each in (PROCESSED, FAILED, RETRIED, DEAD):
            each.labels(job)

"""What the background counts, in the process's default Prometheus registry."""

from prometheus_client import Counter, Histogram

SENT = Counter("customer_flow_messages_sent", "Messages handed to Redis.", ["topic"])
RELAY_FAILURES = Counter("customer_flow_relay_failures", "Rounds of the relay that failed.")
PROCESSED = Counter("customer_flow_jobs_processed", "Messages whose effect is recorded.", ["job"])
FAILED = Counter("customer_flow_job_attempts_failed", "Attempts that failed.", ["job"])
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

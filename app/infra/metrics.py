"""What a process counts of its requests, caches and connections, for Prometheus.

Labels come from closed sets: no name, address or id that a client chose is ever one.
"""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

__all__ = [
    "CONTENT_TYPE_LATEST",
    "measure",
    "observe_connection_end",
    "observe_need",
    "observe_request",
    "rendered",
]

NO_OPERATION = "none"

REQUESTS = Counter(
    "customer_flow_http_requests",
    "Requests answered. `kind` is query, mutation, or none for all that is not GraphQL.",
    ["kind", "status"],
)
REQUEST_SECONDS = Histogram(
    "customer_flow_http_request_seconds",
    "How long an answer took.",
    ["kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS_ENDED = Counter(
    "customer_flow_http_connections_ended",
    "Connections that the server ended: what was waited for, or that all places were taken.",
    ["reason"],
)

NEEDS = Gauge(
    "customer_flow_need_fulfilled",
    "1 when what this process needs was there at the last probe, else 0.",
    ["need"],
)

# A labelled child is looked up under a lock; there are few of them, and each request needs two.
_requests: dict[tuple[str, int], Counter] = {}
_seconds: dict[str, Histogram] = {}


def observe_request(kind: str | None, status: int, seconds: float) -> None:
    """One request was answered. `status` 0: its client had gone."""
    label = kind or NO_OPERATION
    counter = _requests.get((label, status))
    if counter is None:
        counter = _requests[label, status] = REQUESTS.labels(label, str(status))
        _seconds[label] = REQUEST_SECONDS.labels(label)
    counter.inc()
    _seconds[label].observe(seconds)


def observe_connection_end(reason: str) -> None:
    """The server has ended a connection, or turned one away. `reason` is of a closed set."""
    CONNECTIONS_ENDED.labels(reason).inc()


def observe_need(name: str, *, is_fine: bool) -> None:
    """A probe has found how a need stands. `name` is of a closed set."""
    NEEDS.labels(name).set(is_fine)


def measure(name: str, description: str, read: Callable[[], float]) -> None:
    """Read a value whenever the metrics are asked for. Said again, it replaces the first source."""
    gauge = _gauges.get(name)
    if gauge is None:
        gauge = _gauges[name] = Gauge(name, description)
    gauge.set_function(read)


_gauges: dict[str, Gauge] = {}


def rendered() -> bytes:
    """Everything this process counts, in Prometheus's text format."""
    return generate_latest()

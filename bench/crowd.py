"""How long the slowest wait when many post at once: nobody's turn comes much later than others'."""

from bench.load import Measured

CLIENTS = 256
TARGET = 4.0
"""The 99th percentile is at most so many times the median."""


def ratio(crowd: Measured) -> float:
    """How many times as long as half of them the slowest hundredth waits."""
    return crowd.p99_ms / crowd.p50_ms


def line(crowd: Measured) -> str:
    """For people."""
    verdict = "" if ratio(crowd) <= TARGET and not crowd.refused else "   above target"
    return (
        f"{CLIENTS} clients post invoices: {crowd.requests_per_second:.0f} a second, "
        f"p50 {crowd.p50_ms:.0f} ms, p99 {crowd.p99_ms:.0f} ms, ratio {ratio(crowd):.2f} "
        f"(at most {TARGET:g}), refused {crowd.refused}{verdict}"
    )

"""Logs: what a line carries, and what no line may carry."""

import json
import subprocess
import sys

import orjson
import pytest

from app.infra.logging import REDACTED, redact

PROGRAM = """
import logging, sys, warnings
import structlog
from app.infra.logging import configure_logging

configure_logging("info", sys.argv[1])
structlog.contextvars.bind_contextvars(request_id="r-1", actor="u-1")
log = structlog.get_logger("test")
log.debug("not written")
log.info("posted", customer="c-1", amount=12, email="ann@acme.example", nested={"token": "hushed"})
logging.getLogger("dramatiq.worker").warning("Failed for %s", "bob@acme.example")
logging.getLogger("uvicorn.access").info("GET /graphql?query=secret-document")
logging.getLogger("alembic.runtime.migration").info("Running upgrade")
warnings.warn("warned", stacklevel=1)
try:
    raise ValueError("duplicate\\nDETAIL:  Key (email)=(eve@acme.example) already exists.")
except ValueError:
    log.exception("failed")
"""


def lines(log_format: str) -> list[str]:
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_json_lines_carry_request_and_actor_whoever_logs() -> None:
    events = [json.loads(line) for line in lines("json")]
    assert [event["event"] for event in events[:3]] == [
        "posted",
        f"Failed for {REDACTED}",
        "Running upgrade",
    ]
    for event in events:
        assert event["request_id"] == "r-1"
        assert event["actor"] == "u-1"
        assert event["timestamp"].endswith("Z")
        assert event["level"] in {"info", "warning", "error"}
    assert events[0]["amount"] == 12
    assert events[1]["logger"] == "dramatiq.worker"
    assert "warned" in events[3]["event"]
    assert "Traceback" in events[4]["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_holds_personal_data_or_a_query(log_format: str) -> None:
    text = "\n".join(lines(log_format))
    assert "acme.example" not in text
    assert "secret-document" not in text
    assert "hushed" not in text
    assert "failed" in text


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "Authorization", "password", "access_token", "refreshToken", "cookie"),
        *("secret_key", "email", "e_mail", "contactEmail", "phone", "billing_address", "taxId"),
    ],
)
def test_values_under_sensitive_names_are_replaced_at_any_depth(name: str) -> None:
    event = redact(None, "info", {"event": "x", name: "v-1", "deep": [{"a": {name: ["v-2"]}}]})
    text = orjson.dumps(event).decode()
    assert "v-1" not in text
    assert "v-2" not in text


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "Bearer abcdefgh12345678",
        "ann.b+c@mail.acme.example",
        "postgresql://owner:hunter2@db/ledger",
        "x\nDETAIL:  Failing row contains (Ann, 5 Long Road).",
    ],
)
def test_secrets_inside_a_text_are_cut_out(secret: str) -> None:
    event = redact(None, "info", {"event": f"before {secret}", "reason": ValueError(secret)})
    for text in (event["event"], event["reason"]):
        assert REDACTED in text
        for part in ("eyJ", "abcdefgh", "acme", "hunter2", "Ann", "Road"):
            assert part not in text
    assert event["event"].startswith("before ")


def test_ordinary_values_pass_unchanged() -> None:
    event = {"event": "posted 3 entries", "count": 3, "ratio": 0.5, "ok": True, "none": None}
    assert redact(None, "info", dict(event)) == event

"""Structured logs: one event a line on standard output, for our own and for libraries' messages.

Every line carries what the edge bound with `structlog.contextvars` (`request_id`, `actor`). No line
carries a token or personal data: values under sensitive names are replaced, and what looks like a
token, an e-mail address or a row's content inside a text is cut out of it.
"""

import logging
import re
import sys
from functools import lru_cache
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SENSITIVE_NAME = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api_?key|credential"
    r"|e_?mail|phone|address|iban|tax_?(id|number)|variables",
    re.IGNORECASE,
)
_SENSITIVE_TEXT = re.compile(
    r"(?P<bearer>\b(?:bearer|basic)\s+[\w.~+/=-]{8,})"
    r"|(?P<jwt>\beyJ[\w-]+\.[\w-]+\.[\w-]*)"
    r"|(?P<login>(?<=://)[^/\s:@]*:[^@\s/]+(?=@))"  # user:password of an address
    r"|(?P<email>[\w.+%-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<row>\bDETAIL:[^\n]*)",  # PostgreSQL quotes the offending row
    re.IGNORECASE,
)
_HINTS = ("@", "eyj", "bearer", "basic", "detail:")
_MAX_DEPTH = 6
# Filled in by structlog itself; names of code, never data.
_OWN_NAMES = {"level", "timestamp", "logger", "request_id", "actor"}


def configure_logging(
    level: Literal["debug", "info", "warning", "error"],
    format: Literal["json", "console"],  # noqa: A002 - the name of the setting
) -> None:
    """Send all that this process logs to standard output. Call once, before anything logs."""
    threshold = getattr(logging, level.upper())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # A console renderer formats exceptions itself, in a form that would pass by the redaction.
    finish: list[Processor] = [structlog.processors.format_exc_info, redact]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.StackInfoRenderer(),
            *finish,
            _json_bytes if format == "json" else _console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=(
            structlog.BytesLoggerFactory(sys.stdout.buffer)
            if format == "json"
            else structlog.WriteLoggerFactory(sys.stdout)
        ),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *finish,
                _json_text if format == "json" else _console(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "dramatiq", "alembic"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Request lines hold the query string, and a GET query holds its variables.
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    # Which extensions of Alembic were found, at every start.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    # One line per request to a key server, with its address.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the event without anything that must not be written down."""
    for name, value in event.items():
        if name not in _OWN_NAMES:
            event[name] = _redacted(name, value, 0)
        elif isinstance(value, str):
            event[name] = _scrubbed(value)
    return event


def _redacted(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if depth > _MAX_DEPTH or _is_sensitive(name):
        return REDACTED
    if isinstance(value, int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _redacted(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", item, depth + 1) for item in value]
    return _scrubbed(str(value))


@lru_cache(1024)  # nearly all names are written in the program
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_NAME.search(name) is not None


def _scrubbed(text: str) -> str:
    # The look before the search keeps ordinary lines cheap: a search costs microseconds, this none.
    lowered = text.lower()
    for hint in _HINTS:
        if hint in lowered:
            return _SENSITIVE_TEXT.sub(REDACTED, text)
    return text


def _json_bytes(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str)


def _json_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, default=str).decode()


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), pad_event_to=0)

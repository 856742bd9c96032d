"""PostgreSQL and Redis of our own, started when the settings give no address."""

from app.infra.embedded.directories import DataDirectoryInUseError
from app.infra.embedded.processes import EmbeddedServerError
from app.infra.embedded.servers import (
    Addresses,
    NoDatabaseError,
    connected,
    embedded_servers,
    running_addresses,
    with_addresses,
)

__all__ = [
    "Addresses",
    "DataDirectoryInUseError",
    "EmbeddedServerError",
    "NoDatabaseError",
    "connected",
    "embedded_servers",
    "running_addresses",
    "with_addresses",
]

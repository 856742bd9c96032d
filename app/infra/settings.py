"""Every setting, read once by a composition root from the environment.

An empty variable counts as unset. Addresses and secrets never appear in the representation of the
settings, so that logging them gives nothing away.
"""

import os
import secrets
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.infra.addresses import check_address

MINIMUM_SECRET_CHARACTERS = 32
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Address = Annotated[str | None, Field(repr=False)]


class SettingsError(Exception):
    """The environment holds values that cannot be used. The message names each variable and why."""


class Settings(BaseSettings):
    """What the environment says. Immutable; the names of the fields are those of the variables."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    database_url: Address = None
    """postgresql:// address of the writing pool. Unset: an embedded PostgreSQL."""

    database_migration_url: Address = None
    """Address for the role that owns the tables. Unset: `database_url`."""

    database_read_url: Address = None
    """Address of the reading pool. Unset: `database_url`."""

    redis_url: Address = None
    """redis://, rediss:// or unix:// address. Unset: an embedded Redis."""

    host: str = "127.0.0.1"
    """Address the API server listens on."""

    port: int = Field(default=8000, ge=1, le=65535)
    """Port the API server listens on."""

    data_dir: Path = Field(
        default=Path(".data"),
        validation_alias=AliasChoices("CUSTOMER_FLOW_DATA_DIR", "data_dir"),
    )
    """Home of the embedded servers and of what this installation has to remember. Absolute."""

    demo_data: bool | None = None
    """Whether `up` loads demo data into an empty database. Unset: only at home (`is_at_home`)."""

    company_time_zone: str = "UTC"
    """IANA zone that decides what day it is in accounting."""

    given_secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("SECRET_KEY", "secret_key")
    )
    """SECRET_KEY as given. Read `secret_key` instead, which always has one."""

    oidc_issuer: str | None = None
    """Issuer of access tokens from outside. Set together with audience and key set."""

    oidc_audience: str | None = None
    """Audience that tokens of `oidc_issuer` must name."""

    oidc_jwks_url: str | None = None
    """Where the public keys of `oidc_issuer` are; left out, its discovery document says."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins that browsers may call from, separated by commas. None by default."""

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Networks of the proxies that are believed who is calling. None: nobody is."""

    metrics_public: bool = False
    """Whether `/metrics` answers more than this machine."""

    worker_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of `host` on which a worker has its `/metrics`. Unset: it has none."""

    scheduler_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of `host` on which a scheduler has its `/metrics`. Unset: it has none."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""

    log_format: Literal["json", "console"] = "json"
    """One JSON object a line, or lines for people."""

    access_token_minutes: int = Field(default=10, ge=1, le=60)
    """How long an access token is good for."""

    refresh_token_days: int = Field(default=30, ge=1, le=365)
    """How long a log-in lasts without being used."""

    housekeeping_days: int = Field(default=30, ge=1, le=3650)
    """How long finished background work and expired refresh tokens are kept."""

    body_limit_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    """Largest request body."""

    max_connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """Most connections of one API server process; as far as it may open files."""

    idle_connection_seconds: int = Field(default=30, ge=1, le=3600)
    """How long a connection may say nothing between requests, or before the first."""

    head_seconds: int = Field(default=10, ge=1, le=3600)
    """How long a request's address and headers may take to arrive."""

    body_seconds: int = Field(default=30, ge=1, le=3600)
    """How long its body may, and how long a client may fetch nothing of an answer."""

    database_pool_size: int = Field(default=10, ge=1, le=100)
    """Most connections per pool; a process has two pools."""

    server_processes: int = Field(default=1, ge=1, le=64)
    """Processes of the API server."""

    @field_validator("database_url", "database_migration_url", "database_read_url")
    @classmethod
    def _is_postgresql(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            raise ValueError("must be a postgresql:// address")
        check_address(url, may_list_hosts=True)
        return f"postgresql://{rest}"

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must be a redis://, rediss:// or unix:// address")
        check_address(url, may_list_hosts=False)
        return url

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        path = path.expanduser().absolute()
        if path.exists() and not path.is_dir():
            raise ValueError("must be a directory")
        return path

    @field_validator("company_time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("must be an IANA time zone such as Europe/Berlin") from error
        return name

    @field_validator("given_secret_key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < MINIMUM_SECRET_CHARACTERS:
            raise ValueError(f"must have at least {MINIMUM_SECRET_CHARACTERS} characters")
        return key

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _is_trusted_transport(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme == "https" and parts.hostname:
            return url
        if parts.scheme == "http" and parts.hostname in _LOOPBACK:
            return url
        raise ValueError("must be an https:// address (http:// only on this machine)")

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in {
                "http",
                "https",
            }:
                raise ValueError(
                    "must be origins such as https://app.example, separated by commas: no path"
                )
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(each)) for each in proxies)
        except ValueError as error:
            raise ValueError(
                "must be addresses, or networks such as 10.0.0.0/8, separated by commas"
            ) from error

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        is_outside = self.oidc_issuer is not None
        if is_outside is not (self.oidc_audience is not None):
            raise ValueError("set OIDC_ISSUER and OIDC_AUDIENCE together, or none of them")
        if self.oidc_jwks_url is not None and not is_outside:
            raise ValueError("OIDC_JWKS_URL needs OIDC_ISSUER")
        ports = (self.port, self.worker_metrics_port, self.scheduler_metrics_port)
        if len({*ports} - {None}) < len(ports) - ports.count(None):
            raise ValueError("PORT, WORKER_METRICS_PORT and SCHEDULER_METRICS_PORT must differ")
        if self.database_url is None and (self.database_migration_url or self.database_read_url):
            raise ValueError("DATABASE_MIGRATION_URL and DATABASE_READ_URL need DATABASE_URL")
        return self

    @property
    def is_unreachable(self) -> bool:
        """Whether nobody but who is at this machine reaches the API server."""
        try:
            is_loopback = ip_address(self.host).is_loopback
        except ValueError:
            is_loopback = self.host == "localhost"
        return is_loopback and not self.trusted_proxies

    @property
    def is_at_home(self) -> bool:
        """Unreachable, and on a database of our own: where a password that everybody knows does no
        harm.
        """
        return self.is_unreachable and self.database_url is None

    @property
    def owner_url(self) -> str:
        """For who owns the tables. `database_url` is set."""
        return self.database_migration_url or self.database_url or ""

    @cached_property
    def secret_key(self) -> SecretStr:
        """What signs tokens: SECRET_KEY, or the one kept in the data directory, made if missing."""
        return self.given_secret_key or SecretStr(_kept_secret(self.data_dir))

    @property
    def known_secret_key(self) -> SecretStr:
        """The same for who only uses what there is. Raises `SettingsError` where there is none."""
        if self.given_secret_key is None and not _place_of_secret(self.data_dir).exists():
            raise SettingsError(
                f"SECRET_KEY is not set, and there is no secret_key in {self.data_dir}: no server "
                "would believe what is signed here. Set SECRET_KEY to that of the server, or "
                "CUSTOMER_FLOW_DATA_DIR to its directory"
            )
        return self.secret_key


def read_settings() -> Settings:
    """The settings of this environment; raises `SettingsError` with one line per bad variable."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [_explained(problem["loc"], problem["msg"]) for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _explained(location: tuple[int | str, ...], message: str) -> str:
    reason = message.removeprefix("Value error, ")
    if not location:
        return reason
    return f"{str(location[0]).upper()}: {reason[:1].lower()}{reason[1:]}"


def _place_of_secret(data_dir: Path) -> Path:
    return data_dir / "secret_key"


def _kept_secret(data_dir: Path) -> str:
    """The secret of this data directory. Two processes that make one at once agree on the first."""
    path = _place_of_secret(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make_secret(path)
    secret = path.read_text()
    if len(secret) < MINIMUM_SECRET_CHARACTERS:
        raise SettingsError(
            f"{path}: must have at least {MINIMUM_SECRET_CHARACTERS} characters; restore it, or "
            "remove it: a new one is made, and everybody has to log in again"
        )
    return secret


def _make_secret(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    with draft.open("w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())  # a name must not outlive a power cut that the content does not
    try:
        path.hardlink_to(draft)  # atomic, and fails when another process was first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)

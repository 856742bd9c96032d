"""Settings: what the environment may say, and how it is told off."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.infra.settings import Settings, SettingsError, read_settings
from tests.serving import free_port


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("CUSTOMER_FLOW_DATA_DIR", str(tmp_path / "data"))


def test_an_empty_environment_means_the_documented_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUSTOMER_FLOW_DATA_DIR")
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.database_url is None
    assert settings.redis_url is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.data_dir == tmp_path / ".data"
    assert settings.company_time_zone == "UTC"
    assert (settings.access_token_minutes, settings.refresh_token_days) == (10, 30)
    assert settings.body_limit_bytes == 1_000_000
    assert settings.housekeeping_days == 30
    assert settings.demo_data is None
    assert settings.is_at_home
    assert settings.cors_origins == settings.trusted_proxies == ()
    assert not settings.data_dir.exists(), "reading settings makes nothing"


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    settings = read_settings()
    assert settings.database_url is None
    assert settings.port == 8000


def test_values_are_read_and_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ledger@db/ledger")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, http://localhost:3000")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1, fd00::/8")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = read_settings()
    assert settings.database_url == "postgresql://ledger@db/ledger"
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_proxies == ("10.0.0.1/32", "fd00::/8")
    assert settings.log_level == "warning"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PORT", "0", "PORT: input should be greater than or equal to 1"),
        ("PORT", "http", "PORT: input should be a valid integer"),
        ("DATABASE_URL", "mysql://root@db/x", "DATABASE_URL: must be a postgresql:// address"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL: must be a redis://"),
        ("COMPANY_TIME_ZONE", "Mars/Base", "COMPANY_TIME_ZONE: must be an IANA time zone"),
        ("COMPANY_TIME_ZONE", "../etc", "COMPANY_TIME_ZONE: must be an IANA time zone"),
        ("SECRET_KEY", "short", "SECRET_KEY: must have at least 32 characters"),
        ("OIDC_ISSUER", "https://id.example", "set OIDC_ISSUER and OIDC_AUDIENCE together"),
        ("OIDC_AUDIENCE", "customer-flow", "set OIDC_ISSUER and OIDC_AUDIENCE together"),
        ("OIDC_JWKS_URL", "https://id.example/k", "OIDC_JWKS_URL needs OIDC_ISSUER"),
        ("WORKER_METRICS_PORT", "8000", "PORT, WORKER_METRICS_PORT and SCHEDULER_METRICS_PORT"),
        ("OIDC_JWKS_URL", "http://id.example/k", "OIDC_JWKS_URL: must be an https:// address"),
        ("CORS_ORIGINS", "*", "CORS_ORIGINS: must be origins"),
        ("CORS_ORIGINS", "https://a.example/path", "CORS_ORIGINS: must be origins"),
        ("TRUSTED_PROXIES", "*", "TRUSTED_PROXIES: must be addresses, or networks"),
        ("TRUSTED_PROXIES", "proxy.example", "TRUSTED_PROXIES: must be addresses, or networks"),
        ("TRUSTED_PROXIES", "10.0.0.1, 10.0.0.1/8", "TRUSTED_PROXIES: must be addresses, or"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT: input should be 'json' or 'console'"),
        ("DATABASE_READ_URL", "postgresql://r@db/x", "need DATABASE_URL"),
        ("CUSTOMER_FLOW_DATA_DIR", __file__, "CUSTOMER_FLOW_DATA_DIR: must be a directory"),
        ("HOUSEKEEPING_DAYS", "0", "HOUSEKEEPING_DAYS: input should be greater than or equal to 1"),
        ("WORKER_METRICS_PORT", "0", "WORKER_METRICS_PORT: input should be greater than or equal"),
        ("SCHEDULER_METRICS_PORT", "x", "SCHEDULER_METRICS_PORT: input should be a valid integer"),
        ("SERVER_PROCESSES", "1000", "SERVER_PROCESSES: input should be less than or equal to 64"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert reason in str(refused.value)


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "-1")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "PORT:" in str(refused.value)
    assert "LOG_LEVEL:" in str(refused.value)


def test_a_refusal_does_not_repeat_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    monkeypatch.setenv("SECRET_KEY", "hunter3")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert "hunter" not in str(refused.value)


DATABASES = ("DATABASE_URL", "DATABASE_MIGRATION_URL", "DATABASE_READ_URL")
UNREADABLE = [
    ":hun/ter@host",
    "user:hun/ter@host/x",
    "user:12/hunter@host/x",
    "user:hun?ter@host/x",
    "user:12?hunter@host/x",
    "user:12?hunter=1@host/x",
    "user:hun#ter@host/x",
    "user:12#hunter@host/x",
    "user:hun@ter@host/x",
    "user:hun@ter/hunter@host/x",
    "user:hun[ter@host/x",
    "user:hun]ter@host/x",
    "user:hun[t]er@host/x",
    "user:hun\u2100ter@host/x",
    "user:hunter",
    "user:hunter@host:hunter/x",
    "user:hunter@host:70000/x",
    "user:hunter@host/x?hunter",
]


@pytest.mark.parametrize("rest", UNREADABLE)
@pytest.mark.parametrize("name", [*DATABASES, "REDIS_URL"])
def test_an_address_that_cannot_be_read_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, name: str, rest: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ledger@db/ledger")
    monkeypatch.setenv(name, f"{'redis' if name == 'REDIS_URL' else 'postgresql'}://{rest}")
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value).startswith(f"{name}: cannot be read as an address: special char")
    assert not re.search("hun|ter@|host|70000", str(refused.value))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql:///ledger?host=/run/postgresql&port=5433"),
        ("DATABASE_URL", "postgresql:///ledger?user=a@b"),
        ("DATABASE_URL", "postgresql://%2Frun%2Fpostgresql/ledger"),
        (
            "DATABASE_URL",
            "postgresql://u:p%2F%3F%23%40%5B:!$&'()*+;=~@a:1,[::1]:2,c/x?sslmode=require",
        ),
        ("DATABASE_URL", "postgresql://db:/ledger"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://:p%40ss@cache:6380/1"),
        ("REDIS_URL", "rediss://user:pass@[::1]:6380/1?ssl_cert_reqs=none"),
        ("REDIS_URL", "unix:///run/redis@main/redis.sock?db=0"),
        ("REDIS_URL", "unix://:pass@/run/redis.sock"),
    ],
)
def test_an_address_has_many_forms(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    assert getattr(read_settings(), name.lower()) == url


def test_the_representation_holds_no_address_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@db/x")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter3@cache")
    monkeypatch.setenv("SECRET_KEY", "hunter4" * 8)
    settings = read_settings()
    assert "hunter" not in repr(settings)
    assert "hunter" not in str(settings)
    assert settings.secret_key.get_secret_value() == "hunter4" * 8


def test_a_missing_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = read_settings().secret_key.get_secret_value()
    second = read_settings().secret_key.get_secret_value()
    assert first == second
    assert len(first) >= 32
    kept = tmp_path / "data" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list((tmp_path / "data").iterdir()) == [kept]


@pytest.mark.parametrize("content", ["", "a" * 31])
def test_a_short_kept_secret_is_refused(tmp_path: Path, content: str) -> None:
    kept = tmp_path / "data" / "secret_key"
    kept.parent.mkdir()
    kept.write_text(content)
    settings = read_settings()
    with pytest.raises(SettingsError, match="at least 32 characters") as refused:
        _ = settings.secret_key
    assert str(refused.value).startswith(f"{kept}: ")
    assert kept.read_text() == content
    kept.write_text("a" * 32)
    assert settings.secret_key.get_secret_value() == "a" * 32


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_server_does_not_start_with_a_short_kept_secret(tmp_path: Path, processes: str) -> None:
    (tmp_path / "secret_key").touch()
    nowhere = {"DATABASE_URL": "postgresql:///x?host=/nowhere", "REDIS_URL": "unix:///nowhere"}
    started = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"],
        env=nowhere
        | {"CUSTOMER_FLOW_DATA_DIR": str(tmp_path), "SERVER_PROCESSES": processes}
        | {"PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.startswith(f"{tmp_path / 'secret_key'}: must have at least 32 characters")
    assert started.stderr.count("\n") == 1


def test_a_made_secret_is_on_the_disk_before_it_has_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "data" / "secret_key"
    synced: list[tuple[Path, bool, int]] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((path, kept.exists(), len(path.read_text()) if path.is_file() else 0))

    monkeypatch.setattr(os, "fsync", fsync)
    length = len(read_settings().secret_key.get_secret_value())
    draft = kept.with_name(f"secret_key.{os.getpid()}")
    assert synced == [(draft, False, length), (kept.parent, True, 0)]


def test_an_issuer_needs_no_address_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("OIDC_AUDIENCE", "customer-flow")
    settings = read_settings()
    assert (settings.oidc_issuer, settings.oidc_jwks_url) == ("https://id.example", None)


def test_settings_do_not_change() -> None:
    settings = read_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc] # the refusal is what is tested


@pytest.mark.parametrize(
    ("given", "is_unreachable", "is_at_home"),
    [
        ({}, True, True),
        ({"host": "localhost"}, True, True),
        ({"host": "::1"}, True, True),
        ({"host": "127.3.2.1"}, True, True),
        ({"host": "0.0.0.0"}, False, False),  # noqa: S104 - judged, not bound to
        ({"host": "::"}, False, False),
        ({"host": "192.168.0.7"}, False, False),
        ({"host": "books.example"}, False, False),
        ({"trusted_proxies": "127.0.0.1/32"}, False, False),
        ({"database_url": "postgresql://db.example/books"}, True, False),
    ],
)
def test_who_can_come_in(given: dict[str, str], *, is_unreachable: bool, is_at_home: bool) -> None:
    settings = Settings(**given)
    assert (settings.is_unreachable, settings.is_at_home) == (is_unreachable, is_at_home)

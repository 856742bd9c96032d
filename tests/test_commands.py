"""Every command of the console script: none makes an installation where it finds none."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import app
from tests.conftest import ROOT

MAPPING = str(ROOT / "examples" / "accounts-receivable.toml")
# How each is called so that only the missing database stands in its way.
CALLS: dict[str, tuple[str, ...]] = {
    "serve": (),
    "work": (),
    "schedule": (),
    "migrate": (),
    "seed": (),
    "import": ("FILE", "--mapping", MAPPING),
    "token": ("--as", "ada@b.example"),
    "backup": ("PLACE",),
    "create-admin": ("--email", "ada@b.example", "--name", "Ada", "--password-stdin"),
}
MAKES_ONE = {"up", "restore"}  # the second out of a backup, and not without one
NEEDS_NONE = {"schema"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty working directory."""
    (tmp_path / "rows.csv").write_text("customer\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    return empty


def run(place: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    named = {name for name in os.environ if name.endswith("_URL") or name == "SECRET_KEY"}
    outer = {name: value for name, value in os.environ.items() if name not in named}
    outer.pop("CUSTOMER_FLOW_DATA_DIR", None)
    outside = {"FILE": str(place.parent / "rows.csv"), "PLACE": str(place.parent / "backup")}
    given = [outside.get(part, part) for part in arguments]
    return subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "app.cli", *given],
        cwd=place,
        env={**outer, "PYTHONPATH": str(ROOT), **settings},
        input="correct horse battery staple",
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_command_is_in_the_table() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined] # it is a group
    assert commands == CALLS.keys() | MAKES_ONE | NEEDS_NONE


@pytest.mark.parametrize("command", CALLS)
def test_without_a_database_a_command_says_where_it_looked_and_makes_nothing(
    place: Path, command: str
) -> None:
    ended = run(place, command, *CALLS[command])
    assert ended.returncode in {1, 2}
    assert str(place / ".data") in ended.stderr
    assert "customer-flow up" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(place.iterdir()) == [], "it has made something"


@pytest.mark.parametrize("command", CALLS)
def test_nor_in_a_directory_that_is_there(place: Path, command: str) -> None:
    data = place / "data"
    data.mkdir()
    ended = run(place, command, *CALLS[command], CUSTOMER_FLOW_DATA_DIR=str(data))
    assert ended.returncode in {1, 2}
    assert str(data) in ended.stderr
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("command", [name for name in CALLS if name not in {"serve", "work"}])
def test_nor_beside_a_database_that_is_elsewhere(
    place: Path, database_url: str, command: str
) -> None:
    if command == "schedule":
        return  # it would run
    run(place, command, *CALLS[command], DATABASE_URL=database_url)
    assert list(place.iterdir()) == []


def test_without_a_backup_a_restore_makes_nothing(place: Path) -> None:
    ended = run(place, "restore", "PLACE")
    assert ended.returncode == 1
    assert f"{place.parent / 'backup'} is no backup" in ended.stderr
    assert list(place.iterdir()) == []


def test_a_token_that_nobody_would_believe_is_not_made(place: Path, database_url: str) -> None:
    ended = run(place, "token", "--as", "ada@b.example", DATABASE_URL=database_url)
    assert ended.returncode == 1
    assert f"there is no secret_key in {place / '.data'}" in ended.stderr
    assert ended.stdout == ""


def test_the_version_and_the_license_are_those_of_the_package(place: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ended = run(place, "--version")
    assert (ended.returncode, ended.stdout) == (0, f"customer-flow {declared['version']}\n")
    assert metadata("customer-flow")["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()

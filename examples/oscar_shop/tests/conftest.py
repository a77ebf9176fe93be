"""Each test uses its own database, a copy of one that is migrated once."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.core.management import call_command
from django.db import connections

os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--migrated", type=Path, help="an empty database with all tables; saves the time to create them")


def use(database: Path) -> None:
    """Points the next connection of every thread to this database."""
    connections.close_all()
    connections.databases["default"]["NAME"] = database


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if given := request.config.getoption("migrated"):
        return given
    made = tmp_path_factory.mktemp("migrated") / "shop.sqlite3"
    use(made)
    call_command("migrate", verbosity=0)
    connections.close_all()
    return made


@pytest.fixture(autouse=True)
def database(migrated: Path, tmp_path: Path) -> Iterator[None]:
    use(Path(shutil.copy(migrated, tmp_path)))
    yield
    connections.close_all()

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import remote_artwork as ra

IN_MEMORY = Path("/dev/shm")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest) -> Iterator[ra.SqlLedger]:
    """A new ledger in each database. SQLite files are in memory if possible, because no test here cuts the power."""
    if request.param == "postgresql":
        with ra.SqlLedger(request.getfixturevalue("postgres_url")) as ledger:
            yield ledger
        return
    folder = tempfile.mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
    with ra.SqlLedger(f"sqlite:///{folder}/ledger.db") as ledger:
        yield ledger
    shutil.rmtree(folder)


@pytest.fixture
def summary(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are printed at the end of the run, even if the test passes."""
    lines: list[str] = []
    request.node.user_properties.append(("summary", lines))
    return lines

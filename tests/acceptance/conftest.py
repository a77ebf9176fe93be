import uuid
from collections.abc import Iterator

import fsspec
import pytest


@pytest.fixture
def root() -> Iterator[str]:
    """A folder of the in-memory file system, empty and the test's own."""
    files = fsspec.filesystem("memory")
    folder = f"/{uuid.uuid4().hex}"
    files.makedirs(folder)
    yield folder
    if files.exists(folder):
        files.rm(folder, recursive=True)

"""Folders that may not be written, also by tests that root runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def readable_folder() -> Iterator[Path]:
    """A new folder that everybody can reach; pytest's own folders are for one user alone."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Lets this process write nothing in the folder. Root, who may write everywhere, becomes another user meanwhile."""
    user, mode = os.geteuid(), folder.stat().st_mode
    folder.chmod(0o555)
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)

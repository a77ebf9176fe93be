"""A real Redis server on loopback, which keeps nothing on disk."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parts import missing
from servers import free_port, running


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """The URL of a server that runs until the end of the block."""
    program = shutil.which("redis-server")
    if program is None:
        missing("redis-server, by the system's packages: see CONTRIBUTING,")
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with running([str(program), *options], port=port, log=folder / "redis.log"):
        yield f"redis://127.0.0.1:{port}/0"

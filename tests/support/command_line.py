"""The command line in a process of its own, and a small shop for it: a folder of files and an orders file."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shop_files import OF, uploaded

PROGRAM = [sys.executable, "-c", "from remote_artwork.cli import main; main()"]


def run(*arguments, cwd=None, **options):
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env=environment, cwd=cwd, check=False, **options,
    )  # fmt: skip


def tree(folder: Path):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Shop:
    """A folder of files and an orders file."""

    def __init__(self, home: Path, *names: str, orders: dict[str, list[dict]] | None = None):
        self.home = home
        self.artwork = home / "artwork"
        self.artwork.mkdir(parents=True)
        for name in names:
            uploaded(self.artwork / name, OF[name.rpartition(".")[2].lower()])
        self.orders = home / "orders.json"
        numbers = orders or {name.partition("_")[0]: [{"number": "1"}] for name in names}
        document = [{"number": n, "status": "pending_approval", "items": items} for n, items in numbers.items()]
        self.orders.write_text(json.dumps({"orders": document}, indent=2))
        self.place = (self.artwork.as_uri(), "--orders-file", self.orders)

    def run(self, command, *more, **options):
        return run(command, *self.place, *more, **options)

    def statuses(self):
        return {order["number"]: order["status"] for order in json.loads(self.orders.read_text())["orders"]}


@contextmanager
def started(*arguments, cwd=None, patience: float = 300, **environment: str) -> Iterator[subprocess.Popen]:
    """A process that goes on by itself, with pipes of text to it and from it; it is gone in the end."""
    process = subprocess.Popen(
        list(map(str, arguments)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment},
    )
    guard = threading.Timer(patience, process.kill)
    guard.start()
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        guard.cancel()


def wait_until(probe: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it does, in so many seconds."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

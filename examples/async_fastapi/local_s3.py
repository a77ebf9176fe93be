"""SeaweedFS: an S3 server on this machine that reports each upload to a webhook."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from attrs import field, frozen

STARTS_WITHIN = 60.0


@frozen(kw_only=True)
class LocalS3:
    """The settings of the server.

    Args:
        folder: The folder for its settings and files.
        port: The port of its S3 API.
        access_key: The only key that it accepts.
        secret_key: The secret of the key.
        webhook: The URL that receives the notifications.
        webhook_secret: The secret that it sends with each of them.
    """

    folder: Path
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    webhook: str
    webhook_secret: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The URL of its S3 API."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Write the settings, and return the command that starts the server."""
        data, users = self.folder / "data", self.folder / "s3.json"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        user = {"name": "local", "credentials": [key], "actions": ["Admin", "Read", "Write", "List"]}
        users.write_text(json.dumps({"identities": [user]}))
        (self.folder / "notification.toml").write_text(
            f"[notification.webhook]\nenabled = true\nendpoint = {json.dumps(self.webhook)}\n"
            f"bearer_token = {json.dumps(self.webhook_secret)}\n"
        )
        options: dict[str, object] = {"ip": "127.0.0.1", "dir": data, "s3.config": users, "s3.port": self.port}
        options |= {f"{server}.port": free_port() for server in ("master", "volume", "filer")}
        options |= {f"{server}.port.grpc": free_port() for server in ("master", "volume", "filer", "s3")}
        options |= {"s3.port.iceberg": 0, "s3.port.lance": 0, "master.telemetry": "false"}
        options |= {"volume.max": 5, "master.volumeSizeLimitMB": 64}
        program = shutil.which("weed", path=Path(sys.executable).parent) or "weed"
        settings = [f"-{name}={value}" for name, value in options.items()]
        return [program, f"-config_dir={self.folder}", "server", "-s3", *settings]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server until the end of the block."""
        command, log_file = self.command(), self.folder / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        try:
            deadline = monotonic() + STARTS_WITHIN
            while not _is_open(self.port):
                if process.poll() is not None or monotonic() > deadline:
                    sys.exit(f"the S3 server did not start; see {log_file}")
                sleep(0.05)
            yield
        finally:
            process.kill()  # it would take a minute to end
            process.wait()


def free_port() -> int:
    """Return a port of this machine on which no process listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""SeaweedFS for tests, on loopback: an S3 server with a webhook."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import remote_artwork as ra
from parts import program
from servers import S3Server, free_port, running


@contextmanager
def running_seaweedfs(folder: Path, webhook: str, token: str) -> Iterator[S3Server]:
    """An S3 server that reports each change of a file to the URL of a webhook."""
    keys = ra.Keys("SEAWEEDKEY", "a-secret-of-tests")
    actions = '["Admin", "Read", "Write", "List"]'
    credentials = f'[{{"accessKey": "{keys.access_key}", "secretKey": "{keys.secret_key}"}}]'
    identity = f'{{"name": "tests", "credentials": {credentials}, "actions": {actions}}}'
    (folder / "s3.json").write_text(f'{{"identities": [{identity}]}}')
    (folder / "notification.toml").write_text(
        f'[notification.webhook]\nenabled = true\nendpoint = "{webhook}"\nbearer_token = "{token}"\n'
    )
    (folder / "data").mkdir()
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {f"{name}.port.grpc": free_port() for name in ports}
    options = {f"{name}.port": port for name, port in ports.items()} | grpc
    command = [program("weed"), f"-config_dir={folder}", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-s3"]
    command += [f"-s3.config={folder / 's3.json'}", "-volume.max=5", "-master.volumeSizeLimitMB=64"]
    command += [f"-{name}={port}" for name, port in options.items()]
    with running(command, port=ports["s3"], log=folder / "log", ending=signal.SIGKILL):  # it takes a minute to end
        yield S3Server(f"http://127.0.0.1:{ports['s3']}", keys)

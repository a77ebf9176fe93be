"""An HTTP endpoint on loopback for notifications, and SeaweedFS with its webhook."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import botocore.config
import botocore.session
from attrs import define, field

import remote_artwork as ra
from parts import program
from remote_artwork.notifications import CreatedObject, NotificationError, NotificationRefused, Sender, receive
from servers import S3Server, free_port, running

PATIENCE = 60.0
"""Seconds to wait for a notification."""


@define
class Endpoint:
    """Receives notifications, as an endpoint of a web application does.

    Args:
        sender: Who sends them.
    """

    sender: Sender
    objects: list[CreatedObject] = field(factory=list, init=False)
    bodies: list[bytes] = field(factory=list, init=False)
    statuses: list[int] = field(factory=list, init=False)
    _arrived: threading.Condition = field(factory=threading.Condition, init=False)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(endpoint.post(body, dict(self.headers)))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where a sender posts."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}/notifications"

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Receive one notification. Returns the HTTP status."""
        objects: tuple[CreatedObject, ...] = ()
        try:
            objects, status = receive(self.sender, body, headers).objects, 200
        except NotificationRefused:
            status = 401
        except NotificationError:
            status = 400
        with self._arrived:
            self.bodies.append(body)
            self.statuses.append(status)
            self.objects += objects
            self._arrived.notify_all()
        return status

    def wait_for(self, *keys: str) -> list[CreatedObject]:
        """Wait until each of these keys was reported, and return all objects until then."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: set(keys) <= {each.key for each in self.objects}, PATIENCE), (
                f"reported: {self.objects}; statuses: {self.statuses}"
            )
            return list(self.objects)


def aws_client(service: str, server: S3Server) -> Any:
    """A client of botocore for any service that an S3 server also has."""
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=server.endpoint,
        aws_access_key_id=str(server.keys.access_key),
        aws_secret_access_key=str(server.keys.secret_key),
        config=botocore.config.Config(request_checksum_calculation="when_required"),
    )


@contextmanager
def running_seaweedfs(folder: Path, endpoint: Endpoint, token: str) -> Iterator[S3Server]:
    """SeaweedFS as an S3 server, which tells the endpoint of each change."""
    keys = ra.Keys("SEAWEEDKEY", "a-secret-of-tests")
    actions = '["Admin", "Read", "Write", "List"]'
    credentials = f'[{{"accessKey": "{keys.access_key}", "secretKey": "{keys.secret_key}"}}]'
    identity = f'{{"name": "tests", "credentials": {credentials}, "actions": {actions}}}'
    (folder / "s3.json").write_text(f'{{"identities": [{identity}]}}')
    (folder / "notification.toml").write_text(
        f'[notification.webhook]\nenabled = true\nendpoint = "{endpoint.url}"\nbearer_token = "{token}"\n'
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

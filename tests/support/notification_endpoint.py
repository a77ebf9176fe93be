"""An HTTP endpoint on loopback for notifications."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import botocore.config
import botocore.session
from attrs import define, field

from remote_artwork.notifications import CreatedObject, NotificationError, NotificationRefused, Sender, receive
from servers import S3Server

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


def subscribe(server: S3Server, bucket: str, url: str, secret: str) -> None:
    """Let Ceph push the notifications of a new bucket to a URL."""
    server.create_bucket(bucket)
    attributes = {"push-endpoint": url, "OpaqueData": secret, "verify-ssl": "false"}
    topic = aws_client("sns", server).create_topic(Name=f"topic-{bucket}", Attributes=attributes)["TopicArn"]
    rule = {"Id": "tests", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}
    configuration = {"TopicConfigurations": [rule]}
    aws_client("s3", server).put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=configuration
    )

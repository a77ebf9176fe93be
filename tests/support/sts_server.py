"""AWS's Security Token Service for tests: gives sessions that end when a test says, or refuses, and keeps what it was
asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl

import pytest

from faulty_web_server import FaultyServer

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class StsServer(FaultyServer):
    """``lives(…)`` sets how long the next sessions live, the last one for ever; ``refuse(code, words)`` ends that."""

    CONTENT_TYPE = "text/xml"

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self._lives = [timedelta(hours=1)]
        self._refusal: tuple[str, str] | None = None
        super().__init__()

    def lives(self, *lives: timedelta) -> None:
        """How long the next sessions live."""
        self._lives = list(lives)

    def refuse(self, code: str, words: str = "secret words") -> None:
        """Gives out no sessions, with this error."""
        self._refusal = code, words

    def _respond(self, request: BaseHTTPRequestHandler) -> None:
        form = request.rfile.read(int(request.headers["Content-Length"])).decode()
        self.asked.append(dict(parse_qsl(form)) | {"signed": request.headers["Authorization"]})
        status, body = self._answer()
        request.send_response(status)
        request.send_header("Content-Type", self.CONTENT_TYPE)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    def _answer(self) -> tuple[int, bytes]:
        if self._refusal is not None:
            code, words = self._refusal
            error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>"
            return 403, f'<ErrorResponse xmlns="{NAMESPACE}">{error}</ErrorResponse>'.encode()
        life = self._lives.pop(0) if len(self._lives) > 1 else self._lives[0]
        number = len(self.asked)
        credentials = (
            f"<AccessKeyId>ASIASESSION{number}</AccessKeyId><SecretAccessKey>session-secret-{number}</SecretAccessKey>"
            f"<SessionToken>session-token-{number}</SessionToken>"
            f"<Expiration>{datetime.now(UTC) + life:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
        )
        result = f"<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>"
        return 200, f'<AssumeRoleResponse xmlns="{NAMESPACE}">{result}</AssumeRoleResponse>'.encode()


@pytest.fixture
def sts_server() -> Iterator[StsServer]:
    """A Security Token Service of the test's own."""
    server = StsServer()
    yield server
    server.close()

"""A mail server on loopback that keeps the mails."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer:
    """Accepts mail, or answers each with an error while ``refuses`` is set."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.refuses = False
        self.mails: list[EmailMessage] = []


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """A server, to the end of the block."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.answer("220 ready")
            while line := self.rfile.readline().strip().upper():
                if line == b"DATA":
                    self.answer("354 go on")
                    self.receive()
                elif line == b"QUIT":
                    self.answer("221 bye")
                    return
                else:
                    self.answer("550 no" if mail.refuses else "250 fine")

        def receive(self) -> None:
            lines = list(iter(self.rfile.readline, b".\r\n"))
            mail.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.answer("250 fine")

        def answer(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        mail = MailServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join()

"""Send alerts by mail: as text and as HTML, with smtplib.

Run it with: python examples/alerts_by_mail.py smtp.example.com 587
The environment variables SMTP_USER and SMTP_PASSWORD hold the login. With --local, the mail goes to a server of this
machine, without encryption and login.
"""

import os
import smtplib
import ssl
import sys
from contextlib import ExitStack
from email.message import EmailMessage

import fsspec
from attrs import field, frozen

import remote_artwork as ra
from remote_artwork.alerts import AlertNotDelivered, Alerts, Digest
from remote_artwork.testing import FakeShop


@frozen(kw_only=True)
class MailNotifier:
    """Implements ``remote_artwork.alerts.Notifier``."""

    host: str
    port: int
    sender: str
    recipient: str
    login: tuple[str, str] | None = field(default=None, repr=False)  # None: a server of this machine
    timeout: float = 20.0

    def send(self, digest: Digest) -> None:
        try:
            with ExitStack() as stack:
                server = stack.enter_context(smtplib.SMTP(self.host, self.port, timeout=self.timeout))
                if self.login is not None:
                    server.starttls(context=ssl.create_default_context())
                    server.login(*self.login)
                server.send_message(self.message(digest))
        except OSError as error:  # every error of smtplib is one
            raise AlertNotDelivered(f"{self.host} did not accept the mail ({type(error).__name__})") from error

    def message(self, digest: Digest) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = f"Print files of {digest.title}"
        message["From"] = self.sender
        message["To"] = self.recipient
        message["Auto-Submitted"] = "auto-generated"  # so that nobody's automatic reply comes back
        message.set_content(digest.to_text(most=50))
        message.add_alternative(digest.to_html(most=50), subtype="html")
        return message


def main(host: str, port: str, *options: str) -> None:
    login = None if "--local" in options else (os.environ["SMTP_USER"], os.environ["SMTP_PASSWORD"])
    mail = MailNotifier(
        host=host, port=int(port), sender="prints@shop.example", recipient="merchant@shop.example", login=login
    )
    files = fsspec.filesystem("memory")
    files.pipe("/acme/1001_1.pdf", b"not a PDF")
    shop = FakeShop([ra.Order("1001", [ra.OrderItem("1", title="Poster")])])
    ledger = ra.MemoryLedger()
    storage, policy = ra.ArtworkStorage(files, "/acme"), ra.Policy(settle_for=None)
    scanner = ra.Scanner(storage, shop, ledger=ledger, policy=policy, tenant="acme")
    alerts = Alerts(ledger, mail)
    for what in ("a file is not a PDF", "an hour later", "another file was uploaded"):
        if what == "another file was uploaded":
            files.pipe("/acme/1001_1.pdf", b"%PDF-1.7\n% poster\n%%EOF\n")
        result = alerts.send(scanner.scan())
        print(f"{what}: {result.outcome} {result.error}".rstrip())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Takes ``docs/_static/alert_mail.png``, an alert about the demo's shop: python docs/_ext/alert_picture.py."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import sheet_picture
from attrs import evolve

import remote_artwork as ra
from remote_artwork.alerts import Alerts, Digest
from remote_artwork.cli.demo import write_shop

PICTURE = Path(__file__).parents[1] / "_static" / "alert_mail.png"
WIDTH = 720
SCANS = (datetime(2026, 5, 4, 12, tzinfo=UTC), datetime(2026, 5, 5, 13, tzinfo=UTC))


class LastDigest:
    """A notifier that keeps the last digest."""

    digest: Digest

    def send(self, digest: Digest) -> None:
        """Keep it."""
        self.digest = digest


def page() -> str:
    """Return the second message about the demo's shop, a day after the first. One file was corrected, one uploaded."""
    mail, ledger = LastDigest(), ra.MemoryLedger()
    with tempfile.TemporaryDirectory() as home:
        orders, artwork = write_shop(Path(home))
        for now in SCANS:
            scanner = ra.Scanner(
                ra.open_storage(artwork.resolve().as_uri(), network=ra.NetworkPolicy(allow_local=True)),
                ra.OrdersFile(orders),
                ledger=ledger,
                tenant="demo",
                clock=lambda now=now: now,
            )
            Alerts(ledger, mail).send(evolve(scanner.scan(), location="file:///home/you/shop/artwork/"))
            if now == SCANS[0]:
                (artwork / "1009_1.jpg").rename(artwork / "1009_1.png")
                shutil.copy2(artwork / "1008_1.pdf", artwork / "1005_2.pdf")
    return mail.digest.to_html()


if __name__ == "__main__":
    sheet_picture.keep(page(), PICTURE, width=WIDTH)

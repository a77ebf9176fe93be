"""``manage.py fulfill_artwork URL``: runs one scan for the orders that wait for artwork."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import remote_artwork as ra
from artwork.client import OscarClient
from artwork.ledger import DjangoLedger
from remote_artwork.reports import FileOutcome, ItemOutcome


class Command(BaseCommand):
    """Exit codes: 0 done or waiting for files, 1 a person is needed, 2 wrong settings, 3 storage or database failed."""

    help = "Find the print files of the orders that wait for artwork, and move these orders to production."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="storage URL where merchants upload, for example s3://prints/incoming/")
        parser.add_argument("--credentials", metavar="FILE", type=Path, help='JSON: {"access_key": …, "secret_key": …}')
        parser.add_argument("--allow-private-network", action="store_true", help="allow private addresses and HTTP")
        parser.add_argument("--sweep", action="store_true", help="list every file, also those that no order expects")
        parser.add_argument("--plan", action="store_true", help="dry run: only report what a scan would do")

    def handle(self, **options: Any) -> None:
        try:
            scanner = ra.Scanner(_storage(**options), OscarClient(), ledger=DjangoLedger())
            run = scanner.plan if options["plan"] else scanner.scan
            report = run(sweep=options["sweep"])
        except ra.ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from error
        except ra.RemoteArtworkError as error:
            raise CommandError(str(error), returncode=3) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError("Stopped. The next scan continues from here.", returncode=130) from interrupt
        outcomes: list[ItemOutcome | FileOutcome] = [*report.items, *report.files]
        for outcome in outcomes:
            self.stdout.write(_line(outcome))
        for fault in report.faults:
            self.stderr.write(_printable(f"{fault.title}: {fault.message}"))
        if report.exit_code:
            sys.exit(report.exit_code)


def _storage(*, url: str, credentials: Path | None, allow_private_network: bool, **_others: Any) -> ra.ArtworkStorage:
    network = ra.NetworkPolicy(
        allow_private=allow_private_network,
        allow_http=allow_private_network,
        allow_local=True,  # a person who can run this command can read local folders anyway
    )
    return ra.open_storage(url, credentials=_keys(credentials) if credentials else None, network=network)


def _keys(file: Path) -> ra.Keys:
    try:
        return ra.Keys(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ra.ConfigurationError(
            f"--credentials {file} cannot be read; write JSON with access_key and secret_key"
        ) from error


def _line(outcome: ItemOutcome | FileOutcome) -> str:
    name = f"{outcome.order_number}_{outcome.item_number}" if isinstance(outcome, ItemOutcome) else outcome.name
    return _printable(f"{name} {outcome.status}: {outcome.reason}")


def _printable(text: str) -> str:
    """Escapes characters that are not printable, for example those that reverse the text of a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)

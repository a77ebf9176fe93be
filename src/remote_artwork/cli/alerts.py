"""The option ``--alerts``: messages to a webhook about what changed since the last scan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

import remote_artwork as ra
from remote_artwork.alerts import Alerts, AlertStore, Webhook
from remote_artwork.cli.options import Options, warn_if_readable_by_others
from remote_artwork.errors import MissingExtra

AlertsFile = Annotated[
    Path | None,
    typer.Option(
        "--alerts",
        metavar="FILE",
        help="Send what changed since the last scan to the Slack webhook whose URL is in this file.",
    ),
]


def read_webhook(file: Path, options: Options) -> Webhook:
    """Read the URL of a webhook from a file.

    Raises:
        ConfigurationError: The file cannot be used. The message never repeats its contents.
    """
    try:
        url = file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ra.ConfigurationError(f"--alerts {file}: {what}; use a file with the URL of a webhook") from None
    warn_if_readable_by_others(file)
    network = options.network()
    try:
        return Webhook(url, network=network)
    except MissingExtra:
        raise
    except ra.ConfigurationError as error:
        raise ra.ConfigurationError(f"--alerts {file}: {error}") from None


def send_alerts(report: ra.ScanReport, scanner: ra.Scanner, webhook: Webhook | None) -> None:
    """Send what changed. If that fails, a warning is logged, and a scan that was done keeps its exit code."""
    if webhook is not None:
        Alerts(cast("AlertStore", scanner.ledger), webhook).send(report)

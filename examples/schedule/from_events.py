"""A storage that reports each upload (here an S3 notification): scan only the orders it can belong to."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from remote_artwork import FilenamePattern
from shop_scanner import alert, scanner


def orders_in(event: Mapping[str, Any], pattern: FilenamePattern, prefix: str) -> set[str]:
    """Return the numbers of the orders that the files can belong to; a name that fits no pattern belongs to none."""
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
    basenames = [key.removeprefix(prefix).rpartition(".")[0] for key in keys if key.startswith(prefix)]
    return {number for name in basenames for number in pattern.order_numbers(name)}


def handle(event: Mapping[str, Any], _context: object = None) -> None:
    """Handle one event from a queue, a webhook or a cloud function."""
    report = scanner().scan(orders=orders_in(event, scanner().pattern, prefix="incoming/"))
    if report.exit_code:
        alert(report)

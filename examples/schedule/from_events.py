"""A storage that tells of each upload (here S3's notification): only the orders it may be for are looked at."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from remote_artwork import FilenamePattern
from shop_scanner import scanner, tell


def orders_in(event: Mapping[str, Any], pattern: FilenamePattern, prefix: str) -> set[str]:
    """The numbers of the orders that the files may belong to; a name that fits nothing belongs to none."""
    keys = [unquote_plus(record["s3"]["object"]["key"]) for record in event["Records"]]
    stems = [key.removeprefix(prefix).rpartition(".")[0] for key in keys if key.startswith(prefix)]
    return {number for stem in stems for number in pattern.order_numbers(stem)}


def handle(event: Mapping[str, Any], _context: object = None) -> None:
    """What the queue, the webhook or the function calls."""
    report = scanner().scan(orders=orders_in(event, scanner().pattern, prefix="incoming/"))
    if report.exit_code:
        tell(report)

"""A storage that reports each upload (here S3, to a queue or a function): scan only the orders it can belong to."""

from collections.abc import Mapping
from typing import Any

import remote_artwork as ra
from remote_artwork.notifications import AwsMessages, MerchantLocation, receive, route
from shop_scanner import alert, scanner

MERCHANT = MerchantLocation(tenant="default", location=ra.Location.parse("s3://prints/incoming/"))


def handle(event: Mapping[str, Any], _context: object = None) -> None:
    """Handle one event of a Lambda function, or one message of a queue."""
    for numbers in route(receive(AwsMessages(), event).objects, [MERCHANT]).values():
        report = scanner().scan(orders=numbers)
        if report.exit_code:
            alert(report)

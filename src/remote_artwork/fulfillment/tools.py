"""What working on an order takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from attrs import frozen

from remote_artwork.checking_ahead import Ahead
from remote_artwork.core.events import Tell
from remote_artwork.core.policy import Policy
from remote_artwork.inspection import Inspector
from remote_artwork.interfaces import FulfillmentClient, Ledger
from remote_artwork.retry import RetryPolicy
from remote_artwork.storage.storage import ArtworkStorage


@frozen(kw_only=True)
class Tools:
    """What working on an order takes.

    Args:
        storage: Where the files are.
        client: The host.
        ledger: What was begun and what is done.
        inspector: Pins files.
        ahead: Checks files.
        policy: The shop's decisions.
        retry: How temporary errors are repeated.
        url_lifetime: How long a signed URL works.
        clock: Tells the time, with a time zone; for the URLs alone.
        tell: Is told of each step that the ledger has.
        positions_matter: Whether file names hold the items' positions.
    """

    storage: ArtworkStorage
    client: FulfillmentClient
    ledger: Ledger
    inspector: Inspector
    ahead: Ahead
    policy: Policy
    retry: RetryPolicy
    url_lifetime: timedelta
    clock: Callable[[], datetime]
    tell: Tell
    positions_matter: bool

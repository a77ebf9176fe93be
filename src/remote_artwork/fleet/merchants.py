"""``Merchants``: the merchants of a fleet, as the host keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from remote_artwork.scanner import Scanner

__all__ = ["Merchants"]


class Merchants(Protocol):
    """The merchants of a platform. A host implements it on its own tables.

    A worker creates this object when it starts. Tasks of a queue contain only ids, so no secret leaves the process
    that uses it. Several threads may call it at the same time.
    """

    def ids(self) -> Iterable[str]:
        """The id of every merchant that is to be scanned.

        It is called once a minute, so it must be cheap: read one column, and open nothing. An id never changes, because
        the ledger keeps the orders of a merchant under it.
        """

    def open(self, merchant: str) -> Scanner:
        """Create the scanner of one merchant, with the merchant's id as its ``tenant``.

        It is called for each pass, and the scanner is dropped after the pass. Read the merchant's current settings
        here, so that a change of them counts from the next pass on. Share what is expensive between the scanners: the
        ledger, and the connections to your own database.

        Raises:
            Exception: The merchant cannot be scanned now. The pass fails with this error as its reason.
        """

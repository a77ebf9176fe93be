"""Records that a person accepted the files of an order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from remote_artwork.client import Ledger, advance_one, claim_one
from remote_artwork.core.lifecycle import UNRESOLVED_STATES, FulfillState, OrderRecord, ReviewStep
from remote_artwork.errors import ConfigurationError

_LEASE: Final = timedelta(minutes=1)
_REVIEWED_STATES: Final = frozenset({FulfillState.OPEN, *UNRESOLVED_STATES})
"""States of an order whose files can still be sent."""


def accept_files(ledger: Ledger, records: Iterable[OrderRecord], *, order: str, files: str, by: str) -> None:
    """Record that a person accepts the files of an order.

    Args:
        ledger: The ledger.
        records: The rows of the order, one for each approval.
        order: The number or the id of the order, for messages about an order without a row.
        files: The ``files_digest`` of the files.
        by: The person.

    Raises:
        ConfigurationError: No row waits for a review of these files, or a scan processes the order.
        LedgerError: The acceptance was not recorded.
    """
    if not by.strip():
        raise ConfigurationError(f"order {order}: the name of the person who accepts the files is empty; write it")
    known = list(records)
    if known:
        order = known[0].order_number  # the id may mean nothing to a person
    record = _find_reviewed(known, order, files)
    owner = f"a person: {by}"
    lease = claim_one(ledger, record.key, order_number=record.order_number, owner=owner, lease_for=_LEASE)
    if lease is None:
        raise ConfigurationError(f"a scan is processing order {order}; try again when it has finished")
    try:
        _find_reviewed([lease.record], order, files)  # a scan may have written the row since
    except ConfigurationError:
        advance_one(ledger, lease, release=True)
        raise
    advance_one(ledger, lease, [ReviewStep(files=files, accepted_by=by)], release=True)


def _find_reviewed(records: list[OrderRecord], order: str, files: str) -> OrderRecord:
    """The row that waits for a review of these files.

    Raises:
        ConfigurationError: There is none.
    """
    waiting = [record for record in records if record.review_files and record.state in _REVIEWED_STATES]
    for record in waiting:
        if record.review_files == files:
            return record
    if any(record.state is FulfillState.FULFILLED for record in records) and not waiting:
        raise ConfigurationError(f"order {order} is already fulfilled, so its files cannot be accepted any more")
    if not waiting:
        raise ConfigurationError(
            f"order {order} does not wait for a review; run a scan with review, and accept the digest that it shows"
        )
    current = " or ".join(record.review_files for record in waiting)
    raise ConfigurationError(
        f"order {order}: the digest {files} is not that of its files, which is {current}; a file may have been "
        "replaced since; compare the files with the order again, and accept the new digest"
    )
